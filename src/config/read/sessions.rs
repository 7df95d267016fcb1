//! `sessions` and `memory`.

use crate::config::section::Section;
use crate::config::units::format_duration;
use crate::config::{LEAST_MEMORY, Memory, Outcome, Sessions};
use crate::otlp::keys::MAX_KEY;

/// `sessions`
pub fn sessions(mut sessions: Section<'_, '_>) -> Sessions {
    let default = Sessions::default();
    let spans = sessions.number("max_spans", 1..=u64::from(u32::MAX));
    let traces = sessions.number("max_open_traces", 1..=u64::from(u32::MAX));
    let remembered = sessions.number("remembered_traces", 0..=100_000_000);
    let shards = sessions.number("shards", 1..=1024);
    let conventions = sessions.text("conventions");
    if conventions.as_ref().is_some_and(|file| file.text.is_empty()) {
        sessions.problem("conventions", "is empty, must be a file or left out");
    }
    let read = Sessions {
        settle: sessions.duration("settle", default.settle),
        idle_timeout: sessions.positive("idle_timeout", default.idle_timeout),
        trace_timeout: sessions.positive("trace_timeout", default.trace_timeout),
        max_duration: sessions.positive("max_duration", default.max_duration),
        max_spans: spans.and_then(|n| u32::try_from(n).ok()).unwrap_or(default.max_spans),
        max_bytes: sessions.size("max_bytes", 1..=1 << 50).unwrap_or(default.max_bytes),
        max_open_traces: traces.and_then(|n| u32::try_from(n).ok()).unwrap_or(default.max_open_traces),
        remembered_traces: remembered.map_or(default.remembered_traces, |n| n as usize),
        shards: shards.and_then(|n| u16::try_from(n).ok()),
        conventions: conventions.filter(|file| !file.text.is_empty()),
        outcome: outcome(sessions.section("outcome")),
        irreversible_tools: sessions.strings("irreversible_tools").into_iter().map(|tool| tool.text).collect(),
    };
    if sessions.is_clean() && read.settle > read.trace_timeout {
        let (settle, timeout) = (format_duration(read.settle), format_duration(read.trace_timeout));
        let key = if sessions.has("settle") { "settle" } else { "trace_timeout" };
        sessions.problem(key, format!("settle ({settle}) must not be longer than trace_timeout ({timeout})"));
    }
    sessions.finish();
    read
}

fn outcome(mut outcome: Section<'_, '_>) -> Outcome {
    let attribute = outcome.string("attribute");
    if attribute.as_ref().is_some_and(|key| key.len() > MAX_KEY) {
        outcome.problem("attribute", format!("is too long, an attribute's key has 1 to {MAX_KEY} bytes"));
    }
    let read =
        Outcome { attribute, done_tool: outcome.string("done_tool"), done_status: outcome.string("done_status") };
    if outcome.is_clean() && read.done_status.is_some() && read.done_tool.is_none() {
        outcome.problem("done_status", "is of the arguments of a tool: name it with done_tool");
    }
    outcome.finish();
    read
}

/// `memory`
pub fn memory(mut memory: Section<'_, '_>) -> Memory {
    memory.unsupported(&[("limit_mib", "use limit with a unit"), ("limit_percentage", "use limit")]);
    // Less than the floor would refuse everything; it is most likely a number whose unit was forgotten.
    let read = Memory { limit: memory.size("limit", LEAST_MEMORY..=1 << 50) };
    memory.finish();
    read
}
