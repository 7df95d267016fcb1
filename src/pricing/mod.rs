//! The price book: what a call of a model costs, or why that is not known. Never a zero for want of a price.
//!
//! 1. Books and the user's own prices are read and checked whole ([`load`]).
//! 2. A call names a provider and one or two models; the row for them is found in a fixed order of names, never by
//!    likeness and never at another provider, and remembered ([`lookup`], [`names`], [`providers`]).
//! 3. The row, the tier, the time, the region and the length of the input give a price for each unit ([`litellm`],
//!    [`genai_prices`]).
//! 4. Units times prices, in integers, rounded once ([`unit`], [`amount`]).
//!
//! What goes in and comes out stands in [`nouns`]; the book in use, and its files, are held by [`Prices`].

mod amount;
mod book;
mod calendar;
mod found;
mod genai_prices;
mod json;
mod litellm;
mod load;
mod lookup;
mod names;
mod nouns;
mod overrides;
mod prices;
mod providers;
mod remembered;
mod servers;
mod snapshot;
mod span_rule;
mod spans;
#[cfg(test)]
mod tests;
mod tier;
mod unit;

pub use amount::Attodollars;
pub use book::{Counts, Edition, PriceBook};
pub(crate) use calendar::moment;
pub use found::Unpriced;
pub use load::{BookFile, LEAST_PERCENT};
pub use names::named_by_arn;
pub use nouns::{Assumptions, Cost, Inclusive, Match, Priced, Source, Status, Tokens, Usage};
pub use prices::{Prices, Reload};
pub use servers::of_server as provider_of_server;
pub use snapshot::DATE as SNAPSHOT_DATE;

use book::Contents;
use found::Resolved;
use tier::{Call, Tier};
use unit::{Bill, PerUnit, Rates};

/// More of one kind of token is no count: as in OTLP, they are signed.
const MOST: u64 = i64::MAX as u64;

// === impl PriceBook ===

impl PriceBook {
    /// What a call of a model costs.
    pub fn price(&self, usage: &Usage<'_>) -> Priced<'_> {
        let resolved = self.resolve(usage);
        if let Some(row) = self.own_row(&resolved, usage) {
            let window = row.context_window.or_else(|| self.window(&resolved));
            let found = self.found(Source::Override, Match::Override, &row.key, window);
            return self.finish(found, usage, |call| row.rates(call));
        }
        let Some((at, row)) = resolved.row else {
            let status = if resolved.self_hosted { Status::SelfHosted } else { Status::UnknownModel };
            return Priced { status, ..Priced::default() };
        };
        let Some(edition) = self.editions.get(at) else { return Priced::default() };
        let (source, at) = (edition.contents.source(), row.row as usize);
        let mut priced = match &edition.contents {
            Contents::Litellm(book) => {
                let Some(own) = book.rows.get(at) else { return Priced::default() };
                let found = self.found(source, row.matched, &own.key, own.context_window);
                if own.unpriced.is_some() { found } else { self.finish(found, usage, |call| own.rates(call)) }
            }
            Contents::Genai(book) => {
                let Some(own) = book.models.get(at) else { return Priced::default() };
                let found = self.found(source, row.matched, &own.key, own.context_window);
                let resold = row.matched == Match::FallbackProvider;
                if own.unpriced.is_some() { found } else { self.finish(found, usage, |call| own.rates(call, resold)) }
            }
        };
        priced.version = edition.version();
        if !row.provider_known {
            priced.assumptions = priced.assumptions.and(Assumptions::PROVIDER_UNKNOWN);
        }
        priced
    }

    /// The user's own price of a call, if there is one at its time.
    fn own_row(&self, resolved: &Resolved, usage: &Usage<'_>) -> Option<&litellm::Row> {
        let mut at = resolved.rule?;
        loop {
            if let Some(row) = self.overrides.at(at)?.at(usage.at) {
                return Some(row);
            }
            let models = [usage.response_model, usage.request_model];
            at = self.overrides.find(at + 1, lookup::provider(usage), models)?;
        }
    }

    /// Most input tokens that a book says the model takes.
    fn window(&self, resolved: &Resolved) -> Option<u64> {
        let (edition, found) = resolved.row?;
        match &self.editions.get(edition)?.contents {
            Contents::Litellm(book) => book.rows.get(found.row as usize)?.context_window,
            Contents::Genai(book) => book.models.get(found.row as usize)?.context_window,
        }
    }

    /// A row, before it is known what of it was used.
    fn found<'b>(&'b self, source: Source, matched: Match, price_key: &'b str, window: Option<u64>) -> Priced<'b> {
        Priced {
            status: Status::NoPrice,
            price_key,
            source: Some(source),
            matched,
            context_window: window,
            version: self.version(source),
            ..Priced::default()
        }
    }

    /// With what was used, at a row's prices.
    fn finish<'b>(&self, found: Priced<'b>, usage: &Usage<'_>, rates: impl Fn(&Call<'_>) -> Rates) -> Priced<'b> {
        if usage.contradictory {
            return Priced { status: Status::InvalidUsage, ..found };
        }
        let nothing = usage.web_searches == 0 && usage.rerank_queries == 0;
        let Some(tokens) = usage.tokens.or((!nothing).then_some(Tokens::default())) else {
            return Priced { status: Status::NoUsage, ..found };
        };
        let used = PerUnit::used(usage, &tokens);
        if unit::Unit::ALL.iter().any(|unit| used.get(*unit) > MOST) {
            return Priced { status: Status::InvalidUsage, ..found };
        }
        let tier_name = usage.service_tier.trim();
        let (tier, region) = (Tier::named(tier_name), lookup::region(usage));
        let rates = rates(&Call { tier, tier_name, region, at: usage.at, input: tokens.all_input() });
        let mut assumptions = found.assumptions;
        if rates.tier_missing {
            assumptions = assumptions.and(Assumptions::TIER_MISSING);
        }
        let as_text = rates.has_sound_as_text(&used);
        if as_text {
            assumptions = assumptions.and(Assumptions::PRICED_AS_TEXT);
        }
        let (status, cost) = match rates.bill(&used) {
            Bill::Whole(cost) if rates.tier_missing || as_text => (Status::Partial, Some(cost)),
            Bill::Whole(cost) => (Status::Ok, Some(cost)),
            Bill::Part(cost) => {
                assumptions = assumptions.and(Assumptions::UNIT_UNPRICED);
                (Status::Partial, Some(cost))
            }
            Bill::Unpriced => (Status::NoPrice, None),
            Bill::Overflow => (Status::InvalidUsage, None),
        };
        Priced { status, cost, assumptions, ..found }
    }
}
