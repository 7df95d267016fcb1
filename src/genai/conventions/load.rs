//! The table that a configuration names, out of its file.

use std::path::Path;

use super::source::Field;
use super::table::Conventions;
use crate::config::{Problem, Problems, Sourced, read_text};

/// Most names that are told of what is missing.
const MOST_TOLD: usize = 8;

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

    /// What a table that stands in place of the embedded one leaves out, in words; `None` where that is nothing.
    pub fn lacks(&self) -> Option<String> {
        let read = || Field::ALL.iter().filter(|(field, ..)| field.is_read_by_itself());
        let has = |field: Field| self.fields.iter().any(|(own, _)| *own == field);
        let without: Vec<&str> = read().filter(|(field, ..)| !has(*field)).map(|(_, name, _)| *name).collect();
        let parts = [
            ("session.id", self.ids.is_empty()),
            ("operations.kinds", self.operations.is_empty()),
            ("finish_reasons", self.finish_reasons.is_empty()),
            ("providers.names", self.providers.names.is_empty()),
            ("producers", self.producers.is_empty()),
        ];
        let mut lacks = Vec::new();
        if !without.is_empty() {
            let mut told = without.iter().take(MOST_TOLD).copied().collect::<Vec<_>>().join(", ");
            if let more @ 1.. = without.len().saturating_sub(MOST_TOLD) {
                told.push_str(&format!(" and {more} more"));
            }
            lacks.push(format!("no source of {} of {} fields ({told})", without.len(), read().count()));
        }
        lacks.extend(parts.into_iter().filter(|(_, lacks)| *lacks).map(|(part, _)| format!("no {part}")));
        (!lacks.is_empty()).then(|| {
            let lacks = lacks.join(", ");
            format!(
                "has {lacks}: that is not read of any span; with extends: default the embedded table stands behind it"
            )
        })
    }
}

fn unreadable(file: &Sourced, wrong: &Problem) -> Problem {
    let at = if wrong.line > 0 { format!(", line {},", wrong.line) } else { String::new() };
    file.problem("sessions.conventions", 1, 1, format!("{:?}{at} {}", file.text, wrong.text))
}
