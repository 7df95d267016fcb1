//! Which row a call is priced by, found once and remembered.

use super::book::{Contents, PriceBook};
use super::found::Resolved;
use super::nouns::Usage;
use super::providers;
use xxhash_rust::xxh3::{Xxh3, xxh3_128_with_seed};

// === impl PriceBook ===

impl PriceBook {
    /// What is known of a call's prices. Allocates nothing for a model that was asked for before.
    pub(super) fn resolve(&self, usage: &Usage<'_>) -> Resolved {
        self.remembered.get(self.key(usage), || Some(self.look_up(usage))).unwrap_or_default()
    }

    /// 128 bits of all that [`PriceBook::look_up`] looks at, with a seed that senders do not know.
    fn key(&self, usage: &Usage<'_>) -> u128 {
        let Usage { provider, server_address, response_model, request_model, region, identity, .. } = *usage;
        if identity != 0 {
            return u128::from(identity);
        }
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
