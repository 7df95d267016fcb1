//! What a call used, put together from all of its spans: the one that is billed may not know what of its input came from a
//! cache, or how much of its output was reasoning, and another one of the same call may.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::call::{Billing, Call, Used};
use super::dedup::CallGroups;
use crate::pricing::{Attodollars, Inclusive, PriceBook, Tokens, Usage};

/// By billed call, where others of its event know more: what it used, and what that costs.
pub(super) type Supplements = HashMap<usize, (Used, Attodollars), RandomState>;

/// Puts together what calls used, at the prices of `book`.
pub(super) fn supplements(calls: &[Call], groups: &CallGroups, book: &PriceBook) -> Supplements {
    let mut whole: HashMap<usize, (usize, Used), RandomState> = HashMap::default();
    let others = || calls.iter().enumerate().filter(|(at, call)| is_another(call) && !groups.is_around(*at));
    if others().next().is_none() {
        return Supplements::default();
    }
    for (at, call) in calls.iter().enumerate().filter(|(_, call)| call.is_billed() && call.is_leaf_call()) {
        whole.insert(groups.event(at), (at, call.used));
    }
    // The best one first, so that the order of arrival does not matter.
    let mut others: Vec<(usize, &Call)> = others().collect();
    others
        .sort_by(|(one_at, one), (other_at, other)| groups.weight(*other_at, other).cmp(&groups.weight(*one_at, one)));
    for (at, other) in others {
        if let Some((_, used)) = whole.get_mut(&groups.event(at)) {
            *used = with(*used, &other.used);
        }
    }
    let priced = |(at, used): (usize, Used)| {
        let call = calls.get(at).filter(|call| call.used != used)?;
        // Only where that is how it was priced: a tier or sound would be lost.
        let same = call.priced().is_some_and(|cost| price(call, call.used, book) == Some(cost));
        same.then(|| price(call, used, book)).flatten().map(|cost| (at, (used, cost)))
    };
    whole.into_values().filter_map(priced).collect()
}

/// Whether it tells once more of a call of which another span is billed.
fn is_another(call: &Call) -> bool {
    call.billing == Billing::Repeated && call.has_usage && call.is_leaf_call() && call.details() > 0
}

/// With the details that another span of the call knows, as far as its counts agree otherwise.
fn with(own: Used, other: &Used) -> Used {
    let mut used = own;
    let cached = other.cache_read.saturating_add(other.cache_write);
    let of_input = other.input == own.input || other.input == own.input.saturating_add(cached);
    if own.cache_read == 0 && own.cache_write == 0 && cached > 0 && of_input {
        (used.input, used.cache_read, used.cache_write) = (other.input, other.cache_read, other.cache_write);
    }
    let of_output = other.output == own.output || other.output == own.output.saturating_add(other.reasoning);
    if own.reasoning == 0 && other.reasoning > 0 && of_output {
        (used.output, used.reasoning) = (other.output, other.reasoning);
    }
    used
}

/// What a call costs if it used that.
fn price(call: &Call, used: Used, book: &PriceBook) -> Option<Attodollars> {
    let Used { input, cache_read, cache_write, output, reasoning } = used;
    let counts = Inclusive {
        input: input.into(),
        output: output.into(),
        cache_read: cache_read.into(),
        cache_write: cache_write.into(),
        reasoning: reasoning.into(),
        ..Inclusive::default()
    };
    let usage = Usage {
        provider: call.provider.text(),
        response_model: call.model.text(),
        region: call.region.text(),
        at: call.start,
        tokens: Some(Tokens::from_inclusive(&counts)?),
        ..Usage::default()
    };
    book.price(&usage).cost.map(|cost| cost.total)
}
