//! The calls of a session: each counted and billed once, however many spans describe it.
//!
//! 1. When a span arrives, what it says becomes a record, a [`Call`] ([`read`]).
//! 2. When the session is complete, records of one and the same call are grouped ([`dedup`], by how they nest:
//!    [`nesting`]), so that it is billed once ([`bill`]) and counted once ([`merge`]).
//! 3. The result is summed up ([`summarize()`], [`sums`], [`tools`]).
//! 4. What a span of a kept session does not say itself may follow from the others ([`co_occurrence`]).

mod bill;
mod call;
mod co_occurrence;
mod context;
mod dedup;
mod merge;
mod name_list;
mod nesting;
mod read;
mod summarize;
mod sums;
mod supplement;
mod tools;

#[cfg(test)]
mod tests;

pub use call::{Billing, Call, PackedCost, Used, VersionRef};
pub use co_occurrence::{CoOccurrence, MAX_NAMES};
pub use context::{Kin, SessionContext};
pub use dedup::within;
pub use read::{CallReader, Reading};
pub use summarize::summarize;
pub use sums::{Named, Sums, TokenSums, ToolCount};
