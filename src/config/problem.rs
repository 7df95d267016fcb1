//! What is wrong with a configuration, each with its place, all of it at once.

use std::fmt;
use std::sync::Arc;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was named.
    pub file: Arc<str>,
    /// The key, `sampling.rules[0].when`; empty for the file as a whole.
    pub path: String,
    /// Line, from 1; 0 when the file could not be read at all.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, and what is accepted.
    pub text: String,
}

/// All that is wrong with a configuration; shown one a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    list: Vec<Problem>,
    more: usize,
    /// Texts that came from the environment, which may be secrets, each with the text that stands in the file. The longest
    /// is in front.
    hidden: Vec<(String, String)>,
}

/// Problems kept in words; the rest are counted.
const MOST: usize = 100;
/// Longest path and longest text, in bytes: both may repeat what the file says.
const LONGEST: usize = 1000;
/// A hidden text of so many bytes is hidden wherever it occurs, a shorter one and a number only where it is quoted whole:
/// `5` from the environment does not change `from 1 to 65535`.
const HIDDEN_ANYWHERE: usize = 4;

// === impl Problem ===

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, " {}:", self.path)?;
        }
        write!(f, " {}", self.text)
    }
}

impl std::error::Error for Problem {}

// === impl Problems ===

impl Problems {
    /// Adds one.
    pub fn push(&mut self, mut problem: Problem) {
        if self.is_full() {
            self.more += 1;
            return;
        }
        problem.text = self.without_hidden(problem.text);
        for text in [&mut problem.path, &mut problem.text] {
            if text.len() > LONGEST {
                let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at));
                text.truncate(end.unwrap_or(0));
                text.push_str("...");
            }
        }
        self.list.push(problem);
    }

    /// From now on no problem shows `value`: `shown` is written in its place.
    pub fn hide(&mut self, value: &str, shown: &str) {
        if !value.is_empty() && value != shown {
            let at = self.hidden.partition_point(|(known, _)| known.len() >= value.len());
            self.hidden.insert(at, (value.to_owned(), shown.to_owned()));
        }
    }

    fn without_hidden(&self, mut text: String) -> String {
        for (value, shown) in &self.hidden {
            text = text.replace(&format!("{value:?}"), &format!("\"{shown}\""));
            if value.len() >= HIDDEN_ANYWHERE && !value.bytes().all(|byte| byte.is_ascii_digit()) {
                text = text.replace(value.as_str(), shown);
            }
        }
        text
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether further problems are counted only.
    pub fn is_full(&self) -> bool {
        self.list.len() >= MOST
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len() + self.more
    }

    /// Those that were kept in words, in the order of [`Problems::sort`] or as they were pushed.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }

    /// Puts them into the order of the files' lines.
    pub fn sort(&mut self) {
        self.list.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    }

    /// The value, when nothing is wrong with it.
    ///
    /// # Errors
    /// The problems, sorted, when there are any.
    pub fn or<T>(mut self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            return Ok(value);
        }
        self.sort();
        Err(self)
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        let mut problems = Self::default();
        problems.push(problem);
        problems
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.list.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            problem.fmt(f)?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
