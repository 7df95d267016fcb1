//! Which row a call is priced by, found once and remembered.

use super::book::{Contents, PriceBook};
use super::found::{Found, Resolved};
use super::nouns::Usage;
use super::{providers, servers};
use xxhash_rust::xxh3::{Xxh3, xxh3_128_with_seed};

// === impl PriceBook ===

impl PriceBook {
    /// What is known of a call's prices. Allocates nothing for a model that was asked for before.
    pub(super) fn resolve(&self, usage: &Usage<'_>) -> Resolved {
        self.remembered.get(self.key(usage), || Some(self.look_up(usage))).unwrap_or_default()
    }

    /// 128 bits of all that [`PriceBook::look_up`] looks at, with a seed that senders do not know.
    fn key(&self, usage: &Usage<'_>) -> u128 {
        let Usage { provider, vendor, server_address, response_model, request_model, region, identity, .. } = *usage;
        if identity != 0 {
            return u128::from(identity);
        }
        let parts = [provider, vendor, server_address, response_model, request_model, region];
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
        let row = self.row(provider, region, models).or_else(|| {
            // A name that nobody knows tells no more than none; who is known to resell the models of others has prices of
            // his own.
            let nobody_knows = !provider.is_empty() && providers::is_unknown(provider) && !self.is_seller(provider);
            let by_vendor = || self.row(usage.vendor, region, models).filter(|_| !usage.vendor.is_empty());
            let row = nobody_knows.then(|| by_vendor().or_else(|| self.row("", region, models))).flatten();
            row.map(|(at, found)| (at, Found { provider_known: false, ..found }))
        });
        Resolved { rule, row, self_hosted: false }
    }

    /// The row of a provider's model: the first that has a price, else the first.
    fn row(&self, provider: &str, region: &str, models: [&str; 2]) -> Option<(usize, Found)> {
        let mut first = None;
        for (at, edition) in self.editions.iter().enumerate() {
            let found = match &edition.contents {
                Contents::Litellm(book) => book.find(provider, region, models),
                Contents::Genai(book) => book.find(provider, models),
            };
            let Some(found) = found else { continue };
            if edition.contents.unpriced(found.row).is_none() {
                return Some((at, found));
            }
            // A row without a price is no answer while another book may have one.
            first.get_or_insert((at, found));
        }
        first
    }

    /// Whether a book has models of a provider that only books know.
    fn is_seller(&self, provider: &str) -> bool {
        self.editions.iter().any(|edition| match &edition.contents {
            Contents::Litellm(book) => book.has_provider(provider),
            Contents::Genai(book) => book.has_seller(provider),
        })
    }
}

/// The provider, be it named or known by its server; empty when it is neither.
pub(super) fn provider<'a>(usage: &Usage<'a>) -> &'a str {
    let named = usage.provider.trim();
    if providers::is_nobody(named) { servers::of_server(usage.server_address).unwrap_or_default() } else { named }
}

/// The region, be it named or known by the server.
pub(super) fn region<'a>(usage: &Usage<'a>) -> &'a str {
    let named = usage.region.trim();
    if named.is_empty() { servers::region_of_server(usage.server_address).unwrap_or_default() } else { named }
}
