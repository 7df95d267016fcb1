use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use super::*;
use crate::flow::{Reason, Session, SessionKey, Turn, TurnRoot, Verdict};
use crate::genai::conventions::Conventions;
use crate::log::{Log, RecordKind};
use crate::otlp::span::{STATUS_ERROR, SpanId, TraceId};
use crate::otlp::walk::walk;
use crate::pricing::BookFile;

const BOOK: &str = r#"{"m": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-05,
    "cache_read_input_token_cost": 1e-07, "input_cost_per_token_batches": 5e-07}}"#;
const OWN: &str = "spans: [{name: search, match: {gen_ai.tool.name: web_search}, per_call: 0.01}]";
const START: u64 = 1_750_000_000_000_000_000;

fn enricher(also: &[&str]) -> Enricher {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        BookFile::File(path)
    };
    let book = PriceBook::load(&[file("book.json", BOOK), file("own.yaml", OWN)]).unwrap();
    let mut keys = KeyTable::default();
    let reader = CallReader::compile(&Conventions::embedded(), &config::Sessions::default(), &mut keys);
    let also = also.iter().map(|name| (*name).to_owned()).collect();
    let config = config::Enrich { also, ..config::Enrich::default() };
    Enricher::new(&config, 1 << 20, keys, Arc::new(reader), Arc::new(Prices::new(book)))
}

fn value(value: Value) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

fn with(key: &str, it: Value) -> KeyValue {
    KeyValue { key: key.into(), value: value(it), ..KeyValue::default() }
}

fn text(text: &str) -> Value {
    Value::StringValue(text.into())
}

fn int(number: i64) -> Value {
    Value::IntValue(number)
}

/// A span of two seconds, and its attributes.
fn span(id: u8, parent: u8, attributes: Vec<KeyValue>) -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![id; 8],
        parent_span_id: if parent == 0 { Vec::new() } else { vec![parent; 8] },
        name: format!("span {id}"),
        start_time_unix_nano: START,
        end_time_unix_nano: START + 2_000_000_000,
        attributes,
        ..Span::default()
    }
}

/// A streamed call of a model: 1000 tokens in, 400 of them from a cache, 101 out; first token after half a second.
fn chat(model: &str, more: Vec<KeyValue>) -> Span {
    let finish = Value::ArrayValue(ArrayValue { values: vec![AnyValue { value: Some(text("stop")) }] });
    let mut attributes = vec![
        with("gen_ai.operation.name", text("chat")),
        with("gen_ai.provider.name", text("openai")),
        with("gen_ai.response.model", text(model)),
        with("gen_ai.usage.input_tokens", int(1000)),
        with("gen_ai.usage.cache_read.input_tokens", int(400)),
        with("gen_ai.usage.output_tokens", int(101)),
        with("gen_ai.server.ttft", Value::DoubleValue(0.5)),
        with("gen_ai.response.finish_reasons", finish),
    ];
    attributes.extend(more);
    span(2, 1, attributes)
}

