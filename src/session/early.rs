//! Early verdicts, when memory is short: the heaviest and oldest sessions are judged by what is known of them. Nothing is
//! evicted without a verdict.

use super::footprint;
use super::shard::Shard;
use crate::clock::Nanos;
use crate::flow::Reason;

impl Shard {
    /// Judges the sessions of the greatest bytes times age, until they and their spans take `wanted` bytes less.
    pub(super) fn relieve(&mut self, wanted: u64, now: Nanos) {
        let mut weights: Vec<(u128, u32, u64)> = Vec::with_capacity(self.table.len());
        for (index, open) in self.table.iter() {
            let age = now.saturating_sub(open.arrived.0).max(1);
            let tables = footprint::of(1, open.spans.len() as u64, open.facts.calls.len() as u64);
            let bytes = open.facts.bytes + tables;
            weights.push((u128::from(bytes) * u128::from(age), index, bytes));
        }
        weights.sort_unstable_by_key(|weight| std::cmp::Reverse(weight.0));
        let mut freed = 0;
        for (_, index, bytes) in weights {
            if freed >= wanted {
                break;
            }
            self.decide(index, Reason::Memory, now);
            freed += bytes;
        }
    }
}
