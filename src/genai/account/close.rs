//! The account is closed: calls counted once each, billed, and summed up.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};

use super::call::Call;
use super::same::Events;
use super::sums::{Named, OutcomeSource, Sums};
use super::tools;
use super::{Account, Frame, Kin, NameKind};
use crate::genai::facts::{FinishReason, Operation};
use crate::genai::price::Attodollars;
use crate::genai::stream::Outcome;

/// One call, whatever number of spans tell of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    /// Place of the call that tells best: the one that is billed, else the first.
    pub(super) call: usize,
    /// How it ended.
    pub(super) outcome: Outcome,
    /// It was made again later in its turn, or is the same answer once more.
    pub(super) again: bool,
}

// === impl Account ===

impl Account {
    /// Decides what is billed, and sums up. `kin` is beside `calls`.
    pub fn close(&mut self, kin: &[Kin], frame: &Frame<'_>) -> Sums {
        for (call, kin) in self.calls.iter_mut().zip(kin) {
            if call.or_broken && kin.beneath_a_failure {
                (call.outcome, call.or_broken) = (Outcome::Broken, false);
            }
        }
        let events = Events::of(&self.calls, kin);
        let outcomes = events.bill(&mut self.calls, kin);
        let mut sums = Sums { names: self.named(), ..Sums::default() };
        let calls = self.model_calls(&events, &outcomes, kin, &mut sums);
        self.count_calls(&calls, &mut sums);
        self.bill_all(&calls, &mut sums);
        self.time(&calls, kin, frame, &mut sums);
        tools::count(&self.calls, &self.names, &events, frame, &mut sums);
        sums.rate_limited = self.calls.iter().filter(|call| call.rate_limited).count() as u32;
        sums.missing_calls = self.missing(kin);
        sums.retries += self.attempts();
        sums.outcome = self.outcome_of(&calls, frame);
        sums
    }

    fn named(&self) -> Named {
        Named {
            models: self.names_of(NameKind::Model),
            providers: self.names_of(NameKind::Provider),
            regions: self.names_of(NameKind::Region),
            prompts: self.names_of(NameKind::Prompt),
            prompt_versions: self.names_of(NameKind::PromptVersion),
            tools: self.names_of(NameKind::Tool),
            agents: self.names_of(NameKind::Agent),
        }
    }

    /// The calls of language models in the order of their start, each once.
    fn model_calls(
        &self,
        events: &Events,
        outcomes: &HashMap<usize, Outcome, RandomState>,
        kin: &[Kin],
        sums: &mut Sums,
    ) -> Vec<Event> {
        let mut best: HashMap<usize, usize, RandomState> = HashMap::default();
        let mut seen: HashSet<(usize, u32), RandomState> = HashSet::default();
        let mut answered_again: HashSet<usize, RandomState> = HashSet::default();
        for (at, call) in self.calls.iter().enumerate() {
            if call.operation != Operation::Llm || call.wrapper || events.is_around(at) {
                continue;
            }
            let event = events.event(at);
            let place = best.entry(event).or_insert(at);
            if call.is_billed() {
                *place = at;
            }
            // The same answer twice by one instrumentation: it was fetched or sent again.
            if !seen.insert((event, call.scope)) && call.response_id != 0 {
                sums.retries += 1;
                answered_again.insert(event);
            }
        }
        let outcome = |event: &usize| outcomes.get(event).copied().unwrap_or_default();
        let mut calls: Vec<Event> =
            best.iter().map(|(event, at)| Event { call: *at, outcome: outcome(event), again: false }).collect();
        let start = |event: &Event| self.calls.get(event.call).map_or(0, |call| call.start);
        calls.sort_by_key(|event| (start(event), event.call));
        // What was asked once more within a turn: the last one counts, those before it were for nothing.
        let mut asked: HashSet<(u32, u64, u32), RandomState> = HashSet::default();
        for event in calls.iter_mut().rev() {
            let Some((call, kin)) = self.calls.get(event.call).zip(kin.get(event.call)) else { continue };
            if call.request != 0 && !asked.insert((kin.turn, call.request, call.asked_model)) {
                event.again = true;
                sums.retries += 1;
            }
        }
        calls
    }

    fn count_calls(&self, calls: &[Event], sums: &mut Sums) {
        sums.llm_calls = calls.len() as u32;
        for event in calls {
            if let Some(count) = sums.outcomes.get_mut(event.outcome as usize) {
                *count += 1;
            }
        }
        let failed = |event: &Event| matches!(event.outcome, Outcome::Broken | Outcome::Failed | Outcome::Errored);
        sums.last_call_failed = calls.last().is_some_and(failed);
        let inputs = calls.iter().filter_map(|event| self.calls.get(event.call)).filter(|call| call.used.input > 0);
        let mut inputs = inputs.map(|call| f64::from(call.used.input));
        if let Some(first) = inputs.next() {
            sums.context_growth = Some(inputs.last().unwrap_or(first) / first);
        }
        let fill = |call: &Call| {
            (call.context_window > 0).then(|| f64::from(call.used.input) / f64::from(call.context_window))
        };
        let calls = calls.iter().filter_map(|event| self.calls.get(event.call));
        sums.context_fill = calls.filter_map(fill).max_by(f64::total_cmp);
    }

