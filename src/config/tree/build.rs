//! From the parser's events to the tree, within bounds.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use super::node::{Entry, Node, Scalar, Style, Value};
use crate::config::problem::Problem;

/// The maximum nesting depth.
pub const MAX_DEPTH: usize = 64;
/// The maximum weight of a file, with aliases expanded: one for each node, and one for each 32 bytes of text.
const MAX_WEIGHT: usize = 200_000;

/// Makes the tree of the parser's events.
pub(super) struct Builder<'t> {
    parser: Parser<'t, StrInput<'t>>,
    file: Arc<str>,
    anchors: HashMap<usize, Node>,
    weight: usize,
}

impl<'t> Builder<'t> {
    /// Begins with a text that has been checked for its size and for control characters.
    pub(super) fn new(text: &'t str, file: Arc<str>) -> Self {
        Self { parser: Parser::new_from_str(text), file, anchors: HashMap::new(), weight: 0 }
    }

    /// The only document of the text.
    pub(super) fn document(&mut self) -> Result<Node, Problem> {
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
