//! What a span spent, told from its numbers alone: no less than it did.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::coerce;
use super::conventions::Kind;
use super::glance::Glance;
use super::sight::{Sight, Uses};
use super::sources::Sources;
use crate::otlp::keys::Slot;
use crate::otlp::value::AnyValue;
use crate::otlp::walk::Visit;

/// What a span spent, as seen at first sight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spent {
    /// Nothing, as a call of a model: it is none.
    Nothing,
    /// No more than that.
    AtMost {
        /// Tokens that went in, from a cache or not.
        input: f64,
        /// Tokens that came out.
        output: f64,
        /// US dollars, as its sender says.
        money: f64,
        /// Seconds to completion.
        seconds: f64,
        /// Hash of all that tells the model, and with whom and where it is called.
        model: u64,
    },
    /// That has to be read.
    Unknown,
}

/// All numbers together that tell what a span used.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    input: f64,
    output: f64,
    total: f64,
    money: f64,
    /// Input tokens are told for certain, and output tokens.
    certain: (bool, bool),
}

// === impl Sources ===

impl Sources {
    /// What a span spent of which `glance` was taken. The hash of its model begins with `seed`.
    pub(super) fn spent(&self, visit: &Visit<'_, '_>, glance: &Glance, seed: u64) -> Spent {
        if !glance.may_use() {
            return Spent::Nothing;
        }
        let Some(operation) = glance.model_call().filter(|_| !self.tells_elsewhere) else { return Spent::Unknown };
        let mut told = Told::default();
        let mut model = xxh3_64_with_seed(visit.scope.name.as_bytes(), seed);
        for slot in visit.attributes.present() {
            let Some(sight) = self.sights.get(slot.index()) else { continue };
            if sight.used {
                let read = match sight.uses_unplainly {
                    true => self.add_inside(visit, *slot, sight, &mut told),
                    false => told.add(visit.attributes.get(*slot), sight.uses),
                };
                if !read {
                    return Spent::Unknown;
                }
            }
            if sight.of_model {
                // What is no text is seldom there, and is read.
                let Some(text) = visit.attributes.text_bytes(*slot) else { return Spent::Unknown };
                model = xxh3_64_with_seed(text, model.wrapping_add(slot.index() as u64));
            }
        }
        // Where one of both is not told, it may be what is missing from the total.
        let total = if told.certain == (true, true) { 0.0 } else { told.total };
        Spent::AtMost {
            input: told.input + total,
            output: told.output + total,
            money: told.money,
            seconds: coerce::longest(visit.span.duration()),
            model: model.wrapping_add(operation as u64),
        }
    }

    /// Adds what is told by the JSON in an attribute; `false` where it is no such text, or tells more than numbers in it.
    fn add_inside(&self, visit: &Visit<'_, '_>, slot: Slot, sight: &Sight, told: &mut Told) -> bool {
        let Some((text, paths)) = visit.attributes.text_bytes(slot).zip(self.paths.get(slot.index())) else {
            return false;
        };
        let found = paths.find(text, sight.uses_inside);
        self.all_of_slot(slot).iter().all(|one| {
            let uses = Uses::of(one.field);
            if uses == Uses::default() {
                return true;
            }
            let added = self.all.get(usize::from(one.source)).is_none_or(|(_, source)| source.add > 0);
            let Some(path) = one.path.filter(|_| !added) else { return false };
            let value = found.at(path).and_then(coerce::of_json);
            match value.and_then(|(value, _)| coerce::to(Kind::Real, value)) {
                None => true,
                number => told.add(number, uses),
            }
        })
    }
}

// === impl Told ===

impl Told {
    /// Adds a number that is told for so many fields; `false` where it is none that makes sense.
    fn add(&mut self, value: Option<AnyValue<'_>>, uses: Uses) -> bool {
        let (number, tokens) = match value {
            Some(AnyValue::Int(number)) => (number as f64, number as f64),
            Some(AnyValue::Double(number)) => (number, number.ceil()),
            _ => return false,
        };
        if !(0.0..1e18).contains(&number) {
            return false;
        }
        self.input += tokens * f64::from(uses.input);
        self.output += tokens * f64::from(uses.output);
        self.total += tokens * f64::from(uses.total);
        self.money += number * f64::from(uses.money);
        self.certain = (self.certain.0 || uses.plain.0, self.certain.1 || uses.plain.1);
        true
    }
}
