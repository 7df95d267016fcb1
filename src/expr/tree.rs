//! The compiled expression.

use regex::Regex;

use super::fields::{EventRead, SessionRead, SpanRead};
use super::value::Literal;
use crate::otlp::keys::Slot;

/// One part of a compiled expression. Two that are equal say the same: variables are counted, not named.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Literal(Literal),
    List(Box<[Literal]>),
    Session(Read<SessionRead>),
    Span(Read<SpanRead>),
    Attribute(Slot),
    Resource(Slot),
    /// How many events the span has.
    EventCount,
    /// The element that the quantifier so many levels further out is at.
    Item(usize),
    Event(usize, Read<EventRead>),
    EventAttribute(usize, Box<str>),
    /// How many spans meet a predicate.
    Count(usize),
    /// Calls of the tool of that name, or of those the ones that failed.
    ToolCount(bool, Box<str>),
    Not(Box<Node>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    If(Box<[Node; 3]>),
    Equal(Box<[Node; 2]>),
    Order(Test, Box<[Node; 2]>),
    Negate(Box<Node>),
    Arithmetic(Arithmetic, Box<[Node; 2]>),
    In(Box<[Node; 2]>),
    Size(Box<Node>),
    ToInt(Box<Node>),
    ToDouble(Box<Node>),
    Text(TextTest, Box<[Node; 2]>),
    Matches(Box<Node>, Pattern),
    /// Whether a value is there.
    Present(Box<Node>),
    /// A list, and what is asked of its elements.
    Each(Quantifier, Box<[Node; 2]>),
    /// What is asked of the events of the span.
    EachEvent(Quantifier, Box<Node>),
}

/// A field of a table: its name, which tells fields apart, and how it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read<F>(pub &'static str, pub F);

/// What an order must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    Exists,
    All,
    ExistsOne,
}

/// A compiled regular expression.
#[derive(Clone, Debug)]
pub(super) struct Pattern(pub Regex);

// === equality ===

impl<F> PartialEq for Read<F> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}
