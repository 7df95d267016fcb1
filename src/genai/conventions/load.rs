//! The table that a configuration names, out of its file.

use std::path::Path;

use super::Conventions;
use crate::config::{Problem, Problems, Sourced, read_text};

// === impl Conventions ===

impl Conventions {
    /// The table of the file that `sessions.conventions` names; the embedded one where it names none.
    ///
    /// # Errors
    /// All that is wrong with the file, each with its place; where it cannot be read, that stands where it is named.
    pub fn load(file: Option<&Sourced>) -> Result<Self, Problems> {
        let Some(file) = file else { return Ok(Self::embedded()) };
        let text = read_text(Path::new(&file.text)).map_err(|wrong| unreadable(file, &wrong))?;
        Self::parse(&text, &file.text)
    }
}

fn unreadable(file: &Sourced, wrong: &Problem) -> Problem {
    let at = if wrong.line > 0 { format!(", line {},", wrong.line) } else { String::new() };
    file.problem("sessions.conventions", 1, 1, format!("{:?}{at} {}", file.text, wrong.text))
}
