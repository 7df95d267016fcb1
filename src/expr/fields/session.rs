//! The fields of `session`.

use super::types::{Field, SessionRead, Type, field};
use crate::expr::value::Value;
use crate::flow::Session;
use crate::genai::vocabulary::Outcome;

const STATUS: Type = Type::Name(&["unset", "ok", "error"]);
const SOURCES: Type = Type::Name(&["attribute", "done_tool", "root_status", "finish_reason"]);
const STRINGS: Type = Type::List(&Type::String);

/// The fields of `session`.
pub const SESSION: &[Field<SessionRead>] = &[
    field("id", Type::String, "", "the id that the application gave, or the trace id", |session, id| {
        Value::Str(id.of(&session.key))
    }),
    field("sequence", Type::Int, "{burst}", "which burst of its conversation it is, from 1", |session, _| {
        Value::Int(session.sequence.into())
    }),
    field("turns", Type::Int, "{trace}", "its traces", |session, _| Value::count(session.turns.len())),
    field("spans", Type::Int, "{span}", "its spans", |session, _| Value::Int(session.spans.into())),
    field("services", STRINGS, "", "names of its services, in the order in which they came", |session, _| {
        Value::Names(&session.services)
    }),
    field("root_name", Type::String, "", "name of the first turn's root; absent while no root came", |session, _| {
        session.first_root().map_or(Value::Absent, |root| Value::Str(&root.name))
    }),
    field("duration", Type::Duration, "s", "end of the latest span minus start of the earliest", |session, _| {
        Value::nanoseconds(session.duration())
    }),
    field(
        "failed",
        Type::Bool,
        "",
        "whether the last turn's root has status ERROR, or the last model call ended broken, failed or errored",
        |session, _| Value::Bool(session.failed()),
    ),
    field("error_count", Type::Int, "{span}", "spans with status ERROR", |session, _| {
        Value::Int(session.error_count.into())
    }),
    field(
        "recovered_errors",
        Type::Int,
        "{span}",
        "spans with status ERROR of a session that did not fail",
        |session, _| Value::Int(session.recovered_errors().into()),
    ),
    field("error_types", STRINGS, "", "error types, in the order in which they came", |session, _| {
        Value::Names(&session.error_types)
    }),
    field("status", STATUS, "", "status of the last turn's root", |session, _| Value::Str(session.status())),
    field("orphans", Type::Int, "{span}", "spans whose parent never came", |session, _| {
        Value::Int(session.orphans.into())
    }),
    field(
        "unfinished_spans",
        Type::Int,
        "{span}",
        "spans that were sent before they were over, and whose whole never came",
        |session, _| Value::Int(session.unfinished.into()),
    ),
    field("bytes", Type::Int, "By", "bytes of its spans as received", |session, _| {
        Value::Int(session.bytes.try_into().unwrap_or(i64::MAX))
    }),
    field(
        "complete",
        Type::Bool,
        "",
        "whether all of it came: every trace settled, no parent missing",
        |session, _| Value::Bool(session.complete),
    ),
    // --- models ---
    field(
        "llm_calls",
        Type::Int,
        "{call}",
        "calls of language models, each once however many spans tell of it",
        |session, _| Value::Int(session.sums().llm_calls.into()),
    ),
    field("models", STRINGS, "", "models that answered, else that were asked for", |session, _| {
        Value::Names(&session.sums().names.models)
    }),
    field("providers", STRINGS, "", "providers, by their canonical names", |session, _| {
        Value::Names(&session.sums().names.providers)
    }),
    field("regions", STRINGS, "", "regions in which the providers ran the calls", |session, _| {
        Value::Names(&session.sums().names.regions)
    }),
    field("prompts", STRINGS, "", "names of prompts", |session, _| Value::Names(&session.sums().names.prompts)),
    field("prompt_versions", STRINGS, "", "versions of prompts, given or hashed", |session, _| {
        Value::Texts(&session.sums().names.prompt_versions)
    }),
    field("agents", STRINGS, "", "names of agents", |session, _| Value::Names(&session.sums().names.agents)),
    field("input_tokens", Type::Int, "{token}", "input of all billed calls, cached or not", |session, _| {
        int(session.sums().tokens.input)
    }),
    field("cache_read_tokens", Type::Int, "{token}", "of the input: read from a cache", |session, _| {
        int(session.sums().tokens.cache_read)
    }),
    field("cache_write_tokens", Type::Int, "{token}", "of the input: written to a cache", |session, _| {
        int(session.sums().tokens.cache_write)
    }),
    field("output_tokens", Type::Int, "{token}", "output of all billed calls, reasoning with it", |session, _| {
        int(session.sums().tokens.output)
    }),
    field("reasoning_tokens", Type::Int, "{token}", "of the output: reasoning", |session, _| {
        int(session.sums().tokens.reasoning)
    }),
    field("total_tokens", Type::Int, "{token}", "input and output", |session, _| int(session.sums().tokens.total())),
    field(
        "cost_usd",
        Type::Double,
        "USD",
        "what its billed calls cost, of those that have a price; absent where none has",
        |session, _| session.sums().cost.map_or(Value::Absent, |cost| Value::Double(cost.usd())),
    ),
    field(
        "wasted_usd",
        Type::Double,
        "USD",
        "of the cost: calls that were truncated, failed, broke, were abandoned or were made again",
        |session, _| Value::Double(session.sums().wasted.usd()),
    ),
    field("unpriced_calls", Type::Int, "{call}", "billed calls that no price was found for", |session, _| {
        Value::Int(session.sums().unpriced_calls.into())
    }),
    field(
        "context_growth",
        Type::Double,
        "1",
        "input tokens of the last model call over those of the first",
        |session, _| real(session.sums().context_growth),
    ),
    field("context_fill", Type::Double, "1", "the fullest that a model's context window was, 0 to 1", |session, _| {
        real(session.sums().context_fill)
    }),
    // --- time ---
    field("ttft_first", Type::Double, "s", "time to the first token of the first call that tells", |session, _| {
        real(session.sums().ttft_first)
    }),
    field("ttft_max", Type::Double, "s", "the longest time to the first token of a call", |session, _| {
        real(session.sums().ttft_max)
    }),
    field(
        "felt_ttft",
        Type::Double,
        "s",
        "the longest that a turn was waited for: from the start of its root to the first token of its last call",
        |session, _| real(session.sums().felt_ttft_max()),
    ),
    field("ttc_max", Type::Double, "s", "the longest time to completion of a call", |session, _| {
        real(session.sums().ttc_max)
    }),
    // --- how calls ended ---
    field(
        "streams_complete",
        Type::Int,
        "{call}",
        "model calls by how they ended: the answer is whole",
        |session, _| ended(session, Outcome::Complete),
    ),
    field(
        "streams_truncated",
        Type::Int,
        "{call}",
        "model calls by how they ended: cut off at its greatest length",
        |session, _| ended(session, Outcome::Truncated),
    ),
    field("streams_filtered", Type::Int, "{call}", "model calls by how they ended: filtered", |session, _| {
        ended(session, Outcome::Filtered)
    }),
    field("streams_refused", Type::Int, "{call}", "model calls by how they ended: the model refused", |session, _| {
        ended(session, Outcome::Refused)
    }),
    field(
        "streams_broken",
        Type::Int,
        "{call}",
        "model calls by how they ended: an error after the first token",
        |session, _| ended(session, Outcome::Broken),
    ),
    field(
        "streams_failed",
        Type::Int,
        "{call}",
        "model calls by how they ended: an error, and no token came",
        |session, _| ended(session, Outcome::Failed),
    ),
    field(
        "streams_errored",
        Type::Int,
        "{call}",
        "model calls by how they ended: an error, and nothing tells whether a token came",
        |session, _| ended(session, Outcome::Errored),
    ),
    field(
        "streams_abandoned",
        Type::Int,
        "{call}",
        "model calls by how they ended: ended without a finish reason and without an error",
        |session, _| ended(session, Outcome::Abandoned),
    ),
    field("streams_unknown", Type::Int, "{call}", "model calls by how they ended: nothing tells how", |session, _| {
        ended(session, Outcome::Unknown)
    }),
    field(
        "retries",
        Type::Int,
        "{call}",
        "calls made again: attempts, resends, an answer or a request once more",
        |session, _| Value::Int(session.sums().retries.into()),
    ),
    field("rate_limited", Type::Int, "{span}", "spans whose error says that the provider had no room", |session, _| {
        Value::Int(session.sums().rate_limited.into())
    }),
    field(
        "missing_calls",
        Type::Int,
        "{span}",
        "runs of agents, and frameworks around calls, without any call of a model",
        |session, _| Value::Int(session.sums().missing_calls.into()),
    ),
    // --- tools ---
    field("tool_calls", Type::Int, "{call}", "calls of tools", |session, _| {
        Value::Int(session.sums().tool_calls.into())
    }),
    field("tool_failures", Type::Int, "{call}", "calls of tools that failed", |session, _| {
        Value::Int(session.sums().tool_failures.into())
    }),
    field("tools", STRINGS, "", "names of tools", |session, _| Value::Names(session.sums().names.tools.as_slice())),
    field("failed_tools", STRINGS, "", "tools that failed at least once", |session, _| {
        Value::Names(&session.sums().failed_tools)
    }),
    field(
        "calls_by_tool",
        Type::Counts,
        "{call}",
        "calls of the tool of that name: `session.calls_by_tool[\"search\"]`",
        |_, _| Value::Absent,
    ),
    field("failures_by_tool", Type::Counts, "{call}", "of those, the ones that failed", |_, _| Value::Absent),
    field(
        "repeated_tool_calls",
        Type::Int,
        "{call}",
        "calls of a tool with the same arguments as an earlier one",
        |session, _| Value::Int(session.sums().repeated_tool_calls.into()),
    ),
    field(
        "longest_tool_run",
        Type::Int,
        "{call}",
        "the longest run of such calls, one after the other",
        |session, _| Value::Int(session.sums().longest_tool_run.into()),
    ),
    field(
        "irreversible_calls",
        Type::Int,
        "{call}",
        "calls of tools that `sessions.irreversible_tools` names",
        |session, _| Value::Int(session.sums().irreversible_calls.into()),
    ),
    // --- what it came to ---
    field(
        "outcome",
        Type::String,
        "",
        "what the session came to, see `outcome_source`; absent where nothing tells",
        |session, _| session.sums().outcome.as_ref().map_or(Value::Absent, |(outcome, _)| Value::Str(outcome)),
    ),
    field("outcome_source", SOURCES, "", "what says so", |session, _| {
        session.sums().outcome.as_ref().map_or(Value::Absent, |(_, source)| Value::Str(source.name()))
    }),
];

fn int(number: u64) -> Value<'static> {
    Value::Int(number.try_into().unwrap_or(i64::MAX))
}

fn real(number: Option<f64>) -> Value<'static> {
    number.map_or(Value::Absent, Value::Double)
}

fn ended(session: &Session, outcome: Outcome) -> Value<'static> {
    Value::Int(session.sums().ended(outcome).into())
}
