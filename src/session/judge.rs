//! Sessions that are due: judged, handed on or let go of, and remembered.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::batch::size;
use super::open::Open;
use super::remembered::JudgedTrace;
use super::shard::Shard;
use crate::clock::Nanos;
use crate::flow::{Kept, Reason, Session, SessionKey, SpanRef, Verdict};
use crate::genai::calls::Call;
use crate::intern::{Kind, Name};
use crate::log::Segment;
use crate::observe::ledger::Spans;
use crate::otlp::revisit::Revisit;
use crate::otlp::walk::Header;

/// Spans that leave a shard.
#[derive(Default)]
pub(super) struct HandedOver {
    /// Their segments, and whether these hold copies of one session alone.
    pub(super) segments: Vec<(Arc<Segment>, bool)>,
    /// Their headers.
    pub(super) headers: Vec<Header>,
    /// The spans, with indexes into both.
    pub(super) spans: Vec<SpanRef>,
}

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
        if open.mixed_prices {
            self.price_again(&mut open);
        }
        open.finish(&self.bounds, now, &self.site.lens.calls.end.irreversible);
        let verdict = (self.site.outlets.judge)(&open.facts, reason);
        let dropped = verdict.drop_rule;
        let kept = verdict.keep.then(|| Arc::new(verdict));
        let size = Spans::new(u64::from(open.facts.spans), open.facts.bytes);
        let sequence = open.facts.sequence;
        for (turn, trace) in open.turns.iter().zip(&open.facts.turns) {
            let by_trace = open.facts.key.is_of(trace.trace_id);
            let judged = JudgedTrace { kept: kept.clone(), dropped, version: turn.version, sequence, by_trace };
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

    /// Makes the records of a session anew with the prices in use now. This is done only for sessions that were open while
    /// prices changed, so that their sums and the costs on their spans agree.
    #[cold]
    fn price_again(&self, open: &mut Open) {
        let lens = &self.site.lens;
        let book = lens.prices.current();
        let mut reader = Revisit::new(&lens.keys);
        open.facts.calls.clear();
        for (place, span) in (0_u32..).zip(&open.spans) {
            let (bytes, header) = (self.held.segment_bytes(span.segment), self.held.header(span));
            let reading = reader.visit(bytes, span.place(header), |visit| {
                lens.calls.read(visit, Name::new(Kind::Scope, visit.scope.name), &book)
            });
            let call = reading.and_then(|reading| reading.call);
            open.facts.calls.extend(call.map(|call| Call { span: place, ..call }));
        }
        open.facts.book = Some(book);
    }

    /// Takes a session out of the tables.
    pub(super) fn close(&mut self, index: u32) -> Option<Box<Open>> {
        let open = self.table.remove(index)?;
        self.calls -= open.facts.calls.len() as u64;
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
    pub(super) fn follow(&mut self, verdict: Arc<Verdict>, by_trace: bool, spans: Vec<SpanRef>) {
        let size = size(&spans);
        self.counts.kept += size;
        let verdict = Arc::new(Verdict { reason: Reason::Late, ..Verdict::clone(&verdict) });
        self.keep(None, by_trace, verdict, spans, size.bytes);
    }

    /// Lets go of spans of a trace that a rule dropped: they go the way of the others.
    pub(super) fn drop_late(&mut self, spans: &[SpanRef]) {
        self.counts.dropped += size(spans);
        self.release(spans, false);
    }

    pub(super) fn keep(
        &mut self,
        session: Option<Box<Session>>,
        by_trace: bool,
        verdict: Arc<Verdict>,
        spans: Vec<SpanRef>,
        bytes: u64,
    ) {
        let HandedOver { segments, headers, spans: moved } = self.hand_over(&spans);
        self.release(&spans, false);
        let segments = segments.into_iter().map(|(segment, _)| segment).collect();
        (self.site.outlets.keep)(Kept { session, by_trace, verdict, spans: moved, segments, headers, bytes });
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

    /// The segments and headers of `spans`, and the spans with indexes into those.
    pub(super) fn hand_over(&self, spans: &[SpanRef]) -> HandedOver {
        let mut handed = HandedOver { spans: Vec::with_capacity(spans.len()), ..HandedOver::default() };
        let mut segments: HashMap<u32, u32, RandomState> = HashMap::default();
        let mut headers: HashMap<(u32, u32), u32, RandomState> = HashMap::default();
        for span in spans {
            let segment = *segments.entry(span.segment).or_insert_with(|| {
                let held = self.held.get(span.segment);
                handed.segments.extend(held.map(|held| (held.segment.clone(), held.copied)));
                handed.segments.len() as u32 - 1
            });
            let header = *headers.entry((span.segment, span.header)).or_insert_with(|| {
                handed.headers.push(self.held.header(span));
                handed.headers.len() as u32 - 1
            });
            handed.spans.push(SpanRef { segment, header, ..*span });
        }
        handed
    }
}
