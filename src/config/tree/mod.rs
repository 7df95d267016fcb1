//! YAML as a small tree that remembers where everything stood.
//!
//! The file is hostile: its size, its depth and what its aliases expand to are bounded, a key that is given twice is an
//! error, and so is a second document. Scalars keep their text; what type they are is up to who reads them.

mod build;
mod node;

use std::sync::Arc;

use super::problem::Problem;
pub use build::MAX_DEPTH;
pub use node::{Entry, Node, Scalar, Style, Value};

/// Largest file, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

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
    build::Builder::new(text, file).document()
}
