//! Everything that an expression can name: one table for sessions, one for spans, one for events. What is not in a table
//! does not exist; the documentation is made from them.

use std::fmt;

mod session;

pub use session::SESSION;

use super::value::{IdText, Value};
use crate::flow::Session;
use crate::genai::account::Ceiling;
use crate::otlp::event::EventView;
use crate::otlp::walk::Visit;

/// The type of a field or of any part of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `true` or `false`
    Bool,
    /// 64 bits, signed.
    Int,
    /// 64 bits, unsigned: the literal `1u`.
    Uint,
    /// 64-bit floating point.
    Double,
    /// Text.
    String,
    /// One of a few names.
    Name(&'static [&'static str]),
    /// A span of time: `duration("1.5s")`.
    Duration,
    /// A list of values of one type.
    List(&'static Type),
    /// An attribute's value: its type is known when it is there.
    Dynamic,
    /// Attributes by key.
    Attributes,
    /// The events of a span.
    Events,
    /// How often, by name.
    Counts,
}

/// One row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Field<F: 'static> {
    /// Its name behind the dot.
    pub name: &'static str,
    /// Its type.
    pub ty: Type,
    /// What it counts or measures, as a UCUM unit; empty where there is none.
    pub unit: &'static str,
    /// What it says.
    pub doc: &'static str,
    /// What of a session has to be known for it.
    pub needs: Needs,
    /// How it is read.
    pub(crate) read: F,
}

/// What of a session has to be known for a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Needs {
    /// Nothing that its spans say of models.
    #[default]
    Nothing,
    /// How its calls of models ended, unless all ended well, when it says what it says of a session without any, or its root
    /// failed, when that says it.
    Endings,
    /// All that they say, unless this ceiling of it is too low to matter.
    Calls(Option<Ceiling>),
}

/// Reads one field of a session; the second argument is room for its id as text.
pub type SessionRead = for<'v> fn(&'v Session, &'v IdText) -> Value<'v>;

/// Reads one field of a span.
pub type SpanRead = for<'v> fn(&'v Visit<'v, 'v>) -> Value<'v>;

/// Reads one field of an event.
pub type EventRead = for<'v> fn(&EventView<'v>) -> Value<'v>;

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

const fn field<F>(name: &'static str, ty: Type, unit: &'static str, doc: &'static str, read: F) -> Field<F> {
    Field { name, ty, unit, doc, needs: Needs::Nothing, read }
}

// === impl Type ===

impl Type {
    /// Whether it is `int`, `uint` or `double`.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    /// Whether it is text.
    pub fn is_text(self) -> bool {
        matches!(self, Self::String | Self::Name(_))
    }

    /// Whether values of the two can be equal. Numbers compare with numbers of any kind, an attribute with whatever an
    /// attribute can be.
    pub fn compares_with(self, other: Self) -> bool {
        match (self, other) {
            (Self::Bool, Self::Bool) | (Self::Duration, Self::Duration) => true,
            (Self::Dynamic, other) | (other, Self::Dynamic) => other.is_attribute(),
            _ => self.is_number() && other.is_number() || self.is_text() && other.is_text(),
        }
    }

    /// Whether an attribute's value can be of it.
    fn is_attribute(self) -> bool {
        self.is_number() || self.is_text() || matches!(self, Self::Bool | Self::Dynamic)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("a bool"),
            Self::Int => f.write_str("an int"),
            Self::Uint => f.write_str("a uint"),
            Self::Double => f.write_str("a double"),
            Self::String | Self::Name(_) => f.write_str("a string"),
            Self::Duration => f.write_str("a duration"),
            Self::List(_) | Self::Events => f.write_str("a list"),
            Self::Dynamic => f.write_str("an attribute"),
            Self::Attributes => f.write_str("a map of attributes"),
            Self::Counts => f.write_str("a map of counts"),
        }
    }
}

impl Field<SessionRead> {
    /// The field of `session` that has this name.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        SESSION.iter().find(|field| field.name == name)
    }
}
