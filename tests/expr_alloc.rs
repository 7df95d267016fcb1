//! Span predicates are evaluated on every span that comes in: that must not allocate.
#![allow(missing_docs, clippy::unwrap_used)]

mod allocations;

use allocations::ALLOCATIONS;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, span::Event};
use prost::Message;
use tailsieve::expr::Compiler;
use tailsieve::otlp::keys::KeyTable;
use tailsieve::otlp::walk::walk;

const RULES: [&str; 9] = [
    "spans.exists(s, s.name.startsWith('chat') && s.kind == 'client' && s.duration > duration('1s'))",
    "spans.exists(s, s.attributes['tenant.tier'] in ['gold', 'silver'] || s.resource['service.name'] == 'agent')",
    "spans.count(s, s.attributes['tokens'] * 2 + 1 > 2401 ? true : double(s.attributes['tokens']) < 1.5) > 2",
    "spans.exists(s, 'red' in s.attributes['tags'] && size(s.attributes['tags']) == 2)",
    "spans.exists(s, s.attributes['tags'].exists(t, t.endsWith('lue')) && !('nothing' in s.attributes))",
    "spans.exists(s, s.events.exists(e, e.name == 'exception' && e.attributes['exception.type'] == 'Timeout'))",
    "spans.exists(s, s.events.all(e, s.attributes['tags'].exists(t, t != e.name)))",
    "spans.exists(s, s.attributes['nothing'] > 1 || size(s.name) > 100)",
    "spans.exists(s, s.name.matches('^ch.t (gpt|claude)'))",
];

#[test]
fn evaluating_span_predicates_allocates_nothing() {
    let mut keys = KeyTable::default();
    let mut compiler = Compiler::new(&mut keys);
    for rule in RULES {
        compiler.rule(rule).unwrap();
    }
    let predicates = compiler.finish();
    let request = request();
    let (mut counts, mut bits) = (Vec::with_capacity(100), 0);
    walk(&request, &keys, |visit| {
        let before = ALLOCATIONS.get();
        bits = predicates.evaluate(visit);
        counts.push(ALLOCATIONS.get() - before);
    })
    .unwrap();
    assert_eq!(bits, 0b1_0111_1111);
    // The first span makes the regular expression's automaton.
    assert!(counts.len() == 100 && counts.iter().skip(1).all(|count| *count == 0), "{counts:?}");
}

fn request() -> Vec<u8> {
    let text = |text: &str| Value::StringValue(text.into());
    let attribute = |key: &str, value: Value| KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    };
    let item = |name: &str| AnyValue { value: Some(text(name)) };
    let tags = Value::ArrayValue(ArrayValue { values: vec![item("red"), item("blue")] });
    let exception = Event {
        name: "exception".into(),
        attributes: vec![attribute("exception.type", text("Timeout"))],
        ..Event::default()
    };
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: "chat gpt-4o".into(),
        kind: 3,
        end_time_unix_nano: 2_000_000_000,
        attributes: vec![
            attribute("tenant.tier", text("gold")),
            attribute("tokens", Value::IntValue(1201)),
            attribute("tags", tags),
        ],
        events: vec![exception],
        ..Span::default()
    };
    let resource = Resource { attributes: vec![attribute("service.name", text("agent"))], ..Resource::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span; 100], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}
