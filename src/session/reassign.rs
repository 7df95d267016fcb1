//! Traces that change their session, and with it perhaps their shard.
//!
//! 1. A trace is bound again in the directory, by a request that knows better or by a link that was named.
//! 2. The shard that has it takes the turn out and puts what is left of the session together again.
//! 3. The turn goes to the shard that owns the new session. Nothing of it is read again.

use super::batch::{Batch, size};
use super::judge::HandedOver;
use super::mail::{Message, Moved};
use super::moved::MovedTurn;
use super::open::Open;
use super::shard::Shard;
use crate::flow::{ArrivedTrace, SessionKey, SpanRef};
use crate::observe::ledger::Spans;
use crate::otlp::span::TraceId;

// === impl Shard ===

impl Shard {
    /// Sends a turn that is held here to the shard that owns its session.
    pub(super) fn send_on(&mut self, trace: ArrivedTrace, mut turn: Box<MovedTurn>) {
        self.counts.moved_out += size(&turn.spans);
        let HandedOver { segments, headers, spans } = self.hand_over(&turn.spans);
        self.release(&turn.spans, true);
        turn.spans = spans;
        let shard = self.site.directory.shard_of(&trace.key);
        self.site.mail.send(shard, Message::Moved(Moved { trace, turn, segments, headers }));
    }

    /// Takes a trace from another shard.
    pub(super) fn adopt(&mut self, moved: Moved) {
        let Moved { trace, mut turn, segments, headers } = moved;
        let slots: Vec<u32> = segments.iter().map(|(segment, copied)| self.held.hold(segment, *copied)).collect();
        // Where each header is held now: it is that of spans in one segment.
        let mut places: Vec<Option<u32>> = vec![None; headers.len()];
        for span in &mut turn.spans {
            let slot = slots.get(span.segment as usize).copied().unwrap_or(u32::MAX);
            if let Some((header, place)) = headers.iter().zip(&mut places).nth(span.header as usize) {
                span.header = *place.get_or_insert_with(|| self.held.add_headers(slot, &[*header]));
            }
            span.segment = slot;
            self.counts.moved_in += Spans::new(1, u64::from(span.len));
            self.held.add(slot, 1, u64::from(span.len));
        }
        self.trace(trace, Batch::Moved(turn));
        slots.into_iter().for_each(|slot| self.held.let_go_if_unused(slot));
    }

    /// Moves a trace to the session that it is bound to now. One that is not here will be, and then asks the directory.
    pub(super) fn rebind(&mut self, trace_id: TraceId, key: &SessionKey, version: u32) {
        let Some((index, turn)) = self.traces.get(&trace_id).copied() else { return };
        let Some(open) = self.table.get(index) else { return };
        let Some(known) = open.turns.get(turn as usize) else { return };
        if known.version >= version || open.facts.key == *key {
            return;
        }
        if open.turns.len() > 1 && open.facts.key.is_of(trace_id) {
            return self.move_led(index, trace_id, key, version);
        }
        let Some(open) = self.close(index) else { return };
        self.counts.held -= Spans::new(u64::from(open.facts.spans), open.facts.bytes);
        let (own, sequence) = (open.facts.key.clone(), open.facts.sequence);
        let (moved, left): (Vec<_>, Vec<_>) =
            open.into_turns().into_iter().partition(|moved| moved.turn.trace_id == trace_id);
        self.put_back(own, sequence, left);
        for turn in moved {
            let trace = ArrivedTrace::of_moved(trace_id, key.clone(), version, turn.spans.len() as u32);
            self.pass_on(trace, turn);
        }
    }

    /// Takes a turn that was taken out of its session to the one that it belongs to now, here or elsewhere.
    pub(super) fn pass_on(&mut self, trace: ArrivedTrace, turn: MovedTurn) {
        let turn = Box::new(turn);
        match self.site.directory.shard_of(&trace.key) == self.site.id {
            true => self.trace(trace, Batch::Moved(turn)),
            false => self.send_on(trace, turn),
        }
    }

    /// Puts a session together again from what is left of it.
    fn put_back(&mut self, key: SessionKey, sequence: u32, left: Vec<MovedTurn>) {
        // It is no older than what is left of it.
        let Some(first) = left.iter().map(|moved| moved.open.first).min() else { return };
        let mut open = Open::new(key.clone(), sequence, self.site.lens.predicates.len(), first);
        for moved in left {
            // What was held once is no duplicate.
            open.put_turn(moved, &self.held, |_| ());
        }
        self.counts.held += Spans::new(u64::from(open.facts.spans), open.facts.bytes);
        self.calls += open.facts.calls.len() as u64;
        let traces: Vec<TraceId> = open.facts.turns.iter().map(|turn| turn.trace_id).collect();
        let index = self.table.insert(Box::new(open)).index;
        if let SessionKey::Id(id) = key {
            self.by_id.insert(id.hash, index);
        }
        self.note_lead(index);
        for (turn, trace_id) in (0_u32..).zip(traces) {
            self.traces.insert(trace_id, (index, turn));
            self.schedule(index, turn);
        }
        self.note_segments(index);
    }

    /// Notes in the segments of a session that it has spans there.
    pub(super) fn note_segments(&mut self, index: u32) {
        let Some(open) = self.table.get(index) else { return };
        let runs = open.spans.chunk_by(|one, next| one.segment == next.segment);
        for SpanRef { segment, .. } in runs.filter_map(|run| run.first()) {
            if let Some(held) = self.held.get_mut(*segment) {
                held.sessions.push(index);
            }
        }
    }
}
