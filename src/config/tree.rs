//! YAML as a small tree that remembers where everything stood.
//!
//! The file is hostile: its size, its depth and what its aliases expand to are bounded, a key that is given twice is an
//! error, and so is a second document. Scalars keep their text; what type they are is up to who reads them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::Sourced;
use super::problem::Problem;

/// Largest file, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Deepest nesting.
pub const MAX_DEPTH: usize = 64;
/// Most that a file may hold, aliases expanded: one for each node and one for each 32 bytes of text.
const MAX_WEIGHT: usize = 200_000;

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

/// Reads one YAML document.
///
/// # Errors
/// The first thing that is wrong with it: syntax, a duplicate key, an unknown tag, several documents, or one of the
/// bounds.
pub fn parse(text: &str, file: &str) -> Result<Node, Problem> {
    let file: Arc<str> = file.into();
    let problem = |line, column, text: String| Problem { file: file.clone(), path: String::new(), line, column, text };
    if text.len() > MAX_BYTES {
        return Err(problem(1, 1, format!("is {} bytes long, at most {MAX_BYTES} are read", text.len())));
    }
    // The scanner takes NUL for the end of the file and would not see what follows.
    let control = |c: char| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r');
    if let Some(at) = text.find(control) {
        let before = text.get(..at).unwrap_or_default();
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let line = before.matches('\n').count() + 1;
        return Err(problem(line, column, "has a control character, which YAML does not allow".into()));
    }
    let mut builder = Builder { parser: Parser::new_from_str(text), file, anchors: HashMap::new(), weight: 0 };
    builder.document()
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

    /// Nodes and text beneath it, as counted against [`MAX_WEIGHT`], and how deep it is.
    fn weight(&self) -> (usize, usize) {
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

// === the builder ===

/// Makes the tree of the parser's events.
struct Builder<'t> {
    parser: Parser<'t, StrInput<'t>>,
    file: Arc<str>,
    anchors: HashMap<usize, Node>,
    weight: usize,
}

impl<'t> Builder<'t> {
    fn document(&mut self) -> Result<Node, Problem> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(self.problem(span, "begins a second document, one is read"));
                }
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                event => root = Some(self.node(event, span, 1)?),
            }
        }
        let empty = Value::Scalar(Scalar { text: String::new(), style: Style::Plain, expanded: false });
        Ok(root.unwrap_or_else(|| Node { value: empty, file: self.file.clone(), line: 1, column: 1 }))
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Problem> {
        if depth > MAX_DEPTH {
            return Err(self.problem(span, format!("is nested deeper than {MAX_DEPTH}")));
        }
        self.charge(1, span)?;
        let (value, anchor) = match event {
            Event::Alias(id) => return self.alias(id, span, depth),
            Event::Scalar(text, style, anchor, tag) => {
                self.charge(text.len() / 32, span)?;
                let style = match (style, self.tag(tag.as_deref(), span)?) {
                    (ScalarStyle::Literal | ScalarStyle::Folded, _) => Style::Block,
                    (ScalarStyle::Plain, tag) if tag != "str" => Style::Plain,
                    _ => Style::Quoted,
                };
                (Value::Scalar(Scalar { text: text.into_owned(), style, expanded: false }), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(tag.as_deref(), span)?;
                (Value::List(self.list(depth)?), anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(tag.as_deref(), span)?;
                (Value::Map(self.map(depth)?), anchor)
            }
            _ => return Err(self.problem(span, "is not valid YAML: a value was expected")),
        };
        let (line, column) = place(span);
        let node = Node { value, file: self.file.clone(), line, column };
        if anchor != 0 {
            self.charge(node.weight().0, span)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Problem> {
        let mut nodes = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(nodes),
                (event, span) => nodes.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Problem> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut keys = HashSet::new();
        loop {
            let (event, at) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(entries),
                Event::Scalar(text, ..) if text == "<<" => {
                    return Err(self.problem(at, "merge keys (<<) are not supported, write the keys out"));
                }
                Event::Scalar(text, ..) if !text.is_empty() => text,
                _ => return Err(self.problem(at, "has a key that is no text")),
            };
            if !keys.insert(key.clone()) {
                return Err(self.problem(at, format!("has the key {key:?} twice")));
            }
            self.charge(key.len() / 32, at)?;
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            let (line, column) = place(at);
            entries.push(Entry { key: key.into_owned(), line, column, node });
        }
    }

    /// A copy of what the alias names, paid for by its weight.
    fn alias(&mut self, id: usize, span: Span, depth: usize) -> Result<Node, Problem> {
        let Some(node) = self.anchors.get(&id) else {
            return Err(self.problem(span, "is an alias of something that it is part of"));
        };
        let (weight, deep) = node.weight();
        let (line, column) = place(span);
        let copy = Node { line, column, ..node.clone() };
        if depth + deep > MAX_DEPTH {
            return Err(self.problem(span, format!("is nested deeper than {MAX_DEPTH}")));
        }
        self.charge(weight, span)?;
        Ok(copy)
    }

    /// The suffix of a core tag (`str` of `!!str`).
    fn tag<'a>(&self, tag: Option<&'a Tag>, span: Span) -> Result<&'a str, Problem> {
        match tag {
            None => Ok(""),
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix != "binary" => Ok(&tag.suffix),
            Some(tag) => Err(self.problem(span, format!("has the tag {tag}, which is not supported"))),
        }
    }

    fn charge(&mut self, weight: usize, span: Span) -> Result<(), Problem> {
        self.weight = self.weight.saturating_add(weight);
        if self.weight > MAX_WEIGHT {
            return Err(self.problem(span, format!("has more than {MAX_WEIGHT} values, aliases expanded")));
        }
        Ok(())
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Problem> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let at = Span::empty(*error.marker());
                Err(self.problem(at, format!("is not valid YAML: {}", error.info())))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn problem(&self, span: Span, text: impl Into<String>) -> Problem {
        let (line, column) = place(span);
        Problem { file: self.file.clone(), path: String::new(), line, column, text: text.into() }
    }
}

/// Line and column, both from 1.
fn place(span: Span) -> (usize, usize) {
    (span.start.line().max(1), span.start.col() + 1)
}
