//! All exporters together, against backends on the loopback.

pub(super) mod backend;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use self::backend::{Answer, Backend};
use super::*;
use crate::config::{
    ClientTls, Compression, Exporter, ExporterKind, OtlpExporter, Retry, Secret, SendingQueue, SignalEndpoints,
};
use crate::observe::ledger::Spans;

/// A request with a span for each name.
pub(super) fn request(names: &[&str]) -> Vec<u8> {
    let value = |value| Some(AnyValue { value: Some(value) });
    let list = vec![value(any_value::Value::IntValue(1)).unwrap(), value(any_value::Value::BoolValue(true)).unwrap()];
    let attribute = |key: &str, value| KeyValue { key: key.into(), value, ..Default::default() };
    let spans = names.iter().map(|name| Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: (*name).into(),
        attributes: vec![
            attribute("model", value(any_value::Value::StringValue("m\x1b".into()))),
            attribute("list", value(any_value::Value::ArrayValue(ArrayValue { values: list.clone() }))),
        ],
        status: Some(Status { code: 2, message: String::new() }),
        ..Default::default()
    });
    let scope_spans = vec![ScopeSpans { spans: spans.collect(), ..Default::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..Default::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// The names of the spans in a request.
pub(super) fn names(request: &[u8]) -> Vec<String> {
    let request = ExportTraceServiceRequest::decode(request).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).map(|span| span.name).collect()
}

/// An exporter's settings, plain text and uncompressed.
pub(super) fn otlp(endpoint: &str) -> OtlpExporter {
    OtlpExporter {
        endpoint: endpoint.into(),
        signal_endpoints: SignalEndpoints::default(),
        tls: ClientTls { insecure: true, ..ClientTls::default() },
        headers: BTreeMap::from([("x-tenant".into(), Secret("gold".into()))]),
        compression: Compression::None,
        timeout: Duration::from_secs(10),
    }
}

/// Inflates by another implementation than ours.
pub(super) fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
    out
}

fn exporter(name: &str, kind: ExporterKind) -> Exporter {
    Exporter { name: name.into(), kind, queue: SendingQueue::default(), retry: Retry::default() }
}

fn parcel(name: &str) -> Parcel {
    Parcel { bytes: request(&[name]).into(), spans: 1, span_bytes: 100 }
}

fn start(config: &[Exporter]) -> Result<(Exporters, Ledger), StartError> {
    let ledger = Ledger::new(1, config.iter().map(|exporter| exporter.name.clone()));
    Ok((Exporters::start(config, &ledger, &Handle::current())?, ledger))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

#[tokio::test]
async fn every_exporter_gets_every_parcel_whatever_becomes_of_the_others() {
    let grpc = Backend::start(|_, _| Answer::grpc(b"")).await;
    let http = Backend::start(|_, _| Answer::http(200, b"")).await;
    let silent = Backend::start(|_, _| Answer { hangs: true, ..Answer::default() }).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kept.jsonl");
    let mut dead = exporter("otlp_grpc/dead", ExporterKind::OtlpGrpc(otlp("127.0.0.1:1")));
    dead.retry.enabled = false;
    let config = [
        dead,
        exporter("otlp_grpc/silent", ExporterKind::OtlpGrpc(otlp(&silent.address.to_string()))),
        exporter("otlp_grpc/tempo", ExporterKind::OtlpGrpc(otlp(&grpc.address.to_string()))),
        exporter("otlp_http", ExporterKind::OtlpHttp(otlp(&format!("http://{}/", http.address)))),
        exporter("file", ExporterKind::File { path: path.clone(), append: false, follow_symlinks: false }),
    ];
    let (exporters, ledger) = start(&config).unwrap();
    let expected: Vec<String> = (0..500).map(|number| format!("span {number}")).collect();
    let worker = {
        let (exporters, expected) = (exporters.clone(), expected.clone());
        std::thread::spawn(move || expected.iter().for_each(|name| exporters.send(&parcel(name), 100)))
    };
    worker.join().unwrap();
    grpc.wait(1).await;
    silent.wait(1).await;
    let left = exporters.stop(Instant::now() + Duration::from_secs(3)).await;
    assert_eq!(left.spans.spans, 500, "of the silent one alone");

    let sorted = |bodies: Vec<Vec<u8>>| {
        let mut names: Vec<String> = bodies.iter().flat_map(|body| names(body)).collect();
        names.sort_by_key(|name| name[5..].parse::<usize>().unwrap());
        names
    };
    assert_eq!(sorted(grpc.seen().iter().map(|seen| seen.body[5..].to_vec()).collect()), expected);
    assert_eq!(sorted(http.seen().iter().map(|seen| seen.body.to_vec()).collect()), expected);
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["resourceSpans"].as_array().unwrap().len()).sum::<usize>(), 500);

    let counts: Vec<_> = ledger.lanes.iter().map(|lane| lane.read()).collect();
    assert!(counts.iter().all(|counts| counts.balances() && counts.queued == Spans::default()), "{counts:?}");
    let failed: Vec<u64> = counts.iter().map(|counts| counts.failed.spans).collect();
    assert_eq!(failed, [500, 500, 0, 0, 0]);
}

