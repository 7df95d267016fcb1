//! The calls of language models, each once: what all of its spans tell together.

use std::cmp::Reverse;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashSet};

use super::call::Call;
use super::context::Kin;
use super::dedup::CallGroups;
use crate::genai::vocabulary::{FinishReason, Operation, Outcome};
use crate::intern::Name;

/// One call of a language model, whatever number of spans tell of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogicalCall<'c> {
    /// Its event.
    pub(super) event: usize,
    /// The span that tells best: the one that is billed, where there is one.
    pub(super) best: &'c Call,
    /// The turn of the best one whose turn does not only tell of it once more.
    pub(super) turn: u32,
    /// There is none yet.
    beside: bool,
    /// How it ended, as said by the span that knows most.
    pub(super) outcome: Outcome,
    /// Its finish reason.
    pub(super) finish: FinishReason,
    /// When the first token came, in seconds from the start of a span, and that start.
    pub(super) first_token: Option<(f64, u64)>,
    /// Seconds to the end of the answer.
    pub(super) ttc: Option<f64>,
    /// Which attempt it is, from 1; 0 where that is not told.
    pub(super) attempt: u8,
    /// It was made again later in its turn.
    pub(super) again: bool,
    /// Start of the latest of its spans: an answer that is given once more is the last word.
    latest: u64,
}

/// The calls of language models in the order of their start.
pub(super) fn model_calls<'c>(calls: &'c [Call], events: &CallGroups, kin: &[Kin]) -> Vec<LogicalCall<'c>> {
    let mut found: Vec<(LogicalCall<'c>, Knows)> = Vec::with_capacity(calls.len());
    // By event: where its call stands among them.
    let mut places: Vec<Option<usize>> = vec![None; calls.len()];
    for (at, call) in best_first(calls, events) {
        let own = LogicalCall::of(events.event(at), call, kin.get(at).copied().unwrap_or_default());
        let Some(place) = places.get_mut(own.event) else { continue };
        let place = *place.get_or_insert_with(|| {
            found.push((own, Knows::of(call)));
            found.len() - 1
        });
        let Some((known, knows)) = found.get_mut(place) else { continue };
        if known.beside && !own.beside {
            (known.turn, known.beside) = (own.turn, false);
        }
        known.attempt = known.attempt.max(own.attempt);
        known.latest = known.latest.max(own.latest);
        known.first_token = known.first_token.or(own.first_token);
        known.ttc = known.ttc.or(own.ttc);
        if known.finish == FinishReason::Unknown {
            known.finish = own.finish;
        }
        if Knows::of(call) > *knows {
            (known.outcome, *knows) = (own.outcome, Knows::of(call));
        }
    }
    let mut once: Vec<LogicalCall<'c>> = found.into_iter().map(|(call, _)| call).collect();
    once.sort_by(|one, other| one.best.rank().cmp(&other.best.rank()));
    let again = asked_again(calls, events, kin);
    once.iter_mut().for_each(|call| call.again = again.contains(&call.event));
    once
}

/// The last word of a session.
pub(super) fn last<'o, 'c>(once: &'o [LogicalCall<'c>]) -> Option<&'o LogicalCall<'c>> {
    once.iter().max_by_key(|call| call.latest)
}

/// Calls that were made again: requests that were sent again or attempts behind the first, whichever tells more of a
/// turn, and answers that one instrumentation tells of more than once.
pub(super) fn retries(once: &[LogicalCall<'_>], calls: &[Call], events: &CallGroups) -> u32 {
    let mut turns: HashMap<u32, (u32, u32), RandomState> = HashMap::default();
    let mut attempts: HashMap<(u32, Name), u8, RandomState> = HashMap::default();
    for call in once {
        let (sent_again, later) = turns.entry(call.turn).or_default();
        *sent_again += u32::from(call.again);
        let before = attempts.insert((call.turn, call.best.requested_model), call.attempt).unwrap_or(0);
        // Of attempts that have spans of their own, only what is missing between them is added.
        let before = if before < call.attempt { before.max(1) } else { 1 };
        *later += u32::from(call.attempt.saturating_sub(before));
    }
    let by_turn = turns.into_values().map(|(sent_again, later)| sent_again.max(later)).fold(0, u32::saturating_add);
    let mut answers: HashSet<(usize, Name), RandomState> = HashSet::default();
    let answered = leaves(calls, events).filter(|(at, call)| call.response_id != 0 && !events.is_echo(*at));
    let answered_again = answered.filter(|(at, call)| !answers.insert((events.event(*at), call.scope))).count();
    by_turn.saturating_add(answered_again as u32)
}

fn leaves<'c>(calls: &'c [Call], events: &CallGroups) -> impl Iterator<Item = (usize, &'c Call)> {
    let leaf =
        |(at, call): &(usize, &Call)| call.operation == Operation::Llm && !call.wrapper && !events.is_around(*at);
    calls.iter().enumerate().filter(leaf)
}

