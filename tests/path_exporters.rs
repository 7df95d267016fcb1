//! What is kept is delivered to every exporter, whatever becomes of its neighbours, and what could not be is counted.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as Request;
use support::backend::{self, Answer, Backend};
use support::metrics::Metrics;
use support::spans::{Made, request, span, text};
use support::{client, recordings, sieve};

const ONCE: &str = ", retry_on_failure: {enabled: false}";
const SHORTLY: &str = ", retry_on_failure: {initial_interval: 20ms, max_interval: 20ms, max_elapsed_time: 100ms}";
const FOR_EVER: &str = ", retry_on_failure: {initial_interval: 20ms, max_interval: 20ms, max_elapsed_time: 0s}";

/// The recorded sessions of three traces: their requests, and how many spans there are in them.
fn recorded() -> (Vec<Request>, u64) {
    let scenarios = recordings::named("session3");
    let spans = scenarios.iter().map(|scenario| scenario.spans() as u64).sum();
    (scenarios.iter().flat_map(|scenario| scenario.decoded()).collect(), spans)
}

/// Sends requests by OTLP/gRPC.
async fn send(sieve: &sieve::Sieve, requests: &[Request]) {
    let client = client::grpc(sieve.grpc).await;
    for request in requests {
        client.traces(request).await.accepted();
    }
}

/// A conversation of one trace, which is held for as long as nothing else is said: two spans.
fn held() -> Request {
    let root = span("held", "root").with("session.id", "held");
    request(vec![root, span("held", "call").under("held", "root")])
}

fn count(metrics: &Metrics, what: &str, exporter: &str) -> u64 {
    metrics.count(&format!("ledger_exporter_{what}_spans"), &[("exporter", exporter)])
}

/// The spans that a backend has, each once.
fn ids(backend: &Backend) -> BTreeSet<(Vec<u8>, Vec<u8>)> {
    let spans = backend.spans();
    let ids: BTreeSet<_> = spans.iter().map(|span| (span.span.trace_id.clone(), span.span.span_id.clone())).collect();
    assert_eq!(ids.len(), spans.len(), "each span comes once");
    ids
}

