//! A model's prices for one call: those of the last period that holds, and in their place what the first variant says that
//! is for such a call. A threshold changes the price of everything in the call.

use super::super::amount::{Rate, Ratio};
use super::super::tier::{Call, Tier};
use super::super::unit::{PerUnit, Rates, Unit};
use super::{Holds, Model, Price};
use crate::clock::Nanos;

// === impl Model ===

impl Model {
    /// What each unit costs in a call. Variants are the provider's own: `resold` models have none.
    pub(in super::super) fn rates(&self, call: &Call<'_>, resold: bool) -> Rates {
        let mut of: PerUnit<Option<Rate>> = PerUnit::default();
        let last = self.periods.iter().rev().find(|period| period.holds.at(call.at));
        for price in last.or(self.periods.first()).iter().flat_map(|period| &period.prices) {
            of.set(price.unit, Some(price.rate(call.input)));
        }
        let mut varied: PerUnit<bool> = PerUnit::default();
        let meant = self.variants.iter().filter(|it| !resold && it.holds.at(call.at) && is_so(&it.when, call));
        for price in meant.flat_map(|variant| &variant.prices) {
            if !varied.get(price.unit) {
                varied.set(price.unit, true);
                of.set(price.unit, Some(price.rate(call.input)));
            }
        }
        let inherited = of.inherit();
        let has_tier = Unit::ALL.iter().any(|unit| varied.get(*unit));
        Rates { of, ratio: Ratio::ONE, tier_missing: call.tier != Tier::Standard && !has_tier, inherited }
    }
}

/// Whether a call is so and so.
fn is_so(when: &[(String, String)], call: &Call<'_>) -> bool {
    when.iter().all(|(key, value)| match key.as_str() {
        "processing" => call.tier == Tier::Batch && value == "batch",
        "service_tier" => call.tier != Tier::Batch && value == call.tier_name,
        "speed" => call.tier == Tier::Fast && value == "fast",
        _ => false,
    })
}

// === impl Price ===

impl Price {
    fn rate(&self, input: u64) -> Rate {
        let crossed = self.above.iter().rev().find(|(start, _)| input > *start);
        crossed.map_or(self.base, |(_, rate)| *rate)
    }
}

// === impl Holds ===

impl Holds {
    fn at(&self, at: Nanos) -> bool {
        match self {
            Self::Always => true,
            Self::From(start) => at >= *start,
            Self::At(window) => window.holds(at),
            Self::Never => false,
        }
    }
}
