//! Whether a span around another one failed. Of some calls that is all that tells whether their stream broke or was left.

use std::cell::OnceCell;

use hashbrown::HashMap;

use super::segment;
use crate::flow::Kept;
use crate::otlp::keys::{KeyTable, Picked};
use crate::otlp::span::{STATUS_ERROR, SpanId, SpanView};

/// The spans that are kept together, as a tree that is only put up when somebody asks.
pub(super) struct Failures<'k> {
    kept: &'k Kept,
    spans: OnceCell<HashMap<(u32, SpanId), Above, foldhash::fast::RandomState>>,
}

/// What matters of a span to those beneath it.
#[derive(Clone, Copy)]
struct Above {
    parent: SpanId,
    failed: bool,
}

/// How far up is looked: deeper nesting is no agent's, and parents may stand in a circle.
const MOST_LEVELS: usize = 128;

// === impl Failures ===

impl<'k> Failures<'k> {
    pub(super) fn new(kept: &'k Kept) -> Self {
        Self { kept, spans: OnceCell::new() }
    }

    /// Whether the span `parent` of a turn has status ERROR, or one above it.
    pub(super) fn stand_above(&self, turn: u32, mut parent: SpanId) -> bool {
        let spans = self.spans.get_or_init(|| self.read());
        for _ in 0..MOST_LEVELS {
            match spans.get(&(turn, parent)) {
                Some(Above { failed: true, .. }) => return true,
                Some(above) => parent = above.parent,
                None => return false,
            }
        }
        false
    }

    fn read(&self) -> HashMap<(u32, SpanId), Above, foldhash::fast::RandomState> {
        let keys = KeyTable::default();
        let mut none = Picked::new(&keys);
        let mut spans = HashMap::default();
        for span in &self.kept.spans {
            let start = span.start as usize;
            let bytes = segment(self.kept, span).get(start..start + span.len as usize).unwrap_or_default();
            if let Ok(view) = SpanView::parse(bytes, &keys, &mut none) {
                let above = Above { parent: view.parent_id, failed: view.status == STATUS_ERROR };
                spans.insert((span.turn, span.span_id), above);
            }
        }
        spans
    }
}