/// The spans of calls, of each call the one that tells best before the others.
fn best_first<'c>(calls: &'c [Call], events: &CallGroups) -> Vec<(usize, &'c Call)> {
    let mut leaves: Vec<_> = leaves(calls, events).collect();
    let weight = |(at, call): &(usize, &'c Call)| (call.is_billed(), events.weight(*at, call));
    leaves.sort_by(|one, other| weight(other).cmp(&weight(one)));
    leaves
}

/// The events whose request was sent again in their turn, after they had ended: by each instrumentation for itself. Texts
/// that are cut off look the same where the conversation has grown: what they used must agree.
fn asked_again(calls: &[Call], events: &CallGroups, kin: &[Kin]) -> HashSet<usize, RandomState> {
    let asked = || {
        let asked = leaves(calls, events).filter(|(_, call)| call.request != 0);
        asked.filter_map(|(at, call)| {
            Some((events.event(at), (kin.get(at)?.turn, call.scope, call.request, call.requested_model), call))
        })
    };
    let mut last: HashMap<_, (u64, u32, usize), RandomState> = HashMap::default();
    for (event, what, call) in asked() {
        let latest = last.entry(what).or_default();
        *latest = (*latest).max((call.start, call.used.input, event));
    }
    let again = asked().filter(|(event, what, call)| {
        let input = call.used.input;
        last.get(what).is_some_and(|(start, other, latest)| {
            latest != event && *start >= call.end && (input == 0 || *other == 0 || input == *other)
        })
    });
    again.map(|(event, ..)| event).collect()
}

// === impl LogicalCall ===

impl<'c> LogicalCall<'c> {
    fn of(event: usize, call: &'c Call, kin: Kin) -> Self {
        Self {
            event,
            best: call,
            turn: kin.turn,
            beside: kin.beside,
            outcome: call.outcome,
            finish: call.finish,
            first_token: call.first_token().map(|seconds| (seconds, call.start)),
            ttc: call.completion(),
            attempt: call.attempt,
            again: false,
            latest: call.start,
        }
    }

    /// Whether what it cost was for nothing.
    pub(super) fn is_wasted(&self) -> bool {
        self.again || self.went_wrong() || matches!(self.outcome, Outcome::Truncated | Outcome::Abandoned)
    }

    /// Whether it ended with an error.
    pub(super) fn went_wrong(&self) -> bool {
        matches!(self.outcome, Outcome::Broken | Outcome::Failed | Outcome::Errored)
    }
}

/// How much a span knows of how its call ended: of two the one that knows more is believed, then the provider's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Knows(u8, bool, Reverse<u8>);

// === impl Knows ===

impl Knows {
    fn of(call: &Call) -> Self {
        let much = match call.outcome {
            Outcome::Unknown => 0,
            Outcome::Errored => 1,
            Outcome::Abandoned if call.or_broken => 2,
            // A finish reason, and nothing that tells whether it was a stream.
            Outcome::Complete if !call.streaming => 3,
            _ => 4,
        };
        // Outcomes that say that all is well are the first and the last.
        let well = matches!(call.outcome, Outcome::Complete | Outcome::NotStreaming);
        Self(much, call.is_native(), Reverse(if well { u8::MAX } else { call.outcome as u8 }))
    }
}
