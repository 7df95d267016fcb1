//! The attributes that are written onto the root of each turn: one table, from which they are emitted and documented alike
//! (`docs/attributes.md`, which a test compares).

use super::name::Name;
use crate::flow::{Session, Verdict};
use crate::genai::vocabulary::Outcome;
use crate::otlp::append::{put_attribute, put_strings};
use crate::otlp::keys::{KeyTable, Picked};
use crate::otlp::value::AnyValue;

/// One attribute.
struct Attribute {
    /// Its name behind the prefix.
    name: &'static str,
    /// Type, unit and meaning.
    doc: (&'static str, &'static str, &'static str),
    /// Its value.
    put: fn(&mut Vec<u8>, &str, &Summary<'_>),
}

/// What is summed up on the root of one turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Summary<'k> {
    pub(super) session: &'k Session,
    pub(super) verdict: &'k Verdict,
    /// Which of its turns.
    pub(super) turn: u32,
}

/// The attributes with their whole names.
#[derive(Debug)]
pub(super) struct Attributes {
    names: Vec<Name>,
}

const TABLE: &[Attribute] = &[
    Attribute {
        name: "session.id",
        doc: ("string", "", "What names the session: the id that its spans gave, or its trace id"),
        put: |out, key, Summary { session, .. }| put_attribute(out, key, AnyValue::Str(&session.key.to_string())),
    },
    Attribute {
        name: "session.sequence",
        doc: ("int", "", "Which burst of its conversation the session is, from 1"),
        put: |out, key, Summary { session, .. }| put_attribute(out, key, AnyValue::Int(session.sequence.into())),
    },
    Attribute {
        name: "session.turns",
        doc: ("int", "{trace}", "Traces of the session"),
        put: |out, key, Summary { session, .. }| put_attribute(out, key, int(session.turns.len())),
    },
    Attribute {
        name: "session.spans",
        doc: ("int", "{span}", "Spans of the session"),
        put: |out, key, Summary { session, .. }| put_attribute(out, key, AnyValue::Int(session.spans.into())),
    },
    Attribute {
        name: "session.duration",
        doc: ("double", "s", "End of its latest span minus start of its earliest"),
        put: |out, key, Summary { session, .. }| {
            put_attribute(out, key, AnyValue::Double(session.duration() as f64 / 1e9))
        },
    },
    Attribute {
        name: "session.error_count",
        doc: ("int", "{span}", "Spans with status ERROR"),
        put: |out, key, Summary { session, .. }| put_attribute(out, key, AnyValue::Int(session.error_count.into())),
    },
    Attribute {
        name: "session.orphans",
        doc: ("int", "{span}", "Spans whose parent never came"),
        put: |out, key, Summary { session, .. }| put_attribute(out, key, AnyValue::Int(session.orphans.into())),
    },
    Attribute {
        name: "session.unfinished_spans",
        doc: ("int", "{span}", "Spans that were sent before they were over, and whose whole never came"),
        put: |out, key, Summary { session, .. }| put_attribute(out, key, AnyValue::Int(session.unfinished.into())),
    },
    Attribute {
        name: "session.complete",
        doc: ("bool", "", "All of it came: every trace with its root and all parents, nothing judged before"),
        put: |out, key, Summary { session, .. }| put_attribute(out, key, AnyValue::Bool(session.complete)),
    },
    Attribute {
        name: "session.llm_calls",
        doc: ("int", "{call}", "Calls of language models, each once however many spans tell of it"),
        put: |out, key, Summary { session, .. }| {
            put_attribute(out, key, AnyValue::Int(session.sums().llm_calls.into()))
        },
    },
    Attribute {
        name: "session.tool_calls",
        doc: ("int", "{call}", "Calls of tools"),
        put: |out, key, Summary { session, .. }| {
            put_attribute(out, key, AnyValue::Int(session.sums().tool_calls.into()))
        },
    },
    Attribute {
        name: "session.cost_usd",
        doc: ("double", "USD", "What its billed calls cost, of those that have a price; none where none has"),
        put: |out, key, Summary { session, .. }| put_real(out, key, session.sums().cost.map(|cost| cost.usd())),
    },
    Attribute {
        name: "session.input_tokens",
        doc: ("int", "{token}", "Input of all billed calls, cached or not; none where nothing was told"),
        put: |out, key, Summary { session, .. }| put_tokens(out, key, session, session.sums().tokens.input),
    },
    Attribute {
        name: "session.output_tokens",
        doc: ("int", "{token}", "Output of all billed calls, reasoning with it; none where nothing was told"),
        put: |out, key, Summary { session, .. }| put_tokens(out, key, session, session.sums().tokens.output),
    },
    Attribute {
        name: "session.ttft",
        doc: ("double", "s", "Time to the first token of the first call that tells"),
        put: |out, key, Summary { session, .. }| put_real(out, key, session.sums().ttft_first),
    },
    Attribute {
        name: "session.felt_ttft",
        doc: (
            "double",
            "s",
            "How long this turn was waited for: from the start of its root to the first token of its last call",
        ),
        put: |out, key, Summary { session, turn, .. }| {
            let felt = session.sums().felt_ttft.get(*turn as usize).copied();
            put_real(out, key, felt.filter(|seconds| seconds.is_finite()));
        },
    },
    Attribute {
        name: "session.streams_broken",
        doc: ("int", "{call}", "Streams that broke after their first token"),
        put: |out, key, Summary { session, .. }| {
            put_attribute(out, key, AnyValue::Int(session.sums().ended(Outcome::Broken).into()))
        },
    },
    Attribute {
        name: "session.repeated_tool_calls",
        doc: ("int", "{call}", "Calls of a tool with the same arguments as an earlier one"),
        put: |out, key, Summary { session, .. }| {
            put_attribute(out, key, AnyValue::Int(session.sums().repeated_tool_calls.into()))
        },
    },
    Attribute {
        name: "session.retries",
        doc: ("int", "{call}", "Calls made again: attempts, resends, an answer or a request once more"),
        put: |out, key, Summary { session, .. }| put_attribute(out, key, AnyValue::Int(session.sums().retries.into())),
    },
    Attribute {
        name: "session.outcome",
        doc: ("string", "", "What the session came to; none where nothing tells"),
        put: |out, key, Summary { session, .. }| {
            if let Some((outcome, _)) = &session.sums().outcome {
                put_attribute(out, key, AnyValue::Str(outcome));
            }
        },
    },
    Attribute {
        name: "session.outcome_source",
        doc: ("string", "", "What says so: `attribute`, `done_tool`, `root_status` or `finish_reason`"),
        put: |out, key, Summary { session, .. }| {
            if let Some((_, source)) = &session.sums().outcome {
                put_attribute(out, key, AnyValue::Str(source.name()));
            }
        },
    },
    Attribute {
        name: "decision.rule",
        doc: ("string", "", "The rule that kept it; `(all)` without any rules"),
        put: |out, key, Summary { verdict, .. }| put_attribute(out, key, AnyValue::Str(&verdict.rule)),
    },
    Attribute {
        name: "decision.rules",
        doc: ("string[]", "", "All rules that matched"),
        put: |out, key, Summary { verdict, .. }| put_strings(out, key, verdict.matched.iter().map(|name| &**name)),
    },
    Attribute {
        name: "decision.probability",
        doc: ("double", "1", "The probability it was kept with"),
        put: |out, key, Summary { verdict, .. }| put_attribute(out, key, AnyValue::Double(verdict.probability)),
    },
    Attribute {
        name: "decision.reason",
        doc: ("string", "", "Why it was judged when it was"),
        put: |out, key, Summary { verdict, .. }| put_attribute(out, key, AnyValue::Str(verdict.reason.name())),
    },
];

// === impl Attributes ===

impl Attributes {
    /// The table under `prefix`.
    pub(super) fn new(prefix: &str, keys: &mut KeyTable) -> Self {
        let name = |attribute: &Attribute| Name::new(format!("{prefix}.{}", attribute.name), keys);
        Self { names: TABLE.iter().map(name).collect() }
    }

