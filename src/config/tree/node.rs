//! The nodes of the tree.

use std::sync::Arc;

use crate::config::Sourced;
use crate::config::problem::Problem;

/// A value and where it stood.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// The file as it was named.
    pub file: Arc<str>,
    /// Line of its first character, from 1.
    pub line: usize,
    /// Column of its first character, from 1 and in characters; of the opening quote where it has one.
    pub column: usize,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text, a number, a boolean, or nothing at all.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
    /// Something that was reported before; readers pass over it.
    Broken,
}

/// A scalar as its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// Its text, without quotes, escapes resolved.
    pub text: String,
    /// How it was written.
    pub style: Style,
    /// All of it came from the environment: of any type, whatever its style.
    pub expanded: bool,
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In quotes, or tagged `!!str`: a string.
    Quoted,
    /// As a block (`|` or `>`): a string.
    Block,
}

/// One key of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Line of the key, from 1.
    pub line: usize,
    /// Column of the key, from 1.
    pub column: usize,
    /// Its value.
    pub node: Node,
}

// === impl Node ===

impl Node {
    /// A problem at this place.
    pub fn problem(&self, path: &str, text: impl Into<String>) -> Problem {
        Problem { file: self.file.clone(), path: path.into(), line: self.line, column: self.column, text: text.into() }
    }

    /// Whether it is nothing: `key:`, `null`, `~`.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }

    /// What it is, in the words of an error.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(_) => "a scalar",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Broken => "an error",
        }
    }

    /// The text of a scalar, with the place of its first character.
    pub fn sourced(&self) -> Option<Sourced> {
        let Value::Scalar(scalar) = &self.value else { return None };
        let (mut line, mut column) = (self.line, self.column);
        match scalar.style {
            Style::Plain => {}
            Style::Quoted => column += 1,
            // The place of a block is its first line that is not empty.
            Style::Block => line -= scalar.text.chars().take_while(|c| *c == '\n').count().min(line - 1),
        }
        Some(Sourced { text: scalar.text.clone(), file: self.file.clone(), line, column })
    }

    /// The text of a scalar that is not nothing. A variable that is set but empty is an empty text, where an empty
    /// place in the file is nothing.
    pub fn string(&self) -> Option<Sourced> {
        self.sourced().filter(|_| !self.is_null() || matches!(&self.value, Value::Scalar(scalar) if scalar.expanded))
    }

    /// Nodes and text beneath it, as counted against the maximum weight of a file, and how deep it is.
    pub(super) fn weight(&self) -> (usize, usize) {
        let of = |nodes: &mut dyn Iterator<Item = (&Node, usize)>| {
            nodes.fold((1, 1), |(weight, depth), (node, key)| {
                let (more, deep) = node.weight();
                (weight + more + key / 32, depth.max(deep + 1))
            })
        };
        match &self.value {
            Value::Scalar(scalar) => (1 + scalar.text.len() / 32, 1),
            Value::List(nodes) => of(&mut nodes.iter().map(|node| (node, 0))),
            Value::Map(entries) => of(&mut entries.iter().map(|entry| (&entry.node, entry.key.len()))),
            Value::Broken => (1, 1),
        }
    }
}

// === impl Scalar ===

impl Scalar {
    /// Whether it may be something else than a string.
    pub fn is_typed(&self) -> bool {
        self.style == Style::Plain || self.expanded
    }

    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        self.is_typed() && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}
