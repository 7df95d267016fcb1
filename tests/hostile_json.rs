//! JSON that is no request: each is answered with where it goes wrong and why.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]
#![allow(clippy::print_stdout, reason = "figures are worth a look")]

mod hostile;
mod process;
mod support;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use support::client::{self, Encoding, JSON};
use support::spans::{request, span};

use hostile::refused_http;
use process::{MIB, Watch, resident};

/// A request whose span has this at its end.
fn with(member: &str) -> String {
    let ids = r#""traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"json""#;
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},{member}}}]}}]}}]}}"#)
}

#[tokio::test]
async fn json_of_the_wrong_shape_is_told_what_is_wrong() {
    let victim = hostile::start().await;
    let mut http = client::http(victim.sieve.http).await;
    let attribute = |value: &str| with(&format!(r#""attributes":[{{"key":"k","value":{value}}}]"#));
    let nested = |depth: usize| {
        let (open, close) = (r#"{"arrayValue":{"values":["#.repeat(depth), "]}}".repeat(depth));
        attribute(&format!("{open}{close}"))
    };
    let wrong: Vec<(String, &str)> = vec![
        ("".into(), "text ends"),
        ("null".into(), "object"),
        ("[]".into(), "object"),
        ("7".into(), "object"),
        ("{".into(), "expected"),
        ("{}{}".into(), "behind the document"),
        (r#"{"resourceSpans":7}"#.into(), "array"),
        (r#"{"resourceSpans":{}}"#.into(), "array"),
        (r#"{"resourceSpans":[7]}"#.into(), "object"),
        (r#"{"resourceSpans":[{"scopeSpans":"x"}]}"#.into(), "array"),
        (with(r#""attributes":5"#), "array"),
        (with(r#""attributes":[5]"#), "object"),
        (with(r#""name":5"#), "string"),
        (with(r#""name":["a"]"#), "string"),
        (with(r#""kind":"SPAN_KIND_NONSENSE""#), "SPAN_KIND_NONSENSE"),
        (with(r#""startTimeUnixNano":"1e400""#), "number"),
        (with(r#""startTimeUnixNano":18446744073709551616"#), "out of range"),
        (with(r#""startTimeUnixNano":-1"#), "out of range"),
        (with(r#""startTimeUnixNano":1.5"#), "whole number"),
        (with(&format!(r#""startTimeUnixNano":{}"#, "9".repeat(100_000))), "out of range"),
        (with(r#""startTimeUnixNano":[1]"#), "number"),
        (with(r#""flags":"12x""#), "number"),
        (with(r#""traceId":17"#), "string"),
        (attribute(r#"{"intValue":"9223372036854775808"}"#), "out of range"),
        (attribute(r#"{"boolValue":"yes"}"#), "boolean"),
        (attribute(r#"{"doubleValue":"much"}"#), "number"),
        (attribute(r#"{"bytesValue":"!"}"#), "base64"),
        (with("\"status\":{\"message\":\"a\nb\"}"), "control character"),
        (with(r#""status":{"message":"\q"}"#), "escape"),
        (with(r#""status":{"message":"\u12"}"#), "hex"),
        (with(r#""status":{"message":"never ends"#), "text ends"),
        (nested(200), "deep"),
        (nested(10_000), "deep"),
        ("[".repeat(1 << 20), "object"),
        (format!(r#"{{"unknown":{}"#, "[".repeat(1 << 20)), "deep"),
        (format!(r#"{{"unknown":{}"#, r#"{"a":"#.repeat(1 << 18)), "deep"),
    ];
    for (body, says) in &wrong {
        let what: String = body.chars().take(200).collect();
        let reply = http.export("/v1/traces", JSON, body.as_bytes(), Encoding::Plain).await;
        refused_http(&what, &reply, 400, says);
        assert_eq!(reply.headers["content-type"], JSON);
        let status: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(status["code"], 3, "{what}: {status}");
    }
    // What is wrong with ids is wrong with their spans alone.
    for (member, says) in [(r#""traceId":"xyz""#, "trace_id has"), (r#""spanId":"eee19b7ec3c1b17""#, "span_id has")] {
        let reply = http.export("/v1/traces", JSON, with(member).as_bytes(), Encoding::Plain).await;
        refused_http(member, &reply, 200, says);
        assert!(String::from_utf8_lossy(&reply.body).contains(r#""rejectedSpans":"1""#), "{reply:?}");
    }
    let not_utf8 = [with(r#""status":{"message":"""#).as_bytes(), b"\xff"].concat();
    refused_http("bytes", &http.export("/v1/traces", JSON, &not_utf8, Encoding::Plain).await, 400, "");
    victim.stays_well().await;
}

#[tokio::test]
async fn json_that_is_odd_but_allowed_is_taken() {
    let victim = hostile::start().await;
    let mut http = client::http(victim.sieve.http).await;
    let odd = [
        "{}".to_owned(),
        " \t\r\n{ } ".into(),
        r#"{"resourceSpans":null}"#.into(),
        r#"{"resourceSpans":[],"resourceSpans":[]}"#.into(),
        r#"{"unknown":{"of":["any",{"shape":1e999}]}}"#.into(),
        with(r#""name":"first","name":"second""#),
        with(r#""startTimeUnixNano":"7","endTimeUnixNano":1e3"#),
    ];
    for body in &odd {
        let reply = http.export("/v1/traces", JSON, body.as_bytes(), Encoding::Plain).await;
        reply.accepted();
    }
    let taken = victim.backend.spans_when("they come", |spans| spans.len() >= 3).await;
    assert!(taken.iter().any(|span| span.span.name == "second"));
    victim.stays_well().await;
}

#[tokio::test]
async fn json_cut_anywhere_or_with_any_byte_changed_does_no_harm() {
    let victim = hostile::start().await;
    let mut http = client::http(victim.sieve.http).await;
    let request: ExportTraceServiceRequest = request(vec![span("j", "root")]);
    let text = serde_json::to_vec(&request).unwrap();
    for cut in 0..text.len() {
        let reply = http.export("/v1/traces", JSON, &text[..cut], Encoding::Plain).await;
        refused_http(&format!("cut at {cut}"), &reply, 400, "");
    }
    for at in 0..text.len() {
        let mut changed = text.clone();
        changed[at] ^= 0x15;
        let reply = http.export("/v1/traces", JSON, &changed, Encoding::Plain).await;
        assert!(reply.status == 200 || reply.status == 400, "{at}: {reply:?}");
    }
    victim.stays_well().await;
}

#[tokio::test]
async fn json_of_logs_and_metrics_is_told_what_is_wrong_and_takes_no_more_memory_than_its_text() {
    let victim = hostile::start_with("passthrough: {logs: [otlp_grpc/a], metrics: [otlp_grpc/a]}").await;
    let mut http = client::http(victim.sieve.http).await;
    let log = |member: &str| format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{{member}}}]}}]}}]}}"#);
    let metric = |member: &str| format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{{member}}}]}}]}}]}}"#);
    let (open, close) = (r#"{"arrayValue":{"values":["#.repeat(10_000), "]}}".repeat(10_000));
    for (path, body, says) in [
        ("/v1/logs", String::new(), "text ends"),
        ("/v1/logs", r#"{"resourceLogs":{}}"#.into(), "array"),
        ("/v1/logs", log(r#""body":"text""#), "object"),
        ("/v1/logs", log(r#""severityNumber":"NONSENSE""#), "NONSENSE"),
        ("/v1/logs", log(r#""traceId":"xyz""#), "hex"),
        ("/v1/logs", log(&format!(r#""body":{open}{close}"#)), "deep"),
        ("/v1/metrics", metric(r#""sum":{"isMonotonic":"true"}"#), "boolean"),
        ("/v1/metrics", metric(r#""gauge":{"dataPoints":[{"asInt":1.5}]}"#), "whole number"),
        ("/v1/metrics", metric(r#""histogram":{"dataPoints":[{"bucketCounts":["x"]}]}"#), "number"),
        ("/v1/metrics", format!(r#"{{"unknown":{}"#, "[".repeat(1 << 20)), "deep"),
    ] {
        let what: String = body.chars().take(200).collect();
        refused_http(&what, &http.export(path, JSON, body.as_bytes(), Encoding::Plain).await, 400, says);
    }
    // A few KiB that inflate to megabytes of the smallest items that there are. As messages in memory they would be a
    // hundred bytes each.
    let items = "{},".repeat(1 << 20);
    let (before, watch) = (resident(victim.sieve.pid()).unwrap(), Watch::start(victim.sieve.pid()));
    for (path, body) in [
        ("/v1/logs", log(&format!(r#""attributes":[{items}{{}}],"body":5"#))),
        ("/v1/metrics", metric(&format!(r#""gauge":{{"dataPoints":[{items}{{}}]}},"sum":5"#))),
    ] {
        refused_http(path, &http.export(path, JSON, body.as_bytes(), Encoding::Gzip).await, 400, "expected an object");
    }
    let most = watch.stop().bytes;
    assert!(most < before + 32 * MIB, "{} MiB before, {} MiB at most", before / MIB, most / MIB);
    victim.stays_well().await;
}
