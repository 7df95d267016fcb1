use std::io::Write;

use ::http::{StatusCode, Version};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::{connect, export, pieces, post, raw};
use super::*;

const PROTO: &str = "content-type: application/x-protobuf\r\n";
const JSON: &str = "content-type: application/json; charset=utf-8\r\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn with(headers: &str, more: &str) -> String {
    format!("{headers}{more}\r\n")
}

#[tokio::test]
async fn a_body_reaches_the_log_as_it_was_however_it_came() {
    let up = up().await;
    let body = b"span ".repeat(50_000);
    let zstd = zstd::bulk::compress(&body, 3).unwrap();
    let chunked = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{PROTO}transfer-encoding: chunked\r\n\r\n{:x}\r\n",
        body.len()
    );
    let chunked = [chunked.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    let requests = [
        post("/v1/traces", PROTO, &body),
        post("/v1/traces", &with(PROTO, "content-encoding: gzip"), &gzip(&body)),
        post("/v1/traces", &with(PROTO, "content-encoding: zstd"), &zstd),
        chunked,
    ];
    for request in requests {
        let answer = raw(up.http(), &request).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(answer.contains("content-type: application/x-protobuf\r\n"), "{answer}");
    }
    assert_eq!(up.taken(), vec![body; 4]);
    assert_eq!((up.counts(Transport::Http), up.in_flight(Transport::Http)), ((4, 0, 0), 0));
}

#[tokio::test]
async fn http_2_without_tls_is_spoken_on_the_same_port() {
    let up = up().await;
    let request = export("/v1/traces", &[("content-type", "application/x-protobuf")], pieces([&b"two"[..]]));
    let response = connect(up.http()).await.send_request(request).await.unwrap();
    assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
    assert_eq!(up.taken(), [b"two"]);
}