#[tokio::test]
async fn whole_requests_pass_unchanged_to_the_named_exporters_only() {
    let named = Backend::start(|_, _| Answer::grpc(b"")).await;
    let other = Backend::start(|_, _| Answer::grpc(b"")).await;
    let config = [
        exporter("otlp_grpc/named", ExporterKind::OtlpGrpc(otlp(&named.address.to_string()))),
        exporter("otlp_grpc/other", ExporterKind::OtlpGrpc(otlp(&other.address.to_string()))),
    ];
    let (exporters, ledger) = start(&config).unwrap();
    let names = ["otlp_grpc/named".to_owned()];
    let accepted = Receipt::ALL;
    assert_eq!(exporters.pass(Signal::Logs, &names, Bytes::from_static(b"any bytes")), accepted);
    assert_eq!(exporters.pass(Signal::Metrics, &names, Bytes::from_static(b"more")), accepted);
    let nobody = exporters.pass(Signal::Logs, &["nobody".into()], Bytes::from_static(b"x"));
    assert_eq!(nobody, Receipt::Malformed("there is no exporter named nobody".into()));
    assert_eq!(exporters.clone().stop(soon()).await, Undelivered::default());

    let mut seen: Vec<(String, Bytes)> =
        named.seen().into_iter().map(|seen| (seen.path, seen.body.slice(5..))).collect();
    seen.sort();
    let path = |service| format!("/opentelemetry.proto.collector.{service}/Export");
    let expected =
        [(path("logs.v1.LogsService"), "any bytes".into()), (path("metrics.v1.MetricsService"), "more".into())];
    assert_eq!(seen, expected);
    assert!(other.seen().is_empty());
    assert_eq!(ledger.lanes[0].read().routed, Spans::default());
    assert_eq!(exporters.pass(Signal::Logs, &names, Bytes::from_static(b"late")), Receipt::Full);
}

#[tokio::test]
async fn a_full_queue_passes_nothing_and_shuts_the_door_where_that_was_asked_for() {
    let silent = Backend::start(|_, _| Answer { hangs: true, ..Answer::default() }).await;
    let mut config = [exporter("otlp_grpc", ExporterKind::OtlpGrpc(otlp(&silent.address.to_string())))];
    config[0].queue = SendingQueue { queue_size: 10, block_on_overflow: true, ..SendingQueue::default() };
    let (exporters, _) = start(&config).unwrap();
    let names = ["otlp_grpc".to_owned()];
    assert!(!exporters.is_shut());
    exporters.send(&parcel("a"), 1);
    assert!(exporters.is_shut());
    assert_eq!(exporters.queued_bytes(), request(&["a"]).len() as u64);
    assert_eq!(exporters.pass(Signal::Logs, &names, Bytes::from_static(b"1")), Receipt::Full);
}

