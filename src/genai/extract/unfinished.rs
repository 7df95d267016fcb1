//! Spans that were sent before they were over: some senders export a span when it begins and once more when it ends.

use crate::genai::conventions::Conventions;
use crate::otlp::keys::{KeyTable, Slot};
use crate::otlp::value::AnyValue;
use crate::otlp::walk::Visit;

/// How much of a span was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Progress {
    /// All of it.
    #[default]
    Finished,
    /// It has no end yet: the whole one will have the same id.
    Open,
    /// It stands for one that is not over, which is its parent.
    Pending,
}

/// The attributes that say that a span stands for one that is not over, and what they say then.
#[derive(Clone, Debug, Default)]
pub struct UnfinishedMarks {
    marks: Vec<(Slot, Vec<String>)>,
}

// === impl UnfinishedMarks ===

impl UnfinishedMarks {
    /// Compiles the table, adding its keys to `keys`.
    pub fn compile(conventions: &Conventions, keys: &mut KeyTable) -> Self {
        let marks = conventions.pending.iter();
        Self { marks: marks.filter_map(|(key, texts)| Some((keys.add(key)?, texts.clone()))).collect() }
    }

    /// How much of a span was sent.
    pub fn progress(&self, visit: &Visit<'_, '_>) -> Progress {
        if self.is(visit) {
            Progress::Pending
        } else if visit.span.end == 0 {
            Progress::Open
        } else {
            Progress::Finished
        }
    }

    /// Whether the span says that it stands for one that is not over.
    pub(super) fn is(&self, visit: &Visit<'_, '_>) -> bool {
        self.marks.iter().any(|(slot, texts)| {
            visit.attributes.get(*slot).and_then(AnyValue::as_str).is_some_and(|text| texts.iter().any(|it| it == text))
        })
    }
}