#[tokio::test]
async fn each_row_of_the_table_holds_on_the_wire() {
    let up = up().await;
    let rows: [(&str, Vec<u8>, &str, &str); 9] = [
        ("accepted", post("/v1/traces", PROTO, b"fine"), "200 OK", "application/x-protobuf"),
        ("malformed", post("/v1/traces", PROTO, b"malformed"), "400 Bad Request", "application/x-protobuf"),
        ("full", post("/v1/traces", PROTO, b"full"), "503 Service Unavailable", "retry-after: "),
        ("too large", post("/v1/traces", PROTO, &vec![0; LIMIT + 1]), "413 Payload Too Large", ""),
        (
            "encoding",
            post("/v1/traces", &with(PROTO, "content-encoding: br"), b"x"),
            "415 Unsupported Media Type",
            "accept-encoding: gzip, zstd, deflate, identity",
        ),
        (
            "media type",
            post("/v1/traces", "content-type: text/plain\r\n", b"x"),
            "415 Unsupported Media Type",
            "unknown content-type",
        ),
        ("path", post("/v2/traces", PROTO, b"x"), "404 Not Found", "/v2/traces"),
        (
            "method",
            b"GET /v1/traces HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_vec(),
            "405 Method Not Allowed",
            "allow: POST",
        ),
        (
            "inflated",
            post("/v1/traces", &with(PROTO, "content-encoding: gzip"), &gzip(&vec![0; LIMIT + 1])),
            "413 Payload Too Large",
            "",
        ),
    ];
    for (name, request, status, contains) in rows {
        let answer = raw(up.http(), &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")) && answer.contains(contains), "{name}: {answer}");
        assert_eq!(answer.contains("retry-after"), name == "full", "{name}: {answer}");
    }
    assert_eq!(up.counts(Transport::Http), (1, 1, 7));
    up.shut.store(true, Ordering::Release);
    let full = raw(up.http(), &post("/v1/traces", PROTO, b"x")).await;
    assert!(full.starts_with("HTTP/1.1 503 ") && full.contains("retry-after: "), "{full}");
    up.ledger.ready.store(false, Ordering::Release);
    let stopping = raw(up.http(), &post("/v1/traces", PROTO, b"x")).await;
    assert!(stopping.starts_with("HTTP/1.1 503 ") && stopping.contains("shutting down"), "{stopping}");
    assert_eq!(up.counts(Transport::Http), (1, 3, 7));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_ended() {
    let patience = Patience { pace: Pace { stall: Duration::from_millis(50), rate: 1, total: None }, ..PATIENCE };
    let up = up_with(&config(), IN_FLIGHT, patience).await;
    let request = format!("POST /v1/traces HTTP/1.1\r\nhost: x\r\n{PROTO}content-length: 10\r\n\r\nabc");
    let answer = raw(up.http(), request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
}

#[tokio::test]
async fn a_refusal_comes_before_the_body_and_the_connection_goes_on() {
    let up = up().await;
    up.shut.store(true, Ordering::Release);
    let mut stream = TcpStream::connect(up.http()).await.unwrap();
    let head = format!("POST /v1/traces HTTP/1.1\r\nhost: x\r\n{PROTO}content-length: 500000\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 503");
    // The client, which was writing all the while, can read the reply and use the connection again.
    stream.write_all(&vec![0; 500_000]).await.unwrap();
    up.shut.store(false, Ordering::Release);
    stream.write_all(&post("/v1/traces", PROTO, b"next")).await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    let rest = String::from_utf8_lossy(&rest);
    assert!(rest.contains("HTTP/1.1 200 OK"), "{rest}");
    assert_eq!(up.taken(), [b"next"]);
}

#[tokio::test]
async fn replies_are_in_the_format_of_the_request() {
    let up = up().await;
    let ok = raw(up.http(), &post("/v1/traces", JSON, b"{\"resourceSpans\":[]}")).await;
    assert!(ok.starts_with("HTTP/1.1 200 ") && ok.ends_with("\r\n\r\n{}"), "{ok}");
    let bad = raw(up.http(), &post("/v1/traces", JSON, b"{\"resourceSpans\":[")).await;
    assert!(bad.starts_with("HTTP/1.1 400 ") && bad.contains("{\"code\":3,\"message\":\""), "{bad}");
    up.shut.store(true, Ordering::Release);
    let full = raw(up.http(), &post("/v1/traces", JSON, b"{}")).await;
    assert!(full.contains("\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"1."), "{full}");
    let full = raw(up.http(), &post("/v1/traces", PROTO, b"")).await;
    assert!(full.contains("\x08\x08\x12") && full.contains("google.rpc.RetryInfo"), "{full}");
}

#[tokio::test]
async fn partial_success_says_how_many_and_why() {
    let up = up().await;
    let proto = raw(up.http(), &post("/v1/traces", PROTO, b"partial")).await;
    assert!(proto.ends_with("\x0a\x12\x08\x02\x12\x0emalformed span"), "{proto:?}");
    let json = reply::http(
        &outcome::Outcome::Accepted { refused: 2, reason: Some("a \"bad\" span".into()) },
        Signal::Traces,
        Some(door::Format::Json),
    );
    let body = http_body_util::BodyExt::collect(json.into_body()).await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let wanted = serde_json::json!({"partialSuccess": {"rejectedSpans": "2", "errorMessage": "a \"bad\" span"}});
    assert_eq!(body, wanted);
}

#[tokio::test]
async fn logs_and_metrics_in_json_are_passed_on_as_protobuf() {
    let up = up().await;
    let logs = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1544712660300000000","severityNumber":10,
        "body":{"stringValue":"hello"},"attributes":[{"key":"n","value":{"doubleValue":1.5}},{"key":"i","value":{"intValue":"7"}}]}]}]}]}"#;
    let metrics = br#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[
        {"asDouble":2.25,"timeUnixNano":"1544712660300000000"},{"asInt":"3","timeUnixNano":"1"}]}}]}]}]}"#;
    for (path, body) in [("/v1/logs", &logs[..]), ("/v1/metrics", metrics)] {
        let answer = raw(up.http(), &post(path, JSON, body)).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let passed = up.passed.lock().unwrap().clone();
    assert_eq!(passed.iter().map(|(signal, _)| *signal).collect::<Vec<_>>(), [Signal::Logs, Signal::Metrics]);
    let logs = ExportLogsServiceRequest::decode(passed[0].1.clone()).unwrap();
    let record = &logs.resource_logs[0].scope_logs[0].log_records[0];
    assert_eq!((record.time_unix_nano, record.attributes.len()), (1_544_712_660_300_000_000, 2));
    let metrics = ExportMetricsServiceRequest::decode(passed[1].1.clone()).unwrap();
    let Some(Data::Gauge(gauge)) = &metrics.resource_metrics[0].scope_metrics[0].metrics[0].data else { panic!() };
    let values: Vec<_> = gauge.data_points.iter().map(|point| point.value).collect();
    assert_eq!(values, [Some(Value::AsDouble(2.25)), Some(Value::AsInt(3))]);
}

