//! Which span of a call is billed. Of several, the one that knows what came out, then the provider's own, then the deepest;
//! what is no call of a model, or stands around several, only where nothing within tells of usage, but for its own price.

use std::cmp::Reverse;

use super::call::{Billing, Call};
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
    }

    /// How well a span of an event tells of it.
    pub(super) fn weight<'c>(&self, at: usize, call: &'c Call) -> impl Ord + use<'c> {
        let told = (call.operation != Operation::Other, call.has_usage, call.used.output > 0, call.native);
        (told, self.nesting.depth(at), Reverse(call.rank()))
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

/// Whether it has something to be billed.
fn bears(call: &Call) -> bool {
    call.has_usage || call.status.has_cost()
}
