//! Copying forward: when a segment holds few bytes that anybody wants, the spans of the sessions that are still open are
//! copied out of it, each session's together into a segment of its own, so that the whole can be written again.
//!
//! Every shard looks for itself, by the segments' shared counts of wanted bytes, and moves only its own spans; all come to
//! much the same choice. A session's copies go when it goes, so that nothing is copied twice.

use super::shard::Shard;
use super::warm::WARM;
use crate::flow::SpanRef;
use crate::log::{LogUsage, RecordKind};
use crate::otlp::join::copy_forward;

/// The log is let grow to this share of its limit before anything is copied, and is not copied below it: memory that is not
/// short is not saved. With a million sessions of a few spans far apart, copying is a quarter of all the work.
const FREE_SHARE: f64 = 0.5;
/// Held bytes over wanted ones above which segments are emptied. Lower would copy more than it saves: with lifetimes spread
/// log-uniformly over three decades this is where three tenths of what comes in are copied.
const HELD_PER_WANTED: f64 = 1.458;
/// A segment with more of its bytes wanted than this is left alone: copying would cost more than it gives.
const WORTH: f64 = 0.5;

impl Shard {
    /// Copies this shard's spans out of the segments that are worth emptying.
    pub(super) fn copy_forward(&mut self, usage: &LogUsage) {
        let mut excess = excess(usage);
        if excess == 0 {
            return;
        }
        let candidates = self.held.iter().filter(|(_, held)| !held.copied && held.segment.is_sealed());
        let mut candidates: Vec<(u64, u64, u32)> = candidates
            .map(|(slot, held)| (held.segment.live(), held.segment.capacity() as u64, slot))
            .filter(|(live, capacity, _)| (*live as f64) < WORTH * *capacity as f64)
            .collect();
        candidates.sort_unstable_by_key(|(live, capacity, _)| live.saturating_mul(1 << 20) / capacity.max(&1));
        let mut emptied = Vec::new();
        for (live, capacity, slot) in candidates {
            if excess == 0 {
                break;
            }
            emptied.push(slot);
            excess = excess.saturating_sub(capacity.saturating_sub(live));
        }
        self.empty(&emptied);
    }

    /// Copies every span of this shard out of the segments at `slots`.
    fn empty(&mut self, slots: &[u32]) {
        let mut sessions = Vec::new();
        for slot in slots {
            sessions
                .extend(self.held.get_mut(*slot).map(|held| std::mem::take(&mut held.sessions)).unwrap_or_default());
        }
        sessions.sort_unstable();
        sessions.dedup();
        for some in sessions.chunks(WARM) {
            self.warm_copies(some, slots);
            some.iter().for_each(|index| self.move_spans(*index, slots));
        }
    }

    /// Copies the spans of one session out of the segments at `slots`, together.
    fn move_spans(&mut self, index: u32, slots: &[u32]) {
        let Some(open) = self.table.get(index) else { return };
        let places = open.spans.iter().enumerate().filter(|(_, span)| slots.contains(&span.segment));
        let (places, spans): (Vec<usize>, Vec<SpanRef>) = places.unzip();
        if places.is_empty() {
            return;
        }
        let piece = |span: &SpanRef| span.piece(self.held.segment_bytes(span.segment));
        let copied = copy_forward(&spans.iter().map(piece).collect::<Vec<_>>());
        let offsets: Vec<_> = copied.places.into_iter().flatten().collect();
        if offsets.len() != places.len() {
            return tracing::error!("spans of a held segment do not read back; they stay where they are");
        }
        let Some(record) = self.log.append_own(RecordKind::Copied, open.arrived.0, &copied.bytes) else { return };
        let target = self.held.hold(record.segment(), true);
        let (count, size) = (spans.len() as u32, spans.iter().map(|span| u64::from(span.len)).sum());
        record.segment().want(size);
        self.held.add(target, count, size);
        if let Some(open) = self.table.get_mut(index) {
            for (place, at) in places.into_iter().zip(offsets) {
                if let Some(span) = open.spans.get_mut(place) {
                    span.segment = target;
                    span.resource_spans = record.offset() + at.resource_spans.start;
                    span.scope_spans = record.offset() + at.scope_spans.start;
                    span.start = record.offset() + at.span.start;
                    span.headers_first = at.headers_first;
                }
            }
        }
        self.release(&spans, false);
    }
}

/// How many bytes the log holds beyond what its limit and its wanted bytes justify.
fn excess(usage: &LogUsage) -> u64 {
    let justified = f64::max(FREE_SHARE * usage.limit as f64, HELD_PER_WANTED * usage.live as f64);
    (usage.held as f64 - justified) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_copied_that_the_limit_or_what_is_wanted_justifies() {
        let excess = |held, live| excess(&LogUsage { held, live, limit: 1000, ..LogUsage::default() });
        assert_eq!([excess(500, 0), excess(500, 500), excess(501, 0)], [0, 0, 1], "half of the limit is free");
        assert_eq!([excess(729, 500), excess(900, 500)], [0, 171], "beyond it, so much for what is wanted");
    }
}
