//! Traces that change their session, and with it perhaps their shard.
//!
//! 1. A trace is bound anew in the directory, by a request that knows better or by a link that has got a name.
//! 2. The shard that has it takes its spans out and folds what is left of their session anew.
//! 3. The spans go to the shard that owns the new session, which reads them again from their segments.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::mail::{Message, Moved};
use super::open::Open;
use super::shard::{Shard, size};
use crate::clock::Nanos;
use crate::flow::{ArrivedSpan, ArrivedTrace, SessionKey, SpanRef, Turn};
use crate::observe::ledger::Spans;
use crate::otlp::revisit::Revisit;
use crate::otlp::span::TraceId;

// === impl Shard ===

impl Shard {
    /// Sends spans that are held here to the shard that owns their session.
    pub(super) fn send_on(&mut self, trace: ArrivedTrace, spans: Vec<SpanRef>, arrived: (Nanos, Nanos)) {
        let bytes = spans.iter().map(|span| u64::from(span.len)).sum();
        self.counts.moved_out += Spans::new(spans.len() as u64, bytes);
        let (segments, moved) = self.hand_over(&spans);
        self.release(&spans, true);
        let shard = self.site.directory.shard_of(&trace.key);
        self.site.mail.send(shard, Message::Moved(Moved { trace, arrived, spans: moved, segments }));
    }

    /// Takes a trace from another shard, reading its spans again.
    pub(super) fn adopt(&mut self, moved: Moved) {
        let Moved { trace, arrived, spans, segments } = moved;
        let slots: Vec<u32> = segments.iter().map(|(segment, copied)| self.held.hold(segment, *copied)).collect();
        let mut taken = Vec::with_capacity(spans.len());
        for mut span in spans {
            let bytes = u64::from(span.len);
            self.counts.moved_in += Spans::new(1, bytes);
            span.segment = slots.get(span.segment as usize).copied().unwrap_or(u32::MAX);
            self.held.add(span.segment, 1, bytes);
            taken.push(span);
        }
        let mut described = self.read_again(&taken);
        self.trace(trace, &mut described, arrived);
        slots.into_iter().for_each(|slot| self.held.let_go_if_unused(slot));
    }

    /// Moves a trace to the session that it is bound to now. One that is not here will be, and then asks the directory.
    pub(super) fn rebind(&mut self, trace_id: TraceId, key: &SessionKey, version: u32) {
        let Some((index, turn)) = self.traces.get(&trace_id).copied() else { return };
        let Some(open) = self.table.get_mut(index) else { return };
        let Some(known) = open.turns.get(turn as usize) else { return };
        if known.version >= version || open.facts.key == *key {
            return;
        }
        if open.turns.len() > 1 && open.facts.key.is_of(trace_id) {
            return self.move_led(index, trace_id, key, version);
        }
        let (arrived, rank) = ((known.first, known.last), 0);
        let (links, answer) = (known.links.clone(), known.answer.clone());
        let spans = open.take_turn(turn);
        let bytes = spans.iter().map(|span| u64::from(span.len)).sum();
        self.counts.held -= Spans::new(spans.len() as u64, bytes);
        self.traces.remove(&trace_id);
        self.fold_anew(index, turn);
        let spans_of = spans.len() as u32;
        let trace = ArrivedTrace { trace_id, key: key.clone(), rank, version, spans: spans_of, links, answer };
        self.pass_on(trace, spans, arrived);
    }

    /// Takes a trace that was taken out of its session to the one that it belongs to now, here or elsewhere.
    pub(super) fn pass_on(&mut self, trace: ArrivedTrace, spans: Vec<SpanRef>, arrived: (Nanos, Nanos)) {
        if self.site.directory.shard_of(&trace.key) != self.site.id {
            return self.send_on(trace, spans, arrived);
        }
        let mut described = self.read_again(&spans);
        self.trace(trace, &mut described, arrived);
    }

    /// Reads held spans again from their segments. What does not read back is let go of and counted as lost.
    fn read_again(&mut self, spans: &[SpanRef]) -> Vec<ArrivedSpan> {
        let mut described = Vec::with_capacity(spans.len());
        let lens = &self.site.lens;
        let (book, mut reader) = (lens.prices.current(), Revisit::new(&lens.keys));
        let mut lost = Vec::new();
        for span in spans {
            let segment = self.held.segment_bytes(span.segment);
            match lens.describe_again(&mut reader, span, segment, &book) {
                Some(span) => described.push(span),
                None => lost.push(span),
            }
        }
        for span in lost {
            self.counts.lost += Spans::new(1, u64::from(span.len));
            self.held.remove(span.segment, 1, u64::from(span.len), false);
        }
        described
    }

    /// Folds a session anew from its records, without the turn that was taken out of it.
    pub(super) fn fold_anew(&mut self, index: u32, without: u32) {
        let Some(old) = self.close(index) else { return };
        if old.spans.is_empty() {
            return;
        }
        let Open { facts, spans, turns, arrived, .. } = *old;
        let left = turns.iter().enumerate().filter(|(turn, _)| *turn as u32 != without);
        // It is no older than what is left of it.
        let first = left.map(|(_, known)| known.first).min().unwrap_or(arrived.0);
        let mut open = Open::new(facts.key.clone(), facts.sequence, self.site.lens.predicates.len(), first);
        let mut numbers = HashMap::<u32, (u32, Nanos), RandomState>::default();
        for (turn, (known, trace)) in turns.into_iter().zip(&facts.turns).enumerate() {
            if turn as u32 != without {
                let again = Turn::new(trace.trace_id, trace.beside);
                let number = open.add_turn(again, known.version, known.reopened, (known.first, known.last));
                numbers.insert(turn as u32, (number, known.last));
                if let Some(turn) = open.turns.get_mut(number as usize) {
                    (turn.links, turn.answer) = (known.links, known.answer);
                }
            }
        }
        let described = self.read_again(&spans);
        self.counts.held -= Spans::new(spans.len() as u64, spans.iter().map(|span| u64::from(span.len)).sum());
        self.counts.held += size(&described);
        for mut arrived in described {
            if let Some((turn, last)) = numbers.get(&arrived.span.turn) {
                arrived.span.turn = *turn;
                open.fold(&arrived, &self.held, &mut self.names, *last);
            }
        }
        let traces: Vec<TraceId> = open.facts.turns.iter().map(|turn| turn.trace_id).collect();
        let key = open.facts.key.clone();
        let index = self.table.insert(Box::new(open)).index;
        if let SessionKey::Id(id) = key {
            self.by_id.insert(id.hash, index);
        }
        self.note_lead(index);
        for (turn, trace_id) in traces.into_iter().enumerate() {
            self.traces.insert(trace_id, (index, turn as u32));
            self.schedule(index, turn as u32);
        }
        for span in spans.chunk_by(|one, next| one.segment == next.segment).filter_map(|run| run.first()) {
            if let Some(held) = self.held.get_mut(span.segment) {
                held.sessions.push(index);
            }
        }
    }
}
