//! genai-prices' `data.json`, version 2: a list of providers with their models, US dollars per million tokens, with the
//! dates and the hours at which prices hold.
//!
//! - [`clause`]: which names a model answers to
//! - [`read`]: the file into models
//! - [`rates`]: a model's prices for one call

mod clause;
mod rates;
pub(super) mod read;

use hashbrown::HashMap;

use super::amount::Rate;
use super::calendar::Window;
use super::found::{Found, Unpriced};
use super::names::{Form, forms};
use super::nouns::Match;
use super::providers::Provider;
use super::unit::Unit;
use crate::clock::Nanos;
use clause::Clause;

/// The file.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) models: Vec<Model>,
    sellers: Vec<Seller>,
    /// Models that could not be read, and what is wrong with the first.
    pub(super) skipped: usize,
    pub(super) first_skipped: Option<String>,
    /// Price keys that are not understood, over all models.
    pub(super) unknown_keys: usize,
}

/// A provider with its models.
#[derive(Debug)]
struct Seller {
    id: Box<str>,
    /// By whole names, in lower case: the first model that has it.
    by_name: HashMap<Box<str>, u32, foldhash::fast::RandomState>,
    /// Models that answer to more than whole names, in the order of the file.
    by_clause: Vec<u32>,
    /// Whose models it resells.
    resells: Vec<String>,
}

/// A model of a provider.
#[derive(Debug)]
pub(super) struct Model {
    /// `provider:id`
    pub(super) key: Box<str>,
    id_at: usize,
    pub(super) context_window: Option<u64>,
    /// Why it has no price; `None` when it has.
    pub(super) unpriced: Option<Unpriced>,
    clause: Clause,
    periods: Vec<Period>,
    variants: Vec<Variant>,
}

/// Prices and when they hold.
#[derive(Debug)]
struct Period {
    holds: Holds,
    prices: Vec<Price>,
}

/// Prices that replace others, for calls that are so and so.
#[derive(Debug)]
struct Variant {
    when: Vec<(String, String)>,
    holds: Holds,
    prices: Vec<Price>,
}

/// When prices hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Always,
    From(Nanos),
    At(Window),
    Never,
}

/// A price, and what it is from some number of input tokens on.
#[derive(Debug)]
struct Price {
    unit: Unit,
    base: Rate,
    /// By rising number: the rate of all tokens when there are more.
    above: Vec<(u64, Rate)>,
}

// === impl Book ===

impl Book {
    /// The model of that name at that provider, or at one whose models it resells.
    pub(super) fn find(&self, provider: &str, models: [&str; 2]) -> Option<Found> {
        let known = Provider::named(provider);
        let own = provider.trim().to_lowercase();
        let own = [own.as_str()];
        let ids = known.map_or(&own[..], |known| known.genai);
        let sellers = || ids.iter().filter_map(|id| self.seller(id));
        for form in models.into_iter().flat_map(|model| own_first(forms(model, known))).flat_map(with_latest) {
            let found = sellers().find_map(|seller| self.find_at(seller, &form));
            let fallback = || {
                let resold = sellers().flat_map(|seller| &seller.resells).filter_map(|id| self.seller(id));
                let row = resold.into_iter().find_map(|seller| self.find_at(seller, &form))?;
                Some(Found { matched: Match::FallbackProvider, ..row })
            };
            if let Some(found) = found.or_else(fallback) {
                return Some(found);
            }
        }
        None
    }

    /// Whether there are models of that provider.
    pub(super) fn has_seller(&self, name: &str) -> bool {
        self.sellers.iter().any(|seller| seller.id.eq_ignore_ascii_case(name.trim()))
    }

    fn seller(&self, id: &str) -> Option<&Seller> {
        self.sellers.iter().find(|seller| *seller.id == *id)
    }

    /// The first model in the order of the file that answers to the name.
    fn find_at(&self, seller: &Seller, form: &Form) -> Option<Found> {
        let whole = seller.by_name.get(form.name.as_str()).copied();
        let answers = |at: &&u32| self.models.get(**at as usize).is_some_and(|model| model.clause.holds(&form.name));
        let before = seller.by_clause.iter().take_while(|at| whole.is_none_or(|whole| **at < whole));
        let row = before.into_iter().find(answers).copied().or(whole)?;
        // A fine-tuned model is not priced as its base.
        let id = self.models.get(row as usize)?.id();
        if form.name.starts_with("ft:") && !id.starts_with("ft:") {
            return None;
        }
        let matched = match form.matched {
            Match::Exact if whole != Some(row) => Match::Alias,
            matched => matched,
        };
        Some(Found { row, matched, provider_known: true })
    }
}

/// The name as it is before the one without the provider's own: `perplexity/sonar` is another model than `sonar`.
fn own_first(mut forms: Vec<Form>) -> Vec<Form> {
    if forms.len() > 1 && forms.last().is_some_and(|last| last.matched == Match::Exact) {
        forms.rotate_right(1);
    }
    forms
}

/// A form, and the same without `-latest`.
fn with_latest(form: Form) -> Vec<Form> {
    let moved = form.name.strip_suffix("-latest").map(|name| Form { name: name.to_owned(), matched: Match::Alias });
    std::iter::once(form).chain(moved).collect()
}

// === impl Model ===

impl Model {
    /// Its id at its provider.
    fn id(&self) -> &str {
        self.key.get(self.id_at..).unwrap_or_default()
    }

    /// Texts of its clauses: names that it answers to, or that begin, end or hold such.
    #[cfg(test)]
    pub(super) fn examples(&self) -> Vec<String> {
        self.clause.examples()
    }
}
