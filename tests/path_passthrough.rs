//! Logs and metrics go to the exporters that are named for them, as the bytes that they came in.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]

mod support;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics};
use prost::Message;
use support::backend::{self, Answer};
use support::client::{Encoding, JSON, LOGS, METRICS, PROTOBUF};
use support::{client, eventually, sieve};

/// A field that this version of OTLP does not have, behind the request.
const UNKNOWN: [u8; 5] = [0x9a, 0x3f, 2, b'h', b'i'];

fn logs(text: &str) -> ExportLogsServiceRequest {
    let body = Some(AnyValue { value: Some(Value::StringValue(text.into())) });
    let log_records = vec![LogRecord { body, time_unix_nano: 7, ..LogRecord::default() }];
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }
}

fn metrics(name: &str) -> ExportMetricsServiceRequest {
    let data_points = vec![NumberDataPoint { time_unix_nano: 7, ..NumberDataPoint::default() }];
    let data = Some(Data::Gauge(Gauge { data_points }));
    let metrics = vec![Metric { name: name.into(), data, ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics: vec![ResourceMetrics { scope_metrics, ..Default::default() }] }
}

fn odd(message: &impl Message) -> Bytes {
    [message.encode_to_vec(), UNKNOWN.to_vec()].concat().into()
}

#[tokio::test]
async fn logs_and_metrics_go_out_as_the_bytes_that_they_came_in() {
    let [both, only_logs, neither] = [backend::start().await, backend::start().await, backend::start().await];
    let sieve = sieve::new()
        .exporter("otlp_grpc/both", &both)
        .exporter("otlp_http/logs", &only_logs)
        .exporter("otlp_http/neither", &neither)
        .with("passthrough: {logs: [otlp_grpc/both, otlp_http/logs], metrics: [otlp_grpc/both]}")
        .run()
        .await;
    let (grpc, mut http) = (client::grpc(sieve.grpc).await, client::http(sieve.http).await);
    let encodings = [Encoding::Plain, Encoding::Gzip, Encoding::Zstd];
    let (mut sent_logs, mut sent_metrics) = (Vec::new(), Vec::new());
    for (number, encoding) in encodings.into_iter().enumerate() {
        let log = |way| odd(&logs(&format!("{way} {number} {}", "x".repeat(5000))));
        let metric = |way| odd(&metrics(&format!("{way} {number}")));
        assert_eq!(grpc.export(LOGS, &log("grpc"), encoding).await.code, tonic::Code::Ok);
        assert_eq!(http.export("/v1/logs", PROTOBUF, &log("http"), encoding).await.status, 200);
        assert_eq!(grpc.export(METRICS, &metric("grpc"), encoding).await.code, tonic::Code::Ok);
        assert_eq!(http.export("/v1/metrics", PROTOBUF, &metric("http"), encoding).await.status, 200);
        sent_logs.extend([log("grpc"), log("http")]);
        sent_metrics.extend([metric("grpc"), metric("http")]);
    }
    let stopped = sieve.stop().await;
    assert_eq!(stopped.code, Some(0), "{stopped}");
    sent_logs.sort();
    sent_metrics.sort();
    let taken = |backend: &backend::Backend, path| {
        let mut messages: Vec<_> = backend.requests(path).into_iter().map(|taken| taken.message).collect();
        messages.sort();
        messages
    };
    assert_eq!(taken(&both, LOGS), sent_logs);
    assert_eq!(taken(&both, METRICS), sent_metrics);
    assert_eq!(taken(&only_logs, "/v1/logs"), sent_logs);
    assert_eq!((both.requests("").len(), only_logs.requests("").len(), neither.requests("").len()), (12, 6, 0));
}

#[tokio::test]
async fn logs_and_metrics_in_json_go_out_as_protobuf() {
    let backend = backend::start().await;
    let names = "passthrough: {logs: [otlp_http/a], metrics: [otlp_http/a]}";
    let sieve = sieve::new().exporter("otlp_http/a", &backend).with(names).run().await;
    let mut http = client::http(sieve.http).await;
    let (log, metric) = (logs("in json"), metrics("in.json"));
    let reply = http.export("/v1/logs", JSON, &serde_json::to_vec(&log).unwrap(), Encoding::Plain).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let reply = http.export("/v1/metrics", JSON, &serde_json::to_vec(&metric).unwrap(), Encoding::Gzip).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(sieve.stop().await.code, Some(0));
    let message = |path| backend.requests(path)[0].message.clone();
    assert_eq!(ExportLogsServiceRequest::decode(message("/v1/logs")).unwrap(), log);
    assert_eq!(ExportMetricsServiceRequest::decode(message("/v1/metrics")).unwrap(), metric);
}

#[tokio::test]
async fn metrics_in_json_keep_their_data_in_every_form_that_it_may_have() {
    let backend = backend::start().await;
    let sieve =
        sieve::new().exporter("otlp_http/a", &backend).with("passthrough: {metrics: [otlp_http/a]}").run().await;
    let mut http = client::http(sieve.http).await;
    let sum = r#""sum":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE","isMonotonic":true,"dataPoints":[
        {"exemplars":null,"asDouble":"NaN","attributes":[{"key":"k","value":{"arrayValue":{}}}]}]}"#;
    let exponential =
        r#""exponentialHistogram":{"dataPoints":[{"scale":"3","sum":0,"positive":{"bucketCounts":[1,"2"]}}]}"#;
    let in_metric = |data: &str| format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{{data}}}]}}]}}]}}"#);
    for data in [sum, exponential] {
        let reply = http.export("/v1/metrics", JSON, in_metric(data).as_bytes(), Encoding::Plain).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let not_boolean = in_metric(r#""sum":{"isMonotonic":"true","dataPoints":[{"asInt":"1"}]}"#);
    let reply = http.export("/v1/metrics", JSON, not_boolean.as_bytes(), Encoding::Plain).await;
    let told = String::from_utf8_lossy(&reply.body);
    assert_eq!(reply.status, 400, "{told}");
    assert!(told.contains("sum.isMonotonic: expected a boolean, found a string"), "{told}");
    assert_eq!(sieve.stop().await.code, Some(0));
    let taken = backend.requests("/v1/metrics").into_iter().map(|taken| {
        let request = ExportMetricsServiceRequest::decode(taken.message).unwrap();
        request.resource_metrics[0].scope_metrics[0].metrics[0].data.clone().expect("the data is there")
    });
    let mut taken: Vec<Data> = taken.collect();
    taken.sort_by_key(|data| matches!(data, Data::ExponentialHistogram(_)));
    let [Data::Sum(sum), Data::ExponentialHistogram(histogram)] = &taken[..] else { panic!("{taken:?}") };
    assert_eq!((sum.aggregation_temporality, sum.is_monotonic), (2, true));
    assert!(matches!(sum.data_points[0].value, Some(Number::AsDouble(number)) if number.is_nan()));
    let point = &histogram.data_points[0];
    assert_eq!((point.scale, point.sum, point.min), (3, Some(0.0), None));
    assert_eq!(point.positive.as_ref().unwrap().bucket_counts, [1, 2]);
}

#[tokio::test]
async fn logs_in_json_are_taken_in_every_form_that_they_may_have() {
    let backend = backend::start().await;
    let sieve = sieve::new().exporter("otlp_http/a", &backend).with("passthrough: {logs: [otlp_http/a]}").run().await;
    let mut http = client::http(sieve.http).await;
    let record =
        r#"{"severity_number":"SEVERITY_NUMBER_WARN","timeUnixNano":7,"attributes":null,"body":{"arrayValue":{}}}"#;
    let json = format!(r#"{{"resourceLogs":[{{"resource":null,"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}"#);
    let reply = http.export("/v1/logs", JSON, json.as_bytes(), Encoding::Plain).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(sieve.stop().await.code, Some(0));
    let taken = ExportLogsServiceRequest::decode(backend.requests("/v1/logs")[0].message.clone()).unwrap();
    let record = &taken.resource_logs[0].scope_logs[0].log_records[0];
    assert_eq!((record.severity_number, record.time_unix_nano), (13, 7));
    assert!(matches!(record.body.as_ref().unwrap().value, Some(Value::ArrayValue(_))));
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_not_passed_on() {
    let backend = backend::start().await;
    let names = "passthrough: {logs: [otlp_grpc/a], metrics: [otlp_grpc/a]}";
    let sieve = sieve::new().exporter("otlp_grpc/a", &backend).with(names).run().await;
    let (grpc, mut http) = (client::grpc(sieve.grpc).await, client::http(sieve.http).await);
    for (method, path, name) in
        [(LOGS, "/v1/logs", "ExportLogsServiceRequest"), (METRICS, "/v1/metrics", "ExportMetricsServiceRequest")]
    {
        let told = format!("not an {name}: message ends inside a field at byte 1");
        for encoding in [Encoding::Plain, Encoding::Gzip] {
            let reply = grpc.export(method, b"abc", encoding).await;
            assert_eq!((reply.code, reply.message.as_str()), (tonic::Code::InvalidArgument, told.as_str()));
            let reply = http.export(path, PROTOBUF, b"abc", encoding).await;
            assert_eq!(reply.status, 400, "{reply:?}");
            assert!(String::from_utf8_lossy(&reply.body).contains(&told), "{reply:?}");
        }
    }
    assert_eq!(sieve.stop().await.code, Some(0));
    assert!(backend.requests("").is_empty());
}

#[tokio::test]
async fn a_signal_without_exporter_is_not_there() {
    let backend = backend::start().await;
    let names = "passthrough: {metrics: [otlp_grpc/a]}";
    let sieve = sieve::new().exporter("otlp_grpc/a", &backend).with(names).run().await;
    let (grpc, mut http) = (client::grpc(sieve.grpc).await, client::http(sieve.http).await);
    let log = logs("nowhere to go").encode_to_vec();
    assert_eq!(grpc.export(LOGS, &log, Encoding::Plain).await.code, tonic::Code::Unimplemented);
    assert_eq!(http.export("/v1/logs", PROTOBUF, &log, Encoding::Plain).await.status, 404);
    assert_eq!(grpc.export(METRICS, &metrics("m").encode_to_vec(), Encoding::Plain).await.code, tonic::Code::Ok);
    assert_eq!(sieve.stop().await.code, Some(0));
    assert_eq!(backend.requests("").len(), 1);
}

#[tokio::test]
async fn a_request_that_could_not_be_passed_on_is_told_at_the_stop() {
    let backend = backend::start().await;
    backend.answers(Answer::Unavailable);
    let settings = ", retry_on_failure: {initial_interval: 20ms, max_interval: 20ms, max_elapsed_time: 0s}";
    let sieve = sieve::new()
        .with("service: {shutdown_timeout: 1s}")
        .exporter_with("otlp_grpc/a", backend.address, settings)
        .with("passthrough: {logs: [otlp_grpc/a]}")
        .run()
        .await;
    let grpc = client::grpc(sieve.grpc).await;
    assert_eq!(grpc.export(LOGS, &odd(&logs("lost")), Encoding::Plain).await.code, tonic::Code::Ok);
    eventually("it is tried", async || (backend.refused() > 1).then_some(()), async || sieve.stderr()).await;
    let stopped = sieve.stop().await;
    assert_eq!(stopped.code, Some(3), "{stopped}");
}

#[tokio::test]
async fn a_request_that_was_refused_for_good_is_counted() {
    let backend = backend::start().await;
    backend.answers(Answer::Refuse);
    let sieve = sieve::new().exporter("otlp_grpc/a", &backend).with("passthrough: {logs: [otlp_grpc/a]}").run().await;
    let grpc = client::grpc(sieve.grpc).await;
    assert_eq!(grpc.export(LOGS, &odd(&logs("lost")), Encoding::Plain).await.code, tonic::Code::Ok);
    sieve.scrape_when("it is counted", |metrics| metrics.sum("exporter_failed_passthrough", &[]) == 1.0).await;
}
