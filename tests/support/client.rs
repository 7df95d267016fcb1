//! Clients that send exactly what they are told to.

use std::io::{Read, Write};
use std::net::SocketAddr;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message;

use tokio::net::TcpStream;

/// gRPC paths of the signals.
pub const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
pub const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
pub const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// `Content-Type`s of OTLP/HTTP.
pub const PROTOBUF: &str = "application/x-protobuf";
pub const JSON: &str = "application/json";

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Plain,
    Gzip,
    Zstd,
}

/// A gRPC client on one connection. Clones share it.
#[derive(Clone)]
pub struct Grpc(http2::SendRequest<Full<Bytes>>);

/// An HTTP/1.1 client, on one connection for as long as that lives.
pub struct Http {
    address: SocketAddr,
    sender: http1::SendRequest<Full<Bytes>>,
}

/// What came back from a gRPC call.
#[derive(Debug)]
pub struct GrpcReply {
    /// `grpc-status`
    pub code: tonic::Code,
    /// `grpc-message`
    pub message: String,
    /// The status with its details.
    pub status: tonic::Status,
    /// The message, without its prefix.
    pub body: Bytes,
}

/// What came back from an HTTP request.
#[derive(Debug)]
pub struct HttpReply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Connects a gRPC client.
pub async fn grpc(address: SocketAddr) -> Grpc {
    let io = stream(address).await;
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    Grpc(sender)
}

/// Connects an HTTP client.
pub async fn http(address: SocketAddr) -> Http {
    Http { address, sender: Http::connect(address).await }
}

async fn stream(address: SocketAddr) -> TokioIo<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    // A request leaves in several small writes.
    stream.set_nodelay(true).unwrap();
    TokioIo::new(stream)
}

/// One gRPC message behind its prefix.
pub fn framed(flag: u8, message: &[u8]) -> Bytes {
    [&[flag], &(message.len() as u32).to_be_bytes()[..], message].concat().into()
}

// === impl Encoding ===

impl Encoding {
    /// Its name in headers; none for plain bodies.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// The encoding of that name.
    pub fn named(name: Option<&str>) -> Self {
        match name {
            None | Some("identity") => Self::Plain,
            Some("gzip") => Self::Gzip,
            Some("zstd") => Self::Zstd,
            Some(name) => panic!("unexpected encoding {name}"),
        }
    }

    /// The body compressed.
    pub fn compress(self, body: &[u8]) -> Bytes {
        match self {
            Self::Plain => Bytes::copy_from_slice(body),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(body).unwrap();
                encoder.finish().unwrap().into()
            }
            Self::Zstd => zstd::encode_all(body, 1).unwrap().into(),
        }
    }

    /// The body as it was.
    pub fn inflate(self, body: &[u8]) -> Bytes {
        match self {
            Self::Plain => Bytes::copy_from_slice(body),
            Self::Gzip => {
                let mut inflated = Vec::new();
                flate2::read::GzDecoder::new(body).read_to_end(&mut inflated).unwrap();
                inflated.into()
            }
            Self::Zstd => zstd::decode_all(body).unwrap().into(),
        }
    }
}

// === impl Grpc ===

impl Grpc {
    /// Exports spans.
    pub async fn traces(&self, request: &ExportTraceServiceRequest) -> GrpcReply {
        self.export(TRACES, &request.encode_to_vec(), Encoding::Plain).await
    }

    /// One message to a path, compressed.
    pub async fn export(&self, path: &str, message: &[u8], encoding: Encoding) -> GrpcReply {
        let flag = u8::from(encoding != Encoding::Plain);
        let headers: Vec<_> = encoding.name().into_iter().map(|name| ("grpc-encoding", name)).collect();
        self.call(path, &headers, framed(flag, &encoding.compress(message))).await
    }

    /// Any body to a path.
    pub async fn call(&self, path: &str, headers: &[(&'static str, &str)], body: Bytes) -> GrpcReply {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = format!("http://localhost{path}").parse().unwrap();
        for (name, value) in [("content-type", "application/grpc"), ("te", "trailers")].iter().chain(headers) {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let mut sender = self.0.clone();
        sender.ready().await.unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let collected = body.collect().await.unwrap();
        let trailers = collected.trailers().cloned().unwrap_or_default();
        let status = tonic::Status::from_header_map(&trailers)
            .or_else(|| tonic::Status::from_header_map(&head.headers))
            .unwrap_or_else(|| panic!("no grpc-status: {head:?} {trailers:?}"));
        let body = collected.to_bytes();
        let (code, message) = (status.code(), status.message().into());
        GrpcReply { code, message, status, body: if body.is_empty() { body } else { body.slice(5..) } }
    }
}

// === impl GrpcReply ===

impl GrpcReply {
    /// Asserts that all was taken, without partial success.
    #[track_caller]
    pub fn accepted(&self) {
        assert_eq!(self.code, tonic::Code::Ok, "{self:?}");
        let response = ExportTraceServiceResponse::decode(self.body.clone()).unwrap();
        assert_eq!(response.partial_success, None);
    }
}

// === impl Http ===

impl Http {
    /// Exports spans as protobuf.
    pub async fn traces(&mut self, request: &ExportTraceServiceRequest) -> HttpReply {
        self.export("/v1/traces", PROTOBUF, &request.encode_to_vec(), Encoding::Plain).await
    }

    /// One body of any type to a path, compressed.
    pub async fn export(&mut self, path: &str, content: &str, body: &[u8], encoding: Encoding) -> HttpReply {
        let mut headers = vec![("content-type", content)];
        headers.extend(encoding.name().map(|name| ("content-encoding", name)));
        self.call(Method::POST, path, &headers, encoding.compress(body)).await
    }

    /// A page.
    pub async fn get(&mut self, path: &str) -> HttpReply {
        self.call(Method::GET, path, &[], Bytes::new()).await
    }

    /// Any request.
    pub async fn call(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Bytes,
    ) -> HttpReply {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        for (name, value) in [("host", "localhost")].iter().chain(headers) {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        if self.sender.ready().await.is_err() {
            self.sender = Self::connect(self.address).await;
        }
        let response: http::Response<Incoming> = self.sender.send_request(request).await.unwrap();
        let (head, body) = response.into_parts();
        HttpReply { status: head.status, headers: head.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    async fn connect(address: SocketAddr) -> http1::SendRequest<Full<Bytes>> {
        let io = stream(address).await;
        let (sender, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        sender
    }
}

// === impl HttpReply ===

impl HttpReply {
    /// Asserts that all was taken, without partial success, whatever the type of the answer.
    #[track_caller]
    pub fn accepted(&self) {
        assert_eq!(self.status, 200, "{self:?}");
        assert!(self.body.is_empty() || self.body == "{}", "{self:?}");
    }
}
