//! Who was called: provider, models and region, by one name each. Spans spell the same few again and again, so that each
//! spelling is resolved once and remembered.

use std::sync::OnceLock;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::field_values::FieldValues;
use super::providers::{NameResolver, host};
use crate::genai::conventions::{Conventions, Field};
use crate::intern::{Kind, Name};

/// Who was called, as a span spells it: UTF-8 that the walk has checked, empty where the span does not say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spelling<'a> {
    pub(super) provider: &'a [u8],
    pub(super) request_model: &'a [u8],
    pub(super) response_model: &'a [u8],
    /// The host that was called.
    pub(super) server: &'a [u8],
    pub(super) region: &'a [u8],
}

/// Who was called, by canonical names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity {
    /// The provider.
    pub provider: Name,
    /// Whose the model is by its name, where the provider is one that nobody knows.
    pub vendor: Name,
    /// The model that was asked for, without the name of its own provider in front.
    pub request_model: Name,
    /// The model that answered, likewise.
    pub response_model: Name,
    /// The model that answered, else the one that was asked for, without the name of its vendor.
    pub bare_model: Name,
    /// The model that was asked for, without the name of its vendor.
    pub bare_request_model: Name,
    /// Where the provider ran the call.
    pub region: Name,
    /// Whether the provider's own input tokens leave out the cached ones.
    pub excludes_cached: bool,
    /// Whether more reasoning than output is beside it at this provider.
    pub has_reasoning_beside: bool,
    /// Hash of the spelling with a seed of this process, for what others remember of it; 0 for none.
    pub key: u64,
}

/// The texts of an [`Identity`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct IdentityTexts<'a> {
    pub(super) provider: &'a str,
    pub(super) vendor: &'a str,
    pub(super) request_model: &'a str,
    pub(super) response_model: &'a str,
    pub(super) region: &'a str,
}

/// Resolves spellings.
#[derive(Debug)]
pub(super) struct Identities {
    resolver: NameResolver,
    known: Box<[OnceLock<Identity>]>,
    seed: u64,
}

/// Spellings that are remembered. Senders choose them: those that find no place are resolved every time.
const PLACES: usize = 4096;
/// Places that are looked at for one spelling.
const PROBES: usize = 8;

// === impl Spelling ===

impl<'a> Spelling<'a> {
    pub(super) fn of(values: &FieldValues<'a>) -> Self {
        Self {
            provider: values.bytes(Field::Provider),
            request_model: values.bytes(Field::RequestModel),
            response_model: values.bytes(Field::ResponseModel),
            server: values.bytes(Field::Server),
            region: values.bytes(Field::Region),
        }
    }

    fn hash(&self, seed: u64) -> u64 {
        let parts = [self.provider, self.request_model, self.response_model, self.server, self.region];
        // The number of the part goes in, so that an empty one is not passed over.
        let hash =
            |(number, hash): (u64, u64), part: &[u8]| (number + 1, xxh3_64_with_seed(part, hash.wrapping_add(number)));
        parts.into_iter().fold((1, seed), hash).1
    }
}

// === impl Identities ===

impl Identities {
    pub(super) fn compile(conventions: &Conventions) -> Self {
        Self {
            resolver: NameResolver::compile(conventions),
            known: (0..PLACES).map(|_| OnceLock::new()).collect(),
            seed: std::hash::BuildHasher::hash_one(&foldhash::fast::RandomState::default(), 0_u8),
        }
    }

    /// Resolves a spelling.
    pub(super) fn resolve(&self, spelling: &Spelling<'_>) -> Identity {
        let key = spelling.hash(self.seed).max(1);
        let places = (0..PROBES).filter_map(|probe| self.known.get((key as usize).wrapping_add(probe) % PLACES));
        for place in places {
            let known = place.get_or_init(|| self.resolve_anew(spelling, key));
            if known.key == key {
                return *known;
            }
        }
        self.resolve_anew(spelling, key)
    }

    /// The texts of a spelling that was resolved: those of its names, unless one of these found no room.
    pub(super) fn texts<'a>(&'a self, identity: &Identity, spelling: &Spelling<'a>) -> IdentityTexts<'a> {
        if identity.overflow() {
            return self.texts_anew(spelling);
        }
        IdentityTexts {
            provider: identity.provider.text(),
            vendor: identity.vendor.text(),
            request_model: identity.request_model.text(),
            response_model: identity.response_model.text(),
            region: identity.region.text(),
        }
    }

