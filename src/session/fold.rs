//! Spans into the aggregate of their session, one by one as they arrive.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashSet;

use super::held::Held;
use super::open::{Open, Waiting};
use crate::clock::Nanos;
use crate::flow::{ArrivedSpan, Session, SpanRef, Text, TurnRoot};
use crate::otlp::span::{STATUS_ERROR, SpanId};

/// Longest name that is kept of a root, a service or an error type, in bytes.
const MAX_NAME: usize = 256;
/// Most names that are shared between sessions: services and error types are few, and a client that makes them up shall
/// not grow the table.
const MAX_SHARED: usize = 8192;

/// What became of a span that was handed to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Folded {
    /// It is held now.
    Held,
    /// It is held already, byte by byte.
    Duplicate,
}

/// Names that many sessions share. Owned by a shard's thread.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashSet<Arc<str>, RandomState>,
}

// === impl Open ===

impl Open {
    /// Folds one span in. `arrived.span.turn` and `.segment` are set; the segment is held.
    pub(super) fn fold(&mut self, arrived: &ArrivedSpan, held: &Held, names: &mut Names, now: Nanos) -> Folded {
        let span = arrived.span;
        let place = self.spans.len() as u32;
        if !self.enter(&span, place, held) {
            return Folded::Duplicate;
        }
        self.spans.push(span);
        self.fold_parents(arrived);
        self.fold_turn(arrived, place, held, now);
        self.fold_facts(arrived, held, names);
        self.arrived.1 = self.arrived.1.max(now);
        self.ended |= arrived.ends_session;
        self.facts.account.ceilings.add(&arrived.share);
        Folded::Held
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

    /// Keeps the account of parents that have not come.
    fn fold_parents(&mut self, arrived: &ArrivedSpan) {
        let SpanRef { turn, span_id, parent_id, .. } = arrived.span;
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
        let blocks = !arrived.remote_parent;
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

    fn block(&mut self, turn: u32, local: bool, by: i32) {
        if let (true, Some(turn)) = (local, self.turns.get_mut(turn as usize)) {
            turn.blocking = turn.blocking.saturating_add_signed(by);
        }
    }

    fn fold_turn(&mut self, arrived: &ArrivedSpan, place: u32, held: &Held, now: Nanos) {
        let SpanRef { turn, segment, parent_id, .. } = arrived.span;
        if let Some(open) = self.turns.get_mut(turn as usize) {
            open.last = open.last.max(now);
        }
        let local = parent_id.is_zero();
        let may_be_root = local || (arrived.remote_parent && self.missing.get(turn, parent_id).is_some());
        let Some(turn) = self.facts.turns.get_mut(turn as usize) else { return };
        if arrived.start < turn.earliest.0 || turn.earliest.0 == u64::MAX {
            turn.earliest = (arrived.start, place);
        }
        let better = match &turn.root {
            None => true,
            Some(known) => (local, known.start) > (known.local, arrived.start),
        };
        if may_be_root && better {
            let name = text(held, segment, arrived.name).into();
            turn.root = Some(TurnRoot {
                span: place,
                parent: parent_id,
                start: arrived.start,
                status: arrived.status,
                name,
                local,
            });
        }
    }

    fn fold_facts(&mut self, arrived: &ArrivedSpan, held: &Held, names: &mut Names) {
        let facts = &mut self.facts;
        let (segment, turn) = (arrived.span.segment, arrived.span.turn as usize);
        facts.spans += 1;
        facts.bytes += u64::from(arrived.span.len);
        facts.start = facts.start.min(arrived.start);
        facts.end = facts.end.max(arrived.end).max(arrived.start);
        facts.error_count += u32::from(arrived.status == STATUS_ERROR);
        names.add(&mut facts.services, text(held, segment, arrived.service));
        if arrived.error_type.len > 0 {
            names.add(&mut facts.error_types, text(held, segment, arrived.error_type));
        }
        let mut bits = arrived.span.predicates;
        while bits != 0 {
            if let Some(count) = facts.predicates.get_mut(bits.trailing_zeros() as usize) {
                *count += 1;
            }
            bits &= bits - 1;
        }
        let of_key = || facts.turns.get(turn).is_some_and(|turn| facts.key.is_of(turn.trace_id));
        if arrived.incoming_rv != u64::MAX && !self.explicit_randomness && of_key() {
            self.explicit_randomness = true;
            facts.randomness = arrived.incoming_rv;
        }
    }
}

// === impl Names ===

impl Names {
    /// A name as sessions share it.
    pub(super) fn shared(&mut self, name: &str) -> Arc<str> {
        let name = cut(name);
        if let Some(known) = self.known.get(name) {
            return known.clone();
        }
        let name: Arc<str> = name.into();
        if self.known.len() < MAX_SHARED {
            self.known.insert(name.clone());
        }
        name
    }

    /// Adds a name to a session's list, unless it is there, empty, or the list is full.
    fn add(&mut self, list: &mut Vec<Arc<str>>, name: &str) {
        if name.is_empty() || list.len() >= Session::MAX_NAMES || list.iter().any(|known| **known == *name) {
            return;
        }
        list.push(self.shared(name));
    }
}

/// The text at its place in a segment, cut to [`MAX_NAME`].
fn text(held: &Held, segment: u32, text: Text) -> &str {
    let bytes = held.bytes(segment, text.start, text.len);
    cut(std::str::from_utf8(bytes).unwrap_or_default())
}

/// The text, as far as it is kept.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_NAME)).unwrap_or(text)
}
