//! The types of the tables: what a field is called, its type, and how it is read.

use std::fmt;

use crate::expr::value::{IdText, Value};
use crate::flow::Session;
use crate::otlp::event::EventView;
use crate::otlp::walk::Visit;

/// The type of a field, or of any part of an expression.
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
    /// How it is read.
    pub(crate) read: F,
}

/// Reads one field of a session; the second argument is room for its id as text.
pub type SessionRead = for<'v> fn(&'v Session, &'v IdText) -> Value<'v>;

/// Reads one field of a span.
pub type SpanRead = for<'v> fn(&'v Visit<'v, 'v>) -> Value<'v>;

/// Reads one field of an event.
pub type EventRead = for<'v> fn(&EventView<'v>) -> Value<'v>;

/// Returns one row of a table.
pub(super) const fn field<F>(name: &'static str, ty: Type, unit: &'static str, doc: &'static str, read: F) -> Field<F> {
    Field { name, ty, unit, doc, read }
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
