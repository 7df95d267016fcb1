//! The convention table as data: `config/conventions.yaml`, embedded, or the user's file in its place or in front of it.

mod agree;
mod fields;
mod load;
mod parse;
mod source;
mod table;
mod values;

use crate::config::{Problems, tree};

pub use source::{Field, Kind, Place, Source, Unit, When};
pub use table::{Conventions, ErrorWords, IdSource, Producer, Providers, Silence, Streams};

/// The embedded table as text.
pub const EMBEDDED: &str = include_str!("../../../config/conventions.yaml");

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
        let (mut table, extends) = parse::table(&root, &mut problems);
        let behind = if extends { Self::embedded() } else { Self::default() };
        agree::check(&root, &behind, &mut problems);
        if extends {
            table.put_in_front_of(behind);
        } else if problems.is_empty() && table == Self::default() {
            let text = "says nothing, so that nothing would be read of any span: with extends: default it stands in front of \
                        the embedded table";
            problems.push(root.problem("", text));
        }
        problems.or(table)
    }
}

#[cfg(test)]
mod tests;
