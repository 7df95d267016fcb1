use tokio::net::TcpListener;

use super::*;
use crate::config::Secret;
use crate::export::tests::backend::{self, Backend};
use crate::export::tests::{gunzip, names, otlp, request};
use crate::otlp::put::{put_len, put_message, put_varint_field};

async fn export(config: &OtlpExporter) -> Outcome {
    let grpc = OtlpGrpc::new(config).unwrap();
    grpc.send(Signal::Traces, grpc.encode(&request(&["span"])).unwrap()).await
}

async fn answered(answer: backend::Answer) -> Outcome {
    let backend = Backend::start(move |_, _| answer.clone()).await;
    export(&otlp(&backend.address.to_string())).await
}

fn error(code: Code, message: &str) -> backend::Answer {
    backend::Answer::grpc_error(code, message)
}

/// A `google.rpc.Status` with a `RetryInfo` of so many seconds, in base64.
fn retry_details(seconds: u64) -> String {
    let mut status = Vec::new();
    put_message(&mut status, 3, |any| {
        put_len(any, 1, b"type.googleapis.com/google.rpc.RetryInfo");
        put_message(any, 2, |info| put_message(info, 1, |delay| put_varint_field(delay, 1, seconds)));
    });
    let value = tonic::metadata::BinaryMetadataValue::from_bytes(&status);
    String::from_utf8(value.as_encoded_bytes().to_vec()).unwrap()
}

fn with_details(code: Code, details: String) -> backend::Answer {
    let mut answer = error(code, "busy");
    answer.trailers.push(("grpc-status-details-bin", details));
    answer
}

#[tokio::test]
async fn a_request_is_one_readable_message_whatever_the_compression() {
    let backend = Backend::start(|_, _| backend::Answer::grpc(b"")).await;
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let mut config = otlp(&backend.address.to_string());
        config.compression = compression;
        config.headers.insert("content-type".into(), Secret("text/plain".into()));
        assert_eq!(export(&config).await, Outcome::taken());
    }
    let seen = backend.seen();
    let [plain, gzip, zstd] = seen.as_slice() else { panic!("{seen:?}") };
    for seen in [plain, gzip, zstd] {
        assert_eq!(seen.path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
        assert_eq!(u32::from_be_bytes(seen.body[1..5].try_into().unwrap()) as usize, seen.body.len() - 5);
        let header = |name: &str| seen.headers[name].to_str().unwrap();
        assert_eq!([header("content-type"), header("te")], ["application/grpc", "trailers"]);
        assert_eq!([header("x-tenant"), header("grpc-timeout")], ["gold", "10000m"]);
        assert!(header("user-agent").starts_with("tailsieve/"));
    }
    assert_eq!([plain.body[0], gzip.body[0], zstd.body[0]], [0, 1, 1]);
    assert_eq!(plain.headers.get("grpc-encoding"), None);
    assert_eq!([&gzip.headers["grpc-encoding"], &zstd.headers["grpc-encoding"]], ["gzip", "zstd"]);
    assert_eq!(names(&plain.body[5..]), ["span"]);
    assert_eq!(names(&gunzip(&gzip.body[5..])), ["span"]);
    assert_eq!(names(&zstd::decode_all(&zstd.body[5..]).unwrap()), ["span"]);
}

#[tokio::test]
async fn only_the_codes_of_the_specification_are_tried_again() {
    for number in 1..=16 {
        let code = Code::from_i32(number);
        let outcome = answered(error(code, "some%20reason")).await;
        let message = format!("{code:?}: some reason");
        let again = [Code::Cancelled, Code::DeadlineExceeded, Code::Aborted, Code::OutOfRange];
        let expected = match again.contains(&code) || [Code::Unavailable, Code::DataLoss].contains(&code) {
            true => Outcome::Retry { after: None, message },
            false => Outcome::Refused { message },
        };
        assert_eq!(outcome, expected, "RESOURCE_EXHAUSTED without RetryInfo is for good, as the rest");
    }
}

#[tokio::test]
async fn retry_info_is_passed_on_and_makes_resource_exhausted_retryable() {
    for code in [Code::ResourceExhausted, Code::Unavailable] {
        let outcome = answered(with_details(code, retry_details(77))).await;
        let message = format!("{code:?}: busy");
        assert_eq!(outcome, Outcome::Retry { after: Some(Duration::from_secs(77)), message });
    }
    let outcome = answered(with_details(Code::Internal, retry_details(77))).await;
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
    for broken in ["not base64!", "////", "="] {
        let outcome = answered(with_details(Code::Unavailable, broken.into())).await;
        assert_eq!(outcome, Outcome::Retry { after: None, message: "Unavailable: busy".into() });
    }
}

