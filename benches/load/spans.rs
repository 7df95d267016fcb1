//! The spans: of the size and shape of LLM and agent traces, encoded once, with the places of their ids known.

use std::sync::LazyLock;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::Args;

/// Least different requests that are sent in turn, and least spans in all of them: small requests shall not mean few
/// sessions.
const TEMPLATES: usize = 8;
const ROUND: usize = 4096;
/// One session in so many fails.
const FAILED: usize = 128;
/// The words of prompts and answers: a text that does not change.
const WORDS: &str = include_str!("../../LICENSE");

/// One request, and where the trace ids of its sessions stand in it.
pub struct Template {
    /// The encoded request.
    pub body: Vec<u8>,
    /// Its spans in their order.
    pub traces: Vec<Place>,
}

/// A span of a template.
#[derive(Clone, Copy)]
pub struct Place {
    /// Offset of its trace id.
    pub at: usize,
    /// The session that it belongs to.
    pub session: usize,
    /// No span of its session is sent after it.
    pub last: bool,
}

/// A small generator of numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides.max(1)
    }
}

// === impl Template ===

impl Template {
    /// Encodes a request whose trace ids are marks. Of each span in turn: its session, and whether it is the last of it.
    pub fn new(request: &ExportTraceServiceRequest, spans: impl Iterator<Item = (usize, bool)>) -> Self {
        let (body, mut at) = (request.encode_to_vec(), 0);
        let mut place = |(session, last)| {
            let mark = mark(session);
            let found = at + body[at..].windows(16).position(|window| window == mark).unwrap();
            at = found + 16;
            Place { at: found, session, last }
        };
        let traces = spans.map(&mut place).collect();
        Self { body, traces }
    }
}

/// The requests. A session's spans are spread over all of a round of templates.
pub fn templates(args: &Args) -> Vec<Template> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    // Whole sessions over the round, dealt out in turn as they interleave.
    let total = round(args);
    let mut open: Vec<(usize, usize, usize)> = Vec::new();
    let (mut next, mut order) = (0, Vec::with_capacity(total));
    while order.len() < total {
        // Every session ends within the round: none is opened that would not.
        let mut promised: usize = open.iter().map(|(_, done, spans)| spans - done).sum();
        while open.len() < args.interleaved && order.len() + promised < total {
            let spans = (args.session / 2 + dice.roll(args.session + 1)).clamp(1, total - order.len() - promised);
            open.push((next, 0, spans));
            (next, promised) = (next + 1, promised + spans);
        }
        let at = dice.roll(open.len());
        let (session, done, spans) = &mut open[at];
        order.push((*session, *done, *spans));
        *done += 1;
        if done == spans {
            open.swap_remove(at);
        }
    }
    order.chunks(args.spans).map(|chunk| template(chunk, &mut dice)).collect()
}

/// The requests of sessions that are far apart: each has one span of as many sessions as it has spans, the n-th of
/// them all the n-th.
pub fn sparse_templates(args: &Args) -> Vec<Template> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let nth = |number| (0..args.spans).map(move |session| (session, number, args.session)).collect::<Vec<_>>();
    (0..args.session).map(|number| template(&nth(number), &mut dice)).collect()
}

fn template(chunk: &[(usize, usize, usize)], dice: &mut Dice) -> Template {
    let spans = chunk.iter().map(|(session, number, of)| span(*session, *number, *of, dice)).collect();
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![
                    text("service.name", "agent"),
                    text("service.version", "1.4.2"),
                    text("deployment.environment.name", "production"),
                    text("cloud.region", "eu-central-1"),
                    text("telemetry.sdk.language", "python"),
                    text("telemetry.sdk.name", "opentelemetry"),
                ],
                ..Default::default()
            }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: "agent.runtime".into(),
                    version: "2.1".into(),
                    ..Default::default()
                }),
                spans,
                ..Default::default()
            }],
            ..Default::default()
        }],
    };
    Template::new(&request, chunk.iter().map(|(session, number, of)| (*session, number + 1 == *of)))
}

