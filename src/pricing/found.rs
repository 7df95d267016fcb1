//! Results of lookups in price books.

use super::nouns::Match;

/// A row that a lookup found in one book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The index of the row in its book.
    pub(super) row: u32,
    /// How the name of the model was matched.
    pub(super) matched: Match,
    /// Whether the row belongs to the named provider. False if no provider was named.
    pub(super) provider_known: bool,
}

/// The result of a lookup: the price of a provider's model, before the time and the token counts of a call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Resolved {
    /// The index of the first custom price rule that applies.
    pub(super) rule: Option<usize>,
    /// The index of the book, and the row.
    pub(super) row: Option<(usize, Found)>,
    /// Whether the model is self-hosted.
    pub(super) self_hosted: bool,
}

/// Why a row has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unpriced {
    /// All its prices are zero: the model is included in a subscription, or the prices were not filled in.
    Zero,
    /// It is priced by units that no span counts: images, pixels, seconds, characters.
    OtherUnits,
    /// It has no prices.
    Nothing,
}
