//! Spans of one trace on their way to its session: new ones, or a turn that moves.

use std::sync::Arc;

use super::moved::MovedTurn;
use crate::clock::Nanos;
use crate::flow::{ArrivedSpan, SpanRef};
use crate::genai::calls::Call;
use crate::observe::ledger::Spans;
use crate::pricing::PriceBook;

/// Spans of one trace on their way to its session.
pub(super) enum Batch<'a> {
    /// They arrived in a request.
    Arrived {
        /// The spans.
        spans: &'a [ArrivedSpan],
        /// Records of the arrival.
        calls: &'a [Call],
        /// The prices that the records were made with.
        book: &'a Arc<PriceBook>,
        /// When they arrived.
        at: Nanos,
    },
    /// They were held by another session.
    Moved(Box<MovedTurn>),
}

// === impl Batch ===

impl Batch<'_> {
    /// How many spans there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Arrived { spans, .. } => spans.len(),
            Self::Moved(turn) => turn.spans.len(),
        }
    }

    /// When the first of them arrived, and the last.
    pub(super) fn arrived(&self) -> (Nanos, Nanos) {
        match self {
            Self::Arrived { at, .. } => (*at, *at),
            Self::Moved(turn) => (turn.open.first, turn.open.last),
        }
    }

    /// The spans alone.
    pub(super) fn spans(self) -> Vec<SpanRef> {
        match self {
            Self::Arrived { spans, .. } => spans.iter().map(|arrived| arrived.span).collect(),
            Self::Moved(turn) => turn.spans,
        }
    }
}

/// Number and bytes of spans.
pub(super) fn size(spans: &[SpanRef]) -> Spans {
    Spans::new(spans.len() as u64, spans.iter().map(|span| u64::from(span.len)).sum())
}
