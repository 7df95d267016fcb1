//! Reads single values of the table: keys, texts, patterns, and names from the vocabulary.

use crate::config::section::{Section, item, join, suggest};
use crate::config::tree::{Node, Scalar, Value};
use crate::genai::vocabulary::{Operation, Outcome};
use crate::glob::Glob;
use crate::otlp::keys::MAX_KEY;

/// Parses the name of a kind of operation.
pub(super) fn operation(scalar: &Scalar) -> Result<Operation, String> {
    let found = Operation::ALL.into_iter().find(|kind| kind.name() == scalar.text);
    let names = Operation::ALL.map(Operation::name);
    found.ok_or_else(|| format!("{:?} is no kind of operation, {}", scalar.text, suggest(&scalar.text, &names)))
}

/// Parses the name of an outcome.
pub(super) fn outcome(scalar: &Scalar) -> Result<Outcome, String> {
    let found = Outcome::ALL.into_iter().find(|outcome| outcome.name() == scalar.text);
    let names = Outcome::ALL.map(Outcome::name);
    found.ok_or_else(|| format!("{:?} is no outcome, {}", scalar.text, suggest(&scalar.text, &names)))
}

/// Reads a boolean. `None` if the key is absent.
pub(super) fn flag(section: &mut Section<'_, '_>, name: &'static str) -> Option<bool> {
    let value = section.boolean(name, false);
    section.has(name).then_some(value)
}

/// Reads a list of patterns.
pub(super) fn globs(section: &mut Section<'_, '_>, name: &'static str) -> Vec<Glob> {
    texts(section, name).iter().map(|text| Glob::new(text)).collect()
}

/// Reads an attribute key. Reports a text that is not a key.
pub(super) fn key(section: &mut Section<'_, '_>, name: &'static str) -> Option<String> {
    let key = section.text(name)?;
    let path = join(section.path(), name);
    if let Some(node) = section.get(name) {
        check_key(section, &path, node);
    }
    Some(key.text)
}

/// Reads a list of attribute keys. Reports entries that are not keys.
pub(super) fn keys(section: &mut Section<'_, '_>, name: &'static str) -> Vec<String> {
    let path = join(section.path(), name);
    let mut keys = Vec::new();
    for (index, node) in section.list(name).iter().enumerate() {
        let path = item(&path, index);
        match node.string() {
            Some(key) => {
                check_key(section, &path, node);
                keys.push(key.text);
            }
            None => section.report(node.problem(&path, format!("is {}, must be a text", node.kind()))),
        }
    }
    keys
}

/// Reads a list of texts.
pub(super) fn texts(section: &mut Section<'_, '_>, name: &'static str) -> Vec<String> {
    section.strings(name).into_iter().map(|text| text.text).collect()
}

/// Reports a text that is not an attribute key.
pub(super) fn check_key(section: &mut Section<'_, '_>, path: &str, node: &Node) {
    let (Value::Scalar(scalar), Some(key)) = (&node.value, node.string()) else { return };
    let (text, len) = (&key.text, key.text.len());
    let other = match text.as_str() {
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Some("a boolean"),
        text if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
            text.parse::<f64>().is_ok().then_some("a number")
        }
        _ => None,
    };
    if len == 0 || len > MAX_KEY {
        let text = format!("is {len} bytes long, an attribute's key has 1 to {MAX_KEY}");
        section.report(key.problem(path, 1, 1, text));
    } else if let Some(other) = other.filter(|_| scalar.is_typed()) {
        let text = format!("{text} is {other}, an attribute's key is a text: put it in quotes where it is called so");
        section.report(key.problem(path, 1, 1, text));
    }
}
