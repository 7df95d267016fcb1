//! OTLP/gRPC: unary exports read frame by frame, and the standard health service.
//!
//! tonic's own decoder would stream, copy and inflate in steps; here the five-byte prefix and the message are taken from
//! the HTTP/2 frames, admitted as they come, and go into the log in one copy.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, Method, Request, Response};
use hyper::body::Incoming;
use tonic::body::Body;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthService;
use tower::ServiceExt;

use super::admission::Permit;
use super::body::{Parts, Source};
use super::connections::Connection;
use super::door::{Door, Format};
use super::inflate::Encoding;
use super::outcome::Outcome;
use super::peers::Peer;
use super::reply;
use crate::flow::Signal;

/// The trace service's full name, as the health service knows it.
pub(super) const TRACE_SERVICE: &str = "opentelemetry.proto.collector.trace.v1.TraceService";

const HEALTH: &str = "/grpc.health.v1.Health/";
/// The method of the health service whose answer lasts.
pub(super) const WATCH: &str = "/grpc.health.v1.Health/Watch";
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// What a gRPC listener serves.
pub(super) struct Grpc {
    pub(super) door: Door,
    pub(super) health: HealthServer<HealthService>,
}

/// A message as it came.
struct Message {
    body: Parts,
    compressed: bool,
    permit: Permit,
}

// === impl Grpc ===

impl Grpc {
    /// Answers one request.
    pub(super) async fn serve(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> Result<Response<Body>, Infallible> {
        if request.uri().path().starts_with(HEALTH) {
            return self.health.clone().oneshot(request).await;
        }
        let (head, body) = request.into_parts();
        let mut source = self.door.source(body);
        let outcome = match self.check(&head.method, head.uri.path(), &head.headers) {
            Ok((signal, encoding)) => self.export(signal, encoding, &connection.peer, &mut source).await,
            Err(refused) => refused,
        };
        self.door.count(&connection, &outcome, source.received());
        Ok(reply::grpc(&outcome))
    }

    /// What can be told before the body.
    fn check(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<(Signal, Encoding), Outcome> {
        if method != Method::POST {
            return Err(Outcome::Method);
        }
        let media = headers.get(CONTENT_TYPE).map(|media| media.as_bytes()).unwrap_or_default();
        if !is_grpc(media) {
            return Err(Outcome::MediaType(String::from_utf8_lossy(media).chars().take(64).collect()));
        }
        let signal = signal_of(path).filter(|signal| self.door.carries(*signal));
        let signal = signal.ok_or_else(|| Outcome::Unknown(path.chars().take(128).collect()))?;
        let encoding = Encoding::parse(headers.get(GRPC_ENCODING))?;
        self.door.open()?;
        Ok((signal, encoding))
    }

    async fn export(
        &self,
        signal: Signal,
        encoding: Encoding,
        peer: &Arc<Peer>,
        source: &mut Source<Incoming>,
    ) -> Outcome {
        let mut message = match self.read(peer, source).await {
            Ok(message) => message,
            Err(refused) => return refused,
        };
        let encoding = match (message.compressed, encoding) {
            (false, _) => Encoding::Identity,
            (true, Encoding::Identity) => {
                return Outcome::Malformed("message is marked as compressed, but no grpc-encoding is given".into());
            }
            (true, encoding) => encoding,
        };
        self.door.deliver(signal, Format::Protobuf, encoding, message.body, &mut message.permit)
    }

    /// Reads the one message of a unary call.
    async fn read(&self, peer: &Arc<Peer>, source: &mut Source<Incoming>) -> Result<Message, Outcome> {
        let (prefix, first) = read_prefix(source).await?;
        let [flag, len @ ..] = prefix;
        let len = u32::from_be_bytes(len) as usize;
        if flag > 1 {
            return Err(Outcome::Malformed(format!("message prefix begins with {flag}, not with 0 or 1")));
        }
        if len > self.door.limit {
            return Err(Outcome::TooLarge(self.door.limit));
        }
        let mut permit = self.door.admit(peer, len)?;
        let mut body = Parts::default();
        let mut next = Some(first);
        while let Some(bytes) = next {
            if bytes.len() > len - body.len() {
                return Err(Outcome::Malformed("bytes behind the message: an export is one message".into()));
            }
            permit.follow(body.len() + bytes.len(), len)?;
            body.push(bytes);
            next = source.next().await?;
        }
        match body.len() == len {
            true => Ok(Message { body, compressed: flag == 1, permit }),
            false => Err(Outcome::Malformed(format!("message ends after {} of {len} bytes", body.len()))),
        }
    }
}

/// The five bytes in front of a message, and what came with the last of them.
async fn read_prefix(source: &mut Source<Incoming>) -> Result<([u8; 5], Bytes), Outcome> {
    let mut prefix = [0; 5];
    let mut read = 0;
    loop {
        let Some(mut bytes) = source.next().await? else {
            return Err(Outcome::Malformed(format!("body of {read} bytes, shorter than a message prefix")));
        };
        let slots = prefix.iter_mut().skip(read);
        let taken = slots.zip(bytes.iter()).map(|(slot, byte)| *slot = *byte).count();
        bytes.advance(taken);
        read += taken;
        if read == prefix.len() {
            return Ok((prefix, bytes));
        }
    }
}

fn signal_of(path: &str) -> Option<Signal> {
    match path {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Some(Signal::Traces),
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Some(Signal::Logs),
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Some(Signal::Metrics),
        _ => None,
    }
}

fn is_grpc(media: &[u8]) -> bool {
    let name = media.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    name.eq_ignore_ascii_case(b"application/grpc") || name.eq_ignore_ascii_case(b"application/grpc+proto")
}
