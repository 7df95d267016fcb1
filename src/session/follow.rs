//! Traces that follow others: nothing names them, but they link to a trace that has a session, or a model SDK wrote them in
//! traces of their own and an instrumentation tells of the same answer elsewhere.
//!
//! The trace that is followed may itself be named by nothing. Then it leads: the session is named by it, holds what follows
//! it, and goes with all of that where it gets a name later.

use super::directory::Claim;
use super::open::{Bounds, Open};
use super::remembered::JudgedTrace;
use super::shard::Shard;
use super::turn::OpenTurn;
use crate::clock::Nanos;
use crate::flow::{ArrivedTrace, SessionKey, SpanRef, Turn};
use crate::genai::extract::session_id::RANK_PREVIOUS;
use crate::observe::ledger::Spans;
use crate::otlp::span::TraceId;

// === impl Open ===

impl Open {
    /// When a trace of a model SDK that is alone looks for one that it may follow: well before that is due, which may have
    /// come at the same time and is on another shard.
    pub(super) fn looks_around_at(&self, bounds: &Bounds) -> Nanos {
        match self.turns.as_slice() {
            [alone] if alone.answer.is_some() => alone.last.saturating_add(bounds.settle / 2),
            _ => Nanos::MAX,
        }
    }
}

// === impl Shard ===

impl Shard {
    /// A trace that nothing named looks once more at the traces that it may follow, before it is judged alone. Whether it
    /// went.
    pub(super) fn follow_another(&mut self, index: u32) -> bool {
        let Some(open) = self.table.get(index).filter(|open| open.facts.key.is_trace()) else { return false };
        let directory = &self.site.directory;
        let goes = |(open, turn): (&OpenTurn, &Turn)| {
            let told = || directory.told(turn.trace_id, open.answer.as_ref()?);
            let claim = directory.linked(&open.links).or_else(told)?;
            let bound = directory.bind(turn.trace_id, Some(claim));
            bound.before.is_some().then_some((turn.trace_id, bound.binding))
        };
        let Some((trace_id, binding)) = open.turns.iter().zip(&open.facts.turns).find_map(goes) else { return false };
        self.rebind(trace_id, &binding.key, binding.version);
        true
    }

    /// The open session that `lead` names, where `own` is not alone in it: it follows that trace, or is it.
    pub(super) fn led_by(&self, lead: TraceId, own: TraceId) -> Option<u32> {
        if let Some(index) = self.led.get(&lead) {
            return Some(*index);
        }
        let (index, _) = self.traces.get(&lead).filter(|_| lead != own)?;
        self.table.get(*index).is_some_and(|open| open.facts.key.is_of(lead)).then_some(*index)
    }

    /// Makes a session known by the trace that leads it, when it has others.
    pub(super) fn note_lead(&mut self, index: u32) {
        let Some(open) = self.table.get(index) else { return };
        if let SessionKey::Trace(lead) = open.facts.key
            && open.facts.turns.iter().any(|turn| turn.trace_id != lead)
        {
            self.led.insert(lead, index);
        }
    }

    /// What became of the trace that another one follows, when that was judged before.
    pub(super) fn judged_lead(&mut self, trace: &ArrivedTrace) -> Option<JudgedTrace> {
        match &trace.key {
            SessionKey::Trace(lead) if *lead != trace.trace_id => self.judged.get(lead),
            _ => None,
        }
    }

    /// Spans of a trace whose lead was kept go after that.
    pub(super) fn follow_lead(&mut self, trace: &ArrivedTrace, lead: JudgedTrace, spans: Vec<SpanRef>) {
        let Some(verdict) = lead.kept.clone() else { return };
        let judged = JudgedTrace { version: trace.version, by_trace: false, ..lead };
        let directory = &self.site.directory;
        self.judged.insert(trace.trace_id, judged, |trace, judged| directory.forget(&trace, judged.version));
        self.follow(verdict, false, spans);
    }

    /// Moves a session whose lead got a name, with all that follows it.
    pub(super) fn move_led(&mut self, index: u32, lead: TraceId, key: &SessionKey, version: u32) {
        let Some(open) = self.close(index) else { return };
        self.counts.held -= Spans::new(u64::from(open.facts.spans), open.facts.bytes);
        for moved in open.into_turns() {
            let (trace_id, mut bound) = (moved.turn.trace_id, (key.clone(), version));
            if trace_id != lead {
                let directory = &self.site.directory;
                let follows = directory.get(&trace_id).is_some_and(|binding| binding.rank == RANK_PREVIOUS);
                let claim = match directory.get(&lead).filter(|_| follows) {
                    Some(led) => Claim::of_previous(key.clone(), led.start),
                    None => Claim::of_answer(key.clone()),
                };
                let binding = directory.bind(trace_id, Some(claim)).binding;
                bound = (binding.key, binding.version);
            }
            let trace = ArrivedTrace::of_moved(trace_id, bound.0, bound.1, moved.spans.len() as u32);
            self.pass_on(trace, moved);
        }
    }
}