#[tokio::test]
async fn a_refusal_for_size_is_told_apart_from_one_for_rate() {
    let go = answered(error(Code::ResourceExhausted, "grpc: received message larger than max (5 vs. 4)")).await;
    let tonic = answered(error(Code::OutOfRange, "Error, decoded message length too large: found 5 bytes")).await;
    for outcome in [go, tonic] {
        assert!(matches!(outcome, Outcome::TooLarge { .. }), "{outcome:?}");
    }
}

#[tokio::test]
async fn partial_success_is_read_also_from_a_compressed_answer() {
    let mut response = Vec::new();
    put_message(&mut response, 1, |partial| {
        put_varint_field(partial, 1, 2);
        put_len(partial, 2, b"too old");
    });
    let expected = Outcome::Taken { rejected: 2, message: "too old".into() };
    assert_eq!(answered(backend::Answer::grpc(&response)).await, expected);

    let mut body = vec![1, 0, 0, 0, 0];
    compress::compress(Compression::Gzip, &response, &mut body).unwrap();
    body[4] = u8::try_from(body.len() - 5).unwrap();
    let headers = vec![("grpc-encoding", "gzip".into())];
    assert_eq!(answered(backend::Answer { headers, body, ..backend::Answer::grpc(b"") }).await, expected);
}

#[tokio::test]
async fn answers_that_are_no_grpc_are_mapped_by_their_http_status() {
    for (status, again) in [(503, true), (429, true), (502, true), (404, false), (401, false), (200, false)] {
        let outcome = answered(backend::Answer::http(status, b"<html>")).await;
        assert_eq!(matches!(outcome, Outcome::Retry { .. }), again, "{status} {outcome:?}");
        assert_eq!(matches!(outcome, Outcome::Refused { .. }), !again, "{status} {outcome:?}");
    }
}

#[tokio::test]
async fn an_answer_in_headers_alone_and_an_endless_one_are_read() {
    let mut answer = error(Code::Unavailable, "closing");
    answer.headers = std::mem::take(&mut answer.trailers);
    assert_eq!(answered(answer).await, Outcome::Retry { after: None, message: "Unavailable: closing".into() });

    let endless = backend::Answer { body: vec![0; MAX_ANSWER + 100_000], ..backend::Answer::grpc(b"") };
    assert!(matches!(answered(endless).await, Outcome::Refused { .. }));
}

#[tokio::test]
async fn silence_and_dead_backends_may_pass_and_the_connection_is_made_again() {
    let silent = Backend::start(|_, _| backend::Answer { hangs: true, ..Default::default() }).await;
    let mut config = otlp(&silent.address.to_string());
    config.timeout = Duration::from_millis(20);
    let expected = Outcome::Retry { after: None, message: "no answer within 20ms".into() };
    assert_eq!(export(&config).await, expected);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let grpc = OtlpGrpc::new(&otlp(&format!("http://{address}"))).unwrap();
    let body = grpc.encode(&request(&["span"])).unwrap();
    let outcome = grpc.send(Signal::Traces, body.clone()).await;
    assert!(matches!(&outcome, Outcome::Retry { message, .. } if message.contains("refused")), "{outcome:?}");
    let _backend = Backend::listen(TcpListener::bind(address).await.unwrap(), None, |_, _| backend::Answer::grpc(b""));
    assert_eq!(grpc.send(Signal::Traces, body).await, Outcome::taken());
}

#[test]
fn endpoints_take_the_forms_of_otelcol() {
    for (endpoint, insecure, expected) in [
        ("tempo:4317", true, "http://tempo:4317"),
        ("tempo:4317", false, "https://tempo:4317"),
        ("http://tempo:4317/", false, "http://tempo:4317"),
        ("https://tempo:4317", true, "https://tempo:4317"),
        ("[::1]:4317", true, "http://[::1]:4317"),
    ] {
        assert_eq!(base(endpoint, insecure).as_deref(), Ok(expected));
    }
    assert!(base("", true).is_err() && base("http://", true).is_err() && base("unix:///x", true).is_err());
    assert_eq!(grpc_timeout(Duration::from_secs(200_000)).unwrap(), "200000S");
    assert_eq!(grpc_timeout(Duration::MAX).unwrap(), "99999999S");
}