    /// Adds up what is billed: of models, and of whatever else the user has given a price.
    fn bill_all(&self, calls: &[Event], sums: &mut Sums) {
        let in_vain = |event: &&Event| {
            event.again || matches!(event.outcome, Outcome::Truncated | Outcome::Broken | Outcome::Abandoned)
        };
        let in_vain: HashSet<usize, RandomState> = calls.iter().filter(in_vain).map(|event| event.call).collect();
        for (at, call) in self.calls.iter().enumerate().filter(|(_, call)| call.is_billed()) {
            let (tokens, used) = (&mut sums.tokens, call.used);
            tokens.input += u64::from(used.input);
            tokens.cache_read += u64::from(used.cache_read);
            tokens.cache_write += u64::from(used.cache_write);
            tokens.output += u64::from(used.output);
            tokens.reasoning += u64::from(used.reasoning);
            match call.priced() {
                Some(cost) => {
                    sums.cost = Some(plus(sums.cost.unwrap_or_default(), cost));
                    if in_vain.contains(&at) {
                        sums.wasted = plus(sums.wasted, cost);
                    }
                }
                None => sums.unpriced_calls += 1,
            }
        }
    }

    fn time(&self, calls: &[Event], kin: &[Kin], frame: &Frame<'_>, sums: &mut Sums) {
        sums.felt_ttft = vec![f64::NAN; frame.turns.len()];
        for event in calls {
            let Some((call, kin)) = self.calls.get(event.call).zip(kin.get(event.call)) else { continue };
            let told = Some(f64::from(call.ttc)).filter(|seconds| seconds.is_finite());
            sums.ttc_max = [sums.ttc_max, told].into_iter().flatten().max_by(f64::total_cmp);
            let turn = kin.turn as usize;
            let felt = call.first_token().zip(frame.turns.get(turn)).map_or(f64::NAN, |(ttft, start)| {
                let waited = i128::from(call.start) - i128::from(*start);
                (waited as f64 / 1e9 + ttft).max(0.0)
            });
            // Calls come in the order of their start: the last one of the turn stays.
            sums.felt_ttft.get_mut(turn).into_iter().for_each(|place| *place = felt);
        }
        let mut told = self.first_tokens(calls);
        sums.ttft_first = told.next();
        sums.ttft_max = told.chain(sums.ttft_first).max_by(f64::total_cmp);
    }

    fn first_tokens<'a>(&'a self, calls: &'a [Event]) -> impl Iterator<Item = f64> + 'a {
        calls.iter().filter_map(|event| self.calls.get(event.call)?.first_token())
    }

    /// Attempts behind the first, and requests that were sent again.
    fn attempts(&self) -> u32 {
        self.calls.iter().map(|call| u32::from(call.attempt.saturating_sub(1))).fold(0, u32::saturating_add)
    }

    /// Runs of agents, and wrappers of calls, in which no call of a model was seen and which used nothing themselves.
    fn missing(&self, kin: &[Kin]) -> u32 {
        let mut with_calls = vec![false; self.calls.len()];
        for (at, call) in self.calls.iter().enumerate() {
            let mut next = Some(at).filter(|_| call.is_leaf_call() || call.has_usage);
            while let Some(at) = next
                && let Some(seen) = with_calls.get_mut(at).filter(|seen| !**seen)
            {
                *seen = true;
                next = kin.get(at).and_then(|kin| kin.within).map(|outer| outer as usize);
            }
        }
        let waits =
            |call: &Call| call.wrapper && (call.operation == Operation::Agent || call.operation.is_model_call());
        // Of wrappers within wrappers the innermost is the one that misses its call.
        let mut innermost = vec![true; self.calls.len()];
        for (call, kin) in self.calls.iter().zip(kin).filter(|(call, _)| waits(call)) {
            debug_assert!(call.wrapper);
            let outer = kin.within.and_then(|outer| innermost.get_mut(outer as usize));
            outer.into_iter().for_each(|outer| *outer = false);
        }
        let calls = self.calls.iter().zip(&with_calls).zip(&innermost);
        calls.filter(|((call, seen), innermost)| waits(call) && !**seen && **innermost).count() as u32
    }

    fn outcome_of(&self, calls: &[Event], frame: &Frame<'_>) -> Option<(Arc<str>, OutcomeSource)> {
        if let Some((_, outcome, source)) = &self.outcome {
            return Some((outcome.clone(), *source));
        }
        if let Some(status) = frame.root_status {
            return Some((status.into(), OutcomeSource::RootStatus));
        }
        let finish = |event: &Event| self.calls.get(event.call).map(|call| call.finish);
        let known = calls.last().and_then(finish).filter(|reason| *reason != FinishReason::Unknown);
        known.map(|reason| (reason.name().into(), OutcomeSource::FinishReason))
    }
}

fn plus(sum: Attodollars, more: Attodollars) -> Attodollars {
    Attodollars(sum.0.saturating_add(more.0))
}
