//! The account is closed: calls counted once each, billed, and summed up.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashSet;

use super::call::Call;
use super::once::{ModelCall, last, model_calls, retries};
use super::same::Events;
use super::sums::{Named, OutcomeSource, Sums};
use super::{Account, Frame, Kin, NameKind, tools};
use crate::genai::facts::{FinishReason, Operation};
use crate::genai::stream::Outcome;
use crate::pricing::Attodollars;

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
        events.bill(&mut self.calls, kin);
        let once = model_calls(&self.calls, &events, kin);
        let mut sums = Sums { names: self.named(), ..Sums::default() };
        count_calls(&once, &mut sums);
        self.bill_all(&once, &events, &mut sums);
        time(&once, frame, &mut sums);
        tools::count(&mut self.calls, &self.tools, &events, frame, &mut sums);
        sums.retries = retries(&once, &self.calls, &events);
        sums.rate_limited = self.calls.iter().filter(|call| call.rate_limited).count() as u32;
        sums.missing_calls = self.missing(kin);
        sums.outcome = self.outcome_of(&once, frame);
        sums
    }

    fn named(&self) -> Named {
        Named {
            models: self.names_of(NameKind::Model),
            providers: self.names_of(NameKind::Provider),
            regions: self.names_of(NameKind::Region),
            prompts: self.names_of(NameKind::Prompt),
            prompt_versions: self.names_of(NameKind::PromptVersion),
            tools: self.tools.names().cloned().collect(),
            agents: self.names_of(NameKind::Agent),
        }
    }

    /// Adds up what is billed: of models, and of whatever else the user has given a price.
    fn bill_all(&self, once: &[ModelCall], events: &Events, sums: &mut Sums) {
        let in_vain = once.iter().filter(|call| call.was_in_vain()).map(|call| call.event);
        let in_vain: HashSet<usize, RandomState> = in_vain.collect();
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
                    if in_vain.contains(&events.event(at)) {
                        sums.wasted = plus(sums.wasted, cost);
                    }
                }
                None => sums.unpriced_calls += 1,
            }
        }
    }

    /// Runs of agents, and wrappers of calls, in which no call of a model was seen and which used nothing themselves.
    fn missing(&self, kin: &[Kin]) -> u32 {
        let waits =
            |call: &Call| call.wrapper && (call.operation == Operation::Agent || call.operation.is_model_call());
        let mut with_calls = vec![false; self.calls.len()];
        for (at, call) in self.calls.iter().enumerate() {
            if call.is_leaf_call() || call.has_usage {
                mark_up(Some(at as u32), kin, &mut with_calls);
            }
        }
        // Of wrappers within wrappers the innermost is the one that misses its call.
        let mut around_others = vec![false; self.calls.len()];
        for (_, own) in self.calls.iter().zip(kin).filter(|(call, _)| waits(call)) {
            mark_up(own.within, kin, &mut around_others);
        }
        let calls = self.calls.iter().zip(&with_calls).zip(&around_others);
        calls.filter(|((call, seen), around)| waits(call) && !**seen && !**around).count() as u32
    }

    fn outcome_of(&self, once: &[ModelCall], frame: &Frame<'_>) -> Option<(Arc<str>, OutcomeSource)> {
        if let Some((_, outcome, source)) = &self.outcome {
            return Some((outcome.clone(), *source));
        }
        if let Some(status) = frame.root_status {
            return Some((status.into(), OutcomeSource::RootStatus));
        }
        let finish = last(once).map(|call| call.finish).filter(|reason| *reason != FinishReason::Unknown);
        finish.map(|reason| (reason.name().into(), OutcomeSource::FinishReason))
    }
}

// === parts ===

fn count_calls(once: &[ModelCall], sums: &mut Sums) {
    sums.llm_calls = once.len() as u32;
    for call in once {
        if let Some(count) = sums.outcomes.get_mut(call.outcome as usize) {
            *count += 1;
        }
    }
    sums.last_call_failed = last(once).is_some_and(ModelCall::went_wrong);
    let mut inputs = once.iter().map(|call| f64::from(call.best.used.input)).filter(|input| *input > 0.0);
    if let Some(first) = inputs.next() {
        sums.context_growth = Some(inputs.next_back().unwrap_or(first) / first);
    }
    let windows = once.iter().map(|call| &call.best).filter(|call| call.context_window > 0);
    let fill = windows.map(|call| f64::from(call.used.input) / f64::from(call.context_window));
    sums.context_fill = fill.max_by(f64::total_cmp);
}

fn time(once: &[ModelCall], frame: &Frame<'_>, sums: &mut Sums) {
    sums.felt_ttft = vec![f64::NAN; frame.turns.len()];
    for call in once {
        let turn = call.turn as usize;
        let felt = call.first_token.zip(frame.turns.get(turn)).map_or(f64::NAN, |((ttft, start), root)| {
            let waited = i128::from(start) - i128::from(*root);
            (waited as f64 / 1e9 + ttft).max(0.0)
        });
        // Calls come in the order of their start: the last one of the turn stays.
        sums.felt_ttft.get_mut(turn).into_iter().for_each(|place| *place = felt);
    }
    let first_tokens = || once.iter().filter_map(|call| call.first_token.map(|(seconds, _)| seconds));
    sums.ttft_first = first_tokens().next();
    sums.ttft_max = first_tokens().max_by(f64::total_cmp);
    sums.ttc_max = once.iter().filter_map(|call| call.ttc).max_by(f64::total_cmp);
}

fn plus(sum: Attodollars, more: Attodollars) -> Attodollars {
    Attodollars(sum.0.saturating_add(more.0))
}

/// Marks a call and all that it stands in; stops where that was done before.
fn mark_up(from: Option<u32>, kin: &[Kin], marks: &mut [bool]) {
    let mut next = from.map(|at| at as usize);
    while let Some(at) = next
        && let Some(mark) = marks.get_mut(at).filter(|mark| !**mark)
    {
        *mark = true;
        next = kin.get(at).and_then(|kin| kin.within).map(|outer| outer as usize);
    }
}
