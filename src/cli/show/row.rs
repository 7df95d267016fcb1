//! What is shown of a session: its spans, turn by turn.

use super::told::{Note, Told, Tone};
use crate::otlp::span::STATUS_ERROR;
use crate::otlp::walk::Visit;
use crate::session::Lens;

/// What is shown of one span.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Row {
    pub(in crate::cli) span_id: Vec<u8>,
    pub(in crate::cli) parent_id: Vec<u8>,
    pub(in crate::cli) name: String,
    pub(in crate::cli) service: String,
    /// Name of its kind.
    pub(in crate::cli) kind: &'static str,
    /// Nanoseconds since the epoch.
    pub(in crate::cli) start: u64,
    pub(in crate::cli) end: u64,
    /// What its status says, where that is ERROR.
    pub(in crate::cli) error: Option<String>,
    pub(in crate::cli) trace_state: String,
    /// What it says of models.
    pub(in crate::cli) told: Option<Box<Told>>,
    /// The attributes that were written onto it, without the prefix, in their order.
    pub(in crate::cli) written: Vec<(String, String)>,
}

/// One session: its traces in the order in which they began.
#[derive(Debug, Default)]
pub(in crate::cli) struct Shown {
    pub(in crate::cli) turns: Vec<Vec<Row>>,
}

// === impl Row ===

impl Row {
    /// A span that is being walked by the keys of `lens`. What it says of models is left to be filled in.
    pub(in crate::cli) fn new(visit: &Visit<'_, '_>, lens: &Lens) -> Self {
        const KINDS: [&str; 6] = ["", "internal", "server", "client", "producer", "consumer"];
        let view = &visit.span;
        let said = [view.status_message(), lens.session_keys.error_type(visit)];
        let said = said.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        let bytes = |id: &[u8; 8]| if *id == [0; 8] { Vec::new() } else { id.to_vec() };
        Self {
            span_id: bytes(&view.span_id.0),
            parent_id: bytes(&view.parent_id.0),
            name: view.name.into(),
            service: String::from_utf8_lossy(lens.session_keys.service(visit)).into(),
            kind: KINDS.get(view.kind as usize).copied().unwrap_or_default(),
            start: view.start,
            end: view.end,
            error: (view.status == STATUS_ERROR).then(|| said.to_owned()),
            trace_state: view.trace_state.into(),
            ..Self::default()
        }
    }

    /// The value of an attribute that was written onto the span.
    pub(in crate::cli) fn written(&self, name: &str) -> Option<&str> {
        self.written.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether it went wrong, by its status or by what it says.
    pub(super) fn went_wrong(&self) -> bool {
        self.error.is_some() || self.told.as_ref().is_some_and(|told| told.went_wrong())
    }

    /// What is to be said below it.
    pub(super) fn notes(&self) -> Vec<Note> {
        let error = self.error.as_deref().unwrap_or_default();
        match &self.told {
            Some(told) => told.notes(error),
            None if error.is_empty() => Vec::new(),
            None => vec![Note { text: error.into(), tone: Tone::Bad }],
        }
    }
}
