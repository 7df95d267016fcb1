//! The attributes that are written onto the root of each turn: one table, from which they are emitted and documented alike
//! (`docs/attributes.md`, which a test compares).

use super::name::Name;
use crate::flow::{Session, Verdict};
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
    put: fn(&mut Vec<u8>, &str, &Session, &Verdict),
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
        put: |out, key, session, _| put_attribute(out, key, AnyValue::Str(&session.key.to_string())),
    },
    Attribute {
        name: "session.sequence",
        doc: ("int", "", "Which burst of its conversation the session is, from 1"),
        put: |out, key, session, _| put_attribute(out, key, AnyValue::Int(session.sequence.into())),
    },
    Attribute {
        name: "session.turns",
        doc: ("int", "{trace}", "Traces of the session"),
        put: |out, key, session, _| put_attribute(out, key, int(session.turns.len())),
    },
    Attribute {
        name: "session.spans",
        doc: ("int", "{span}", "Spans of the session"),
        put: |out, key, session, _| put_attribute(out, key, AnyValue::Int(session.spans.into())),
    },
    Attribute {
        name: "session.duration",
        doc: ("double", "s", "End of its latest span minus start of its earliest"),
        put: |out, key, session, _| put_attribute(out, key, AnyValue::Double(session.duration() as f64 / 1e9)),
    },
    Attribute {
        name: "session.error_count",
        doc: ("int", "{span}", "Spans with status ERROR"),
        put: |out, key, session, _| put_attribute(out, key, AnyValue::Int(session.error_count.into())),
    },
    Attribute {
        name: "session.orphans",
        doc: ("int", "{span}", "Spans whose parent never came"),
        put: |out, key, session, _| put_attribute(out, key, AnyValue::Int(session.orphans.into())),
    },
    Attribute {
        name: "session.complete",
        doc: ("bool", "", "All of it came: every trace with its root and all parents, nothing judged before"),
        put: |out, key, session, _| put_attribute(out, key, AnyValue::Bool(session.complete)),
    },
    Attribute {
        name: "decision.rule",
        doc: ("string", "", "The rule that kept it; `(all)` without any rules"),
        put: |out, key, _, verdict| put_attribute(out, key, AnyValue::Str(&verdict.rule)),
    },
    Attribute {
        name: "decision.rules",
        doc: ("string[]", "", "All rules that matched"),
        put: |out, key, _, verdict| put_strings(out, key, verdict.matched.iter().map(|name| &**name)),
    },
    Attribute {
        name: "decision.probability",
        doc: ("double", "1", "The probability it was kept with"),
        put: |out, key, _, verdict| put_attribute(out, key, AnyValue::Double(verdict.probability)),
    },
    Attribute {
        name: "decision.reason",
        doc: ("string", "", "Why it was judged when it was"),
        put: |out, key, _, verdict| put_attribute(out, key, AnyValue::Str(verdict.reason.name())),
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
        (session, verdict): (&Session, &Verdict),
        present: &Picked<'_>,
        without: &mut Vec<&'n str>,
    ) {
        for (attribute, name) in TABLE.iter().zip(&self.names) {
            (attribute.put)(out, &name.text, session, verdict);
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
