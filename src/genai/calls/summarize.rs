//! From the records of a session to its sums: calls are counted once each, billed, and added up.

use foldhash::fast::RandomState;
use hashbrown::HashSet;

use super::call::Call;
use super::co_occurrence::MAX_NAMES;
use super::context::{Kin, SessionContext};
use super::dedup::CallGroups;
use super::merge::{LogicalCall, last, model_calls, retries};
use super::sums::{Named, Sums};
use super::supplement::{Supplements, supplements};
use super::tools;
use crate::genai::vocabulary::{FinishReason, Operation, Outcome, OutcomeSource};
use crate::pricing::Attodollars;

/// Longer than any turn, in nanoseconds: a year.
const LONGEST_TURN: u64 = 365 * 24 * 3600 * 1_000_000_000;

/// Decides which of `calls` are billed, and sums them up. `kin` is beside `calls`.
pub fn summarize(calls: &mut [Call], kin: &[Kin], context: &SessionContext<'_>) -> Sums {
    for (call, kin) in calls.iter_mut().zip(kin) {
        if call.or_broken && kin.beneath_a_failure {
            (call.outcome, call.or_broken) = (Outcome::Broken, false);
        }
    }
    let later = later_versions(calls, kin);
    for (call, later) in calls.iter_mut().zip(later) {
        if later {
            let Call { span, start, end, scope, .. } = *call;
            *call = Call { span, start, end, scope, ..Call::NOTHING };
        }
    }
    let groups = CallGroups::of(calls, kin);
    groups.bill(calls, kin);
    let once = model_calls(calls, &groups, kin);
    let mut sums = Sums { names: named(calls, &groups, kin), ..Sums::default() };
    count_calls(&once, &mut sums);
    let more = context.book.map(|book| supplements(calls, &groups, book)).unwrap_or_default();
    bill_all(calls, &once, &groups, &more, &mut sums);
    time(&once, context, &mut sums);
    sums.retries = retries(&once, calls, &groups);
    sums.rate_limited = calls.iter().filter(|call| call.rate_limited).count() as u32;
    sums.missing_calls = missing(calls, kin);
    sums.outcome = outcome(&once, context);
    tools::count(calls, &groups, context, &mut sums);
    sums
}

// === parts ===

/// By call: another version of its span is the truth. That is the one that ended later, then the one that used more.
fn later_versions(calls: &[Call], kin: &[Kin]) -> Vec<bool> {
    let mut later: Vec<bool> = kin.iter().map(|kin| kin.superseded).collect();
    later.resize(calls.len(), false);
    let mut versions: Vec<(u32, u64, usize)> = (0..).zip(kin).map(|(at, kin)| (kin.turn, kin.id, at)).collect();
    versions.retain(|(_, id, _)| *id != 0);
    versions.sort_unstable();
    for same in versions.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1)).filter(|same| same.len() > 1) {
        let known = || same.iter().filter_map(|(.., at)| Some((*at, calls.get(*at)?)));
        let used = |call: &Call| u64::from(call.used.input) + u64::from(call.used.output);
        let truth = known().max_by(|(_, one), (_, other)| {
            (one.end, used(one), one.rank()).cmp(&(other.end, used(other), other.rank()))
        });
        for (at, _) in known().filter(|(at, _)| truth.is_none_or(|(truth, _)| truth != *at)) {
            later.get_mut(at).into_iter().for_each(|later| *later = true);
        }
    }
    later
}

/// By call: its model is named by a call that tells better of the same, or that stands within it.
fn named_better(calls: &[Call], groups: &CallGroups, kin: &[Kin]) -> Vec<bool> {
    let mut within = vec![false; calls.len()];
    let mut billed = vec![false; calls.len()];
    for (at, call) in calls.iter().enumerate().filter(|(at, call)| call.is_leaf_call() && !groups.is_around(*at)) {
        if !call.model.is_none() {
            mark_up(kin.get(at).and_then(|kin| kin.within), kin, &mut within);
            let named = billed.get_mut(groups.event(at)).filter(|_| call.is_billed());
            named.into_iter().for_each(|named| *named = true);
        }
    }
    let better = |(at, call): (usize, &Call)| match call.is_leaf_call() && !groups.is_around(at) {
        true => !call.is_billed() && billed.get(groups.event(at)) == Some(&true),
        false => within.get(at) == Some(&true),
    };
    calls.iter().enumerate().map(better).collect()
}

fn named(calls: &[Call], groups: &CallGroups, kin: &[Kin]) -> Named {
    let better = named_better(calls, groups, kin);
    let mut names = Named {
        models: distinct_of(calls.iter().zip(better).filter(|(_, better)| !better).map(|(call, _)| call.model)),
        providers: distinct(calls, |call| call.provider),
        regions: distinct(calls, |call| call.region),
        prompts: distinct(calls, |call| call.prompt),
        agents: distinct(calls, |call| call.agent),
        prompt_versions: distinct(calls, |call| call.prompt_version).iter().map(|it| it.to_string().into()).collect(),
        ..Named::default()
    };
    for call in calls {
        names.tools.add(call.tool);
    }
    names
}

