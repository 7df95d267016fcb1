//! The counts balance at every moment, and every verdict is counted by its rule, its decision and its reason.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use support::client::Encoding;
use support::metrics::Metrics;
use support::spans::{Made, int, request, span, text};
use support::{backend, client, eventually, sieve};

/// A turn of a conversation: a root and a call.
fn turn(conversation: &str, trace: &str) -> Vec<Span> {
    vec![
        span(trace, "root").with("session.id", conversation),
        span(trace, "call").under(trace, "root").with("filler", "x".repeat(300).as_str()),
    ]
}

#[tokio::test]
async fn a_rule_that_drops_beats_all_others_and_what_no_rule_matches_is_dropped() {
    let backend = backend::start().await;
    let rules = "sampling:
  rules:
    - {name: failed, when: session.failed}
    - {name: probes, when: 'session.root_name == \"GET /healthz\"', drop: true}
    - {name: half, when: 'session.failed && session.spans > 1', probability: 0.5}";
    let sieve = sieve::new().with(rules).exporter("otlp_grpc/a", &backend).run().await;
    let named = |trace: &str, name: &str, status| Span { name: name.into(), ..span(trace, "root").status(status) };
    let spans = vec![
        named("probe", "GET /healthz", 0),
        named("failed probe", "GET /healthz", 2),
        named("failed", "GET /", 2),
        named("routine", "GET /", 1),
    ];
    client::http(sieve.http).await.traces(&request(spans)).await.accepted();
    let metrics = sieve.scrape_when("all are judged", |now| now.count("verdicts", &[]) == 4).await;
    let counts = [("probes", "drop"), ("failed", "keep"), ("(none)", "drop"), ("failed", "drop"), ("half", "keep")]
        .map(|(rule, decision)| metrics.count("verdicts", &[("rule", rule), ("decision", decision)]));
    assert_eq!(counts, [2, 1, 1, 0, 0]);
    let kept = backend.received(1).await;
    assert_eq!(sieve.stop().await.code, Some(0));
    assert_eq!((backend.span_count(), &kept[0].span.trace_id), (1, &support::spans::trace_id("failed")));
}

#[tokio::test]
async fn a_rule_can_ask_which_burst_of_its_conversation_a_session_is() {
    let backend = backend::start().await;
    let rules = "sampling: {rules: [{name: again, when: 'session.sequence == 2'}]}";
    let sieve = sieve::new().with(rules).exporter("otlp_grpc/a", &backend).run().await;
    let client = client::grpc(sieve.grpc).await;
    for burst in 1..=3 {
        client.traces(&request(turn("talk", &format!("talk/{burst}")))).await.accepted();
        sieve.scrape_when("it is judged", |now| now.count("verdicts", &[]) == burst).await;
    }
    let kept = backend.received(2).await;
    assert_eq!(sieve.stop().await.code, Some(0));
    assert_eq!(backend.span_count(), 2);
    assert!(kept.iter().all(|kept| kept.span.trace_id == support::spans::trace_id("talk/2")));
}