#[tokio::test]
async fn json_of_logs_and_metrics_takes_memory_in_proportion_to_its_text() {
    let mut config = config();
    config.http.as_mut().unwrap().max_request_body_size = 20 << 20;
    let up = up_with(&config, 1 << 30, PATIENCE).await;
    for (path, open, close) in [
        ("/v1/logs", &b"{\"resourceLogs\":["[..], &b"{}]}"[..]),
        (
            "/v1/metrics",
            b"{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"gauge\":{\"dataPoints\":[",
            b"{}]}}]}]}]}",
        ),
    ] {
        let body = [open, &b"{},".repeat(2 << 20), close].concat();
        let answer = raw(up.http(), &post(path, &with(JSON, "content-encoding: gzip"), &gzip(&body))).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let passed = up.passed.lock().unwrap().clone();
    for (signal, request) in passed {
        // Two bytes an item, and the lengths around them.
        assert!(request.len() < (4 << 20) + 64, "{signal:?}: {}", request.len());
    }
}

#[tokio::test]
async fn protobuf_of_logs_and_metrics_that_is_none_is_refused() {
    let up = up().await;
    for (path, name) in [("/v1/logs", "ExportLogsServiceRequest"), ("/v1/metrics", "ExportMetricsServiceRequest")] {
        let answer = raw(up.http(), &post(path, PROTO, b"abc")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains(&format!("not an {name}: message ends inside a field at byte 1")), "{answer}");
    }
    assert!(up.passed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn browsers_are_told_what_they_may_send() {
    let mut config = config();
    config.http.as_mut().unwrap().cors = Some(config::Cors {
        allowed_origins: vec!["https://*.example.com".into()],
        allowed_headers: vec!["X-Token".into()],
        max_age: Some(600),
    });
    let up = up_with(&config, IN_FLIGHT, PATIENCE).await;
    let preflight = |origin: &str, headers: &str| {
        format!(
            "OPTIONS /v1/traces HTTP/1.1\r\nhost: x\r\nconnection: close\r\norigin: {origin}\r\naccess-control-request-method: POST\r\naccess-control-request-headers: {headers}\r\n\r\n"
        )
    };
    let allowed = raw(up.http(), preflight("https://app.example.com", "content-type,x-token").as_bytes()).await;
    for line in [
        "HTTP/1.1 204 No Content",
        "access-control-allow-origin: https://app.example.com",
        "access-control-allow-credentials: true",
        "access-control-allow-methods: POST",
        "access-control-allow-headers: content-type,x-token",
        "access-control-max-age: 600",
    ] {
        assert!(allowed.contains(&format!("{line}\r\n")), "{line} in {allowed}");
    }
    for refused in [preflight("https://evil.com", "content-type"), preflight("https://app.example.com", "x-other")] {
        let answer = raw(up.http(), refused.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 204 ") && !answer.contains("access-control-allow"), "{answer}");
    }
    let origin = with(PROTO, "origin: https://app.example.com");
    let answer = raw(up.http(), &post("/v1/traces", &origin, b"x")).await;
    assert!(answer.contains("access-control-allow-origin: https://app.example.com\r\n"), "{answer}");
    let plain = raw(up.http(), b"OPTIONS /v1/traces HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(plain.starts_with("HTTP/1.1 405 "), "{plain}");
}

#[tokio::test]
async fn what_is_cut_short_is_never_taken() {
    let up = up().await;
    let whole = post("/v1/traces", PROTO, b"0123456789");
    for cut in 0..whole.len() {
        let mut stream = TcpStream::connect(up.http()).await.unwrap();
        stream.write_all(&whole[..cut]).await.unwrap();
        stream.shutdown().await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    assert_eq!((up.taken().len(), up.in_flight(Transport::Http)), (0, 0));
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_in_an_answer_that_the_client_can_read() {
    let up = up().await;
    for size in [LIMIT + 1, LIMIT * 2] {
        let answer = raw(up.http(), &post("/v1/traces", PROTO, &vec![0; size])).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{size}: {answer}");
    }
    // What comes beyond that is not read for ever.
    let mut stream = TcpStream::connect(up.http()).await.unwrap();
    let head = format!("POST /v1/traces HTTP/1.1\r\nhost: x\r\n{PROTO}content-length: 1000000000\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut sent = 0;
    while sent < 16 * LIMIT && stream.write_all(&vec![0; LIMIT]).await.is_ok() {
        sent += LIMIT;
    }
    assert!(sent < 16 * LIMIT);
}
