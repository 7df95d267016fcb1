//! Which row a call is priced by, found once and remembered.

use super::litellm::Unpriced;
use super::nouns::{Match, Source, Usage};
use super::providers;
use super::{Contents, PriceBook};
use xxhash_rust::xxh3::{Xxh3, xxh3_128_with_seed};

/// A row that was found in one book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) row: u32,
    pub(super) matched: Match,
    /// Whether the row is one of the provider that was named; nobody was where it is not.
    pub(super) provider_known: bool,
}

/// What is known of the prices of a provider's model, before the time and the counts of a call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Resolved {
    /// The place of the first of the user's own rules that is for it.
    pub(super) rule: Option<usize>,
    /// The book, by its place, and the row.
    pub(super) row: Option<(usize, Found)>,
    pub(super) self_hosted: bool,
}

// === impl PriceBook ===

impl PriceBook {
    /// What is known of a call's prices. Allocates nothing for a model that was asked for before.
    pub(super) fn resolve(&self, usage: &Usage<'_>) -> Resolved {
        self.remembered.get(self.key(usage), || Some(self.look_up(usage))).unwrap_or_default()
    }

    /// 128 bits of all that [`PriceBook::look_up`] looks at, with a seed that senders do not know.
    fn key(&self, usage: &Usage<'_>) -> u128 {
        let Usage { provider, server_address, response_model, request_model, region, .. } = *usage;
        let parts = [provider, server_address, response_model, request_model, region];
        // To begin a hash that is fed piece by piece takes longer than all of the rest.
        let (mut buffer, mut end) = ([0; 256], 0);
        for part in parts {
            let piece = [&(part.len() as u32).to_le_bytes(), part.as_bytes()];
            for bytes in piece {
                let Some(room) = buffer.get_mut(end..end + bytes.len()) else { return self.long_key(&parts) };
                room.copy_from_slice(bytes);
                end += bytes.len();
            }
        }
        xxh3_128_with_seed(buffer.get(..end).unwrap_or_default(), self.seed)
    }

    fn long_key(&self, parts: &[&str]) -> u128 {
        let mut hasher = Xxh3::with_seed(self.seed);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.digest128()
    }

    fn look_up(&self, usage: &Usage<'_>) -> Resolved {
        let provider = provider(usage);
        let models = [usage.response_model, usage.request_model];
        let rule = self.overrides.find(0, provider, models);
        if providers::is_self_hosted(provider, usage.server_address) {
            return Resolved { rule, row: None, self_hosted: true };
        }
        let region = region(usage);
        let mut first = None;
        for (at, edition) in self.editions.iter().enumerate() {
            let found = match &edition.contents {
                Contents::Litellm(book) => book.find(provider, region, models),
                Contents::Genai(book) => book.find(provider, models),
            };
            let Some(found) = found else { continue };
            if edition.contents.unpriced(found.row).is_none() {
                return Resolved { rule, row: Some((at, found)), self_hosted: false };
            }
            // A row without a price is no answer while another book may have one.
            first.get_or_insert((at, found));
        }
        Resolved { rule, row: first, self_hosted: false }
    }
}

// === impl Contents ===

impl Contents {
    /// Whose book it is.
    pub(super) fn source(&self) -> Source {
        match self {
            Self::Litellm(_) => Source::Litellm,
            Self::Genai(_) => Source::Genai,
        }
    }

    /// Why a row has no price, if it has none.
    pub(super) fn unpriced(&self, row: u32) -> Option<Unpriced> {
        match self {
            Self::Litellm(book) => book.rows.get(row as usize)?.unpriced,
            Self::Genai(book) => book.models.get(row as usize)?.unpriced,
        }
    }
}

/// The provider, be it named or known by its server; empty when it is neither.
pub(super) fn provider<'a>(usage: &Usage<'a>) -> &'a str {
    let named = usage.provider.trim();
    if providers::is_nobody(named) { providers::of_server(usage.server_address).unwrap_or_default() } else { named }
}

/// The region, be it named or known by the server.
pub(super) fn region<'a>(usage: &Usage<'a>) -> &'a str {
    let named = usage.region.trim();
    if named.is_empty() { providers::region_of_server(usage.server_address).unwrap_or_default() } else { named }
}
