//! What belongs together is judged together, once: over traces, requests, services, shards and retries.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as Request;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use support::backend::{self, Received};
use support::metrics::Metrics;
use support::recordings::{self, Scenario};
use support::spans::{Made, int, request, request_of, span, spans_of, text, trace_id, truth};
use support::{client, sieve};

/// Time enough for a busy machine to send a session in several requests.
const SESSIONS: &str = "sessions: {settle: 1s, idle_timeout: 1500ms, trace_timeout: 5s, shards: 4}";
/// Keeps what one span of one trace has.
const MARKED: &str = r#"sampling: {rules: [{name: marked, when: 'spans.exists(s, s.name == "the one")'}]}"#;

/// A recorded session under another id and with other traces, so that it can be sent beside itself.
struct Copy {
    id: String,
    recorded_id: String,
    requests: Vec<Request>,
}

// === impl Copy ===

impl Copy {
    fn of(scenario: &Scenario, suffix: &str) -> Self {
        let recorded_id = scenario.label["session_id"].as_str().unwrap().to_owned();
        let mut copy = Self { id: format!("{recorded_id}{suffix}"), recorded_id, requests: scenario.decoded() };
        let (from, to) = (copy.recorded_id.clone(), copy.id.clone());
        copy.each_span(|span| {
            span.trace_id = trace_id(&format!("{:?}{suffix}", span.trace_id));
            for attribute in &mut span.attributes {
                if let Some(Value::StringValue(text)) = attribute.value.as_mut().and_then(|any| any.value.as_mut()) {
                    *text = text.replace(&from, &to);
                }
            }
        });
        copy
    }

    fn each_span(&mut self, mut change: impl FnMut(&mut Span)) {
        self.requests.iter_mut().flat_map(spans_of).for_each(&mut change);
    }

    fn spans(&mut self) -> Vec<Span> {
        let mut spans = Vec::new();
        self.each_span(|span| spans.push(span.clone()));
        spans
    }

    /// Renames the last span of the second trace, which is what the rule looks for.
    fn mark(&mut self) {
        let spans = self.spans();
        let traces: BTreeSet<_> = spans.iter().map(|span| span.trace_id.clone()).collect();
        assert_eq!(traces.len(), 3);
        let second = spans.iter().find(|span| span.trace_id != spans[0].trace_id).unwrap().trace_id.clone();
        let marked = spans.iter().rfind(|span| span.trace_id == second).unwrap().span_id.clone();
        self.each_span(|span| {
            if span.span_id == marked {
                span.name = "the one".into();
            }
        });
    }

    /// One span of each trace that names the session.
    fn named(&mut self) -> BTreeSet<Vec<u8>> {
        let id = self.id.clone();
        let named = self.spans().into_iter().filter(|span| names(span, &id));
        named.map(|span| (span.trace_id, span.span_id)).collect::<BTreeMap<_, _>>().into_values().collect()
    }

    /// Takes the id from all spans but one of each trace.
    fn strip(&mut self) {
        let (id, stays) = (self.id.clone(), self.named());
        assert_eq!(stays.len(), 3);
        self.each_span(|span| {
            if !stays.contains(&span.span_id) {
                span.attributes.retain(|attribute| !format!("{:?}", attribute.value).contains(&id));
            }
        });
    }

    /// Moves the spans that name the session into a request of their own, behind all others.
    fn name_last(&mut self) {
        let stays = self.named();
        let mut last = self.requests[0].clone();
        last.resource_spans[0].scope_spans[0].spans =
            self.spans().into_iter().filter(|span| stays.contains(&span.span_id)).collect();
        last.resource_spans.truncate(1);
        last.resource_spans[0].scope_spans.truncate(1);
        for resource in self.requests.iter_mut().flat_map(|request| &mut request.resource_spans) {
            for scope in &mut resource.scope_spans {
                scope.spans.retain(|span| !stays.contains(&span.span_id));
            }
        }
        self.requests.push(last);
    }
}

fn names(span: &Span, id: &str) -> bool {
    span.attributes.iter().any(|attribute| format!("{:?}", attribute.value).contains(id))
}

/// The roots of what came, by the session that they say they belong to.
fn roots(spans: &[Received]) -> BTreeMap<String, Vec<&Span>> {
    let mut roots: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for span in spans {
        if let Some(id) = text(&span.span, "tailsieve.session.id") {
            roots.entry(id.to_owned()).or_default().push(&span.span);
        }
    }
    roots
}

