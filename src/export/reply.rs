//! What backends answer with: partial success, `google.rpc.Status` and the `RetryInfo` in it, `Retry-After`
//! (<https://opentelemetry.io/docs/specs/otlp/>).

use std::time::{Duration, SystemTime};

use super::outcome::Outcome;
use crate::otlp::wire::Reader;

/// Most characters of a backend's message that are passed on.
const MAX_MESSAGE: usize = 1024;

/// The outcome of an `Export*ServiceResponse` in protobuf. One that cannot be read counts as taken whole.
pub(super) fn partial_success(response: &[u8]) -> Outcome {
    let partial = last_bytes(response, 1).unwrap_or_default();
    let message = last_bytes(partial, 2).map(text).unwrap_or_default();
    Outcome::Taken { rejected: last_varint(partial, 1).unwrap_or(0), message }
}

/// The same in JSON.
pub(super) fn partial_success_json(response: &[u8]) -> Outcome {
    let response: serde_json::Value = serde_json::from_slice(response).unwrap_or_default();
    let Some(partial) = response.get("partialSuccess") else { return Outcome::taken() };
    let rejected = ["rejectedSpans", "rejectedLogRecords", "rejectedDataPoints"].iter().find_map(|key| {
        let count = partial.get(key)?;
        count.as_u64().or_else(|| count.as_str()?.parse().ok())
    });
    let message = partial.get("errorMessage").and_then(|message| message.as_str()).map(clip).unwrap_or_default();
    Outcome::Taken { rejected: rejected.unwrap_or(0), message }
}

/// `message` of a `google.rpc.Status` in protobuf.
pub(super) fn status_message(status: &[u8]) -> Option<String> {
    last_bytes(status, 2).map(text).filter(|message| !message.is_empty())
}

/// `retry_delay` of the `google.rpc.RetryInfo` in the details of a `google.rpc.Status`.
pub(super) fn retry_info(status: &[u8]) -> Option<Duration> {
    let mut reader = Reader::new(status);
    while let Ok(Some(field)) = reader.next_field() {
        let (3, Ok(any)) = (field.number, field.value.bytes(0)) else { continue };
        if last_bytes(any, 1).is_some_and(|url| url.ends_with(b"/google.rpc.RetryInfo")) {
            let delay = last_bytes(any, 2).and_then(|info| last_bytes(info, 1)).unwrap_or_default();
            // Negative numbers come as the largest ones: they are no delay.
            let seconds = last_varint(delay, 1).filter(|seconds| *seconds <= i64::MAX as u64).unwrap_or(0);
            let nanos = last_varint(delay, 2).and_then(|nanos| u32::try_from(nanos).ok()).unwrap_or(0);
            return Some(Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos.into())));
        }
    }
    None
}

/// `Retry-After`: seconds, or a date, `now` being the time.
pub(super) fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(header).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Whether a refusal speaks of the size of the message: gRPC servers have no code for that.
pub(super) fn speaks_of_size(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    // grpc-go and C; tonic and nginx; Java and .NET
    ["larger than max", "too large", "exceeds maximum size", "exceeds the maximum"]
        .iter()
        .any(|words| message.contains(words))
        || message.contains("message size")
}

/// A message from outside, cut to a length that can be logged.
pub(super) fn clip(message: &str) -> String {
    message.chars().take(MAX_MESSAGE).collect()
}

/// Bytes from outside as text that can be logged.
pub(super) fn text(bytes: &[u8]) -> String {
    clip(&String::from_utf8_lossy(bytes.get(..4 * MAX_MESSAGE).unwrap_or(bytes)))
}

fn last_bytes(message: &[u8], number: u32) -> Option<&[u8]> {
    let mut reader = Reader::new(message);
    let mut last = None;
    while let Ok(Some(field)) = reader.next_field() {
        if field.number == number {
            last = field.value.bytes(0).ok();
        }
    }
    last
}

fn last_varint(message: &[u8], number: u32) -> Option<u64> {
    let mut reader = Reader::new(message);
    let mut last = None;
    while let Ok(Some(field)) = reader.next_field() {
        if field.number == number {
            last = field.value.varint(0).ok();
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::put::{put_len, put_message, put_varint_field};

    fn status(type_url: &[u8], seconds: u64, nanos: u64) -> Vec<u8> {
        let mut status = Vec::new();
        put_varint_field(&mut status, 1, 14);
        put_len(&mut status, 2, b"busy");
        put_message(&mut status, 3, |any| {
            put_len(any, 1, type_url);
            put_message(any, 2, |info| {
                put_message(info, 1, |delay| {
                    put_varint_field(delay, 1, seconds);
                    put_varint_field(delay, 2, nanos);
                });
            });
        });
        status
    }

    #[test]
    fn retry_info_is_read_from_the_details() {
        let good = status(b"type.googleapis.com/google.rpc.RetryInfo", 7, 500_000_000);
        assert_eq!(retry_info(&good), Some(Duration::from_millis(7500)));
        assert_eq!(status_message(&good).as_deref(), Some("busy"));
        assert_eq!(retry_info(&status(b"type.googleapis.com/google.rpc.BadRequest", 7, 0)), None);
        let negative = status(b"type.googleapis.com/google.rpc.RetryInfo", u64::MAX, u64::MAX);
        assert_eq!(retry_info(&negative), Some(Duration::ZERO));
        for end in 0..good.len() {
            let _ = retry_info(&good[..end]);
        }
        assert_eq!(retry_info(b""), None);
    }

    #[test]
    fn retry_after_takes_seconds_and_dates() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(retry_after(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:00 GMT", now), Some(Duration::from_secs(23)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(retry_after("-1", now), None);
    }

    #[test]
    fn partial_success_is_read_from_protobuf_and_json() {
        let mut response = Vec::new();
        put_message(&mut response, 1, |partial| {
            put_varint_field(partial, 1, 3);
            put_len(partial, 2, b"too old");
        });
        let expected = Outcome::Taken { rejected: 3, message: "too old".into() };
        assert_eq!(partial_success(&response), expected);
        assert_eq!(partial_success(b""), Outcome::taken());
        assert_eq!(partial_success(b"\xff\xff<html>"), Outcome::taken());
        let json = br#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#;
        assert_eq!(partial_success_json(json), expected);
        assert_eq!(
            partial_success_json(br#"{"partialSuccess":{"rejectedLogRecords":3,"errorMessage":"too old"}}"#),
            expected
        );
        assert_eq!(partial_success_json(b"{}"), Outcome::taken());
        assert_eq!(partial_success_json(b"<html>"), Outcome::taken());
    }

    #[test]
    fn refusals_for_size_are_told_apart() {
        for message in [
            "grpc: received message larger than max (5000000 vs. 4194304)",
            "grpc: received message after decompression larger than max (5 vs. 4)",
            "Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes",
            "gRPC message exceeds maximum size 4194304: 5000000",
            "Received message exceeds the maximum configured message size.",
        ] {
            assert!(speaks_of_size(message), "{message}");
        }
        assert!(!speaks_of_size("RATE_LIMITED: ingestion rate limit exceeded for user"));
    }
}
