mod errors;
mod hostile;
mod reference;
mod sessions;
mod spans;

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::*;
use crate::flow::{SessionKey, Turn, TurnRoot};
use crate::genai::calls::{Call, Named, SessionContext, Sums, TokenSums, ToolCount, summarize};
use crate::genai::vocabulary::{Outcome, OutcomeSource};
use crate::intern::{Kind, Name};
use crate::otlp::span::TraceId;
use crate::pricing::Attodollars;

/// A session of two turns, the second of which failed.
fn session() -> Session {
    let root = |name: &str, start, status| {
        Some(TurnRoot { span: 0, parent: Default::default(), start, status, name: name.into(), local: true })
    };
    let turn = |n, root| Turn { trace_id: TraceId([n; 16]), root, earliest: (100, 0), top: None, beside: false };
    Session {
        key: SessionKey::Trace(TraceId([0xab; 16])),
        sequence: 2,
        randomness: 1,
        turns: vec![turn(1, root("POST /chat", 100, 1)), turn(2, root("POST /retry", 200, 2))],
        spans: 7,
        bytes: 9000,
        services: ["gateway", "agent"].map(|name| Name::new(Kind::Service, name)).into(),
        error_types: vec![Name::new(Kind::ErrorType, "TimeoutError")],
        start: 1_000_000_000,
        end: 6_500_000_000,
        error_count: 3,
        orphans: 1,
        unfinished: 2,
        complete: false,
        predicates: Box::default(),
        calls: Vec::new(),
        book: None,
        sums: Some(Box::new(sums())),
    }
}

/// What its calls come to.
fn sums() -> Sums {
    let list = |kind, names: &[&str]| names.iter().map(|name| Name::new(kind, name)).collect::<Vec<Name>>();
    let mut tools = ["read", "search"].map(|tool| Call { tool: Name::new(Kind::Tool, tool), ..Call::NOTHING });
    let names = Named {
        models: list(Kind::Model, &["gpt-4o", "claude-sonnet-4-5"]),
        providers: list(Kind::Provider, &["openai", "anthropic"]),
        regions: list(Kind::Region, &["eu-west-1"]),
        prompts: list(Kind::Prompt, &["greeting"]),
        prompt_versions: vec!["7".into(), "h:00ff00ff00ff".into()],
        tools: summarize(&mut tools, &[], &SessionContext::default()).names.tools,
        agents: list(Kind::Agent, &["planner"]),
    };
    let mut outcomes = [0; Outcome::ALL.len()];
    (11..).zip(&mut outcomes).for_each(|(count, place)| *place = count);
    Sums {
        llm_calls: 21,
        tool_calls: 22,
        tool_failures: 23,
        names,
        by_tool: vec![ToolCount { calls: 2, failures: 1 }, ToolCount { calls: 5, failures: 3 }],
        failed_tools: list(Kind::Tool, &["search"]),
        tokens: TokenSums { input: 1000, cache_read: 600, cache_write: 50, output: 200, reasoning: 80 },
        cost: Some(Attodollars(2_500_000_000_000_000_000)),
        wasted: Attodollars(500_000_000_000_000_000),
        unpriced_calls: 24,
        ttft_first: Some(0.5),
        ttft_max: Some(2.5),
        felt_ttft: vec![1.0, f64::NAN, 4.5],
        ttc_max: Some(8.5),
        outcomes,
        repeated_tool_calls: 25,
        longest_tool_run: 26,
        retries: 27,
        rate_limited: 28,
        context_growth: Some(3.5),
        context_fill: Some(0.75),
        irreversible_calls: 29,
        missing_calls: 30,
        last_call_failed: false,
        outcome: Some(("refunded", OutcomeSource::DoneTool)),
    }
}

fn compile(text: &str) -> Result<(SessionExpr, Predicates), Vec<ExprError>> {
    let mut keys = KeyTable::default();
    let mut compiler = Compiler::new(&mut keys);
    let rule = compiler.rule(text)?;
    Ok((rule, compiler.finish()))
}

/// Whether `text` is true of `session`.
fn is_true(text: &str, session: &Session) -> bool {
    compile(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}")).0.matches(session)
}

/// Checks texts that are true and texts that are not.
fn check(session: &Session, yes: &[&str], no: &[&str]) {
    for text in yes {
        assert!(is_true(text, session), "{text}");
    }
    for text in no {
        assert!(!is_true(text, session), "{text}");
    }
}

fn value(value: any_value::Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn text(text: &str) -> AnyValue {
    value(any_value::Value::StringValue(text.into()))
}

fn attribute(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.into(), value: Some(value), ..KeyValue::default() }
}

/// A client span of 1.5 s with attributes of every kind and two events.
fn span() -> Span {
    let tags = ArrayValue { values: vec![text("red"), text("blue")] };
    let event = |name: &str, attributes| Event { name: name.into(), attributes, ..Event::default() };
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: "chat gpt-4o".into(),
        kind: 3,
        start_time_unix_nano: 1_000_000_000,
        end_time_unix_nano: 2_500_000_000,
        attributes: vec![
            attribute("tenant.tier", text("gold")),
            attribute("tokens", value(any_value::Value::IntValue(1200))),
            attribute("temperature", value(any_value::Value::DoubleValue(0.5))),
            attribute("streaming", value(any_value::Value::BoolValue(true))),
            attribute("tags", value(any_value::Value::ArrayValue(tags))),
            attribute("number", text("42")),
        ],
        events: vec![
            event("gen_ai.first_token", vec![]),
            event("exception", vec![attribute("exception.type", text("TimeoutError"))]),
        ],
        status: Some(Status { code: 2, message: "boom".into() }),
        ..Span::default()
    }
}

fn request(spans: Vec<Span>) -> Vec<u8> {
    let scope = Some(InstrumentationScope { name: "openai".into(), version: "1.2".into(), ..Default::default() });
    let resource = Resource { attributes: vec![attribute("service.name", text("agent"))], ..Default::default() };
    let scope_spans = vec![ScopeSpans { scope, spans, ..Default::default() }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, ..Default::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// The session of `spans` with its predicates counted, and whether `text` is true of it.
fn asked(text: &str, spans: Vec<Span>) -> bool {
    let mut keys = KeyTable::default();
    let mut compiler = Compiler::new(&mut keys);
    let rule = compiler.rule(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
    let predicates = compiler.finish();
    let mut counts = vec![0; predicates.len()];
    let mut session = session();
    session.spans = spans.len() as u32;
    crate::otlp::walk::walk(&request(spans), &keys, |visit| {
        let bits = predicates.evaluate(visit);
        counts.iter_mut().enumerate().for_each(|(bit, count)| *count += (bits >> bit & 1) as u32);
    })
    .unwrap();
    session.predicates = counts.into();
    rule.matches(&session)
}
