//! Which span of a call is billed. Of several, the one that knows what came out, then the provider's own, then the one that
//! tells most details (cached, reasoning, sound, tier), then the deepest; what is no call of a model, or stands around
//! several, only where nothing within tells of usage, but for its own price. Of calls whose usage is added up along a loop,
//! the last.

use std::cmp::Reverse;

use super::call::{Billing, Call, Counting};
use super::context::Kin;
use super::dedup::CallGroups;
use crate::genai::vocabulary::Operation;

// === impl CallGroups ===

impl CallGroups {
    /// Decides which span of each event is billed.
    pub(super) fn bill(&self, calls: &mut [Call], kin: &[Kin]) {
        let covered = self.covered(calls, kin);
        let mut best: Vec<Option<usize>> = vec![None; calls.len()];
        for (at, call) in calls.iter().enumerate() {
            if bears(call) && covered.get(at) == Some(&false) {
                let Some(known) = best.get_mut(self.event(at)) else { continue };
                let known = known.get_or_insert(at);
                if calls.get(*known).is_some_and(|other| self.weight(at, call) > self.weight(*known, other)) {
                    *known = at;
                }
            }
        }
        for (at, call) in calls.iter_mut().enumerate() {
            call.billing = match best.get(self.event(at)).copied().flatten() {
                _ if !bears(call) => Billing::Nothing,
                Some(billed) if billed == at => Billing::Billed,
                _ if covered.get(at) == Some(&true) => Billing::Wrapper,
                _ => Billing::Repeated,
            };
        }
        for at in sums_before(calls, kin) {
            calls.get_mut(at).into_iter().for_each(|call| call.billing = Billing::Repeated);
        }
    }

    /// How well a span of an event tells of it.
    pub(super) fn weight<'c>(&self, at: usize, call: &'c Call) -> impl Ord + use<'c> {
        let told = (call.operation != Operation::Other, call.has_usage, call.used.output > 0, call.is_native());
        (told, call.details(), self.nesting.depth(at), Reverse(call.rank()))
    }

    /// By call: what it tells of usage is that of calls within it.
    fn covered(&self, calls: &[Call], kin: &[Kin]) -> Vec<bool> {
        let mut below = vec![false; calls.len()];
        for at in self.nesting.order().rev() {
            let usage = below.get(at) == Some(&true) || calls.get(at).is_some_and(|call| call.has_usage);
            let outer = kin.get(at).and_then(|kin| kin.within).and_then(|outer| below.get_mut(outer as usize));
            outer.into_iter().for_each(|outer| *outer |= usage);
        }
        let around = |(at, call): (usize, &Call)| {
            let sums_up = call.has_usage && !call.operation.is_model_call();
            !call.own_price && (sums_up || call.wrapper || call.operation.is_wrapper() || self.is_around(at))
        };
        calls.iter().enumerate().zip(below).map(|(call, below)| below && around(call)).collect()
    }
}

/// The billed calls whose usage is counted once more by a later one. Of one loop, side by side and one after the other, each
/// counts those before it as well: what it adds to them is no less input than the one before had, because a conversation only
/// grows, and some output.
fn sums_before(calls: &[Call], kin: &[Kin]) -> Vec<usize> {
    let sums = |call: &Call| call.is_billed() && call.has_usage && call.counting.has(Counting::ACCUMULATES);
    let mut loops: Vec<(usize, &Call, &Kin)> = Vec::new();
    for (at, (call, kin)) in calls.iter().zip(kin).enumerate() {
        if sums(call) && kin.parent != 0 {
            loops.push((at, call, kin));
        }
    }
    let of = |call: &Call, kin: &Kin| (kin.turn, kin.parent, call.scope, call.requested_model);
    loops.sort_by(|(_, one, own), (_, other, others)| {
        of(one, own).cmp(&of(other, others)).then_with(|| one.rank().cmp(&other.rank()))
    });
    let mut within = Vec::new();
    // What the call before added to those before it.
    let mut added = 0;
    for pair in loops.windows(2) {
        let [(at, one, own), (_, next, others)] = pair else { continue };
        added = if added == 0 { one.used.input } else { added };
        let more = next.used.input.saturating_sub(one.used.input);
        let goes_on = of(one, own) == of(next, others) && next.start >= one.end;
        if goes_on && more >= added && added > 0 && next.used.output > one.used.output {
            within.push(*at);
            added = more;
        } else {
            added = 0;
        }
    }
    within
}

/// Whether it has something to be billed.
fn bears(call: &Call) -> bool {
    call.has_usage || call.status.has_cost()
}