#[tokio::test]
async fn what_is_larger_than_the_queue_is_taken_alone() {
    let silent = Backend::start(|_, _| Answer { hangs: true, ..Answer::default() }).await;
    let mut config = [exporter("otlp_grpc", ExporterKind::OtlpGrpc(otlp(&silent.address.to_string())))];
    config[0].queue = SendingQueue { queue_size: 10, ..SendingQueue::default() };
    let (exporters, ledger) = start(&config).unwrap();
    let names = ["otlp_grpc".to_owned()];
    let larger = Bytes::from_static(b"12345678901");
    assert_eq!(exporters.pass(Signal::Logs, &names, larger.clone()), Receipt::ALL);
    assert_eq!(exporters.pass(Signal::Logs, &names, larger), Receipt::Full);
    exporters.send(&parcel("a"), 1);
    let counts = ledger.lanes[0].read();
    assert_eq!((counts.overflowed.spans, counts.queued.spans), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_stop_a_full_queue_is_waited_for_while_something_goes_out_of_it() {
    let backend = Backend::start(|_, _| Answer::grpc(b"")).await;
    let mut config = [exporter("otlp_grpc", ExporterKind::OtlpGrpc(otlp(&backend.address.to_string())))];
    let size = request(&["a"]).len() as u64;
    config[0].queue = SendingQueue { queue_size: size, flush_timeout: Duration::ZERO, ..SendingQueue::default() };
    let (exporters, ledger) = start(&config).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    exporters.drain(deadline);
    let sending = exporters.clone();
    tokio::task::spawn_blocking(move || (0..50).for_each(|_| sending.send(&parcel("a"), 1))).await.unwrap();
    assert_eq!(exporters.stop(deadline).await, Undelivered::default());
    let counts = ledger.lanes[0].read();
    assert_eq!((counts.overflowed.spans, counts.sent.spans), (0, 50));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_larger_than_the_queue_goes_out_whole_at_the_backends_pace() {
    let backend = Backend::start(|_, _| Answer::grpc(b"")).await;
    let mut config = [exporter("otlp_grpc", ExporterKind::OtlpGrpc(otlp(&backend.address.to_string())))];
    let size = request(&["a"]).len() as u64;
    config[0].queue = SendingQueue { queue_size: size, flush_timeout: Duration::ZERO, ..SendingQueue::default() };
    let (exporters, ledger) = start(&config).unwrap();
    let sending = exporters.clone();
    let session = 50 * size;
    tokio::task::spawn_blocking(move || (0..50).for_each(|_| sending.send(&parcel("a"), session))).await.unwrap();
    assert_eq!(exporters.stop(soon()).await, Undelivered::default());
    let counts = ledger.lanes[0].read();
    assert_eq!((counts.overflowed.spans, counts.sent.spans), (0, 50));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_session_waits_once_for_a_backend_that_takes_nothing() {
    let silent = Backend::start(|_, _| Answer { hangs: true, ..Answer::default() }).await;
    let mut config = [exporter("otlp_grpc", ExporterKind::OtlpGrpc(otlp(&silent.address.to_string())))];
    config[0].queue = SendingQueue { queue_size: 10, ..SendingQueue::default() };
    let (exporters, ledger) = start(&config).unwrap();
    let (sending, started) = (exporters.clone(), Instant::now());
    tokio::task::spawn_blocking(move || (0..50).for_each(|_| sending.send(&parcel("a"), 1000))).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(10), "it waited for every parcel");
    assert_eq!(ledger.lanes[0].read().overflowed.spans, 49);
}

#[tokio::test]
async fn settings_that_are_no_good_are_errors_that_name_the_exporter_and_the_setting() {
    let tls = |tls: ClientTls| OtlpExporter { tls, ..otlp("https://localhost:4317") };
    let header = |name: &str, value: &str| {
        let headers = BTreeMap::from([(name.to_owned(), Secret(value.to_owned()))]);
        OtlpExporter { headers, ..otlp("localhost:4317") }
    };
    let file = |path: &str| Some(PathBuf::from(path));
    let cases = [
        (tls(ClientTls { ca_file: file("/no/ca.pem"), ..ClientTls::default() }), "tls.ca_file: /no/ca.pem"),
        (tls(ClientTls { ca_file: file("/dev/null"), ..ClientTls::default() }), "there is no certificate in it"),
        (tls(ClientTls { cert_file: file("/no/c.pem"), ..ClientTls::default() }), "tls.key_file is missing"),
        (tls(ClientTls { server_name_override: Some("a b".into()), ..ClientTls::default() }), "server_name_override"),
        (header("x y", "z"), "headers: \"x y\""),
        (header("x", "secret\n"), "headers.x"),
        (otlp("localhost:99999"), "endpoint"),
        (otlp("ftp://localhost"), "endpoint"),
        (otlp(""), "endpoint"),
        (otlp("localhost:4317/v1/traces"), "has a path"),
    ];
    for (config, expected) in cases {
        let error = start(&[exporter("otlp_grpc/x", ExporterKind::OtlpGrpc(config))]).err().unwrap().to_string();
        assert!(error.starts_with("exporters.otlp_grpc/x: ") && error.contains(expected), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let kind = ExporterKind::File { path: "/no/such/file".into(), append: true, follow_symlinks: false };
    let error = start(&[exporter("file/kept", kind)]).err().unwrap().to_string();
    assert!(error.starts_with("exporters.file/kept: path: /no/such/file"), "{error}");
}
