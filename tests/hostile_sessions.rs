//! Traffic that is well-formed and meant to hurt: sessions without end, spans that are all the same, values that are
//! enormous. It is taken, bounded and judged like any other.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]
#![allow(clippy::print_stdout, reason = "figures are worth a look")]

mod hostile;
mod process;
mod support;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use support::client::{self, Encoding, TRACES};
use support::spans::{Made, attribute, request, span, span_id, value};

#[tokio::test]
async fn a_session_id_with_ten_thousand_open_traces_is_given_up_and_all_its_spans_come_through() {
    let victim = hostile::start().await;
    let grpc = client::grpc(victim.sieve.grpc).await;
    let one = |number: usize| {
        // Without its parent a trace stays open.
        let trace = format!("open {number}");
        span(&trace, &trace).under(&trace, "missing").with("session.id", "everybody")
    };
    let numbers: Vec<usize> = (0..10_000).collect();
    for part in numbers.chunks(500) {
        grpc.traces(&request(part.iter().copied().map(one).collect())).await.accepted();
    }
    let spans = victim.backend.spans_when("all come", |spans| spans.len() >= 10_002).await;
    assert_eq!(spans.len(), 10_002);
    let scrape = victim.sieve.scrape().await;
    assert!(scrape.count("session_crowded_ids", &[]) >= 9_000, "{scrape:#?}");
    victim.stays_well().await;
}

#[tokio::test]
async fn a_span_with_a_hundred_thousand_attributes_comes_through_whole() {
    let victim = hostile::start().await;
    let mut large = span("large", "large");
    large.attributes = (0..100_000).map(|number| attribute(&format!("key.{number}"), "value")).collect();
    let grpc = client::grpc(victim.sieve.grpc).await;
    grpc.traces(&request(vec![large])).await.accepted();
    let spans = victim.backend.spans_when("it comes", |spans| spans.len() == 3).await;
    let large = spans.iter().find(|span| span.span.name == "large").unwrap();
    assert!(large.span.attributes.len() >= 100_000 && value(&large.span, "key.99999").is_some());
    victim.stays_well().await;
}

#[tokio::test]
async fn a_hundred_thousand_copies_of_a_span_are_one_and_variants_are_bounded_by_the_session() {
    let victim = hostile::start_with("sessions: {settle: 3s, trace_timeout: 5s, max_spans: 32000}").await;
    let grpc = client::grpc(victim.sieve.grpc).await;
    let copies = request(vec![span("copies", "copy"); 10_000]);
    for _ in 0..10 {
        grpc.traces(&copies).await.accepted();
    }
    // The same ids, but never the same bytes.
    for part in 0..10_u64 {
        let variant =
            |number: u64| Span { start_time_unix_nano: part * 10_000 + number, ..span("variants", "variant") };
        grpc.traces(&request((0..10_000).map(variant).collect())).await.accepted();
    }
    let all = |spans: &[_]| spans.len() >= 100_003;
    let spans = victim.backend.spans_when("all come", all).await;
    let copies = spans.iter().filter(|span| span.span.name == "copy").count();
    let scrape = victim.sieve.scrape_when("all is judged", |scrape| scrape.ledger().held == 0).await;
    let ledger = scrape.ledger();
    assert_eq!(ledger.received, 200_002);
    // Copies that come after the verdict of the first follow it.
    assert_eq!(ledger.duplicate as usize + copies, 100_000);
    assert!(ledger.duplicate > 90_000, "{ledger:?}");
    assert!(scrape.count("verdicts", &[("reason", "max_spans")]) >= 1, "{scrape:#?}");
    victim.stays_well().await;
}

#[tokio::test]
async fn times_and_tracestates_may_be_nonsense() {
    let victim = hostile::start().await;
    let junk = |text: &str| text.repeat(8192 / text.len());
    let states =
        ["=", ",", "ot=", "a=b,", "ot=th:0;rv:;", "ot=rv:zzzzzzzzzzzzzz;", "ä", " \t", "ot=th:ffffffffffffffffff;x:"];
    let times = [(0, 0), (u64::MAX, u64::MAX), (u64::MAX, 0), (0, u64::MAX), (1, u64::MAX - 1)];
    let mut spans = Vec::new();
    for (number, state) in states.iter().enumerate() {
        for (start, end) in times {
            let name = format!("{number} {start} {end}");
            let (start_time_unix_nano, end_time_unix_nano) = (start, end);
            let odd = Span { start_time_unix_nano, end_time_unix_nano, trace_state: junk(state), ..span(&name, &name) };
            let child = Span { parent_span_id: span_id(&name, &name), ..span(&name, "child") };
            spans.extend([odd.event("e", &[]), child]);
        }
    }
    let count = spans.len() + 2;
    client::grpc(victim.sieve.grpc).await.traces(&request(spans)).await.accepted();
    let spans = victim.backend.spans_when("all come", |spans| spans.len() >= count).await;
    assert_eq!(spans.len(), count);
    assert!(spans.iter().any(|span| (span.span.start_time_unix_nano, span.span.end_time_unix_nano) == (u64::MAX, 0)));
    victim.stays_well().await;
}

#[tokio::test]
async fn a_resource_of_a_megabyte_a_thousand_times_costs_its_bytes_and_no_more() {
    // A gigabyte is offered, and the process may have a quarter of that.
    let rules = "sampling: {rules: [{name: good, when: 'session.root_name.startsWith(\"good\")'}]}";
    let victim = hostile::start_with(&format!("{rules}\nmemory: {{limit: 256MiB}}")).await;
    let watch = process::Watch::start(victim.sieve.pid());
    let grpc = client::grpc(victim.sieve.grpc).await;
    let large = "x".repeat(1 << 20);
    let mut whole: ExportTraceServiceRequest = request(Vec::new());
    whole.resource_spans[0].resource.as_mut().unwrap().attributes.push(attribute("large", &large[..]));
    let mut accepted = 0;
    for number in 0..1000 {
        let name = format!("small {number}");
        whole.resource_spans[0].scope_spans[0].spans = vec![span(&name, &name)];
        let body = whole.encode_to_vec();
        loop {
            let reply = grpc.export(TRACES, &body, Encoding::Plain).await;
            if reply.code == tonic::Code::Ok {
                accepted += 1;
                break;
            }
            assert_eq!(reply.code, tonic::Code::ResourceExhausted, "{reply:?}");
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }
    let scrape = victim.sieve.scrape_when("all is judged", |scrape| scrape.ledger().held == 0).await;
    assert_eq!(scrape.ledger().received, accepted + 2);
    let peak = watch.stop();
    println!("a gigabyte of resources: peak RSS {} MiB", peak.bytes / process::MIB);
    assert!(peak.bytes < 256 * process::MIB, "{peak:?}");
}
