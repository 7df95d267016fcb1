//! OTLP over gRPC. A unary call is one HTTP/2 request: a five-byte prefix and the message, which stays bytes
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use tonic::Code;

use super::client::{Answer, Client, Version, headers, url};
use super::compress;
use super::outcome::Outcome;
use super::reply::{clip, partial_success, retry_info, speaks_of_size};
use crate::config::{Compression, OtlpExporter};
use crate::flow::Signal;

/// Largest answer, compressed or not: the default of gRPC clients.
const MAX_ANSWER: usize = 4 << 20;

/// An `otlp_grpc` exporter.
pub(super) struct OtlpGrpc {
    client: Client,
    /// URLs of the `Export` methods for traces, logs and metrics.
    methods: [Uri; 3],
    headers: HeaderMap,
    compression: Compression,
}

/// How a call ended.
#[derive(Debug)]
struct Status {
    code: Code,
    message: String,
    retry_after: Option<Duration>,
}

// === impl OtlpGrpc ===

impl OtlpGrpc {
    /// The error names the setting.
    pub(super) fn new(config: &OtlpExporter) -> Result<Self, String> {
        let base = base(&config.endpoint, config.tls.insecure)?;
        let client = Client::new(config, Version::Http2, base.starts_with("https:"))?;
        let method = |service| url("endpoint", &format!("{base}/opentelemetry.proto.collector.{service}/Export"));
        let methods =
            [method("trace.v1.TraceService")?, method("logs.v1.LogsService")?, method("metrics.v1.MetricsService")?];
        let mut headers = headers(&config.headers)?;
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert("grpc-accept-encoding", HeaderValue::from_static("gzip,zstd,identity"));
        if let Some(encoding) = compress::name(config.compression) {
            headers.insert("grpc-encoding", HeaderValue::from_static(encoding));
        }
        if !config.timeout.is_zero() {
            headers.insert("grpc-timeout", grpc_timeout(config.timeout)?);
        }
        Ok(Self { client, methods, headers, compression: config.compression })
    }

    /// The message behind its prefix.
    pub(super) fn encode(&self, request: &[u8]) -> Result<Bytes, String> {
        let mut body = vec![u8::from(self.compression != Compression::None), 0, 0, 0, 0];
        compress::compress(self.compression, request, &mut body)?;
        let len = u32::try_from(body.len() - 5).map_err(|_| "a gRPC message cannot be larger than 4 GiB")?;
        if let Some(place) = body.get_mut(1..5) {
            place.copy_from_slice(&len.to_be_bytes());
        }
        Ok(body.into())
    }

    /// Calls `Export` once.
    pub(super) async fn send(&self, signal: Signal, body: Bytes) -> Outcome {
        let [traces, logs, metrics] = &self.methods;
        let uri = match signal {
            Signal::Traces => traces,
            Signal::Logs => logs,
            Signal::Metrics => metrics,
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.version_mut() = http::Version::HTTP_2;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = self.headers.clone();
        match self.client.send(request, MAX_ANSWER).await {
            Ok(answer) => outcome(&answer),
            Err(message) => Outcome::Retry { after: None, message },
        }
    }
}

// === answers ===

fn outcome(answer: &Answer) -> Outcome {
    let status = status(answer);
    let Status { code, message, retry_after } = status;
    if code == Code::Ok {
        return response(answer).map_or_else(Outcome::taken, |response| partial_success(&response));
    }
    let too_large = retry_after.is_none() && speaks_of_size(&message);
    let message = format!("{code:?}: {message}");
    match code {
        // tonic's server says OUT_OF_RANGE to a message that is too large.
        Code::ResourceExhausted | Code::OutOfRange if too_large => Outcome::TooLarge { message },
        Code::ResourceExhausted if retry_after.is_none() => Outcome::Refused { message },
        Code::ResourceExhausted
        | Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Outcome::Retry { after: retry_after, message },
        _ => Outcome::Refused { message },
    }
}

/// The status from the trailers, from the headers of an answer without body, or else from the HTTP status
/// (<https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>).
fn status(answer: &Answer) -> Status {
    let read = |headers: &HeaderMap| {
        let mut headers = headers.clone();
        let details = details(&headers);
        headers.remove("grpc-status-details-bin");
        let status = tonic::Status::from_header_map(&headers)?;
        let retry_after = details.and_then(|details| retry_info(&details));
        Some(Status { code: status.code(), message: clip(status.message()), retry_after })
    };
    let found = answer.trailers.as_ref().and_then(read).or_else(|| read(&answer.headers));
    found.unwrap_or_else(|| {
        let code = match answer.status {
            StatusCode::BAD_REQUEST => Code::Internal,
            StatusCode::UNAUTHORIZED => Code::Unauthenticated,
            StatusCode::FORBIDDEN => Code::PermissionDenied,
            StatusCode::NOT_FOUND => Code::Unimplemented,
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
            _ => Code::Unknown,
        };
        Status {
            code,
            message: format!("the answer has no grpc-status, HTTP status {}", answer.status),
            retry_after: None,
        }
    })
}

/// `grpc-status-details-bin`, taken out of base64 here: where it is not base64, tonic's status would panic over it.
fn details(headers: &HeaderMap) -> Option<Bytes> {
    let metadata = tonic::metadata::MetadataMap::from_headers(headers.clone());
    metadata.get_bin("grpc-status-details-bin")?.to_bytes().ok()
}

/// The response message, inflated: grpc-go answers compressed when it was asked so, whatever was accepted.
fn response(answer: &Answer) -> Option<Vec<u8>> {
    let (prefix, rest) = answer.body.split_first_chunk::<5>()?;
    let [compressed, length @ ..] = *prefix;
    let message = rest.get(..u32::from_be_bytes(length) as usize)?;
    let encoding = answer.headers.get("grpc-encoding").and_then(|encoding| encoding.to_str().ok());
    compress::inflate(encoding.filter(|_| compressed == 1).unwrap_or_default(), message, MAX_ANSWER)
}

// === settings ===

/// `host:port` is TLS unless `insecure`; a scheme overrides that.
fn base(endpoint: &str, insecure: bool) -> Result<String, String> {
    let text = match endpoint.contains("://") {
        true => endpoint.to_owned(),
        false => format!("{}://{endpoint}", if insecure { "http" } else { "https" }),
    };
    let uri = url("endpoint", &text)?;
    match uri.path() {
        "/" | "" if uri.query().is_none() => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err("endpoint: has a path, but gRPC has none".into()),
    }
}

/// At most eight digits and a unit.
fn grpc_timeout(timeout: Duration) -> Result<HeaderValue, String> {
    let text = match timeout.as_millis() {
        millis @ ..100_000_000 => format!("{}m", millis.max(1)),
        millis => format!("{}S", (millis / 1000).min(99_999_999)),
    };
    HeaderValue::try_from(text).map_err(|error| format!("timeout: {error}"))
}

#[cfg(test)]
mod tests;
