//! What spans say: attributes, events and status of agents, calls of models and calls of tools.

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span::Event};
use serde_json::json;

use super::dice::Dice;
use super::session::{Kind, Step};
use super::{conversation_mark, mark};

/// Start of all sessions, in nanoseconds.
const BEGIN: u64 = 1_790_000_000_000_000_000;
/// Nanoseconds from one span of a session to the next.
const STEP: u64 = 400 * MILLISECOND;
const MILLISECOND: u64 = 1_000_000;
const ERROR: i32 = 2;

/// A model and who provides it.
struct Model {
    provider: &'static str,
    server: &'static str,
    requested: &'static str,
    answered: &'static str,
    /// Finish reasons of an answer, and of one that calls tools.
    finished: [&'static str; 2],
}

/// An agent and its tools.
struct Agent {
    name: &'static str,
    id: &'static str,
    description: &'static str,
    instructions: &'static str,
    tools: [&'static str; 4],
}

const MODELS: [Model; 5] = [
    openai("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    openai("gpt-4.1", "gpt-4.1-2025-04-14"),
    anthropic("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    Model {
        provider: "gcp.gemini",
        server: "generativelanguage.googleapis.com",
        requested: "gemini-2.5-flash",
        answered: "gemini-2.5-flash",
        finished: ["STOP", "STOP"],
    },
    anthropic("claude-haiku-4-5", "claude-haiku-4-5-20251001"),
];

const AGENTS: [Agent; 2] = [
    Agent {
        name: "research-agent",
        id: "asst_5j66UpCpwteGg4YSxUnt7lPY",
        description: "Answers questions from documents, the web and the warehouse",
        instructions: "You are a research agent. Name the source of each figure, and say so when there is none.",
        tools: ["search_documents", "fetch_url", "query_warehouse", "calculate"],
    },
    Agent {
        name: "support-agent",
        id: "asst_9fTqWmZ0aLrXv31BdKe8HsUo",
        description: "Answers customers about their orders, invoices and tickets",
        instructions: "You are a support agent. Look the order up before you answer, and never promise a date.",
        tools: ["lookup_order", "list_tickets", "get_invoice", "translate_text"],
    },
];

const fn openai(requested: &'static str, answered: &'static str) -> Model {
    Model { provider: "openai", server: "api.openai.com", requested, answered, finished: ["stop", "tool_calls"] }
}

const fn anthropic(requested: &'static str, answered: &'static str) -> Model {
    Model {
        provider: "anthropic",
        server: "api.anthropic.com",
        requested,
        answered,
        finished: ["end_turn", "tool_use"],
    }
}

/// The span of a step.
pub fn span(step: &Step, dice: &mut Dice) -> Span {
    let agent = &AGENTS[step.session % AGENTS.len()];
    let attributes = vec![
        text("gen_ai.agent.name", agent.name),
        text("gen_ai.conversation.id", &conversation_mark(step.session)),
        text("code.function.name", "agent.runtime.step"),
        int("thread.id", 140_234_876 + step.number as i64),
        text("app.request.id", &dice.hex(32)),
    ];
    let start = BEGIN + step.number as u64 * STEP + dice.roll(5 * MILLISECOND as usize) as u64;
    let made = Span {
        trace_id: mark(step.ids().trace),
        span_id: span_id(step.session, step.number),
        parent_span_id: span_id(step.session, step.root()),
        flags: 0x101,
        start_time_unix_nano: start,
        attributes,
        ..Default::default()
    };
    match step.kind() {
        Kind::Agent => turn(step, agent, made, dice),
        Kind::Model => call(step, agent, made, dice),
        Kind::Tool => tool(agent, made, dice),
    }
}

/// The root of a trace.
fn turn(step: &Step, agent: &Agent, mut span: Span, dice: &mut Dice) -> Span {
    span.parent_span_id.clear();
    span.end_time_unix_nano = span.start_time_unix_nano + 10 * MILLISECOND;
    span.start_time_unix_nano = BEGIN + step.first() as u64 * STEP - MILLISECOND;
    span.name = format!("invoke_agent {}", agent.name);
    span.kind = 1;
    let question = dice.words(80);
    span.attributes.extend([
        text("gen_ai.operation.name", "invoke_agent"),
        text("gen_ai.agent.id", agent.id),
        text("gen_ai.agent.description", agent.description),
        text("gen_ai.input.messages", &messages("user", &question, None)),
    ]);
    if step.fails() {
        span.status = Some(Status { code: ERROR, message: "a tool failed three times".into() });
        span.attributes.push(text("error.type", "ToolError"));
        span.events.push(Event {
            time_unix_nano: span.end_time_unix_nano,
            name: "exception".into(),
            attributes: vec![
                text("exception.type", "ToolError"),
                text("exception.message", "a tool failed three times"),
                text("exception.stacktrace", &format!("Traceback (most recent call last):\n{}", dice.words(600))),
            ],
            ..Default::default()
        });
    }
    span
}

/// A call of a model, as a stream.
fn call(step: &Step, agent: &Agent, mut span: Span, dice: &mut Dice) -> Span {
    let nth = (step.number - step.first()) / 3;
    // A session has its model, and another one for every fourth call.
    let model = &MODELS[(step.session + usize::from(nth % 4 == 3)) % MODELS.len()];
    let (prompt, answer) = (600 + dice.roll(1100), 400 + dice.roll(1100));
    let input_tokens = 812 + dice.roll(4000) as i64;
    let cached = input_tokens * dice.roll(3) as i64 / 4;
    span.end_time_unix_nano = span.start_time_unix_nano + (250 + dice.roll(120) as u64) * MILLISECOND;
    span.name = format!("chat {}", model.requested);
    span.kind = 3;
    span.attributes.extend([
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", model.provider),
        text("gen_ai.request.model", model.requested),
        flag("gen_ai.request.stream", true),
        double("gen_ai.request.temperature", 0.2),
        int("gen_ai.request.max_tokens", 4096),
        text("server.address", model.server),
        int("server.port", 443),
        text("gen_ai.response.id", &format!("resp_{}", dice.hex(32))),
        text("gen_ai.response.model", model.answered),
        double("gen_ai.response.time_to_first_chunk", 0.08 + dice.roll(120_000) as f64 / 1e6),
        int("gen_ai.usage.input_tokens", input_tokens),
        int("gen_ai.usage.cache_read.input_tokens", cached),
        text("gen_ai.system_instructions", &json!([{"type": "text", "content": agent.instructions}]).to_string()),
        text("gen_ai.input.messages", &messages("user", &dice.words(prompt), None)),
    ]);
    if step.breaks() {
        span.status = Some(Status { code: ERROR, message: "peer closed connection without a complete answer".into() });
        span.attributes.push(text("error.type", "APIConnectionError"));
        return span;
    }
    let finished = model.finished[usize::from(!step.is_last_call())];
    span.attributes.extend([
        texts("gen_ai.response.finish_reasons", &[finished]),
        int("gen_ai.usage.output_tokens", 64 + dice.roll(500) as i64),
        text("gen_ai.output.messages", &messages("assistant", &dice.words(answer), Some(finished))),
    ]);
    span
}

/// A call of a tool.
fn tool(agent: &Agent, mut span: Span, dice: &mut Dice) -> Span {
    let tool = agent.tools[dice.roll(agent.tools.len())];
    span.end_time_unix_nano = span.start_time_unix_nano + (20 + dice.roll(40) as u64) * MILLISECOND;
    span.name = format!("execute_tool {tool}");
    span.kind = 1;
    let arguments = json!({"query": dice.words(40), "limit": 20});
    span.attributes.extend([
        text("gen_ai.operation.name", "execute_tool"),
        text("gen_ai.tool.name", tool),
        text("gen_ai.tool.type", "function"),
        text("gen_ai.tool.call.id", &format!("call_{}", dice.hex(24))),
        text("gen_ai.tool.call.arguments", &arguments.to_string()),
        text("http.request.method", "POST"),
        int("http.response.status_code", 200),
        text("server.address", "tools.agents.svc.cluster.local"),
        int("server.port", 8443),
    ]);
    span
}

/// A message as the GenAI conventions have it in JSON.
fn messages(role: &str, content: &str, finish_reason: Option<&str>) -> String {
    let mut message = json!({"role": role, "parts": [{"type": "text", "content": content}]});
    if let Some(reason) = finish_reason {
        message["finish_reason"] = reason.into();
    }
    json!([message]).to_string()
}

/// Ids that look random, and differ within a trace.
fn span_id(session: usize, number: usize) -> Vec<u8> {
    let number = (session as u64) << 32 | (number as u64 + 1);
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().to_vec()
}

pub fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

pub fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn double(key: &str, value: f64) -> KeyValue {
    attribute(key, Value::DoubleValue(value))
}

fn flag(key: &str, value: bool) -> KeyValue {
    attribute(key, Value::BoolValue(value))
}

fn texts(key: &str, values: &[&str]) -> KeyValue {
    let value = |text: &&str| AnyValue { value: Some(Value::StringValue((*text).into())) };
    attribute(key, Value::ArrayValue(ArrayValue { values: values.iter().map(value).collect() }))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}