/// Sends each recorded session of three traces twice, of which one copy has what the rule looks for: that one must come
/// out with all its traces, the other not at all.
async fn one_verdict_each(change: impl Fn(&mut Copy)) {
    let backend = backend::start().await;
    let sieve = sieve::new().with(SESSIONS).with(MARKED).exporter("otlp_grpc/a", &backend).run().await;
    let client = client::grpc(sieve.grpc).await;
    let mut wanted = BTreeMap::new();
    let mut sent = 0;
    for scenario in recordings::named("session3").into_iter().filter(is_of_three_named_traces) {
        let (mut marked, mut plain) = (Copy::of(&scenario, "-marked"), Copy::of(&scenario, "-plain"));
        marked.mark();
        change(&mut marked);
        change(&mut plain);
        wanted.insert(marked.id.clone(), scenario.spans());
        sent += 2 * scenario.spans() as u64;
        for request in marked.requests.iter().chain(&plain.requests) {
            client.traces(request).await.accepted();
        }
    }
    assert_eq!(wanted.len(), 21);
    let judged = |now: &Metrics| now.count("verdicts", &[]) >= 42 && now.ledger().held == 0;
    let metrics = sieve.scrape_when("all are judged", judged).await;
    let kept = wanted.values().sum::<usize>();
    let received = backend.received(kept).await;
    let roots = roots(&received);
    assert_eq!(roots.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (id, spans) in &wanted {
        assert_eq!(roots[id].len(), 3, "each trace of {id} has its summary");
        for root in &roots[id] {
            assert_eq!(
                (int(root, "tailsieve.session.turns"), truth(root, "tailsieve.session.complete")),
                (Some(3), Some(true))
            );
            assert_eq!(int(root, "tailsieve.session.spans"), Some(*spans as i64));
            assert_eq!(text(root, "tailsieve.decision.reason"), Some("idle_timeout"));
        }
    }
    let verdicts = |rule, decision| metrics.count("verdicts", &[("rule", rule), ("decision", decision)]);
    assert_eq!((verdicts("marked", "keep"), verdicts("(none)", "drop"), metrics.count("verdicts", &[])), (21, 21, 42));
    let stopped = sieve.stop().await;
    assert_eq!((stopped.code, backend.span_count()), (Some(0), kept), "{stopped}");
    assert_eq!(metrics.ledger().kept + metrics.ledger().dropped, sent);
}

#[tokio::test]
async fn three_traces_of_a_session_get_one_verdict() {
    one_verdict_each(|_| ()).await;
}

#[tokio::test]
async fn three_traces_get_one_verdict_when_few_spans_name_their_session() {
    one_verdict_each(Copy::strip).await;
}

#[tokio::test]
async fn three_traces_get_one_verdict_when_their_session_is_named_last() {
    one_verdict_each(|copy| {
        copy.strip();
        copy.name_last();
    })
    .await;
}

#[tokio::test]
async fn sessions_whose_requests_come_late_or_from_two_services_stay_whole_in_any_order() {
    let backend = backend::start().await;
    let sieve = sieve::new().with(SESSIONS).exporter("otlp_grpc/a", &backend).run().await;
    let client = client::grpc(sieve.grpc).await;
    let scenarios: Vec<_> = ["late_stream", "two_services"].into_iter().flat_map(recordings::named).collect();
    let (mut spans, mut wanted) = (0, BTreeMap::new());
    for scenario in &scenarios {
        let (first, mut second) = (Copy::of(scenario, "-in-order"), Copy::of(scenario, "-backwards"));
        second.requests.reverse();
        for copy in [&first, &second] {
            assert_eq!(copy.requests.len(), 2);
            spans += scenario.spans();
            wanted.insert(copy.id.clone(), scenario.spans() as i64);
            for request in &copy.requests {
                client.traces(request).await.accepted();
            }
        }
    }
    let received = backend.received(spans).await;
    let metrics = sieve.scrape().await;
    assert_eq!(metrics.count("verdicts", &[("reason", "idle_timeout")]), 10);
    assert_eq!(metrics.count("verdicts", &[]), 10, "one each");
    let roots = roots(&received);
    for (id, spans) in wanted {
        let [root] = roots[&id][..] else { panic!("{id}: {:?}", roots[&id]) };
        assert!(root.parent_span_id.is_empty(), "{root:?}");
        assert_eq!(int(root, "tailsieve.session.spans"), Some(spans));
        assert_eq!(truth(root, "tailsieve.session.complete"), Some(true), "{id}");
    }
}

#[tokio::test]
async fn what_a_client_sends_again_is_counted_and_goes_out_once() {
    let backend = backend::start().await;
    let sieve = sieve::new().with(SESSIONS).exporter("otlp_grpc/a", &backend).run().await;
    let (client, mut http) = (client::grpc(sieve.grpc).await, client::http(sieve.http).await);
    let mut sent = 0;
    for scenario in recordings::named("session3").into_iter().filter(is_of_three_named_traces) {
        let mut copy = Copy::of(&scenario, "-again");
        // The first half is known before the session is named, so that what is held moves in between.
        copy.strip();
        copy.name_last();
        for request in &copy.requests {
            client.traces(request).await.accepted();
        }
        for request in &copy.requests {
            http.traces(request).await.accepted();
        }
        sent += scenario.spans() as u64;
    }
    let metrics = sieve.scrape_when("all are judged", |now| now.ledger().received > 0 && now.ledger().held == 0).await;
    let ledger = metrics.ledger();
    assert_eq!((ledger.received, ledger.kept, ledger.duplicate), (2 * sent, sent, sent), "{ledger:?}");
    assert_eq!(metrics.ledger_of("bytes").duplicate, metrics.ledger_of("bytes").kept);
    let stopped = sieve.stop().await;
    assert_eq!((stopped.code, backend.span_count() as u64), (Some(0), sent), "{stopped}");
}

/// A turn of a conversation: a root that ends with `status`, and a call below it.
fn turn(conversation: &str, trace: &str, status: i32) -> Vec<Span> {
    let root = span(trace, "root").with("session.id", conversation).status(status);
    vec![span(trace, "call").under(trace, "root"), root]
}

#[tokio::test]
async fn of_a_dropped_conversation_a_later_turn_that_fails_is_kept_and_a_routine_one_is_not() {
    let backend = backend::start().await;
    let rules = "sampling: {rules: [{name: failed, when: 'session.failed || session.error_count > 0'}]}";
    let sieve = sieve::new().with(SESSIONS).with(rules).exporter("otlp_http/a", &backend).run().await;
    let client = client::grpc(sieve.grpc).await;
    let all = ["fails", "routine", "late-error", "late-routine"];
    let first = all.iter().flat_map(|name| turn(name, &format!("{name}/1"), 1)).collect();
    client.traces(&request(first)).await.accepted();
    sieve.scrape_when("all are dropped", |now| now.count("verdicts", &[("decision", "drop")]) == 4).await;

    let late =
        |name: &str, status| span(&format!("{name}/1"), "late").under(&format!("{name}/1"), "root").status(status);
    let mut second = [turn("fails", "fails/2", 2), turn("routine", "routine/2", 1)].concat();
    second.extend([late("late-error", 2), late("late-routine", 1)]);
    client.traces(&request(second)).await.accepted();
    let metrics = sieve.scrape_when("all are judged again", |now| now.count("verdicts", &[]) == 8).await;

    assert_eq!((metrics.count("session_continuations", &[]), metrics.count("late_spans", &[])), (4, 2));
    let received = backend.received(3).await;
    let stopped = sieve.stop().await;
    assert_eq!((stopped.code, backend.span_count()), (Some(0), 3), "{stopped}");
    let summaries: BTreeMap<_, _> = roots(&received).into_iter().map(|(id, roots)| (id, roots[0].clone())).collect();
    assert_eq!(summaries.keys().collect::<Vec<_>>(), ["fails", "late-error"]);
    for summary in summaries.values() {
        assert_eq!(int(summary, "tailsieve.session.sequence"), Some(2));
    }
    assert_eq!(truth(&summaries["late-error"], "tailsieve.session.complete"), Some(false));
    assert_eq!(summaries["fails"].trace_id, trace_id("fails/2"));
}

#[tokio::test]
async fn a_late_span_of_a_kept_trace_follows_it() {
    let backend = backend::start().await;
    let rules = "sampling: {rules: [{name: failed, when: 'session.failed'}]}";
    let sieve = sieve::new().with(SESSIONS).with(rules).exporter("otlp_http/a", &backend).run().await;
    let client = client::grpc(sieve.grpc).await;
    client.traces(&request(turn("kept", "kept/1", 2))).await.accepted();
    backend.received(2).await;
    client.traces(&request(vec![span("kept/1", "late").under("kept/1", "root").status(1)])).await.accepted();
    let late = backend.received(3).await.pop().unwrap();
    assert_eq!((late.span.name.as_str(), late.span.attributes.len()), ("late", 0));
    assert!(late.span.trace_state.starts_with("ot=th:0"), "{}", late.span.trace_state);
    let metrics = sieve.scrape().await;
    assert_eq!((metrics.ledger().kept, metrics.count("verdicts", &[])), (3, 1));
}

#[tokio::test]
async fn streams_that_did_not_finish_go_out_as_broken_where_a_span_around_them_failed() {
    let backend = backend::start().await;
    let sieve = sieve::new().with(SESSIONS).exporter("otlp_grpc/a", &backend).run().await;
    let client = client::grpc(sieve.grpc).await;
    let traces: Vec<String> = (0..8).map(|number| format!("stream {number}")).collect();
    let call = |trace: &String| {
        let call = span(trace, "chat").under(trace, "step").with("gen_ai.operation.name", "chat");
        call.with("gen_ai.provider.name", "openai").with("gen_ai.server.ttft", 0.5)
    };
    let around = |(number, trace): (usize, &String)| {
        // What is not of a model stands between, so that calls and spans are counted differently.
        let status = if number % 3 == 0 { 2 } else { 1 };
        let root = span(trace, "root").with("session.id", "streams").status(status);
        [span(trace, "step").under(trace, "root"), root]
    };
    // The calls come before anything names their session, so that they are moved into it; in another order than what
    // stands around them.
    let calls: Vec<Span> = traces.iter().rev().map(call).collect();
    client.traces(&request_of(&[("service.name", "test")], ("pydantic-ai", "1.0"), calls)).await.accepted();
    client.traces(&request(traces.iter().enumerate().flat_map(around).collect())).await.accepted();
    let received = backend.received(24).await;
    for (number, trace) in traces.iter().enumerate() {
        let is_call = |out: &&Received| out.span.trace_id == trace_id(trace) && out.span.name == "chat";
        let call = &received.iter().find(is_call).unwrap().span;
        let outcome = if number % 3 == 0 { "broken" } else { "abandoned" };
        assert_eq!(text(call, "tailsieve.stream.outcome"), Some(outcome), "{trace}");
    }
    let metrics = sieve.scrape().await;
    assert_eq!(metrics.count("verdicts", &[]), 1, "all are one session");
}

#[tokio::test]
async fn an_afternoon_of_one_coding_agent_is_one_session() {
    const SPANS: u64 = 320_000;
    let backend = backend::start().await;
    let sieve = sieve::new()
        .with("sessions: {settle: 1s, idle_timeout: 2s}")
        .with("memory: {limit: 2GiB}")
        .with("sampling: {rules: [{name: whole, when: 'session.spans == 320000'}]}")
        .exporter("otlp_grpc/sink", &backend)
        .run()
        .await;
    let grpc = client::grpc(sieve.grpc).await;
    let per_turn = 1000;
    for turn in 0..SPANS / per_turn {
        let trace = format!("turn {turn}");
        let root = span(&trace, "root").with("session.id", "afternoon");
        let tool = |number: u64| {
            span(&trace, &format!("tool {number}"))
                .under(&trace, "root")
                .with("session.id", "afternoon")
                .with("gen_ai.operation.name", "execute_tool")
                .with("gen_ai.tool.name", "read_file")
                .with("gen_ai.tool.call.arguments", format!("{{\"path\":\"src/{number}.rs\"}}").as_str())
                .with("gen_ai.tool.call.result", "x".repeat(300).as_str())
        };
        grpc.traces(&request((1..per_turn).map(tool).chain([root]).collect())).await.accepted();
    }
    let scrape = sieve.scrape_when("it is decided", |scrape| scrape.ledger().held == 0).await;
    assert_eq!((scrape.ledger().received, scrape.ledger().kept), (SPANS, SPANS), "{scrape:#?}");
    assert_eq!(scrape.count("verdicts", &[]), 1, "{scrape:#?}");
    backend.spans_when("all come", |spans| spans.len() as u64 == SPANS).await;
}

/// Whether a scenario has three traces, and its id on a span of each. Frameworks that say nothing of sessions, or have traces
/// of their own beside, prove nothing here.
fn is_of_three_named_traces(scenario: &recordings::Scenario) -> bool {
    let id = scenario.label["session_id"].as_str().unwrap();
    let spans = scenario
        .decoded()
        .into_iter()
        .flat_map(|mut request| spans_of(&mut request).map(|span| span.clone()).collect::<Vec<_>>());
    let named: BTreeSet<_> = spans.filter(|span| names(span, id)).map(|span| span.trace_id).collect();
    scenario.label["server"].is_null() || scenario.label["traces"] == 3 && named.len() == 3
}