    /// Appends all of them as `Span.attributes`. Those that the span has already are left out `without` them.
    pub(super) fn put<'n>(
        &'n self,
        out: &mut Vec<u8>,
        summary: &Summary<'_>,
        present: &Picked<'_>,
        without: &mut Vec<&'n str>,
    ) {
        for (attribute, name) in TABLE.iter().zip(&self.names) {
            (attribute.put)(out, &name.text, summary);
            if name.is_among(present) {
                without.push(&name.text);
            }
        }
    }
}

/// The table as Markdown, with the default prefix.
pub fn documentation() -> String {
    let mut text = String::from("| attribute | type | unit | meaning |\n|---|---|---|---|\n");
    for Attribute { name, doc: (kind, unit, meaning), .. } in TABLE {
        text.push_str(&format!("| `tailsieve.{name}` | {kind} | {unit} | {meaning} |\n"));
    }
    text
}

fn int(number: usize) -> AnyValue<'static> {
    AnyValue::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn put_real(out: &mut Vec<u8>, key: &str, number: Option<f64>) {
    number.into_iter().for_each(|number| put_attribute(out, key, AnyValue::Double(number)));
}

fn put_tokens(out: &mut Vec<u8>, key: &str, session: &Session, tokens: u64) {
    if session.sums().tokens.total() > 0 {
        put_attribute(out, key, AnyValue::Int(tokens.try_into().unwrap_or(i64::MAX)));
    }
}
