//! Reads a mapping of the tree key by key: each key is named once, with its default, and what was not named is unknown.
//!
//! ```text
//! let mut section = Section::new(&node, "sessions", &mut problems);
//! let settle = section.duration("settle", Duration::from_secs(10));
//! section.finish();
//! ```
//!
//! Reading never stops: a wrong value is reported and its default is given back.

mod values;

use std::sync::Arc;

use super::problem::{Problem, Problems};
use super::tree::{Entry, Node, Value};

/// A mapping that is being read.
pub struct Section<'n, 'p> {
    entries: &'n [Entry],
    path: String,
    file: Arc<str>,
    line: usize,
    column: usize,
    asked: Vec<&'static str>,
    refused: Vec<&'n str>,
    failed: bool,
    problems: &'p mut Problems,
}

/// Most items of a list.
const MAX_ITEMS: usize = 1000;
/// Most keys of a mapping whose keys are names of the user's choice.
const MAX_NAMES: usize = 100;

/// The path of a key beneath `path`.
pub fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The path of an item of the list at `path`, from 0.
pub fn item(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// The one of `known` that `name` is most like, if it is like any.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A name longer than any key is none, and the distance is quadratic.
    if name.len() > 64 {
        return None;
    }
    let near = |known: &'a str| (strsim::normalized_damerau_levenshtein(name, known), known);
    let best = known.into_iter().map(near).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= 0.6).then_some(best.1)
}

/// `, did you mean "x"?`, or what is accepted.
pub fn suggest(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("accepted are {}", known.join(", ")),
    }
}

// === impl Section ===

impl<'n, 'p> Section<'n, 'p> {
    /// Begins to read a mapping. Nothing at all counts as an empty one, anything else is reported.
    pub fn new(node: &'n Node, path: impl Into<String>, problems: &'p mut Problems) -> Self {
        let path = path.into();
        let (entries, failed) = match &node.value {
            Value::Map(entries) => (entries.as_slice(), false),
            Value::Broken => (&[][..], true),
            _ if node.is_null() => (&[][..], false),
            _ => {
                problems.push(node.problem(&path, format!("is {}, must be a mapping of keys to values", node.kind())));
                (&[][..], true)
            }
        };
        let (file, line, column) = (node.file.clone(), node.line, node.column);
        Self { entries, path, file, line, column, asked: Vec::new(), refused: Vec::new(), failed, problems }
    }

    /// The path of the section.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value of a key, whatever it is; from now on the key is known.
    pub fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// Whether the key stands there, be its value nothing or wrong; does not make it known.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// All keys, of a mapping whose keys are names of the user's choice.
    pub fn entries(&mut self) -> &'n [Entry] {
        if self.entries.len() > MAX_NAMES {
            self.problem_here(format!("has {} names, at most {MAX_NAMES} are read", self.entries.len()));
        }
        self.entries.get(..MAX_NAMES).unwrap_or(self.entries)
    }

    /// Whether nothing was wrong so far with the section's own values. Checks over several values wait for it.
    pub fn is_clean(&self) -> bool {
        !self.failed
    }

    /// Reports a problem at the value of `key`, or of the section where the key is absent.
    pub fn problem(&mut self, key: &str, text: impl Into<String>) {
        let path = join(&self.path, key);
        let problem = match self.entries.iter().find(|entry| entry.key == key) {
            Some(entry) => entry.node.problem(&path, text),
            None => self.here(path, text.into()),
        };
        self.report(problem);
    }

    /// A problem at a key some levels down, by its dotted path, or at the nearest level that is there.
    pub fn deep_problem(&self, path: &str, text: impl Into<String>) -> Problem {
        let (mut place, mut entries) = ((&self.file, self.line, self.column), self.entries);
        for key in path.split('.') {
            let Some(entry) = entries.iter().find(|entry| entry.key == key) else { break };
            place = (&entry.node.file, entry.node.line, entry.node.column);
            entries = if let Value::Map(entries) = &entry.node.value { entries } else { &[] };
        }
        let (file, line, column) = place;
        Problem { file: file.clone(), path: join(&self.path, path), line, column, text: text.into() }
    }

    /// Reports a problem of the section as a whole.
    pub fn problem_here(&mut self, text: impl Into<String>) {
        let problem = self.here(self.path.clone(), text.into());
        self.report(problem);
    }

    /// Reports a problem that has its place already.
    pub fn report(&mut self, problem: Problem) {
        self.failed = true;
        self.problems.push(problem);
    }

    /// Reports a problem at one of [`Section::entries`], at its key.
    pub fn report_key(&mut self, entry: &Entry, text: impl Into<String>) {
        let problem = self.at(entry, text.into());
        self.report(problem);
    }

    /// Keys that users of otelcol may write and that are not built, each with what to do instead, or empty.
    pub fn unsupported(&mut self, keys: &[(&'static str, &str)]) {
        for (key, hint) in keys {
            self.refuse(key, hint);
        }
    }

    /// Refuses one key, where it is there, as something that is not built.
    pub fn refuse(&mut self, key: &'n str, hint: &str) {
        self.refused.push(key);
        if let Some(entry) = self.entries.iter().find(|entry| entry.key == key) {
            let hint = if hint.is_empty() { String::new() } else { format!(", {hint}") };
            let problem = self.at(entry, format!("is not supported in this version{hint}"));
            self.report(problem);
        }
    }

    /// Ends the reading: keys that nobody asked for are unknown.
    pub fn finish(mut self) {
        for entry in self.entries {
            let key = entry.key.as_str();
            if !self.asked.contains(&key) && !self.refused.contains(&key) {
                // Looking for what was meant takes time that a flood of keys is not worth.
                let meant = if self.problems.is_full() { String::new() } else { suggest(key, &self.asked) };
                let problem = self.at(entry, format!("unknown key, {meant}"));
                self.report(problem);
            }
        }
    }

    fn at(&self, entry: &Entry, text: String) -> Problem {
        let path = join(&self.path, &entry.key);
        Problem { file: entry.node.file.clone(), path, line: entry.line, column: entry.column, text }
    }

    fn here(&self, path: String, text: String) -> Problem {
        Problem { file: self.file.clone(), path, line: self.line, column: self.column, text }
    }
}
