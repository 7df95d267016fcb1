//! What is seen of a span at first sight: enough to pass over nearly all of those on which nothing hangs.

use super::facts::{FinishReason, Operation};
use super::sources::Sources;
use crate::otlp::walk::Visit;

/// What is seen of a span at first sight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Glance {
    /// It may speak of models.
    pub(super) speaks: bool,
    /// The kind of operation, where it is told for certain.
    pub(super) operation: Option<Operation>,
    /// There is something that may say that it failed.
    pub(super) failed: bool,
    /// There is a finish reason, and it is no error.
    pub(super) finished: bool,
}

// === impl Sources ===

impl Sources {
    /// The little that tells whether a span is worth a closer look.
    pub(super) fn glance(&self, visit: &Visit<'_, '_>) -> Glance {
        let mut glance = Glance::default();
        let (mut rank, mut finished, mut unsure) = (u16::MAX, u16::MAX, u16::MAX);
        for slot in visit.attributes.present() {
            let Some(sight) = self.sights.get(slot.index()) else { continue };
            glance.speaks |= sight.evidence;
            glance.failed |= sight.failed;
            if sight.operation < rank {
                rank = sight.operation;
                let operation = visit.attributes.get(*slot).filter(|_| sight.plain_operation);
                glance.operation = operation.and_then(|value| self.operation(value)).map(|(operation, _)| operation);
            }
            if sight.finish < u16::MAX {
                let reasons = visit.attributes.get(*slot).filter(|_| sight.plain_finish);
                match reasons.and_then(|value| self.finish_reasons(value).gravest()) {
                    Some(reason) if reason != FinishReason::Error => finished = finished.min(sight.finish),
                    _ => unsure = unsure.min(sight.finish),
                }
            }
        }
        glance.finished = finished < unsure;
        glance
    }
}
