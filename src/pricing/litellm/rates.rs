//! A row's prices for one call. Crossing a threshold changes the price of everything in the call, not of what is beyond.
//!
//! 1. A range of `tiered_pricing` that the input falls into, whole. Otherwise for each unit the price of the highest
//!    threshold that is crossed, of the call's tier before the standard one.
//! 2. At off-peak hours, the prices of those hours in their place.
//! 3. For a batch its own prices, or half of the standard ones.
//! 4. What has no price of its own is billed as what it is part of: cached input as input, reasoning as output.

use super::super::amount::{Rate, Ratio};
use super::super::tier::{Call, Tier};
use super::super::unit::{PerUnit, Rates, Unit};
use super::{Price, Range, Row, Uplift};

/// The provider that bills the higher price from the threshold on, not from beyond it.
const INCLUSIVE: &str = "xai";

// === impl Row ===

impl Row {
    /// What each unit costs in a call.
    pub(in super::super) fn rates(&self, call: &Call<'_>) -> Rates {
        let fast = self.uplifts.iter().find(|(uplift, _)| *uplift == Uplift::Fast).filter(|_| call.tier == Tier::Fast);
        let tier = match call.tier {
            Tier::Fast if fast.is_some() => Tier::Standard,
            // LiteLLM has the price of OpenAI's fast tier as that of the priority tier, of which it is the new name.
            Tier::Fast => Tier::Priority,
            tier => tier,
        };
        let (of, has_tier, inherited) = match tier {
            Tier::Batch => {
                let (of, inherited) = self.batch(call);
                (of, true, inherited)
            }
            tier => self.queued(call, tier),
        };
        let ratio = self.regional(call.region);
        let ratio = fast.map_or(ratio, |(_, fast)| ratio.times(*fast));
        Rates { of, ratio, tier_missing: tier != Tier::Standard && !has_tier, inherited }
    }

    /// The prices of a tier, whether it has any of its own, and the units that are priced as what they are billed as.
    fn queued(&self, call: &Call<'_>, tier: Tier) -> (PerUnit<Option<Rate>>, bool, u32) {
        let (mut of, mut has_tier) = match self.range(call.input) {
            Some(range) => (range.rates, false),
            None => self.flat(call.input, tier),
        };
        if let Some(off_peak) = self.off_peak.as_ref().filter(|it| it.windows.iter().any(|it| it.holds(call.at))) {
            replace(&mut of, &off_peak.rates);
            has_tier = false;
        }
        // A model that makes pictures has a price for those alone.
        if of.get(Unit::Output).is_none_or(Rate::is_zero) && of.get(Unit::OutputImage).is_some() {
            of.set(Unit::Output, of.get(Unit::OutputImage));
        }
        let inherited = of.inherit();
        (of, has_tier, inherited)
    }

    fn flat(&self, input: u64, tier: Tier) -> (PerUnit<Option<Rate>>, bool) {
        let mut of = PerUnit::default();
        let mut own = PerUnit::default();
        // The later one wins: a higher threshold, and at the same one the tier.
        for price in self.prices.iter().filter(|price| price.tier == Tier::Standard || price.tier == tier) {
            if self.crosses(input, price.above) {
                of.set(price.unit, Some(price.rate));
                own.set(price.unit, price.tier == tier);
            }
        }
        if own.get(Unit::Output) && !own.get(Unit::Reasoning) {
            of.set(Unit::Reasoning, None);
        }
        (of, own.get(Unit::Input) || own.get(Unit::Output))
    }

    /// The range of `tiered_pricing` for that much input: of none at all, the first one; beyond the last one, the last one.
    fn range(&self, input: u64) -> Option<&Range> {
        if input == 0 {
            return self.ranges.first();
        }
        let within = self.ranges.iter().find(|range| range.above < input && input <= range.most);
        within.or_else(|| self.ranges.last())
    }

    /// The prices of a batch, and the units that are priced as what they are billed as. Reasoning has none of its own there.
    fn batch(&self, call: &Call<'_>) -> (PerUnit<Option<Rate>>, u32) {
        let (mut standard, _, inherited) = self.queued(&Call { at: 0, ..*call }, Tier::Standard);
        for unit in Unit::ALL {
            standard.set(unit, standard.get(unit).map(Rate::half));
        }
        standard.set(Unit::Reasoning, standard.get(Unit::Output));
        let mut own = PerUnit::default();
        let crossed = |price: &&Price| price.tier == Tier::Batch && self.crosses(call.input, price.above);
        for price in self.prices.iter().filter(crossed) {
            own.set(price.unit, Some(price.rate));
        }
        if own.get(Unit::Output).is_some() {
            // What is part of the output has the batch's price of output, unless it has its own.
            for unit in Unit::ALL.into_iter().filter(|unit| unit.parent() == Some(Unit::Output)) {
                standard.set(unit, None);
            }
        }
        if own.get(Unit::Input).is_some() {
            for unit in Unit::ALL.into_iter().filter(|unit| *unit < Unit::Output) {
                standard.set(unit, None);
            }
        }
        replace(&mut standard, &own);
        let own = Unit::ALL.into_iter().filter(|unit| own.get(*unit).is_some());
        let own = own.fold(0, |own, unit| own | unit.bit());
        let inherited = (inherited | standard.inherit()) & !own;
        (standard, inherited)
    }

    fn crosses(&self, input: u64, above: u64) -> bool {
        above == 0 || input > above || (input == above && *self.provider == *INCLUSIVE)
    }

    /// What multiplies everything that is computed there.
    fn regional(&self, region: &str) -> Ratio {
        if region.is_empty() {
            return Ratio::ONE;
        }
        let holds = |uplift: &Uplift| match uplift {
            Uplift::In(name) => name.eq_ignore_ascii_case(region),
            Uplift::NotGlobal => !region.eq_ignore_ascii_case("global"),
            Uplift::Fast => false,
        };
        let held = self.uplifts.iter().filter(|(uplift, _)| holds(uplift));
        held.fold(Ratio::ONE, |ratio, (_, more)| ratio.times(*more))
    }
}

/// Puts in what there is.
fn replace(of: &mut PerUnit<Option<Rate>>, by: &PerUnit<Option<Rate>>) {
    for unit in Unit::ALL {
        if let Some(rate) = by.get(unit) {
            of.set(unit, Some(rate));
        }
    }
}
