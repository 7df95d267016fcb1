//! LiteLLM's `model_prices_and_context_window.json`: one object of `model: row`, US dollars per token, today's prices.
//!
//! - [`keys`]: the grammar of a row's price keys
//! - [`read`]: the file into rows
//! - [`rates`]: a row's prices for one call

pub(super) mod keys;
mod rates;
pub(super) mod read;

use hashbrown::HashMap;

use super::amount::{Rate, Ratio};
use super::calendar::Window;
use super::found::{Found, Unpriced};
use super::names::{Form, forms};
use super::nouns::Match;
use super::providers::{Naming, Provider};
use super::tier::Tier;
use super::unit::{PerUnit, Unit};

/// The file.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) rows: Vec<Row>,
    /// By key in lower case.
    by_key: HashMap<Box<str>, u32, foldhash::fast::RandomState>,
    /// Rows that could not be read, and what is wrong with the first.
    pub(super) skipped: usize,
    pub(super) first_skipped: Option<String>,
    /// Price keys that are not understood, over all rows.
    pub(super) unknown_keys: usize,
}

/// A row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: Box<str>,
    /// `litellm_provider`
    pub(super) provider: Box<str>,
    /// `max_input_tokens`
    pub(super) context_window: Option<u64>,
    /// Why it has no price; `None` when it has.
    pub(super) unpriced: Option<Unpriced>,
    /// Sorted by threshold, then the standard tier first.
    prices: Box<[Price]>,
    /// `tiered_pricing`, by rising input.
    ranges: Box<[Range]>,
    off_peak: Option<Box<OffPeak>>,
    uplifts: Box<[(Uplift, Ratio)]>,
}

/// A price and when it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Price {
    /// Input tokens that must be passed; 0 for any.
    pub(super) above: u64,
    pub(super) tier: Tier,
    pub(super) unit: Unit,
    pub(super) rate: Rate,
}

/// Prices for input of some length: `above < input <= most`.
#[derive(Debug)]
struct Range {
    above: u64,
    most: u64,
    rates: PerUnit<Option<Rate>>,
}

/// Prices that replace the others at some hours.
#[derive(Debug)]
struct OffPeak {
    windows: Vec<Window>,
    rates: PerUnit<Option<Rate>>,
}

/// What multiplies everything.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Uplift {
    /// Computed in that region.
    In(Box<str>),
    /// Computed at an endpoint that is not the global one.
    NotGlobal,
    /// Anthropic's fast mode.
    Fast,
}

// === impl Row ===

impl Row {
    /// A row of the user's own.
    pub(super) fn of_prices(key: &str, context_window: Option<u64>, mut prices: Vec<Price>) -> Self {
        prices.sort_unstable();
        Self {
            key: key.into(),
            provider: "".into(),
            context_window,
            unpriced: None,
            prices: prices.into(),
            ranges: [].into(),
            off_peak: None,
            uplifts: [].into(),
        }
    }
}

// === impl Book ===

impl Book {
    /// The row of a model: of a provider's own, or, where nobody is named as the provider, the one of exactly that name.
    pub(super) fn find(&self, provider: &str, region: &str, models: [&str; 2]) -> Option<Found> {
        let known = Provider::named(provider);
        for model in models {
            let found = self.whole(known, model).or_else(|| {
                forms(model, known).iter().find_map(|form| match known {
                    Some(known) => self.find_of(known, region, form),
                    None => self.find_of_named(provider, form),
                })
            });
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Whether there is a row of that provider.
    pub(super) fn has_provider(&self, name: &str) -> bool {
        self.rows.iter().any(|row| row.provider.eq_ignore_ascii_case(name.trim()))
    }

    /// The row whose whole key, path and all, is the model's name.
    fn whole(&self, provider: Option<&Provider>, model: &str) -> Option<Found> {
        let (provider, key) = (provider?, model.trim());
        let (row, _) = self.row(key).filter(|(_, row)| key.contains('/') && provider.owns(&row.provider))?;
        Some(Found { row, matched: Match::Exact, provider_known: true })
    }

    fn find_of(&self, provider: &Provider, region: &str, form: &Form) -> Option<Found> {
        let name = &form.name;
        let regional = !region.is_empty() && matches!(provider.naming, Naming::Bedrock | Naming::Azure);
        let in_region = provider.prefixes.iter().filter(|_| regional).map(|prefix| format!("{prefix}/{region}/{name}"));
        let prefixed = provider.prefixes.iter().map(|prefix| format!("{prefix}/{name}"));
        let bare = std::iter::once(name.clone());
        let mut rows = in_region.chain(prefixed).chain(bare).filter_map(|key| self.row(&key));
        let (at, _) = rows.find(|(_, row)| provider.owns(&row.provider))?;
        Some(Found { row: at, matched: form.matched, provider_known: true })
    }

    /// As [`Book::find_of`], for a provider that only the book knows. Where none is named, the exact name of a model counts.
    fn find_of_named(&self, provider: &str, form: &Form) -> Option<Found> {
        let named = provider.trim().to_lowercase();
        if named.is_empty() {
            let (row, _) = self.row(&form.name).filter(|_| form.matched == Match::Exact)?;
            return Some(Found { row, matched: Match::Exact, provider_known: false });
        }
        let own = |key: &str| self.row(key).filter(|(_, row)| *row.provider == *named);
        let (row, _) = own(&format!("{named}/{}", form.name)).or_else(|| own(&form.name))?;
        Some(Found { row, matched: form.matched, provider_known: true })
    }

    fn row(&self, key: &str) -> Option<(u32, &Row)> {
        let at = match self.by_key.get(key) {
            Some(at) => *at,
            None => *self.by_key.get(&*key.to_lowercase())?,
        };
        self.rows.get(at as usize).map(|row| (at, row))
    }
}
