//! A backend for OTLP, over gRPC and over HTTP on one port: keeps all that it takes, and answers as it is told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::{TcpListener, TcpSocket};

use super::client::Encoding;
use super::eventually;
use super::raw::{self, RawSpan};

/// How requests are answered.
#[derive(Clone, Copy, Debug, Default)]
pub enum Answer {
    /// They are taken.
    #[default]
    Take,
    /// They are taken after a while.
    Late(Duration),
    /// They are refused for good: INVALID_ARGUMENT, 400.
    Refuse,
    /// They are refused for now: UNAVAILABLE, 503.
    Unavailable,
    /// Nothing is answered at all.
    Hang,
}

/// A request that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    pub path: String,
    pub headers: HeaderMap,
    /// The message, inflated and without gRPC's prefix.
    pub message: Bytes,
}

/// A span that was taken, decoded and as bytes.
#[derive(Clone, Debug)]
pub struct Received {
    pub resource: Resource,
    pub scope: InstrumentationScope,
    pub span: Span,
    pub raw: RawSpan,
}

/// The backend. Clones are the same one.
#[derive(Clone)]
pub struct Backend {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    answer: Answer,
    taken: Vec<Taken>,
    refused: usize,
    spans: Vec<Received>,
}

/// A backend that takes all that comes.
pub async fn start() -> Backend {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = Backend { address: listener.local_addr().unwrap(), state: Arc::default() };
    let server = backend.clone();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            socket.set_nodelay(true).unwrap();
            let server = server.clone();
            let service = service_fn(move |request| server.clone().serve(request));
            tokio::spawn(async move {
                let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    backend
}

/// An address where nobody listens, for as long as the socket is held.
pub fn dead() -> (SocketAddr, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (socket.local_addr().unwrap(), socket)
}

// === impl Backend ===

impl Backend {
    /// How requests are answered from now on.
    pub fn answers(&self, answer: Answer) {
        self.state.lock().unwrap().answer = answer;
    }

    /// All spans that were taken so far, in order.
    pub fn spans(&self) -> Vec<Received> {
        self.state.lock().unwrap().spans.clone()
    }

    /// How many those are.
    pub fn span_count(&self) -> usize {
        self.state.lock().unwrap().spans.len()
    }

    /// The requests that were taken to paths that end like this: `TraceService/Export`, `/v1/logs`; all with `""`.
    pub fn requests(&self, path: &str) -> Vec<Taken> {
        self.state.lock().unwrap().taken.iter().filter(|taken| taken.path.ends_with(path)).cloned().collect()
    }

    /// How many requests were refused or left without answer.
    pub fn refused(&self) -> usize {
        self.state.lock().unwrap().refused
    }

    /// Forgets all that was taken.
    pub fn clear(&self) {
        let mut state = self.state.lock().unwrap();
        state.taken.clear();
        state.spans.clear();
    }

    /// The spans, once `wanted` is true of them.
    pub async fn spans_when(&self, what: &str, wanted: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let look = async || wanted(&self.state.lock().unwrap().spans).then_some(());
        let names = async || {
            let spans = self.spans();
            let names: Vec<_> = spans.iter().take(100).map(|span| span.span.name.clone()).collect();
            format!("the backend has {} spans: {names:?}", spans.len())
        };
        eventually(what, look, names).await;
        self.spans()
    }

    /// The spans, once there are `count`.
    pub async fn received(&self, count: usize) -> Vec<Received> {
        self.spans_when(&format!("{count} spans come"), |spans| spans.len() >= count).await
    }

    async fn serve(self, request: Request<Incoming>) -> Result<Response<BoxBody<Bytes, Infallible>>, hyper::Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let grpc =
            head.headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
        let encoding = if grpc { "grpc-encoding" } else { "content-encoding" };
        let encoding = Encoding::named(head.headers.get(encoding).map(|name| name.to_str().unwrap()));
        let message = match (grpc, body.first()) {
            (true, Some(0)) => body.slice(5..),
            (true, _) => encoding.inflate(&body[5..]),
            (false, _) => encoding.inflate(&body),
        };
        let answer = self.state.lock().unwrap().answer;
        let (code, status) = match answer {
            Answer::Take => (tonic::Code::Ok, StatusCode::OK),
            Answer::Late(time) => {
                tokio::time::sleep(time).await;
                (tonic::Code::Ok, StatusCode::OK)
            }
            Answer::Refuse => (tonic::Code::InvalidArgument, StatusCode::BAD_REQUEST),
            Answer::Unavailable => (tonic::Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE),
            Answer::Hang => {
                self.state.lock().unwrap().refused += 1;
                std::future::pending().await
            }
        };
        match code {
            tonic::Code::Ok => self.take(Taken { path: head.uri.path().into(), headers: head.headers, message }),
            _ => self.state.lock().unwrap().refused += 1,
        }
        Ok(if grpc { grpc_response(code) } else { http_response(status) })
    }

    fn take(&self, taken: Taken) {
        let traces = taken.path.ends_with("TraceService/Export") || taken.path.ends_with("/v1/traces");
        let spans = if traces { raw::spans(&taken.message) } else { Vec::new() };
        let spans: Vec<_> = spans.into_iter().map(Received::from).collect();
        let mut state = self.state.lock().unwrap();
        state.spans.extend(spans);
        state.taken.push(taken);
    }
}

fn grpc_response(code: tonic::Code) -> Response<BoxBody<Bytes, Infallible>> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(code as i32));
    trailers.insert("grpc-message", HeaderValue::from_static("as it was told"));
    let message = if code == tonic::Code::Ok { Bytes::from_static(&[0; 5]) } else { Bytes::new() };
    let body = Full::new(message).with_trailers(async move { Some(Ok(trailers)) }).boxed();
    Response::builder().header("content-type", "application/grpc").body(body).unwrap()
}

fn http_response(status: StatusCode) -> Response<BoxBody<Bytes, Infallible>> {
    let response = Response::builder().status(status).header("content-type", "application/x-protobuf");
    response.body(Full::new(Bytes::new()).boxed()).unwrap()
}

// === impl Received ===

impl From<RawSpan> for Received {
    fn from(raw: RawSpan) -> Self {
        Self {
            resource: Resource::decode(raw.resource.clone()).unwrap(),
            scope: InstrumentationScope::decode(raw.scope.clone()).unwrap(),
            span: Span::decode(raw.span.clone()).unwrap(),
            raw,
        }
    }
}
