//! Spans into the aggregate of their session, one by one as they arrive.

use std::sync::Arc;

use super::held::Held;
use super::open::{Open, Waiting};
use crate::clock::Nanos;
use crate::flow::{ArrivedSpan, SpanRef, Text, TurnRoot};
use crate::genai::calls::Call;
use crate::otlp::span::SpanId;
use crate::pricing::PriceBook;

/// Longest name of a root that is kept, in bytes.
const MAX_NAME: usize = 256;

/// What became of a span that was handed to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Folded {
    /// It is held now.
    Held,
    /// It is held already, byte by byte.
    Duplicate,
}

// === impl Folded ===

impl Folded {
    pub(super) fn is_duplicate(self) -> bool {
        self == Self::Duplicate
    }
}

// === impl Open ===

impl Open {
    /// Folds one span in, with its record among `calls`, which were made with the prices of `book`. `arrived.span.turn`,
    /// `.segment` and `.header` are set; the segment is held.
    pub(super) fn fold(
        &mut self,
        arrived: &ArrivedSpan,
        calls: &[Call],
        book: &Arc<PriceBook>,
        held: &Held,
        now: Nanos,
    ) -> Folded {
        let place = self.spans.len() as u32;
        if !self.hold(&arrived.span, held) {
            return Folded::Duplicate;
        }
        if let Some(call) = calls.get(arrived.call as usize) {
            self.facts.calls.push(Call { span: place, ..*call });
            self.note_prices(book);
        }
        self.fold_turn(arrived, place, held, now);
        self.arrived.1 = self.arrived.1.max(now);
        self.ended |= arrived.ends_session;
        Folded::Held
    }

    /// Holds a span, and counts it; `false` when it is held already, byte by byte.
    pub(super) fn hold(&mut self, span: &SpanRef, held: &Held) -> bool {
        let first = self.place_of(span.turn, span.whole().unwrap_or(span.span_id)).is_none();
        if !self.enter(span, self.spans.len() as u32, held) {
            return false;
        }
        self.spans.push(*span);
        self.fold_parents(span);
        self.fold_progress(span, first);
        let facts = &mut self.facts;
        facts.spans += 1;
        facts.bytes += u64::from(span.len);
        facts.error_count += u32::from(span.failed);
        let mut bits = span.predicates;
        while bits != 0 {
            if let Some(count) = facts.predicates.get_mut(bits.trailing_zeros() as usize) {
                *count += 1;
            }
            bits &= bits - 1;
        }
        true
    }

    /// Notes that the span will be at `place`; `false` when it is held already, byte by byte. Spans of the same ids are
    /// looked for by their bytes, so that any number of them cost no more than others.
    fn enter(&mut self, span: &SpanRef, place: u32, held: &Held) -> bool {
        let Some(first) = self.index.get(span.turn, span.span_id) else {
            self.index.insert(span.turn, span.span_id, place);
            return true;
        };
        let (spans, hasher) = (&self.spans, &self.hasher);
        let bytes = |span: &SpanRef| held.bytes(span.segment, span.start, span.len);
        let namesake = |known: &SpanRef| (known.span_id, known.turn) == (span.span_id, span.turn);
        let is = |at: &u32, what: &dyn Fn(&SpanRef) -> bool| spans.get(*at as usize).is_some_and(what);
        let same = |known: &SpanRef| namesake(known) && known.len == span.len && bytes(known) == bytes(span);
        let content = |span: &SpanRef| std::hash::BuildHasher::hash_one(hasher, bytes(span));
        if is(first, &same) || self.variants.find(content(span), |at| is(at, &same)).is_some() {
            return false;
        }
        let rehash = |at: &u32| spans.get(*at as usize).map_or(0, content);
        self.variants.insert_unique(content(span), place, rehash);
        true
    }

    /// Where the first span of that id is held.
    pub(super) fn place_of(&self, turn: u32, id: SpanId) -> Option<u32> {
        self.index.get(turn, id).copied()
    }

    /// Keeps track of parents that have not come.
    fn fold_parents(&mut self, span: &SpanRef) {
        let SpanRef { turn, span_id, parent_id, .. } = *span;
        if let Some(waiting) = self.missing.remove(turn, span_id) {
            self.block(turn, waiting.local, -1);
            // A root whose remote parent came after all is no root.
            let root = self.facts.turns.get_mut(turn as usize).map(|turn| &mut turn.root);
            if let Some(root) = root
                && let Some(known) = root
                && !known.local
                && known.parent == span_id
            {
                *root = None;
            }
        }
        if parent_id.is_zero() || self.place_of(turn, parent_id).is_some() {
            return;
        }
        let blocks = !span.remote_parent;
        match self.missing.get_mut(turn, parent_id) {
            Some(waiting) => {
                waiting.children += 1;
                if waiting.local || !blocks {
                    return;
                }
                waiting.local = true;
            }
            None => self.missing.insert(turn, parent_id, Waiting { children: 1, local: blocks }),
        }
        self.block(turn, blocks, 1);
    }

    /// Keeps track of spans that are not over. `first`: nothing of that span was here before.
    fn fold_progress(&mut self, span: &SpanRef, first: bool) {
        let SpanRef { turn, span_id, .. } = *span;
        match span.whole() {
            Some(whole) if first && self.unfinished.get(turn, whole).is_none() => {
                self.unfinished.insert(turn, whole, ());
                self.block(turn, true, 1);
            }
            Some(_) => {}
            None if self.unfinished.remove(turn, span_id).is_some() => self.block(turn, true, -1),
            None => {}
        }
    }

    fn block(&mut self, turn: u32, local: bool, by: i32) {
        if let (true, Some(turn)) = (local, self.turns.get_mut(turn as usize)) {
            turn.blocking = turn.blocking.saturating_add_signed(by);
        }
    }

    fn fold_turn(&mut self, arrived: &ArrivedSpan, place: u32, held: &Held, now: Nanos) {
        let SpanRef { turn: number, segment, parent_id, remote_parent, .. } = arrived.span;
        let local = parent_id.is_zero();
        let may_be_root = local || remote_parent && self.missing.get(number, parent_id).is_some();
        let number = number as usize;
        let Some((turn, open)) = self.facts.turns.get_mut(number).zip(self.turns.get_mut(number)) else { return };
        open.last = open.last.max(now);
        open.facts.add(arrived);
        // A span without a start comes behind all others.
        let start = if arrived.start == 0 { u64::MAX - 1 } else { arrived.start };
        if start < turn.earliest.0 || turn.earliest.0 == u64::MAX {
            turn.earliest = (start, place);
        }
        if may_be_root && turn.root.as_ref().is_none_or(|known| known.gives_way_to(local, arrived.start)) {
            turn.root = Some(TurnRoot {
                span: place,
                parent: parent_id,
                start: arrived.start,
                status: arrived.status,
                name: text(held, segment, arrived.name).into(),
                local,
            });
        }
    }
}

/// The text at its place in a segment, cut to [`MAX_NAME`].
fn text(held: &Held, segment: u32, text: Text) -> &str {
    let bytes = held.bytes(segment, text.start, text.len);
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.get(..text.floor_char_boundary(MAX_NAME)).unwrap_or(text)
}