    #[cold]
    fn resolve_anew(&self, spelling: &Spelling<'_>, key: u64) -> Identity {
        let IdentityTexts { provider, vendor, request_model, response_model, region } = self.texts_anew(spelling);
        let model = if response_model.is_empty() { request_model } else { response_model };
        Identity {
            provider: Name::new(Kind::Provider, provider),
            vendor: Name::new(Kind::Provider, vendor),
            request_model: Name::new(Kind::Model, request_model),
            response_model: Name::new(Kind::Model, response_model),
            bare_model: Name::new(Kind::Model, bare(model)),
            bare_request_model: Name::new(Kind::Model, bare(request_model)),
            region: Name::new(Kind::Region, region),
            excludes_cached: self.resolver.excludes_cached(if vendor.is_empty() { provider } else { vendor }),
            has_reasoning_beside: self.resolver.has_reasoning_beside(provider, model),
            key,
        }
    }

    #[cold]
    fn texts_anew<'a>(&'a self, spelling: &Spelling<'a>) -> IdentityTexts<'a> {
        let Spelling { provider, request_model, response_model, server, region } = *spelling;
        let [provider, request_model, response_model, server, region] =
            [provider, request_model, response_model, server, region].map(text);
        // The model that names the provider, or the region, where nothing else does.
        let either = if request_model.is_empty() { response_model } else { request_model };
        let provider = self.resolver.provider_at(provider, either, host(server));
        let vendor = self.resolver.vendor(provider, either);
        let [request_model, response_model] =
            [request_model, response_model].map(|model| self.resolver.model(model, provider));
        let region = if region.is_empty() { self.resolver.region(host(server), either) } else { region };
        IdentityTexts { provider, vendor, request_model, response_model, region }
    }
}

// === impl Identity ===

impl Identity {
    /// The model that answered, else the one that was asked for.
    pub fn model(&self) -> Name {
        if self.response_model.is_none() { self.request_model } else { self.response_model }
    }

    /// Whether a name found no room, so that its text is not to be had from it.
    fn overflow(&self) -> bool {
        [self.provider, self.vendor, self.request_model, self.response_model, self.region].contains(&Name::OVERFLOW)
    }
}

/// A model without the name of its vendor: spans of one call may or may not have it.
fn bare(model: &str) -> &str {
    model.rsplit_once('/').map_or(model, |(_, name)| if name.is_empty() { model } else { name })
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spelling_is_resolved_alike_the_first_time_the_second_and_without_room() {
        let identities = Identities::compile(&Conventions::embedded());
        let spelling = |n: u64| Spelling {
            provider: [&b"OpenAI"[..], b"", b"aws.bedrock"][n as usize % 3],
            request_model: [&b"openai/gpt-4o"[..], b"gpt-4o", b""][n as usize % 3],
            response_model: b"",
            server: [&b"https://api.openai.com/v1"[..], b"", b"bedrock-runtime.eu-west-1.amazonaws.com:443"]
                [n as usize % 3],
            region: b"",
        };
        for n in 0..3 {
            let first = identities.resolve(&spelling(n));
            assert_eq!(format!("{:?}", identities.resolve(&spelling(n))), format!("{first:?}"));
            assert_eq!(identities.texts(&first, &spelling(n)), identities.texts_anew(&spelling(n)));
        }
        let regions: Vec<String> = (0..2 * PLACES).map(|n| format!("zone-{n}")).collect();
        for region in regions.iter().chain(&regions) {
            let spelling = Spelling { region: region.as_bytes(), ..spelling(0) };
            assert_eq!(identities.texts(&identities.resolve(&spelling), &spelling).region, region);
        }
        assert_eq!(identities.resolve(&spelling(2)).region.text(), "eu-west-1", "what is remembered stays");
    }

    #[test]
    fn spellings_that_differ_in_any_part_are_told_apart() {
        let parts = [&b"a"[..], b"b", b""];
        let mut seen = std::collections::HashSet::new();
        for number in 0..3_usize.pow(5) {
            let part = |place: u32| parts[number / 3_usize.pow(place) % 3];
            let spelling = Spelling {
                provider: part(0),
                request_model: part(1),
                response_model: part(2),
                server: part(3),
                region: part(4),
            };
            assert!(seen.insert(spelling.hash(7)), "{spelling:?}");
        }
    }
}
