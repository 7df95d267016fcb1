//! What one span says, read from the values that the walk has selected.
//!
//! - [`extractor`]: the table compiled into slots of the walker's key table; reads the [`facts`] of a span
//! - [`extraction`]: what was extracted, from which the facts of a kept span and the record of a held one are made
//! - [`plan`]: where each field may stand, compiled; [`gather`] finds its best value on a span
//! - [`outcome`]: how a model call ended; [`tokens`]: tokens in buckets that do not overlap
//! - [`identity`]: provider, models and region by one name each, with [`providers`]
//! - [`errors`], [`fingerprint`]: errors and contents
//! - [`session_id`]: which session a span belongs to; [`session_end`]: how that ended
//! - [`json_scan`], [`values`]: values inside of texts, and in the forms in which senders write them

pub mod extractor;
pub mod facts;
pub mod identity;
pub mod json_scan;
pub mod outcome;
pub mod providers;
pub mod session_end;
pub mod session_id;
pub mod tokens;
pub mod unfinished;

mod errors;
pub(in crate::genai) mod extraction;
pub(in crate::genai) mod field_values;
mod fingerprint;
mod gather;
mod plan;
mod values;

#[cfg(test)]
mod tests;