/// Least spans in all templates.
pub fn round(args: &Args) -> usize {
    args.spans * TEMPLATES.max(ROUND / args.spans)
}

/// The trace id of a session in a template.
pub fn mark(session: usize) -> Vec<u8> {
    [&[0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed, 0xfa, 0xce], &(session as u64).to_be_bytes()[..]].concat()
}

fn span(session: usize, number: usize, of: usize, dice: &mut Dice) -> Span {
    let llm = number % 3 == 1;
    let start = 1_790_000_000_000_000_000 + number as u64 * 40_000_000 + dice.roll(5_000_000) as u64;
    let id = |number: usize| span_id(session, number).to_vec();
    let mut attributes = vec![
        text("gen_ai.operation.name", if llm { "chat" } else { "execute_tool" }),
        text("gen_ai.provider.name", "openai"),
        text("gen_ai.agent.name", "research-agent"),
        text("code.function.name", "agent.runtime.step"),
        text("server.address", "api.openai.com"),
        int("server.port", 443),
        int("thread.id", 140_234_876 + number as i64),
        text("app.request.id", &hex(dice)),
    ];
    if llm {
        attributes.extend([
            text("gen_ai.request.model", "gpt-4o-mini"),
            text("gen_ai.response.model", "gpt-4o-mini-2024-07-18"),
            int("gen_ai.usage.input_tokens", 812 + dice.roll(4000) as i64),
            int("gen_ai.usage.output_tokens", 64 + dice.roll(900) as i64),
            text("gen_ai.response.finish_reasons", "stop"),
            text("gen_ai.input.messages", &content(dice)),
            text("gen_ai.output.messages", &content(dice)),
        ]);
    } else {
        attributes.extend([
            text("gen_ai.tool.name", "search_documents"),
            text("gen_ai.tool.call.id", &format!("call_{}", hex(dice))),
            text("gen_ai.tool.call.arguments", "{\"query\": \"quarterly revenue by region\", \"limit\": 20}"),
            text("http.request.method", "POST"),
            int("http.response.status_code", 200),
        ]);
    }
    let failed = session.is_multiple_of(FAILED) && number + 1 == of;
    Span {
        trace_id: mark(session),
        span_id: id(number),
        // Children end, and are sent, before their parents: the root comes last.
        parent_span_id: if number + 1 == of { Vec::new() } else { id(of - 1) },
        flags: 0x101,
        name: if llm { "chat gpt-4o-mini".into() } else { "execute_tool search_documents".into() },
        kind: if llm { 3 } else { 1 },
        start_time_unix_nano: start,
        end_time_unix_nano: start + 35_000_000,
        attributes,
        status: failed.then(|| Status { code: 2, message: "tool failed".into() }),
        ..Default::default()
    }
}

/// 700 to 2,100 bytes of text, so that an LLM span has 1.4 to 4.1 KiB of content, and spans 1.6 KB on average. Frequent
/// words and rare ones, so that gzip makes a fourth of a request, as it does of real ones.
fn content(dice: &mut Dice) -> String {
    static KNOWN: LazyLock<Vec<&str>> = LazyLock::new(|| WORDS.split_whitespace().collect());
    let (len, mut out) = (700 + dice.roll(1400), String::new());
    while out.len() < len {
        out.push_str(KNOWN[dice.roll(KNOWN.len())]);
        out.push(' ');
    }
    out.truncate(len);
    out
}

/// Ids that look random, and differ within a trace.
fn span_id(session: usize, number: usize) -> [u8; 8] {
    let number = (session as u64) << 32 | (number as u64 + 1);
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()
}

fn hex(dice: &mut Dice) -> String {
    format!("{:016x}{:016x}", dice.roll(usize::MAX), dice.roll(usize::MAX))
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.into())) }),
        ..Default::default()
    }
}

fn int(key: &str, value: i64) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(Value::IntValue(value)) }), ..Default::default() }
}
