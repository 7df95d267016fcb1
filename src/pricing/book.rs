//! The price book: loaded editions, custom prices, and cached lookups.

use std::hash::BuildHasher;
use std::sync::Arc;

use super::found::{Resolved, Unpriced};
use super::nouns::Source;
use super::overrides::Overrides;
use super::remembered::Remembered;
use super::{genai_prices, litellm};

/// All prices. Shared by all shards. Lookups are cached.
#[derive(Debug)]
pub struct PriceBook {
    /// The books, in the order of lookup.
    pub(super) editions: Vec<Edition>,
    /// The custom prices.
    pub(super) overrides: Overrides,
    /// The version of the custom prices.
    own_version: Box<str>,
    /// Cached lookups, by a hash of provider, models and region.
    pub(super) remembered: Remembered<u128, Resolved>,
    /// The seed of that hash.
    pub(super) seed: u64,
}

/// A loaded book.
#[derive(Debug)]
pub struct Edition {
    /// The file, or `embedded litellm`.
    pub(super) name: Arc<str>,
    /// SHA-256 of the file, in hex.
    pub(super) sha256: Box<str>,
    pub(super) contents: Contents,
}

/// The contents of a book, by its format.
#[derive(Debug)]
pub(super) enum Contents {
    Litellm(litellm::Book),
    Genai(genai_prices::Book),
}

/// The number of rows of a book, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows with a price.
    pub priced: usize,
    /// Rows whose prices are all zero.
    pub zero: usize,
    /// Rows priced by units that no span counts.
    pub other_units: usize,
    /// Rows without any price.
    pub nothing: usize,
    /// Rows that could not be read.
    pub skipped: usize,
    /// The problem of the first skipped row.
    pub first_skipped: Option<String>,
    /// Price keys that are not understood, over all rows.
    pub unknown_keys: usize,
}

/// Number of hex digits of a file's SHA-256 that identify its edition.
const VERSION_DIGITS: usize = 12;

// === impl PriceBook ===

impl PriceBook {
    /// Returns the price book of these editions and custom prices. `own` is the SHA-256 of the custom prices, in hex.
    pub(super) fn of(editions: Vec<Edition>, overrides: Overrides, own: String) -> Self {
        let seed = foldhash::fast::RandomState::default().hash_one(0_u8);
        let own_version = own.get(..VERSION_DIGITS).unwrap_or_default().into();
        Self { editions, overrides, own_version, remembered: Remembered::default(), seed }
    }

    /// Returns the version of the custom prices: the first digits of the SHA-256 of their files. Empty if there are none.
    pub fn own_version(&self) -> &str {
        &self.own_version
    }

    /// Returns whether both have the same editions, in the same order.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let editions = |book: &Self| book.editions.iter().map(|it| (it.name.clone(), it.sha256.clone())).collect();
        let (own, others): (Vec<_>, Vec<_>) = (editions(self), editions(other));
        own == others && self.own_version == other.own_version
    }

    /// Returns the books, without custom prices.
    pub fn editions(&self) -> &[Edition] {
        &self.editions
    }

    /// Returns the version of the custom prices if `source` is that of custom prices. Books have their own versions.
    pub(super) fn version(&self, source: Source) -> &str {
        if source == Source::Override { &self.own_version } else { "" }
    }
}

// === impl Edition ===

impl Edition {
    /// Returns the edition with the contents of the file `name`.
    pub(super) fn new(name: Arc<str>, sha256: String, contents: Contents) -> Self {
        Self { name, sha256: sha256.into(), contents }
    }

    /// Returns the name of the file, or `embedded litellm`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the publisher of the book.
    pub fn source(&self) -> Source {
        self.contents.source()
    }

    /// Returns the SHA-256 of the file, in hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Returns the version: the first digits of the SHA-256.
    pub fn version(&self) -> &str {
        self.sha256.get(..VERSION_DIGITS).unwrap_or_default()
    }

    /// Counts the rows by kind.
    pub fn counts(&self) -> Counts {
        let (reasons, skipped, first_skipped, unknown_keys): (Vec<_>, _, _, _) = match &self.contents {
            Contents::Litellm(book) => {
                let reasons = book.rows.iter().map(|row| row.unpriced).collect();
                (reasons, book.skipped, &book.first_skipped, book.unknown_keys)
            }
            Contents::Genai(book) => {
                let reasons = book.models.iter().map(|model| model.unpriced).collect();
                (reasons, book.skipped, &book.first_skipped, book.unknown_keys)
            }
        };
        let count = |reason| reasons.iter().filter(|known| **known == reason).count();
        Counts {
            priced: count(None),
            zero: count(Some(Unpriced::Zero)),
            other_units: count(Some(Unpriced::OtherUnits)),
            nothing: count(Some(Unpriced::Nothing)),
            skipped,
            first_skipped: first_skipped.clone(),
            unknown_keys,
        }
    }
}

// === impl Contents ===

impl Contents {
    /// Returns the publisher of the book.
    pub(super) fn source(&self) -> Source {
        match self {
            Self::Litellm(_) => Source::Litellm,
            Self::Genai(_) => Source::Genai,
        }
    }

    /// Returns why a row has no price. `None` if it has one.
    pub(super) fn unpriced(&self, row: u32) -> Option<Unpriced> {
        match self {
            Self::Litellm(book) => book.rows.get(row as usize)?.unpriced,
            Self::Genai(book) => book.models.get(row as usize)?.unpriced,
        }
    }
}
