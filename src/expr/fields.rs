//! Everything that an expression can name: one table for sessions, one for spans, one for events. What is not in a table
//! does not exist; the documentation is made from them.

mod session;
mod types;

use super::value::Value;
pub use session::SESSION;
use types::field;
pub use types::{EventRead, Field, SessionRead, SpanRead, Type};

const STATUS: Type = Type::Name(&["unset", "ok", "error"]);
const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];

/// The fields of a span; `attributes`, `resource` and `events` are read in their own ways.
pub const SPAN: &[Field<SpanRead>] = &[
    field("name", Type::String, "", "its name", |visit| Value::Str(visit.span.name)),
    field("kind", Type::Name(&KINDS), "", "its kind", |visit| {
        Value::Str(KINDS.get(visit.span.kind as usize).copied().unwrap_or("unspecified"))
    }),
    field("status", STATUS, "", "its status code", |visit| match visit.span.status {
        1 => Value::Str("ok"),
        2 => Value::Str("error"),
        _ => Value::Str("unset"),
    }),
    field("duration", Type::Duration, "s", "end minus start", |visit| Value::nanoseconds(visit.span.duration())),
    field("scope.name", Type::String, "", "name of its instrumentation scope", |visit| Value::Str(visit.scope.name)),
    field("scope.version", Type::String, "", "version of its instrumentation scope", |visit| {
        Value::Str(visit.scope.version)
    }),
    field("attributes", Type::Attributes, "", "its attributes, by key", |_| Value::Absent),
    field("resource", Type::Attributes, "", "the attributes of its resource, by key", |_| Value::Absent),
    field("events", Type::Events, "", "its events", |_| Value::Absent),
];

/// The fields of an event; `attributes` is read in its own way.
pub const EVENT: &[Field<EventRead>] = &[
    field("name", Type::String, "", "its name", |event| Value::Str(event.name())),
    field("attributes", Type::Attributes, "", "its attributes, by key", |_| Value::Absent),
];

// === impl Field ===

impl Field<SessionRead> {
    /// The field of `session` that has this name.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        SESSION.iter().find(|field| field.name == name)
    }
}
