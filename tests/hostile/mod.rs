//! A process that is treated badly, and how to tell that it has taken no harm.
#![allow(dead_code, reason = "each proof uses a part of it")]

pub mod attacks;

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::process::{MIB, resident};
use super::support::backend::{self, Backend};
use super::support::client::{self, GrpcReply, HttpReply};
use super::support::sieve::{self, Sieve};
use super::support::spans::{request, span};
use super::support::{PATIENCE, eventually};

/// How much more memory may be resident after the bad treatment than before: what caches, the allocator and free segments
/// of the log settle at, a tenth of the limit. What was sent would take many times that.
const GROWTH: u64 = 52 * MIB;

/// The process.
pub struct Victim {
    pub sieve: Sieve,
    pub backend: Backend,
    before: u64,
    /// Good spans sent so far.
    good: usize,
}

/// A process that keeps everything.
pub async fn start() -> Victim {
    start_with("{}").await
}

/// The same with more configuration.
pub async fn start_with(yaml: &str) -> Victim {
    let backend = backend::start().await;
    let sieve = sieve::new().with(yaml).exporter("otlp_grpc/a", &backend).run().await;
    let mut victim = Victim { sieve, backend, before: 0, good: 0 };
    victim.serves().await;
    victim.before = resident(victim.sieve.pid()).unwrap();
    victim
}

/// `gzip` at its best.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An HTTP/1.1 POST of this body, whole.
pub fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    [head.as_bytes(), headers.as_bytes(), b"\r\n", body].concat()
}

/// What a partial success says: how many spans were refused, and why. Nothing of a full one.
pub fn partial(body: &[u8]) -> Option<(i64, String)> {
    let partial = ExportTraceServiceResponse::decode(body).unwrap().partial_success?;
    Some((partial.rejected_spans, partial.error_message))
}

/// Asserts that a call was answered with this code and that its message says what is wrong.
#[track_caller]
pub fn refused(what: &str, reply: &GrpcReply, code: tonic::Code, says: &str) {
    assert_eq!(reply.code, code, "{what}: {reply:?}");
    assert!(reply.message.contains(says), "{what}: {:?} does not say {says:?}", reply.message);
}

/// The same of a request.
#[track_caller]
pub fn refused_http(what: &str, reply: &HttpReply, status: u16, says: &str) {
    let text = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, status, "{what}: {text}");
    assert!(text.contains(says), "{what}: {text:?} does not say {says:?}");
}

// === impl Victim ===

impl Victim {
    /// Sends good requests on connections of their own, and sees them through to the backend.
    pub async fn serves(&mut self) {
        let started = Instant::now();
        for transport in ["grpc", "http"] {
            let name = format!("good {}", self.good);
            let request: ExportTraceServiceRequest = request(vec![span(&name, &name)]);
            match transport {
                "grpc" => client::grpc(self.sieve.grpc).await.traces(&request).await.accepted(),
                _ => client::http(self.sieve.http).await.traces(&request).await.accepted(),
            }
            self.good += 1;
            self.backend.spans_when(&name, |spans| spans.iter().any(|known| known.span.name == name)).await;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "it took {:?}", started.elapsed());
    }

    /// That it is alive and serves, has not panicked, balances, and has given back what memory it took.
    pub async fn stays_well(mut self) {
        self.serves().await;
        let pid = self.sieve.pid();
        let flat = async || Some(resident(pid)?).filter(|bytes| *bytes <= self.before + GROWTH);
        let state = async || format!("{} MiB before, {:?} after", self.before / MIB, resident(pid).map(|b| b / MIB));
        let after = eventually("memory is given back", flat, state).await;
        println!("RSS {:.1} MiB before, {:.1} MiB after", self.before as f64 / MIB as f64, after as f64 / MIB as f64);
        let scrape = self.sieve.scrape_when("all is judged", |scrape| scrape.ledger().held == 0).await;
        assert!(scrape.ledger().balances() && scrape.ledger_of("bytes").balances(), "{scrape:#?}");
        assert_eq!((scrape.ledger().lost, scrape.count("receiver_in_flight_bytes", &[])), (0, 0), "{scrape:#?}");
        let stopped = self.sieve.stop().await;
        assert!(stopped.code == Some(0) && !stopped.stderr.contains("panicked"), "{stopped}");
    }

    /// Sends bytes to the HTTP port, and gives back all that comes until the connection is closed.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        raw(self.sieve.http, bytes).await
    }
}

/// Sends bytes on a connection of their own, and gives back all that comes until it is closed or nothing more comes.
pub async fn raw(address: std::net::SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has seen enough may close before all is written.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE / 10, stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}
