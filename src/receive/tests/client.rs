//! Clients that send exactly what they are told to.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::http::{HeaderMap, Method, Request, StatusCode};
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tonic::{Code, Status};

pub(crate) const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// A body that is sent as its other end says.
pub(crate) struct Piped(mpsc::UnboundedReceiver<Bytes>);

pub(crate) fn piped() -> (mpsc::UnboundedSender<Bytes>, Piped) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Piped(receiver))
}

/// A body of these pieces.
pub(crate) fn pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Piped {
    let (sender, body) = piped();
    pieces.into_iter().for_each(|piece| sender.send(Bytes::copy_from_slice(piece)).unwrap());
    body
}

impl Body for Piped {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// What came back from a gRPC call.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) http: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) status: Status,
}

impl Reply {
    pub(crate) fn code(&self) -> Code {
        self.status.code()
    }
}

pub(crate) async fn connect(address: SocketAddr) -> http2::SendRequest<Piped> {
    handshake(TcpStream::connect(address).await.unwrap()).await
}

pub(crate) async fn handshake(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> http2::SendRequest<Piped> {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub(crate) fn export(path: &str, headers: &[(&'static str, &'static str)], body: Piped) -> Request<Piped> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = format!("http://localhost{path}").parse().unwrap();
    let defaults = [("content-type", "application/grpc"), ("te", "trailers")];
    for (name, value) in defaults.iter().chain(headers) {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    request
}

pub(crate) async fn call(sender: &mut http2::SendRequest<Piped>, request: Request<Piped>) -> Reply {
    let response = sender.send_request(request).await.unwrap();
    let (head, body) = response.into_parts();
    let collected = body.collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let status = Status::from_header_map(&trailers).or_else(|| Status::from_header_map(&head.headers));
    Reply { http: head.status, headers: head.headers, body: collected.to_bytes(), status: status.unwrap() }
}

/// One message behind its prefix.
pub(crate) fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    [&[flag], &(message.len() as u32).to_be_bytes()[..], message].concat()
}

/// A call with one message on a connection of its own.
pub(crate) async fn send(address: SocketAddr, headers: &[(&'static str, &'static str)], body: &[u8]) -> Reply {
    call(&mut connect(address).await, export(TRACES, headers, pieces([body]))).await
}

/// Sends bytes to an HTTP/1.1 server; all that comes back until it closes.
pub(crate) async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// An HTTP/1.1 POST after which the connection is closed.
pub(crate) fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    [head.as_bytes(), headers.as_bytes(), b"\r\n", body].concat()
}