/// The distinct names of one kind, at most [`MAX_NAMES`], in the order in which they came.
fn distinct<N: Copy + Default + PartialEq>(calls: &[Call], name: impl Fn(&Call) -> N) -> Vec<N> {
    distinct_of(calls.iter().map(name))
}

fn distinct_of<N: Copy + Default + PartialEq>(all: impl Iterator<Item = N>) -> Vec<N> {
    let (none, mut names) = (N::default(), Vec::new());
    let mut last = none;
    for name in all {
        // Neighbors mostly have the same.
        if name != last && name != none && names.len() < MAX_NAMES && !names.contains(&name) {
            names.push(name);
        }
        last = name;
    }
    names
}

/// Adds up what is billed: model calls, and whatever else has a custom price.
fn bill_all(calls: &[Call], once: &[LogicalCall<'_>], groups: &CallGroups, more: &Supplements, sums: &mut Sums) {
    let wasted: HashSet<usize, RandomState> =
        once.iter().filter(|call| call.is_wasted()).map(|call| call.event).collect();
    for (at, call) in calls.iter().enumerate().filter(|(_, call)| call.is_billed()) {
        let (used, cost) = more.get(&at).map_or((call.used, call.priced()), |(used, cost)| (*used, Some(*cost)));
        let tokens = &mut sums.tokens;
        tokens.input += u64::from(used.input);
        tokens.cache_read += u64::from(used.cache_read);
        tokens.cache_write += u64::from(used.cache_write);
        tokens.output += u64::from(used.output);
        tokens.reasoning += u64::from(used.reasoning);
        match cost {
            Some(cost) => {
                sums.cost = Some(plus(sums.cost.unwrap_or_default(), cost));
                if wasted.contains(&groups.event(at)) {
                    sums.wasted = plus(sums.wasted, cost);
                }
            }
            None => sums.unpriced_calls += 1,
        }
    }
}

/// Counts runs of agents and wrappers in which no model call was seen and which report no usage themselves.
fn missing(calls: &[Call], kin: &[Kin]) -> u32 {
    let waits = |call: &Call| call.wrapper && (call.operation == Operation::Agent || call.operation.is_model_call());
    if !calls.iter().any(waits) {
        return 0;
    }
    let mut with_calls = vec![false; calls.len()];
    for (at, call) in calls.iter().enumerate() {
        if call.is_leaf_call() || call.has_usage {
            mark_up(Some(at as u32), kin, &mut with_calls);
        }
    }
    // Of wrappers within wrappers the innermost is the one that misses its call.
    let mut around_others = vec![false; calls.len()];
    for (_, own) in calls.iter().zip(kin).filter(|(call, _)| waits(call)) {
        mark_up(own.within, kin, &mut around_others);
    }
    let calls = calls.iter().zip(&with_calls).zip(&around_others);
    calls.filter(|((call, seen), around)| waits(call) && !**seen && !**around).count() as u32
}

fn outcome(once: &[LogicalCall<'_>], context: &SessionContext<'_>) -> Option<(&'static str, OutcomeSource)> {
    if let Some((source, outcome)) = context.outcome {
        return Some((outcome.text(), source));
    }
    if let Some(status) = context.root_status {
        return Some((status, OutcomeSource::RootStatus));
    }
    let finish = last(once).map(|call| call.finish).filter(|reason| *reason != FinishReason::Unknown);
    finish.map(|reason| (reason.name(), OutcomeSource::FinishReason))
}

fn count_calls(once: &[LogicalCall<'_>], sums: &mut Sums) {
    sums.llm_calls = once.len() as u32;
    for call in once {
        if let Some(count) = sums.outcomes.get_mut(call.outcome as usize) {
            *count += 1;
        }
    }
    sums.last_call_failed = last(once).is_some_and(LogicalCall::went_wrong);
    let mut inputs = once.iter().map(|call| f64::from(call.best.used.input)).filter(|input| *input > 0.0);
    if let Some(first) = inputs.next() {
        sums.context_growth = Some(inputs.next_back().unwrap_or(first) / first);
    }
    let windows = once.iter().map(|call| call.best).filter(|call| call.context_window > 0);
    let fill = windows.map(|call| f64::from(call.used.input) / f64::from(call.context_window));
    sums.context_fill = fill.max_by(f64::total_cmp);
}

fn time(once: &[LogicalCall<'_>], context: &SessionContext<'_>, sums: &mut Sums) {
    sums.felt_ttft = vec![f64::NAN; context.turns.len()];
    for call in once {
        let turn = call.turn as usize;
        let root = context.turns.get(turn);
        // A span without a start has no place in time.
        let apart = |((_, start), root): &((f64, u64), &u64)| start.abs_diff(**root) < LONGEST_TURN;
        let felt = call.first_token.zip(root).filter(apart).map_or(f64::NAN, |((ttft, start), root)| {
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
