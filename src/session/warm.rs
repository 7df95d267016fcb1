//! Reading ahead: with a million open sessions, nothing of one is in the cache when its next span comes, and what is there
//! hangs together by pointers. So a little is read of each of many sessions, level by level, before any is worked on: in
//! loops as short as these the processor waits for many cache lines at once, and otherwise for one after the other.

use std::hint::black_box;

use super::open::Open;
use super::shard::Shard;
use crate::flow::SpanRef;
use crate::otlp::span::TraceId;

// === impl Shard ===

impl Shard {
    /// Reads ahead for traces that spans have come of.
    pub(super) fn warm_traces<'a>(&self, traces: impl Iterator<Item = &'a TraceId>) {
        let (mut open, mut other) = (Vec::new(), Vec::new());
        for trace in traces {
            match self.traces.get(trace) {
                Some((index, _)) => open.push(*index),
                None => other.push(trace),
            }
        }
        black_box(other.into_iter().filter(|trace| self.judged.has(trace)).count());
        self.warm(&open);
    }

    /// Reads ahead for sessions that may be judged.
    pub(super) fn warm_sessions(&self, indexes: impl Iterator<Item = u32>) {
        let indexes: Vec<u32> = indexes.collect();
        self.warm(&indexes);
        let sessions = indexes.iter().filter_map(|index| self.table.get(*index));
        black_box(sessions.fold(0, |sum, open| sum ^ open.touch_all()));
        let traces = indexes.iter().filter_map(|index| self.table.get(*index)?.facts.turns.first());
        let known = |trace: &TraceId| self.traces.contains_key(trace) ^ self.judged.has(trace);
        black_box(traces.filter(|turn| known(&turn.trace_id)).count());
        let first = |index: &u32| self.held.get(self.table.get(*index)?.spans.first()?.segment);
        black_box(indexes.iter().filter_map(first).fold(0, |sum, held| sum ^ held.segment.live()));
    }

    /// Reads ahead for sessions whose spans may be copied out of the segments at `slots`.
    pub(super) fn warm_copies(&self, indexes: &[u32], slots: &[u32]) {
        self.warm(indexes);
        let spans = indexes.iter().filter_map(|index| self.table.get(*index)).flat_map(|open| &open.spans);
        let first = |span: &SpanRef| self.held.bytes(span.segment, span.start, span.len).first().copied();
        black_box(spans.filter(|span| slots.contains(&span.segment)).filter_map(first).fold(0, |sum, byte| sum ^ byte));
    }

    pub(super) fn warm(&self, indexes: &[u32]) {
        let sessions = || indexes.iter().filter_map(|index| self.table.get(*index));
        black_box(sessions().fold(0, |sum, open| sum ^ open.touch()));
        black_box(sessions().fold(0, |sum, open| sum ^ open.touch_more()));
    }
}

// === impl Open ===

impl Open {
    /// Reads from each of the cache lines that it takes itself.
    fn touch(&self) -> u64 {
        self.facts.start ^ self.facts.bytes ^ self.spans.len() as u64 ^ self.turns.len() as u64 ^ self.scheduled
    }

    /// Reads from each cache line of its spans and their records.
    fn touch_all(&self) -> u64 {
        let spans = self.spans.iter().fold(0, |sum, span| sum ^ u64::from(span.start));
        self.facts.calls.iter().fold(spans, |sum, call| sum ^ call.start ^ u64::from(call.again))
    }

    /// Reads from what it points to: of the spans, the last ones, which are all that most sessions have.
    fn touch_more(&self) -> u64 {
        let span = self.spans.iter().rev().take(4).fold(0, |sum, span| sum ^ u64::from(span.start));
        let turn = self.turns.first().map_or(0, |turn| turn.last);
        span ^ turn ^ self.facts.turns.first().map_or(0, |turn| turn.earliest.0) ^ self.index.touch()
    }
}