/// Half of the sessions are traces, judged while others still come; the others are conversations, held until the stop.
#[tokio::test]
async fn the_ledger_balances_at_every_scrape_and_nothing_is_held_after_the_stop() {
    let backend = backend::start().await;
    let rules = "sampling: {rules: [{name: odd, when: 'session.error_count > 0'}]}";
    let sessions = "sessions: {settle: 20ms, idle_timeout: 1h, trace_timeout: 1h, shards: 3}";
    let sieve = sieve::new().with(rules).with(sessions).exporter("otlp_grpc/a", &backend).run().await;
    let (sent, bytes, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let send = async {
        let client = client::grpc(sieve.grpc).await;
        for number in 0..600 {
            let mut spans = turn(&format!("held {number}"), &format!("held {number}"));
            let name = format!("trace {number}");
            spans.extend([span(&name, "root").status(number % 2 + 1), span(&name, "call").under(&name, "root")]);
            // Every third request comes twice: what comes again is a duplicate, unless it was judged in between.
            sent.fetch_add(spans.len() as u64, Ordering::Relaxed);
            bytes.fetch_add(spans.iter().map(|span| span.encoded_len() as u64).sum(), Ordering::Relaxed);
            client.traces(&request(spans)).await.accepted();
            if number % 3 == 0 {
                let again = turn(&format!("held {number}"), &format!("held {number}"));
                sent.fetch_add(again.len() as u64, Ordering::Relaxed);
                bytes.fetch_add(again.iter().map(|span| span.encoded_len() as u64).sum(), Ordering::Relaxed);
                client.traces(&request(again)).await.accepted();
            }
        }
        done.store(true, Ordering::Relaxed);
    };
    let watch = async {
        let (mut scrapes, mut moments) = (0, std::collections::BTreeSet::new());
        while !done.load(Ordering::Relaxed) {
            let now = sieve.scrape().await;
            let (ledger, in_bytes) = (now.ledger(), now.ledger_of("bytes"));
            assert!(ledger.balances() && in_bytes.balances(), "{ledger:?} {in_bytes:?}");
            assert!(ledger.received <= sent.load(Ordering::Relaxed));
            assert_eq!((ledger.refused, ledger.lost), (0, 0));
            let exporter =
                |what: &str| now.count(&format!("ledger_exporter_{what}_spans"), &[("exporter", "otlp_grpc/a")]);
            let (routed, out) = (exporter("routed"), exporter("sent") + exporter("queued") + exporter("failed"));
            assert_eq!(routed, out);
            scrapes += 1;
            moments.insert((ledger.kept, ledger.dropped, ledger.held));
        }
        (scrapes, moments.len())
    };
    let ((), (scrapes, moments)) = tokio::join!(send, watch);
    assert!(scrapes > 10 && moments > 5, "{scrapes} scrapes saw {moments} moments");

    let judged = |now: &Metrics| now.count("verdicts", &[]) == 600 && now.ledger().dropped == 600;
    let rest = sieve.scrape_when("all traces are judged", judged).await;
    let ledger = rest.ledger();
    let sent = sent.into_inner();
    assert_eq!((ledger.received, ledger.kept, ledger.dropped), (sent, 600, 600));
    assert_eq!((ledger.duplicate, ledger.held), (400, sent - 600 - 600 - 400));
    assert_eq!(rest.ledger_of("bytes").received, bytes.into_inner());
    assert_eq!((rest.count("sessions_open", &[]), rest.count("traces_open", &[])), (600, 600));

    let stopped = sieve.stop().await;
    assert_eq!(stopped.code, Some(0), "{stopped}");
    let [end] = &stopped.logged("stopped")[..] else { panic!("{stopped}") };
    assert_eq!((end["undecided_spans"].to_string(), end["undelivered_spans"].to_string()), ("0".into(), "0".into()));
    assert_eq!(backend.span_count(), 600, "conversations are routine");
}

#[tokio::test]
async fn verdicts_are_counted_and_told_by_their_reason() {
    let backend = backend::start().await;
    let sessions = "sessions: {settle: 300ms, idle_timeout: 500ms, trace_timeout: 1s, max_duration: 3s, max_spans: 500, \
                    max_bytes: 64KiB}";
    let sieve = sieve::new().with(sessions).exporter("otlp_grpc/a", &backend).run().await;
    let client = client::grpc(sieve.grpc).await;
    let ends = span("ends", "root").with("session.id", "ends").with("tailsieve.session.end", true);
    let many = (0..500).map(|number| span("many", &format!("span {number}")).under("many", "span 0"));
    let large = span("large", "root").with("session.id", "large").with("filler", "x".repeat(65 << 10).as_str());
    let spans = [
        vec![span("settles", "root"), ends, span("rootless", "call").under("rootless", "root"), large],
        turn("idles", "idles"),
        many.collect(),
    ];
    client.export(client::TRACES, &request(spans.concat()).encode_to_vec(), Encoding::Gzip).await.accepted();
    // A session that never rests.
    let mut number = 0;
    let reason = |name: &'static str| [("reason", name), ("rule", "(all)"), ("decision", "keep")];
    let look = async || {
        number += 1;
        client.traces(&request(vec![span("long", &format!("span {number}")).under("long", "root")])).await.accepted();
        let now = sieve.scrape().await;
        (now.count("verdicts", &reason("max_duration")) == 1).then_some(now)
    };
    let metrics = eventually("it is too long", look, async || sieve.stderr()).await;
    let reasons = metrics.by("verdicts", "reason");
    let mut wanted: BTreeMap<String, u64> =
        ["settled", "explicit_end", "trace_timeout", "max_bytes", "idle_timeout", "max_spans", "max_duration"]
            .map(|reason| (reason.to_owned(), 1))
            .into();
    assert_eq!(reasons, wanted);

    client.traces(&request(turn("held", "held"))).await.accepted();
    let stopped = sieve.stop().await;
    assert_eq!(stopped.code, Some(0), "{stopped}");
    wanted.insert("shutdown".into(), 1);
    let mut told = BTreeMap::new();
    for received in backend.spans() {
        if let Some(reason) = text(&received.span, "tailsieve.decision.reason") {
            *told.entry(reason.to_owned()).or_default() += 1;
            assert!(int(&received.span, "tailsieve.session.spans").is_some());
        }
    }
    assert_eq!(told, wanted);
}
