//! Outcomes as replies: protobuf by hand, the few fields there are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tonic::Status;
use tonic::body::Body;

use super::door::Format;
use super::inflate::Encoding;
use super::outcome::{Outcome, Row};
use crate::flow::Signal;
use crate::otlp::put::{put_len, put_message, put_varint_field};

/// When a client should try again: at least this, and at most twice this.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Longest message of a status, in characters: headers have limits too.
const LONGEST_MESSAGE: usize = 1024;

const GRPC_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// The reply of a gRPC export.
pub(super) fn grpc(outcome: &Outcome) -> Response<Body> {
    if let Outcome::Accepted { refused, reason } = outcome {
        let message = export_response(*refused, reason.as_deref());
        let mut framed = Vec::with_capacity(5 + message.len());
        framed.push(0);
        framed.extend_from_slice(&(message.len() as u32).to_be_bytes());
        framed.extend_from_slice(&message);
        let trailers = async { Some(Ok(HeaderMap::from_iter([(Status::GRPC_STATUS, HeaderValue::from_static("0"))]))) };
        let mut response = Response::new(Body::new(Full::new(Bytes::from(framed)).with_trailers(trailers)));
        response.headers_mut().insert(CONTENT_TYPE, GRPC_TYPE);
        return response;
    }
    let row = outcome.row();
    let message = cut(&outcome.message());
    let details = match row.retry {
        true => status(&row, &message, Some(retry_delay())).into(),
        false => Bytes::new(),
    };
    let mut response = Status::with_details(row.grpc, message, details).into_http::<Body>();
    match outcome {
        Outcome::Encoding(_) => {
            response.headers_mut().insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static(Encoding::NAMES));
        }
        Outcome::MediaType(_) | Outcome::Method => *response.status_mut() = row.http,
        _ => {}
    }
    response
}

/// The reply of an OTLP/HTTP export, in the format of its request; as plain text where that has none.
pub(super) fn http(outcome: &Outcome, signal: Signal, format: Option<Format>) -> Response<Full<Bytes>> {
    let row = outcome.row();
    let mut headers = HeaderMap::new();
    let mut delay = None;
    if row.retry {
        let chosen = retry_delay();
        headers.insert(RETRY_AFTER, HeaderValue::from(chosen.as_millis().div_ceil(1000) as u64));
        delay = Some(chosen);
    }
    match outcome {
        Outcome::Encoding(_) => drop(headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(Encoding::NAMES))),
        Outcome::Method => drop(headers.insert(ALLOW, HeaderValue::from_static("POST"))),
        _ => {}
    }
    let body = match (outcome, format) {
        (Outcome::Accepted { refused, reason }, Some(Format::Json)) => {
            export_response_json(signal, *refused, reason.as_deref()).into()
        }
        (Outcome::Accepted { refused, reason }, _) => export_response(*refused, reason.as_deref()),
        (_, Some(Format::Protobuf)) => status(&row, &cut(&outcome.message()), delay),
        (_, Some(Format::Json)) => status_json(&row, &cut(&outcome.message()), delay).into(),
        (_, None) => format!("{} {}\n", row.http.as_u16(), outcome.message()).into(),
    };
    headers.insert(CONTENT_TYPE, content_type(format));
    respond(row.http, headers, body.into())
}

/// A reply of these parts.
pub(super) fn respond(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn content_type(format: Option<Format>) -> HeaderValue {
    HeaderValue::from_static(match format {
        Some(Format::Protobuf) => "application/x-protobuf",
        Some(Format::Json) => "application/json",
        None => "text/plain; charset=utf-8",
    })
}

/// `ExportTraceServiceResponse`; those of logs and metrics have the same field numbers.
fn export_response(refused: u64, reason: Option<&str>) -> Vec<u8> {
    let mut out = Vec::new();
    if refused > 0 || reason.is_some() {
        put_message(&mut out, 1, |out| {
            if refused > 0 {
                put_varint_field(out, 1, refused);
            }
            if let Some(reason) = reason {
                put_len(out, 2, cut(reason).as_bytes());
            }
        });
    }
    out
}

fn export_response_json(signal: Signal, refused: u64, reason: Option<&str>) -> String {
    let mut partial = serde_json::Map::new();
    if refused > 0 {
        let key = match signal {
            Signal::Traces => "rejectedSpans",
            Signal::Logs => "rejectedLogRecords",
            Signal::Metrics => "rejectedDataPoints",
        };
        // 64-bit integers are strings in protobuf's JSON.
        partial.insert(key.into(), refused.to_string().into());
    }
    if let Some(reason) = reason {
        partial.insert("errorMessage".into(), cut(reason).into());
    }
    match partial.is_empty() {
        true => "{}".into(),
        false => serde_json::json!({ "partialSuccess": partial }).to_string(),
    }
}

/// `google.rpc.Status`, with a `google.rpc.RetryInfo` where there is a delay.
fn status(row: &Row, message: &str, delay: Option<Duration>) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 80);
    put_varint_field(&mut out, 1, row.grpc as u64);
    put_len(&mut out, 2, message.as_bytes());
    if let Some(delay) = delay {
        put_message(&mut out, 3, |any| {
            put_len(any, 1, RETRY_INFO.as_bytes());
            put_message(any, 2, |info| {
                put_message(info, 1, |duration| {
                    put_varint_field(duration, 1, delay.as_secs());
                    put_varint_field(duration, 2, u64::from(delay.subsec_nanos()));
                });
            });
        });
    }
    out
}

fn status_json(row: &Row, message: &str, delay: Option<Duration>) -> String {
    let mut status = serde_json::json!({ "code": row.grpc as i32, "message": message });
    if let (Some(delay), Some(status)) = (delay, status.as_object_mut()) {
        let seconds = format!("{}.{:03}s", delay.as_secs(), delay.subsec_millis());
        status.insert("details".into(), serde_json::json!([{ "@type": RETRY_INFO, "retryDelay": seconds }]));
    }
    status.to_string()
}

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// A delay between one and two [`RETRY_DELAY`], spread evenly over clients that are refused one after the other.
fn retry_delay() -> Duration {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Steps of the golden ratio: every stretch of the sequence is spread evenly.
    let step = NEXT.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed) >> 32;
    let spread = (RETRY_DELAY.as_millis() as u64 * step) >> 32;
    RETRY_DELAY + Duration::from_millis(spread)
}

fn cut(message: &str) -> String {
    message.chars().take(LONGEST_MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_delays_are_spread_between_one_and_two_seconds() {
        let delays: Vec<u64> = (0..1000).map(|_| retry_delay().as_millis() as u64).collect();
        assert!(delays.iter().all(|delay| (1000..2000).contains(delay)));
        let late = delays.iter().filter(|delay| **delay >= 1500).count();
        assert!((450..550).contains(&late), "{late}");
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        assert_eq!(cut(&"ä".repeat(5000)).chars().count(), LONGEST_MESSAGE);
    }
}
