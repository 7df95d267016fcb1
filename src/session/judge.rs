//! Sessions that are due: judged, handed on or let go of, and remembered.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::open::Open;
use super::remembered::JudgedTrace;
use super::shard::{Shard, size};
use crate::clock::Nanos;
use crate::flow::{ArrivedSpan, Kept, Reason, Session, SessionKey, SpanRef, Verdict};
use crate::log::Segment;
use crate::observe::ledger::Spans;

// === impl Shard ===

impl Shard {
    pub(super) fn judge_all(&mut self, now: Nanos) {
        let all = |shard: &Self| -> Vec<u32> { shard.table.iter().map(|(index, _)| index).collect() };
        for index in all(self) {
            self.follow_another(index);
        }
        for index in all(self) {
            self.decide(index, Reason::Shutdown, now);
        }
    }

    /// Has a session judged, and lets go of it.
    pub(super) fn decide(&mut self, index: u32, reason: Reason, now: Nanos) {
        let Some(mut open) = self.close(index) else { return };
        open.finish(&self.bounds, now);
        let verdict = self.judge(&mut open, reason);
        let kept = verdict.keep.then(|| Arc::new(verdict));
        let size = Spans::new(u64::from(open.facts.spans), open.facts.bytes);
        let sequence = open.facts.sequence;
        for (turn, trace) in open.turns.iter().zip(&open.facts.turns) {
            let by_trace = open.facts.key.is_of(trace.trace_id);
            let judged = JudgedTrace { kept: kept.clone(), version: turn.version, sequence, by_trace };
            let directory = &self.site.directory;
            self.judged.insert(trace.trace_id, judged, |trace, judged| directory.forget(&trace, judged.version));
        }
        if let SessionKey::Id(id) = &open.facts.key {
            self.sequences.insert(id.hash, sequence, |_, _| ());
        }
        self.counts.held -= size;
        if let Some(verdict) = kept {
            self.counts.kept += size;
            let Open { facts, spans, .. } = *open;
            let by_trace = facts.key.is_trace();
            self.keep(Some(Box::new(facts)), by_trace, verdict, spans, size.bytes);
        } else {
            self.counts.dropped += size;
            self.release(&open.spans, false);
            self.table.give_back(open);
        }
    }

    /// The verdict on a session. What its spans say of models is read if the verdict hangs on it or the session is kept.
    fn judge(&mut self, open: &mut Open, reason: Reason) -> Verdict {
        let (lens, ceilings) = (&self.site.lens, &open.facts.account.ceilings);
        let asks = &lens.predicates.asks;
        // Ceilings at the prices of another book are none.
        let are_none = || asks.asks_for_usage() && !ceilings.are_of_book(lens.prices.current().seed());
        if asks.hang_on(ceilings, open.facts.root_failed()) || are_none() {
            self.read(open);
        }
        let verdict = (self.site.outlets.judge)(&open.facts, reason);
        if verdict.keep && open.facts.sums.is_none() {
            self.read(open);
        }
        verdict
    }

    fn read(&mut self, open: &mut Open) {
        let lens = &self.site.lens;
        open.read(lens, &self.held, &mut self.names);
        open.sum_up(&lens.ends.irreversible);
    }

    /// Takes a session out of the tables.
    pub(super) fn close(&mut self, index: u32) -> Option<Box<Open>> {
        let open = self.table.remove(index)?;
        for turn in &open.facts.turns {
            self.traces.remove(&turn.trace_id);
        }
        match &open.facts.key {
            SessionKey::Id(id) => drop(self.by_id.remove(&id.hash)),
            SessionKey::Trace(trace) => drop(self.led.remove(trace)),
        }
        Some(open)
    }

    /// Spans of a trace that was kept go after it.
    pub(super) fn follow(&mut self, verdict: Arc<Verdict>, by_trace: bool, spans: &[ArrivedSpan]) {
        let size = size(spans);
        self.counts.kept += size;
        let verdict = Arc::new(Verdict { reason: Reason::Late, ..Verdict::clone(&verdict) });
        self.keep(None, by_trace, verdict, spans.iter().map(|span| span.span).collect(), size.bytes);
    }

    pub(super) fn keep(
        &mut self,
        session: Option<Box<Session>>,
        by_trace: bool,
        verdict: Arc<Verdict>,
        spans: Vec<SpanRef>,
        bytes: u64,
    ) {
        let (segments, moved) = self.hand_over(&spans);
        self.release(&spans, false);
        let segments = segments.into_iter().map(|(segment, _)| segment).collect();
        (self.site.outlets.keep)(Kept { session, by_trace, verdict, spans: moved, segments, bytes });
    }

    /// Lets go of the bytes of `spans`, run by run.
    pub(super) fn release(&mut self, spans: &[SpanRef], handed: bool) {
        for run in spans.chunk_by(|one, next| one.segment == next.segment) {
            let bytes = run.iter().map(|span| u64::from(span.len)).sum();
            if let Some(first) = run.first() {
                self.held.remove(first.segment, run.len() as u32, bytes, handed);
            }
        }
    }

    /// The segments of `spans`, and the spans with indexes into those.
    pub(super) fn hand_over(&self, spans: &[SpanRef]) -> (Vec<(Arc<Segment>, bool)>, Vec<SpanRef>) {
        let mut segments = Vec::new();
        let mut indexes: HashMap<u32, u32, RandomState> = HashMap::default();
        let mut moved = Vec::with_capacity(spans.len());
        for span in spans {
            let index = *indexes.entry(span.segment).or_insert_with(|| {
                segments.extend(self.held.get(span.segment).map(|held| (held.segment.clone(), held.copied)));
                segments.len() as u32 - 1
            });
            moved.push(SpanRef { segment: index, ..*span });
        }
        (segments, moved)
    }
}