#[tokio::test]
async fn a_dead_exporter_costs_its_neighbour_nothing_and_its_loss_is_counted() {
    let live = backend::start().await;
    let (dead, _nobody) = backend::dead();
    let sieve = sieve::new()
        .exporter("otlp_grpc/live", &live)
        .exporter_with("otlp_grpc/dead", dead, ONCE)
        .exporter_with("otlp_http/gone", dead, SHORTLY)
        .run()
        .await;
    let (requests, sent) = recorded();
    send(&sieve, &requests).await;
    let settled = |now: &Metrics| {
        let failed = |name| count(now, "routed", name) == sent && count(now, "failed", name) == sent;
        failed("otlp_grpc/dead") && failed("otlp_http/gone") && count(now, "sent", "otlp_grpc/live") == sent
    };
    let metrics = sieve.scrape_when("all is delivered or given up", settled).await;
    assert_eq!((metrics.ledger().kept, count(&metrics, "failed", "otlp_grpc/live")), (sent, 0));

    send(&sieve, &[held()]).await;
    let stopped = sieve.stop().await;
    assert_eq!(ids(&live).len() as u64, sent + 2);
    assert_eq!(stopped.code, Some(3), "what the stop could not deliver is told: {stopped}");
    assert_eq!(stopped.logged("stopped")[0]["undelivered_spans"].to_string(), "4", "two spans, two exporters");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_dead_exporter_beyond_its_time() {
    let live = backend::start().await;
    let (dead, _nobody) = backend::dead();
    let sieve = sieve::new()
        .with("service: {shutdown_timeout: 1s}")
        .exporter("otlp_http/live", &live)
        .exporter_with("otlp_http/dead", dead, FOR_EVER)
        .run()
        .await;
    let (requests, sent) = recorded();
    send(&sieve, &requests).await;
    sieve.scrape_when("all is under way", |now| count(now, "queued", "otlp_http/dead") == sent).await;
    let start = Instant::now();
    let stopped = sieve.stop().await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!((stopped.code, ids(&live).len() as u64), (Some(3), sent), "{stopped}");
    assert_eq!(stopped.logged("stopped")[0]["undelivered_spans"].to_string(), sent.to_string());
}

#[tokio::test]
async fn every_exporter_gets_every_kept_session() {
    let backends = [backend::start().await, backend::start().await, backend::start().await];
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("kept.jsonl");
    let names = ["otlp_grpc/a", "otlp_grpc/b", "otlp_http/c"];
    let mut builder = sieve::new().with(format!("exporters: {{file/kept: {{path: '{}'}}}}", path.display()));
    for (name, backend) in names.iter().zip(&backends) {
        builder = builder.exporter(name, backend);
    }
    let sieve = builder.run().await;
    let (requests, sent) = recorded();
    send(&sieve, &requests).await;
    let all = |now: &Metrics| names.iter().chain(&["file/kept"]).all(|name| count(now, "sent", name) == sent);
    sieve.scrape_when("all have all", all).await;
    let stopped = sieve.stop().await;
    assert_eq!(stopped.code, Some(0), "{stopped}");
    let [first, others @ ..] = backends.each_ref().map(ids);
    assert_eq!(first.len() as u64, sent);
    assert!(others.iter().all(|other| *other == first));
    let file = std::fs::read_to_string(&path).unwrap();
    let lines = file.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let spans = lines.map(|line| line.to_string().matches("\"traceId\"").count() as u64).sum::<u64>();
    assert_eq!(spans, sent, "no recorded span has links");
}

#[tokio::test]
async fn a_session_larger_than_a_message_goes_out_in_several() {
    let [grpc, http] = [backend::start().await, backend::start().await];
    let small = ", sending_queue: {batch: {max_size: 64KiB}}";
    let sieve = sieve::new()
        .exporter_with("otlp_grpc/a", grpc.address, small)
        .exporter_with("otlp_http/b", http.address, small)
        .run()
        .await;
    let filler = "x".repeat(2000);
    let call = |number| span("large", &format!("call {number}")).under("large", "root").with("filler", filler.as_str());
    let spans = (0..300).map(call).chain([span("large", "root")]).collect();
    client::http(sieve.http).await.traces(&request(spans)).await.accepted();
    for (backend, path) in [(&grpc, "TraceService/Export"), (&http, "/v1/traces")] {
        backend.received(301).await;
        let sizes: Vec<_> = backend.requests(path).iter().map(|request| request.message.len()).collect();
        assert!(sizes.len() >= 10 && sizes.iter().all(|size| *size <= 64 << 10), "{sizes:?}");
        assert_eq!(ids(backend).len(), 301);
    }
    assert_eq!(sieve.stop().await.code, Some(0));
}

#[tokio::test]
async fn what_a_backend_refuses_for_now_is_sent_again_and_what_it_refuses_for_good_is_not() {
    let backends = [backend::start().await, backend::start().await, backend::start().await];
    let [busy, strict, stuck] = &backends;
    busy.answers(Answer::Unavailable);
    strict.answers(Answer::Refuse);
    stuck.answers(Answer::Hang);
    let sieve = sieve::new()
        .exporter_with("otlp_grpc/busy", busy.address, FOR_EVER)
        .exporter_with("otlp_http/strict", strict.address, FOR_EVER)
        .exporter_with("otlp_http/stuck", stuck.address, &format!("{FOR_EVER}, timeout: 200ms"))
        .run()
        .await;
    let spans = vec![span("one", "root"), span("one", "call").under("one", "root")];
    send(&sieve, &[request(spans)]).await;
    let tried =
        |now: &Metrics| count(now, "failed", "otlp_http/strict") == 2 && busy.refused() > 2 && stuck.refused() > 1;
    let metrics = sieve.scrape_when("all have tried", tried).await;
    assert_eq!((count(&metrics, "queued", "otlp_grpc/busy"), count(&metrics, "queued", "otlp_http/stuck")), (2, 2));
    assert!(metrics.count("exporter_retries", &[("exporter", "otlp_grpc/busy")]) >= 2);
    assert_eq!(metrics.count("exporter_retries", &[("exporter", "otlp_http/strict")]), 0);
    backends.iter().for_each(|backend| backend.answers(Answer::Take));
    busy.received(2).await;
    stuck.received(2).await;
    let stopped = sieve.stop().await;
    assert_eq!(stopped.code, Some(0), "what failed before the stop was told then: {stopped}");
    assert_eq!([ids(busy).len(), ids(strict).len(), ids(stuck).len()], [2, 0, 2]);
    assert_eq!(strict.refused(), 1);
}

#[tokio::test]
async fn a_stop_judges_what_is_held_and_delivers_it() {
    let [grpc, http] = [backend::start().await, backend::start().await];
    grpc.answers(Answer::Late(Duration::from_millis(500)));
    http.answers(Answer::Late(Duration::from_millis(500)));
    let sieve = sieve::new()
        .with("sessions: {settle: 1h, idle_timeout: 1h, trace_timeout: 1h, shards: 4}")
        .exporter("otlp_grpc/a", &grpc)
        .exporter("otlp_http/b", &http)
        .run()
        .await;
    let (requests, sent) = recorded();
    send(&sieve, &requests).await;
    let ledger = sieve.scrape_when("all arrived", |now| now.ledger().held == sent).await.ledger();
    assert_eq!((ledger.received, ledger.kept), (sent, 0));
    let stopped = sieve.stop().await;
    assert_eq!(stopped.code, Some(0), "{stopped}");
    assert_eq!((ids(&grpc).len() as u64, ids(&http).len() as u64), (sent, sent));
    let spans = grpc.spans();
    let reasons: Vec<_> = spans.iter().filter_map(|span| text(&span.span, "tailsieve.decision.reason")).collect();
    let traces = |scenario: &recordings::Scenario| scenario.label["traces"].as_u64().unwrap();
    let turns: u64 = recordings::named("session3").iter().map(traces).sum();
    assert_eq!(reasons.len() as u64, turns, "one a turn");
    assert!(reasons.iter().all(|reason| *reason == "shutdown"), "{reasons:?}");
}
