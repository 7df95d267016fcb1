//! Reads a mapping of the tree key by key: each key is named once, with its default, and what was not named is unknown.
//!
//! ```text
//! let mut section = Section::new(&node, "sessions", &mut problems);
//! let settle = section.duration("settle", Duration::from_secs(10));
//! section.finish();
//! ```
//!
//! Reading never stops: a wrong value is reported and its default is given back.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::problem::{Problem, Problems};
use super::tree::{Entry, Node, Scalar, Value};
use super::{Sourced, units};

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

// === impl Section: places and problems ===

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

// === impl Section: values ===

impl<'n> Section<'n, '_> {
    /// A mapping beneath this one; an empty one where it is absent.
    pub fn section(&mut self, key: &'static str) -> Section<'n, '_> {
        let path = join(&self.path, key);
        match self.get(key) {
            Some(node) => Section::new(node, path, self.problems),
            None => Section {
                entries: &[],
                path,
                file: self.file.clone(),
                line: self.line,
                column: self.column,
                asked: Vec::new(),
                refused: Vec::new(),
                // Where the parent is no mapping, what is missing is no mistake of its own.
                failed: self.failed && self.entries.is_empty(),
                problems: self.problems,
            },
        }
    }

    /// A mapping beneath this one, where something is given for it.
    pub fn optional(&mut self, key: &'static str) -> Option<Section<'n, '_>> {
        self.get(key).filter(|node| !node.is_null())?;
        Some(self.section(key))
    }

    /// A mapping that is one of a list's items, or of a mapping's values.
    pub fn of(&mut self, node: &'n Node, path: String) -> Section<'n, '_> {
        Section::new(node, path, self.problems)
    }

    /// The items of a list; none where it is absent.
    pub fn list(&mut self, key: &'static str) -> &'n [Node] {
        match self.get(key) {
            None => &[],
            Some(Node { value: Value::List(nodes), .. }) if nodes.len() > MAX_ITEMS => {
                self.problem(key, format!("has {} items, at most {MAX_ITEMS} are read", nodes.len()));
                &[]
            }
            Some(Node { value: Value::List(nodes), .. }) => nodes,
            Some(node) => {
                if matches!(node.value, Value::Broken) {
                    self.failed = true;
                } else if !node.is_null() {
                    self.problem(key, format!("is {}, must be a list", node.kind()));
                }
                &[]
            }
        }
    }

    /// A list of strings.
    pub fn strings(&mut self, key: &'static str) -> Vec<Sourced> {
        let mut texts = Vec::new();
        for (i, node) in self.list(key).iter().enumerate() {
            match node.string() {
                Some(text) => texts.push(text),
                None if matches!(node.value, Value::Broken) => self.failed = true,
                None => {
                    let path = item(&join(&self.path, key), i);
                    self.report(node.problem(&path, format!("is {}, must be a text", node.kind())));
                }
            }
        }
        texts
    }

    /// A scalar read by `parse`, whose error says what is wrong and what is accepted. `None` where it is absent, null
    /// or wrong.
    pub fn scalar<T>(&mut self, key: &'static str, parse: impl FnOnce(&Scalar) -> Result<T, String>) -> Option<T> {
        let node = self.get(key)?;
        let result = match &node.value {
            Value::Scalar(scalar) if scalar.is_null() => return None,
            Value::Scalar(scalar) => parse(scalar),
            Value::Broken => {
                self.failed = true;
                return None;
            }
            _ => Err(format!("is {}, must be a single value", node.kind())),
        };
        result.map_err(|text| self.problem(key, text)).ok()
    }

    /// A string with its place, where one is given. Plain `1` or `true` are the text as it was written.
    pub fn text(&mut self, key: &'static str) -> Option<Sourced> {
        let text = self.get(key)?.string();
        if text.is_none() {
            // Nothing, or no scalar: that is reported as for any other value.
            self.scalar(key, |_| Ok(()));
        }
        text
    }

    /// A string that is not empty, where one is given.
    pub fn string(&mut self, key: &'static str) -> Option<String> {
        let text = self.text(key)?.text;
        if text.is_empty() {
            self.problem(key, "is empty");
            return None;
        }
        Some(text)
    }

    /// The path of a file, where one is given.
    pub fn file(&mut self, key: &'static str) -> Option<PathBuf> {
        self.string(key).map(PathBuf::from)
    }

    /// A boolean.
    pub fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        self.scalar(key, |scalar| match scalar.text.as_str() {
            "true" | "True" | "TRUE" if scalar.is_typed() => Ok(true),
            "false" | "False" | "FALSE" if scalar.is_typed() => Ok(false),
            text => Err(format!("{text:?} is not a boolean, must be true or false{}", unquote(scalar))),
        })
        .unwrap_or(default)
    }

    /// A whole number within a range, where one is given.
    pub fn number(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        self.scalar(key, |scalar| {
            let digits = scalar.is_typed() && scalar.text.bytes().all(|b| b.is_ascii_digit());
            let number = if digits { scalar.text.parse().ok() } else { None };
            number.filter(|number| range.contains(number)).ok_or_else(|| {
                let (from, to) = (range.start(), range.end());
                format!("{:?} must be a whole number from {from} to {to}{}", scalar.text, unquote(scalar))
            })
        })
    }

    /// A decimal number within a range.
    pub fn decimal(&mut self, key: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        self.scalar(key, |scalar| {
            let digits = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
            let plain = scalar.is_typed() && scalar.text.bytes().all(digits);
            let number = if plain { scalar.text.parse::<f64>().ok() } else { None };
            // Adding zero makes -0 a zero like any other.
            number.filter(|number| range.contains(number)).map(|number| number + 0.0).ok_or_else(|| {
                let (from, to) = (range.start(), range.end());
                format!("{:?} must be a number from {from} to {to}{}", scalar.text, unquote(scalar))
            })
        })
    }

    /// A duration, see [`units::duration`].
    pub fn duration(&mut self, key: &'static str, default: Duration) -> Duration {
        self.duration_if_given(key).unwrap_or(default)
    }

    /// A duration, where one is given.
    pub fn duration_if_given(&mut self, key: &'static str) -> Option<Duration> {
        self.scalar(key, |scalar| units::duration(&scalar.text))
    }

    /// A duration that is not zero.
    pub fn positive(&mut self, key: &'static str, default: Duration) -> Duration {
        self.scalar(key, |scalar| match units::duration(&scalar.text)? {
            Duration::ZERO => Err(format!("{:?} must be more than zero", scalar.text)),
            duration => Ok(duration),
        })
        .unwrap_or(default)
    }

    /// A size in bytes within a range, see [`units::size`].
    pub fn size(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        self.scalar(key, |scalar| {
            let bytes = units::size(&scalar.text)?;
            let (from, to) = (units::format_size(*range.start()), units::format_size(*range.end()));
            let wrong =
                || format!("{:?} must be a size from {from} to {to}; a number without unit is bytes", scalar.text);
            range.contains(&bytes).then_some(bytes).ok_or_else(wrong)
        })
    }

    /// One of some names.
    pub fn choice<T: Copy + Default>(&mut self, key: &'static str, choices: &[(&str, T)]) -> T {
        self.choice_of(key, choices, str::to_owned)
    }

    /// One of some names, in the form that `fold` gives them.
    pub fn choice_of<T>(&mut self, key: &'static str, choices: &[(&str, T)], fold: fn(&str) -> String) -> T
    where
        T: Copy + Default,
    {
        self.scalar(key, |scalar| {
            let folded = fold(&scalar.text);
            let choice = choices.iter().find(|(name, _)| *name == folded);
            choice.map(|(_, value)| *value).ok_or_else(|| {
                let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
                let near = nearest(&scalar.text, names.iter().copied());
                let near = near.map(|near| format!(", did you mean {near:?}?")).unwrap_or_default();
                format!("{:?} must be one of {}{near}", scalar.text, names.join(", "))
            })
        })
        .unwrap_or_default()
    }

    /// A name of which only one is built: `tcp` of otelcol's transports.
    pub fn only(&mut self, key: &'static str, accepted: &str, hint: &str) {
        self.scalar(key, |scalar| {
            let right = scalar.text == accepted;
            right
                .then_some(())
                .ok_or_else(|| format!("{:?} is not supported in this version, only {accepted} is{hint}", scalar.text))
        });
    }
}

/// What to do about a number or a boolean in quotes.
fn unquote(scalar: &Scalar) -> &'static str {
    if scalar.is_typed() { "" } else { ", without quotes" }
}
