//! The values of a section, by what they are to be: each method makes its key known, reports what is wrong with the
//! value, and falls back to the default.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::{MAX_ITEMS, Section, item, join, nearest};
use crate::config::tree::{Node, Scalar, Value};
use crate::config::{Sourced, units};

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
