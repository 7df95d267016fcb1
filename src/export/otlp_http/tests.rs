use std::time::Duration;

use super::*;
use crate::config::SignalEndpoints;
use crate::export::tests::backend::{self, Backend};
use crate::export::tests::{gunzip, names, otlp, request};
use crate::otlp::put::{put_len, put_message, put_varint_field};

async fn export(config: &OtlpExporter, signal: Signal) -> Outcome {
    let http = OtlpHttp::new(config).unwrap();
    http.send(signal, http.encode(request(&["span"]).into()).unwrap()).await
}

async fn answered(answer: backend::Answer) -> Outcome {
    let backend = Backend::start(move |_, _| answer.clone()).await;
    export(&otlp(&format!("http://{}", backend.address)), Signal::Traces).await
}

#[tokio::test]
async fn a_body_is_readable_whatever_the_compression() {
    let backend = Backend::start(|_, _| backend::Answer::http(200, b"")).await;
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let config = OtlpExporter { compression, ..otlp(&format!("http://{}", backend.address)) };
        assert_eq!(export(&config, Signal::Traces).await, Outcome::taken());
    }
    let seen = backend.seen();
    let [plain, gzip, zstd] = seen.as_slice() else { panic!("{seen:?}") };
    for seen in [plain, gzip, zstd] {
        assert_eq!(seen.path, "/v1/traces");
        assert_eq!([&seen.headers["content-type"], &seen.headers["x-tenant"]], ["application/x-protobuf", "gold"]);
    }
    assert_eq!(plain.headers.get("content-encoding"), None);
    assert_eq!([&gzip.headers["content-encoding"], &zstd.headers["content-encoding"]], ["gzip", "zstd"]);
    assert_eq!(names(&plain.body), ["span"]);
    assert_eq!(names(&gunzip(&gzip.body)), ["span"]);
    assert_eq!(names(&zstd::decode_all(&zstd.body[..]).unwrap()), ["span"]);
}

#[tokio::test]
async fn each_signal_goes_to_its_own_endpoint_where_it_has_one() {
    let backend = Backend::start(|_, _| backend::Answer::http(200, b"")).await;
    let base = format!("http://{}/otlp/", backend.address);
    let mut config = otlp(&base);
    config.signal_endpoints.logs = Some(format!("{base}own?key=1"));
    for signal in [Signal::Traces, Signal::Logs, Signal::Metrics] {
        export(&config, signal).await;
    }
    let paths: Vec<String> = backend.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/otlp/v1/traces", "/otlp/own", "/otlp/v1/metrics"]);

    let traces = Some(base);
    let config = OtlpExporter { signal_endpoints: SignalEndpoints { traces, ..Default::default() }, ..otlp("") };
    assert_eq!(export(&config, Signal::Traces).await, Outcome::taken());
    assert!(matches!(export(&config, Signal::Logs).await, Outcome::Refused { .. }));
}

#[tokio::test]
async fn only_the_statuses_of_the_specification_are_tried_again() {
    for status in [301, 400, 401, 403, 404, 408, 413, 429, 500, 501, 502, 503, 504] {
        let outcome = answered(backend::Answer::http(status, b"")).await;
        let message = StatusCode::from_u16(status).unwrap().to_string();
        let expected = match status {
            429 | 502 | 503 | 504 => Outcome::Retry { after: None, message },
            413 => Outcome::TooLarge { message },
            _ => Outcome::Refused { message },
        };
        assert_eq!(outcome, expected);
    }
}

#[tokio::test]
async fn retry_after_is_passed_on() {
    let answer =
        |value: String| backend::Answer { headers: vec![("retry-after", value)], ..backend::Answer::http(503, b"") };
    let message = "503 Service Unavailable".to_owned();
    let outcome = answered(answer("77".into())).await;
    assert_eq!(outcome, Outcome::Retry { after: Some(Duration::from_secs(77)), message });
    let date = SystemTime::now() + Duration::from_secs(1000);
    let outcome = answered(answer(httpdate::fmt_http_date(date))).await;
    let Outcome::Retry { after: Some(after), .. } = outcome else { panic!("{outcome:?}") };
    assert!(after > Duration::from_secs(900) && after <= Duration::from_secs(1000), "{after:?}");
}

#[tokio::test]
async fn what_the_backend_says_is_passed_on_within_a_limit() {
    let mut status = Vec::new();
    put_len(&mut status, 2, b"bad tenant");
    let refused = |message: &str| Outcome::Refused { message: format!("400 Bad Request: {message}") };
    assert_eq!(answered(backend::Answer::http(400, &status)).await, refused("bad tenant"));
    let plain = |body: &[u8]| backend::Answer { headers: vec![], ..backend::Answer::http(400, body) };
    assert_eq!(answered(plain(b"who are you?")).await, refused("who are you?"));
    assert_eq!(answered(plain(&vec![b'x'; 10 << 20])).await, refused(&"x".repeat(1024)));
}

#[tokio::test]
async fn partial_success_is_read_in_protobuf_and_json() {
    let mut response = Vec::new();
    put_message(&mut response, 1, |partial| {
        put_varint_field(partial, 1, 2);
        put_len(partial, 2, b"too old");
    });
    let expected = Outcome::Taken { rejected: 2, message: "too old".into() };
    assert_eq!(answered(backend::Answer::http(200, &response)).await, expected);
    let headers = vec![("content-type", "application/json; charset=utf-8".into())];
    let body = br#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#.to_vec();
    assert_eq!(answered(backend::Answer { headers, body, ..backend::Answer::http(200, b"") }).await, expected);
}

#[tokio::test]
async fn silence_and_a_dead_backend_may_pass() {
    let silent = Backend::start(|_, _| backend::Answer { hangs: true, ..Default::default() }).await;
    let config = OtlpExporter { timeout: Duration::from_millis(20), ..otlp(&format!("http://{}", silent.address)) };
    let expected = Outcome::Retry { after: None, message: "no answer within 20ms".into() };
    assert_eq!(export(&config, Signal::Traces).await, expected);
    let outcome = export(&otlp("http://127.0.0.1:1"), Signal::Traces).await;
    assert!(matches!(&outcome, Outcome::Retry { message, .. } if message.contains("refused")), "{outcome:?}");
}
