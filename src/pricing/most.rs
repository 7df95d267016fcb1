//! What calls of a model cannot cost more than, whatever the tier, the time, the region and the counts: told once a model.

use super::amount::Rate;
use super::lookup;
use super::nouns::Usage;
use super::unit::{PerUnit, Unit};
use super::{Contents, PriceBook};

/// The most that a call of a model costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Most {
    /// US dollars a token that goes in, of whichever sort.
    pub input: f64,
    /// US dollars a token that comes out, of whichever sort.
    pub output: f64,
    /// US dollars a call, beside its tokens.
    pub call: f64,
    /// Input tokens that the model takes: of several numbers the least.
    pub context_window: Option<u64>,
}

// === impl PriceBook ===

impl PriceBook {
    /// Where hashes begin that calls of one model are remembered by: senders do not know it.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The most that calls cost which have that hash of all that tells their model. The first of them tells `usage`; `None`
    /// where it does not.
    pub fn most<'u>(&self, hash: u64, usage: impl FnOnce() -> Option<Usage<'u>>) -> Option<Most> {
        self.most.get(hash, || usage().map(|usage| self.most_of(&usage)))
    }

    fn most_of(&self, usage: &Usage<'_>) -> Most {
        let mut most = Most::default();
        let resolved = self.resolve(usage);
        let (provider, models) = (lookup::provider(usage), [usage.response_model, usage.request_model]);
        let mut next = resolved.rule;
        while let Some(rule) = next.and_then(|at| self.overrides.at(at)) {
            rule.rows().for_each(|row| row.most(&mut most));
            next = next.and_then(|at| self.overrides.find(at + 1, provider, models));
        }
        let Some((edition, found)) = resolved.row else { return most };
        let (edition, row) = (self.editions.get(edition), found.row as usize);
        match edition.map(|edition| &edition.contents) {
            Some(Contents::Litellm(book)) => book.rows.get(row).into_iter().for_each(|row| row.most(&mut most)),
            Some(Contents::Genai(book)) => book.models.get(row).into_iter().for_each(|model| model.most(&mut most)),
            None => {}
        }
        most
    }
}

// === impl Most ===

impl Most {
    /// Takes a price in, times what everything may be multiplied by.
    pub(super) fn price(&mut self, unit: Unit, rate: Rate, times: f64) {
        let usd = rate.usd() * times;
        match unit {
            // Spans do not count them.
            Unit::WebSearch | Unit::RerankQuery => {}
            Unit::Request => self.call = self.call.max(usd),
            unit if unit < Unit::Output => self.input = self.input.max(usd),
            _ => self.output = self.output.max(usd),
        }
    }

    pub(super) fn prices(&mut self, rates: &PerUnit<Option<Rate>>, times: f64) {
        for unit in Unit::ALL {
            rates.get(unit).into_iter().for_each(|rate| self.price(unit, rate, times));
        }
    }

    pub(super) fn window(&mut self, window: Option<u64>) {
        self.context_window = [self.context_window, window].into_iter().flatten().filter(|window| *window > 0).min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::{BookFile, Source, Tokens};

    /// Providers and models of a book.
    fn names(book: &PriceBook) -> Vec<(String, String)> {
        match &book.editions[0].contents {
            Contents::Litellm(book) => {
                book.rows.iter().map(|row| (row.provider.to_string(), row.key.to_string())).collect()
            }
            Contents::Genai(book) => {
                let keys = book.models.iter().filter_map(|model| model.key.split_once(':'));
                keys.map(|(provider, model)| (provider.to_owned(), model.to_owned())).collect()
            }
        }
    }

    /// Calls of every row with every tier, at many times and of many lengths, cost no more than the most.
    #[test]
    fn no_call_costs_more_than_the_most() {
        let tiers = ["", "batch", "flex", "priority", "fast", "scale"];
        for source in [Source::Litellm, Source::Genai] {
            let book = PriceBook::load(&[BookFile::Embedded(source)]).unwrap();
            let (mut calls, mut tight) = (0, 0);
            for (number, (provider, model)) in names(&book).into_iter().enumerate() {
                let of = |count: u64| Tokens {
                    input_uncached: count,
                    cache_read: count / 3,
                    output: count / 2,
                    ..Tokens::default()
                };
                for (tier, (count, region)) in tiers.iter().flat_map(|tier| {
                    [(10, ""), (150_000, "us-east-1"), (300_000, "eu-west-1")].map(|length| (tier, length))
                }) {
                    let at = 1_790_000_000_000_000_000 + number as u64 * 3_600_000_000_000;
                    let tokens = Tokens { reasoning: number as u64 % 3, output_audio: number as u64 % 5, ..of(count) };
                    let usage = Usage {
                        provider: &provider,
                        response_model: &model,
                        service_tier: tier,
                        region,
                        at,
                        tokens: Some(tokens),
                        ..Usage::default()
                    };
                    let most = book.most_of(&usage);
                    let output = (tokens.output + tokens.reasoning + tokens.output_audio) as f64;
                    let bound = tokens.all_input() as f64 * most.input + output * most.output + most.call;
                    let bound = bound * (1.0 + 1e-9);
                    let Some(cost) = book.price(&usage).cost else { continue };
                    assert!(
                        cost.total.usd() <= bound,
                        "{source:?} {provider} {model} {tier} {count}: {cost:?} {most:?}"
                    );
                    calls += 1;
                    tight += u32::from(cost.total.usd() * 10.0 >= bound);
                }
            }
            assert!(calls > 5000 && tight > calls / 2, "{source:?}: {calls} {tight}");
        }
    }
}
