//! Copying forward: when a segment holds few bytes that anybody wants, the spans of the sessions that are still open are
//! copied out of it, each session's together into a segment of its own, so that the whole can be written again.
//!
//! Every shard looks for itself, by the segments' shared counts of wanted bytes, and moves only its own spans; all come to
//! much the same choice. A session's copies go when it goes, so that nothing is copied twice.
//!
//! Each session's copies have resource and scope with them, which may be far larger than the spans. So it is known before
//! anything is copied what the copies will take. A segment from which they would take nearly as much as it has is left alone
//! by all shards until it is wanted less, so that what is held does not grow by copying.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::held::HeldSegment;
use super::shard::{Shard, WARM};
use crate::flow::SpanRef;
use crate::log::{LogUsage, RecordKind};
use crate::otlp::join::copy_forward;
use crate::otlp::walk::{Header, HeaderFields, Place};

/// The log is let grow to this share of its limit before anything is copied, and is not copied below it: memory that is not
/// short is not saved. With a million sessions of a few spans far apart, copying is a quarter of all the work.
const FREE_SHARE: f64 = 0.5;
/// Held bytes over wanted ones above which segments are emptied. Lower would copy more than it saves: with lifetimes spread
/// log-uniformly over three decades this is where three tenths of what comes in are copied.
const HELD_PER_WANTED: f64 = 1.458;
/// A segment with more of its bytes wanted than this is left alone: copying would cost more than it gives.
const WORTH: f64 = 0.5;
/// Copies may take this share of what they free. With half of a segment wanted there is room for resources and scopes half as
/// large as the spans; the more of it is free, the larger they may be.
const MOST_COPIED: f64 = 0.75;
/// A segment that would have taken too much, for any shard, is looked at again when no more than this share of what was wanted
/// of it then still is: looking costs time for each session, and is worth it only so often.
const LOOK_AGAIN: f64 = 0.5;
/// Bytes that a copy has for each session beside headers and spans, at most: of its record, its segment and its lengths.
const FRAME: u64 = 64;

/// Hash and length of each resource and scope of a segment. Each is read once, however many sessions have spans there.
struct Headers<'s> {
    segment: &'s [u8],
    known: HashMap<HeaderFields, (u64, u64), RandomState>,
    /// Seed of the hashes.
    seed: u64,
}

impl Shard {
    /// Copies this shard's spans out of the segments that are worth emptying.
    pub(super) fn copy_forward(&mut self, usage: &LogUsage) {
        let mut excess = excess(usage);
        if excess == 0 {
            return;
        }
        let candidates = self.held.iter().filter(|(_, held)| !held.copied && held.segment.is_sealed());
        let mut candidates: Vec<(u64, u64, u32)> = candidates
            .filter(|(_, held)| held.segment.live() as f64 <= LOOK_AGAIN * held.segment.kept() as f64)
            .map(|(slot, held)| (held.segment.live(), held.segment.capacity() as u64, slot))
            .filter(|(live, capacity, _)| (*live as f64) < WORTH * *capacity as f64)
            .collect();
        candidates.sort_unstable_by_key(|(live, capacity, _)| live.saturating_mul(1 << 20) / capacity.max(&1));
        let mut emptied = Vec::new();
        for (live, capacity, slot) in candidates {
            if excess == 0 {
                break;
            }
            if !self.pays(slot) {
                self.held.get(slot).into_iter().for_each(|held| held.segment.keep());
                continue;
            }
            emptied.push(slot);
            excess = excess.saturating_sub(capacity.saturating_sub(live));
        }
        self.empty(&emptied);
    }

    /// Whether the copies of this shard's spans in a segment take less than this shard's share of what the segment has.
    fn pays(&self, slot: u32) -> bool {
        let Some(held) = self.held.get(slot) else { return false };
        let HeldSegment { segment, bytes, sessions, .. } = held;
        let share = *bytes as f64 / segment.live().max(*bytes).max(1) as f64;
        let most = (MOST_COPIED * share * segment.capacity() as f64) as u64;
        let mut sessions = sessions.clone();
        sessions.sort_unstable();
        sessions.dedup();
        let mut headers = Headers::of(self.held.segment_bytes(slot));
        let (mut own, mut copied) = (Vec::new(), 0);
        for some in sessions.chunks(WARM) {
            self.warm(some);
            for open in some.iter().filter_map(|index| self.table.get(*index)) {
                let own_spans = open.spans.iter().filter(|span| span.segment == slot);
                let spans = own_spans.map(|span| (span.len, self.held.header(span)));
                copied += headers.with_spans(spans, &mut own);
                if copied > most {
                    return false;
                }
            }
        }
        true
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
        let piece = |span: &SpanRef| span.piece(self.held.segment_bytes(span.segment), self.held.header(span));
        let copied = copy_forward(&spans.iter().map(piece).collect::<Vec<_>>());
        let Some(copies) = (0..spans.len()).map(|at| copied.place(at)).collect::<Option<Vec<Place>>>() else {
            return tracing::error!("spans of a held segment do not read back; they stay where they are");
        };
        let Some(record) = self.log.append_own(RecordKind::Copied, open.arrived.0, &copied.bytes) else { return };
        let target = self.held.hold(record.segment(), true);
        let (count, size) = (spans.len() as u32, spans.iter().map(|span| u64::from(span.len)).sum());
        record.segment().want(size);
        self.held.add(target, count, size);
        if let Some(open) = self.table.get_mut(index) {
            let mut last: Option<(Header, u32)> = None;
            for (place, copy) in places.into_iter().zip(copies) {
                let Some(span) = open.spans.get_mut(place) else { continue };
                let header = copy.header.shifted(record.offset());
                let number = match last {
                    Some((known, number)) if known == header => number,
                    _ => self.held.add_headers(target, &[header]),
                };
                last = Some((header, number));
                (span.segment, span.header, span.start) = (target, number, record.offset() + copy.span.start);
            }
        }
        self.release(&spans, false);
    }
}

// === impl Headers ===

impl<'s> Headers<'s> {
    fn of(segment: &'s [u8]) -> Self {
        let known = HashMap::<_, _, RandomState>::default();
        let seed = known.hasher().hash_one(0);
        Self { segment, known, seed }
    }

    /// Bytes that copies of a session's `spans` take, with their resources and scopes, each of these once. Spans are given by
    /// length and header. `own` is room for the resources and scopes.
    fn with_spans(&mut self, spans: impl Iterator<Item = (u32, Header)>, own: &mut Vec<(u64, u64)>) -> u64 {
        own.clear();
        let (mut bytes, mut last) = (0, None);
        for (len, header) in spans {
            // Tag and length stand before it.
            bytes += u64::from(len) + 6;
            if last != Some(header) {
                last = Some(header);
                let [resource, scope] = [header.resource, header.scope].map(|fields| self.known_at(fields));
                own.extend([resource, (scope.0 ^ resource.0.rotate_left(1), scope.1)]);
            }
        }
        own.sort_unstable();
        own.dedup();
        let frame = if own.is_empty() { 0 } else { FRAME };
        bytes + frame + own.iter().map(|(_, len)| len + 12).sum::<u64>()
    }

    /// Hash and length of the header fields at `place`.
    fn known_at(&mut self, place: HeaderFields) -> (u64, u64) {
        let Self { segment, known, seed } = self;
        let read = || place.of(segment).map_or((0, 0), |header| (header.hash(*seed), header.len() as u64));
        *known.entry(place).or_insert_with(read)
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
