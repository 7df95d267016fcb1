//! Problems in expressions.

use std::fmt;

use crate::config::Sourced;

/// A problem in an expression, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprError {
    /// Byte offset in the text.
    pub offset: usize,
    /// The problem, and how to write it instead if that is known.
    pub text: String,
}

// === impl ExprError ===

impl ExprError {
    pub(super) fn new(offset: usize, text: impl Into<String>) -> Self {
        Self { offset, text: text.into() }
    }

    /// Returns the line and column in the file, both from 1, of an error in `source`. The lines of a multi-line text
    /// are assumed to have the same indentation, as in a YAML block.
    pub fn place(&self, source: &Sourced) -> (usize, usize) {
        let end = self.offset.min(source.text.len());
        let before = source.text.as_bytes().get(..end).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count();
        let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let characters = source.text.get(begin..end).map_or(end - begin, |text| text.chars().count());
        (source.line + line, source.column + characters)
    }
}

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ExprError {}
