//! OTLP/JSON to the wire and back (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>): Protocol Buffers
//! JSON but for hex ids and for enums as numbers.
//!
//! Tables of messages ([`schema`]) drive both ways. Reading is one pass over the text that writes the wire as it goes
//! ([`read`]): nothing is built in between, so a body costs no more memory than its request, whatever it holds. Writing
//! makes one line a request ([`write`]), as the collector's file exporter does; that is for traces alone.

mod base64;
mod cursor;
mod read;
mod schema;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;

pub use read::{from_json, logs_from_json, metrics_from_json};
pub use write::to_json;

/// Why a body is not an OTLP/JSON request, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Byte offset in the body.
    pub offset: usize,
    /// What is wrong there.
    pub problem: String,
    /// The way to it, innermost step first.
    steps: Vec<Step>,
}

/// One step into a JSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Field(&'static str),
    Index(usize),
}

/// Most steps of a path that are told.
const LONGEST_PATH: usize = 24;

// === impl JsonError ===

impl JsonError {
    fn new(offset: usize, problem: impl Into<String>) -> Self {
        Self { offset, problem: problem.into(), steps: Vec::new() }
    }

    fn within(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The way to the fault, as `resourceSpans[0].scopeSpans[2]`; empty for the document itself. Of a very long way only the
    /// beginning, so that what is wrong is not lost behind it.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for (number, step) in self.steps.iter().rev().enumerate() {
            if number == LONGEST_PATH {
                path.push_str("...");
                break;
            }
            match step {
                Step::Field(name) if path.is_empty() => path.push_str(name),
                Step::Field(name) => path.extend([".", name]),
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.steps.is_empty() {
            true => write!(f, "{} at byte {}", self.problem, self.offset),
            false => write!(f, "{}: {} at byte {}", self.path(), self.problem, self.offset),
        }
    }
}

impl std::error::Error for JsonError {}
