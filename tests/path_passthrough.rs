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
