//! The convention table as data: `config/conventions.yaml`, embedded, or the user's file in its place.

use crate::config::section::{Section, item, join};
use crate::config::{Problems, Sourced, tree};
use crate::otlp::keys::MAX_KEY;

/// The table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conventions {
    /// `session.id`: where a session's id stands, the highest rank first.
    pub ids: Vec<IdSource>,
    /// `session.resource_id`
    pub resource_ids: Vec<String>,
    /// `session.tenant`
    pub tenants: Vec<String>,
    /// `session.environment`
    pub environments: Vec<String>,
    /// `session.placeholders`
    pub placeholders: Vec<String>,
    /// `session.end_attributes`
    pub end_attributes: Vec<String>,
    /// `session.end_events`
    pub end_events: Vec<String>,
    /// `error_type.attributes`
    pub error_attributes: Vec<String>,
    /// `error_type.exception_attribute`
    pub exception_attribute: String,
}

/// An attribute that may hold a session's id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdSource {
    /// The attribute's key.
    pub key: String,
    /// Keys to look for in the JSON object that it holds; empty when it holds the id itself.
    pub json: Vec<String>,
}

/// The embedded table as text.
pub const EMBEDDED: &str = include_str!("../../config/conventions.yaml");

// === impl Conventions ===

impl Conventions {
    /// The embedded table. Empty only when that is broken, which a test rules out.
    pub fn embedded() -> Self {
        Self::parse(EMBEDDED, "conventions.yaml").unwrap_or_default()
    }

    /// Reads a table from text; `name` stands for its file in what is reported.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub fn parse(text: &str, name: &str) -> Result<Self, Problems> {
        let root = tree::parse(text, name)?;
        let mut problems = Problems::default();
        let mut table = Self::default();
        let mut section = Section::new(&root, "", &mut problems);
        let mut session = section.section("session");
        table.ids = ids(&mut session);
        table.resource_ids = keys(&mut session, "resource_id");
        table.tenants = keys(&mut session, "tenant");
        table.environments = keys(&mut session, "environment");
        table.placeholders = texts(&mut session, "placeholders");
        table.end_attributes = keys(&mut session, "end_attributes");
        table.end_events = texts(&mut session, "end_events");
        session.finish();
        let mut error = section.section("error_type");
        table.error_attributes = keys(&mut error, "attributes");
        table.exception_attribute = error.string("exception_attribute").unwrap_or_default();
        error.finish();
        section.finish();
        problems.or(table)
    }
}

fn ids(session: &mut Section<'_, '_>) -> Vec<IdSource> {
    let mut ids = Vec::new();
    for (index, node) in session.list("id").iter().enumerate() {
        let path = item("session.id", index);
        if let Some(key) = node.string() {
            check_key(session, &path, &key);
            ids.push(IdSource { key: key.text, json: Vec::new() });
            continue;
        }
        let mut source = session.of(node, path.clone());
        let key = source.text("key");
        let json = texts(&mut source, "json");
        if source.is_clean() && key.is_none() {
            source.problem_here("names no key: must be an attribute's key, or {key: ..., json: [...]}");
        }
        source.finish();
        if let Some(key) = key {
            check_key(session, &path, &key);
            ids.push(IdSource { key: key.text, json });
        }
    }
    ids
}

fn keys(section: &mut Section<'_, '_>, name: &'static str) -> Vec<String> {
    let texts = section.strings(name);
    let path = join(section.path(), name);
    for (index, key) in texts.iter().enumerate() {
        check_key(section, &item(&path, index), key);
    }
    texts.into_iter().map(|key| key.text).collect()
}

fn texts(section: &mut Section<'_, '_>, name: &'static str) -> Vec<String> {
    section.strings(name).into_iter().map(|text| text.text).collect()
}

fn check_key(section: &mut Section<'_, '_>, path: &str, key: &Sourced) {
    if key.text.is_empty() || key.text.len() > MAX_KEY {
        let text = format!("is {} bytes long, an attribute's key has 1 to {MAX_KEY}", key.text.len());
        section.report(key.problem(path, 1, 1, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_table_reads_and_ranks_span_ids_above_conversations() {
        let table = Conventions::parse(EMBEDDED, "conventions.yaml").unwrap();
        let rank = |key: &str| table.ids.iter().position(|source| source.key == key).unwrap();
        assert!(rank("session.id") < rank("gen_ai.conversation.id"));
        assert_eq!(table.ids[rank("metadata")].json, ["session_id", "conversation_id", "thread_id"]);
        assert_eq!(table.exception_attribute, "exception.type");
        assert!(!table.ids.iter().any(|source| source.key == "langsmith.trace.session_id"));
    }

    #[test]
    fn what_is_wrong_with_a_table_is_said_with_its_place() {
        let text = "session:\n  id: [a.b, {jsn: [x]}, '']\n  tenants: [t]\nerror_type: 5\n";
        let problems = Conventions::parse(text, "my.yaml").unwrap_err().to_string();
        let lines: Vec<&str> = problems.lines().collect();
        assert_eq!(lines.len(), 5, "{problems}");
        for (line, begin) in
            lines.iter().zip(["my.yaml:2:", "my.yaml:2:", "my.yaml:2:", "my.yaml:3:3: session.tenants", "my.yaml:4:"])
        {
            assert!(line.starts_with(begin), "{problems}");
        }
    }
}