/// Writes spans of one scope. Without a session they are late ones.
fn write(enricher: &Enricher, scope: &str, spans: Vec<Span>, session: Option<Session>) -> Vec<Span> {
    let scope = InstrumentationScope { name: scope.into(), ..InstrumentationScope::default() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    let log = Log::new(4 << 20, 1);
    let fill = |room: &mut [u8]| {
        room.copy_from_slice(&body);
        Ok::<_, ()>(body.len())
    };
    let record = log.append(RecordKind::Traces, 0, body.len(), fill).unwrap();
    let (mut refs, mut headers, offset) = (Vec::new(), Vec::new(), record.offset());
    let walked = walk(record.bytes(), &KeyTable::default(), |visit| {
        headers.push(visit.header.shifted(offset));
        refs.push(SpanRef {
            span_id: visit.span.span_id,
            parent_id: visit.span.parent_id,
            failed: visit.span.status == STATUS_ERROR,
            remote_parent: false,
            progress: Default::default(),
            turn: 0,
            segment: 0,
            header: headers.len() as u32 - 1,
            start: offset + visit.range.start,
            len: visit.range.len,
            predicates: 0,
        });
    });
    assert_eq!(walked.unwrap().refused, 0);
    let verdict = Verdict {
        keep: true,
        probability: 1.0,
        drop_rule: false,
        threshold: 0,
        randomness: 0,
        rule: "all".into(),
        matched: Vec::new(),
        reason: Reason::Settled,
    };
    let kept = Kept {
        session: session.map(Box::new),
        by_trace: true,
        verdict: Arc::new(verdict),
        spans: refs,
        segments: vec![record.segment().clone()],
        headers,
        bytes: 0,
    };
    let mut written = Vec::new();
    let unjoined = enricher.write(&kept, |parcel| {
        let request = ExportTraceServiceRequest::decode(parcel.bytes).unwrap();
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        written.extend(scopes.flat_map(|scope| scope.spans));
    });
    assert_eq!(unjoined.spans, 0);
    written
}

/// The session of the one trace that [`span`] makes, whose root is the first span.
fn session() -> Session {
    let root = TurnRoot { span: 0, parent: SpanId([0; 8]), start: START, status: 0, name: "root".into(), local: true };
    Session {
        key: SessionKey::Trace(TraceId([1; 16])),
        sequence: 1,
        randomness: 0,
        turns: vec![Turn {
            trace_id: TraceId([1; 16]),
            root: Some(root),
            earliest: (START, 0),
            top: None,
            beside: false,
        }],
        spans: 1,
        bytes: 0,
        services: Vec::new(),
        error_types: Vec::new(),
        start: START,
        end: START,
        error_count: 0,
        orphans: 0,
        unfinished: 0,
        complete: true,
        predicates: Box::default(),
        calls: Vec::new(),
        book: None,
        sums: None,
    }
}

/// What was appended to a span, by name; each once.
fn added(span: &Span, sent: &Span) -> BTreeMap<String, String> {
    let mut added = BTreeMap::new();
    for attribute in span.attributes.iter().filter(|attribute| !sent.attributes.contains(attribute)) {
        let shown = match attribute.value.clone().unwrap().value.unwrap() {
            Value::StringValue(text) => text,
            Value::DoubleValue(number) => number.to_string(),
            Value::IntValue(number) => number.to_string(),
            other => format!("{other:?}"),
        };
        assert!(added.insert(attribute.key.clone(), shown).is_none(), "{} is there twice", attribute.key);
    }
    added
}

/// What is added to a call that comes alone.
fn of_call(enricher: &Enricher, sent: Span) -> BTreeMap<String, String> {
    let written = write(enricher, "test", vec![sent.clone()], None);
    added(&written[0], &sent)
}

fn ours(name: &str) -> String {
    format!("tailsieve.{name}")
}

#[test]
fn a_call_gets_all_that_is_known_of_it() {
    let sent = chat("m", vec![with("aws.region", text("eu-west-1")), with("gen_ai.prompt.name", text("support"))]);
    let version = enricher(&[]).prices.current().editions()[0].version().to_owned();
    let expected = [
        ("gen_ai.response.time_to_first_chunk", "0.5"),
        ("tailsieve.stream.outcome", "complete"),
        ("tailsieve.time_to_completion", "2"),
        ("tailsieve.time_per_output_token", "0.015"),
        ("tailsieve.cost.usd", "0.00165"),
        ("tailsieve.cost.input_usd", "0.0006"),
        ("tailsieve.cost.output_usd", "0.00101"),
        ("tailsieve.cost.cache_read_usd", "0.00004"),
        ("tailsieve.cost.status", "ok"),
        ("tailsieve.cost.price_key", "m"),
        ("tailsieve.cost.price_version", &version),
        ("tailsieve.usage.semantics", "inferred"),
        ("tailsieve.region", "eu-west-1"),
        ("tailsieve.prompt.name", "support"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(of_call(&enricher(&[]), sent), BTreeMap::from(expected));
}

#[test]
fn what_is_not_known_is_not_written_and_never_zero() {
    let unknown = of_call(&enricher(&["also.cost"]), chat("unheard-of", Vec::new()));
    let costs: Vec<_> = unknown.iter().filter(|(name, _)| name.contains("cost")).collect();
    assert_eq!(costs, [(&ours("cost.status"), &"unknown_model".to_owned())]);
    let reported = of_call(&enricher(&[]), chat("unheard-of", vec![with("llm.cost.total", Value::DoubleValue(0.25))]));
    let costs: Vec<_> = reported.iter().filter(|(name, _)| name.contains(".cost.")).collect();
    assert_eq!(costs, [(&ours("cost.status"), &"reported".to_owned()), (&ours("cost.usd"), &"0.25".to_owned())]);
    let mut silent = chat("m", Vec::new());
    silent.attributes.retain(|attribute| !attribute.key.contains("output_tokens"));
    let partial = of_call(&enricher(&[]), silent);
    assert_eq!(partial[&ours("cost.status")], "partial");
    assert_eq!(partial[&ours("cost.usd")], "0.00064");
    assert!(partial[&ours("cost.assumptions")].contains("output_unknown"));
    assert!(!partial.contains_key(&ours("cost.output_usd")) && !partial.contains_key(&ours("time_per_output_token")));
}

#[test]
fn what_a_span_said_stays_and_what_is_ours_is_written_anew() {
    let names = ["gen_ai.usage.cost", "llm.cost.total"];
    let said = vec![
        with("gen_ai.response.time_to_first_chunk", Value::DoubleValue(0.25)),
        with("gen_ai.usage.cost", Value::DoubleValue(7.0)),
        with("tailsieve.cost.usd", Value::DoubleValue(99.0)),
        with("tailsieve.cost.assumptions", text("of another time")),
        with("tailsieve.own", text("of the application")),
    ];
    let sent = chat("m", said);
    let written = write(&enricher(&names), "test", vec![sent.clone()], None);
    let [span] = &written[..] else { panic!("{written:?}") };
    let all = |key: &str| -> Vec<_> {
        let of_key = span.attributes.iter().filter(|attribute| attribute.key == key);
        of_key.map(|attribute| attribute.value.clone().unwrap().value.unwrap()).collect()
    };
    assert_eq!(all("gen_ai.response.time_to_first_chunk"), [Value::DoubleValue(0.25)]);
    assert_eq!(all("gen_ai.usage.cost"), [Value::DoubleValue(7.0)]);
    assert_eq!(all("llm.cost.total"), [Value::DoubleValue(0.00165)]);
    assert_eq!(all("tailsieve.cost.usd"), [Value::DoubleValue(0.00165)]);
    assert_eq!(all("tailsieve.cost.assumptions"), []);
    assert_eq!(all("tailsieve.own"), [text("of the application")]);
}

#[test]
fn a_trace_that_follows_another_says_by_which_randomness_it_was_kept() {
    let [own, follows] = [span(1, 1, Vec::new()), Span { trace_id: vec![2; 16], ..span(2, 1, Vec::new()) }];
    let written = write(&enricher(&[]), "test", vec![own, follows], Some(session()));
    let states: Vec<&str> = written.iter().map(|span| span.trace_state.as_str()).collect();
    assert_eq!(states, ["ot=th:0", "ot=th:0;rv:00000000000000"]);
}

#[test]
fn spans_that_speak_of_no_models_go_out_as_they_came() {
    let sent = span(3, 1, vec![with("http.route", text("/")), with("tailsieve.cost.usd", Value::DoubleValue(1.0))]);
    let written = write(&enricher(&["also.cost"]), "test", vec![sent.clone()], None);
    assert_eq!(written, [Span { trace_state: "ot=th:0".into(), ..sent }]);
}

#[test]
fn a_tool_with_an_own_price_gets_its_cost() {
    let tool = |name| vec![with("gen_ai.operation.name", text("execute_tool")), with("gen_ai.tool.name", text(name))];
    let priced = of_call(&enricher(&["also.cost"]), span(3, 1, tool("web_search")));
    let names: Vec<_> = priced.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let version = enricher(&[]).prices.current().own_version().to_owned();
    assert_eq!(
        names,
        [
            ("also.cost", "0.01"),
            ("tailsieve.cost.price_key", "search"),
            ("tailsieve.cost.price_version", version.as_str()),
            ("tailsieve.cost.status", "ok"),
            ("tailsieve.cost.usd", "0.01"),
        ]
    );
    assert_eq!(of_call(&enricher(&["also.cost"]), span(3, 1, tool("calculator"))), BTreeMap::new());
}

#[test]
fn a_stream_that_was_left_or_broke_ended_as_the_account_of_its_session_says() {
    let call = |id| {
        let mut call = Span { span_id: vec![id; 8], ..chat("m", Vec::new()) };
        call.attributes.retain(|attribute| !attribute.key.contains("finish"));
        call
    };
    let sent = [span(1, 0, Vec::new()), call(2), span(3, 1, Vec::new()), call(4)];
    let outcomes = |session| {
        let written = write(&enricher(&[]), "pydantic-ai", sent.to_vec(), session);
        [1, 3].map(|at| added(&written[at], &sent[at])[&ours("stream.outcome")].clone())
    };
    let told = |said: &[(u32, Outcome)]| {
        let call =
            |(span, outcome): &(u32, Outcome)| calls::Call { span: *span, outcome: *outcome, ..calls::Call::NOTHING };
        Session { calls: said.iter().map(call).collect(), ..session() }
    };
    let (broken, abandoned) = ((3, Outcome::Broken), (1, Outcome::Abandoned));
    assert_eq!(outcomes(Some(told(&[abandoned, broken]))), ["abandoned", "broken"]);
    assert_eq!(outcomes(Some(told(&[(0, Outcome::Unknown), (1, Outcome::Broken)]))), ["broken", "abandoned"]);
    assert_eq!(outcomes(None), ["abandoned", "abandoned"], "of late ones it is not known what they stood in");
}

#[test]
fn a_root_that_is_a_call_gets_both() {
    let mut sent = chat("m", vec![with("tailsieve.session.id", text("of another time"))]);
    sent.parent_span_id.clear();
    let written = write(&enricher(&[]), "test", vec![sent.clone()], Some(session()));
    let names = added(&written[0], &sent);
    assert_eq!(names[&ours("session.id")], "01".repeat(16));
    assert_eq!((&*names[&ours("decision.rule")], &*names[&ours("cost.usd")]), ("all", "0.00165"));
    assert!(!written[0].attributes.contains(&with("tailsieve.session.id", text("of another time"))));
}

#[test]
fn what_stands_around_calls_has_no_cost_of_its_own() {
    let agent = vec![
        with("gen_ai.operation.name", text("invoke_agent")),
        with("gen_ai.response.model", text("m")),
        with("gen_ai.usage.input_tokens", int(1000)),
    ];
    assert_eq!(of_call(&enricher(&["also.cost"]), span(4, 1, agent)), BTreeMap::new());
}

#[test]
fn a_call_around_calls_that_are_billed_has_no_cost_but_says_why() {
    let with = |id: u8, parent, more: Vec<KeyValue>| Span {
        span_id: vec![id; 8],
        parent_span_id: vec![parent; 8],
        ..chat("m", more)
    };
    let before = vec![with_cost("tailsieve.cost.usd"), with_cost("tailsieve.cost.input_usd")];
    let sent = [span(1, 0, Vec::new()), with(2, 1, before), with(3, 2, Vec::new()), with(4, 2, Vec::new())];
    let call = |span, billing| calls::Call { span, billing, ..calls::Call::NOTHING };
    let of = |outer, inner| {
        let calls = vec![call(1, outer), call(2, inner), call(3, Billing::Billed)];
        let session = Session { calls, ..session() };
        let written = write(&enricher(&["also.cost"]), "test", sent.to_vec(), Some(session));
        let before = |attribute: &KeyValue| attribute.value == value(Value::DoubleValue(99.0));
        assert!(!written[1].attributes.iter().any(before), "what was there before is void");
        [1, 2, 3].map(|at| added(&written[at], &sent[at]))
    };
    let costs = |added: &BTreeMap<String, String>| -> Vec<String> {
        let costs = added.iter().filter(|(name, _)| name.contains("cost") && !name.contains("price"));
        costs.map(|(name, value)| format!("{name} {value}")).collect()
    };
    let [outer, one, other] = of(Billing::Wrapper, Billing::Billed);
    assert_eq!(costs(&outer), ["tailsieve.cost.status wrapper"]);
    assert_eq!(outer[&ours("stream.outcome")], "unknown", "the rest is told as ever");
    for inner in [&one, &other] {
        assert_eq!((&*inner["also.cost"], &*inner[&ours("cost.usd")]), ("0.00165", "0.00165"));
    }
    // Two spans that tell of one call both have its cost.
    let [outer, inner, _] = of(Billing::Repeated, Billing::Billed);
    assert_eq!((&*outer[&ours("cost.usd")], &*inner[&ours("cost.usd")]), ("0.00165", "0.00165"));
}

fn with_cost(key: &str) -> KeyValue {
    with(key, Value::DoubleValue(99.0))
}
