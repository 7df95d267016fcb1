//! What instrumentations say: one span in, its [`facts`] out, and what a call costs.
//!
//! - [`conventions`]: the table of keys and words, read from `config/conventions.yaml` or the user's file
//! - [`facts`]: the nouns: what one span says, and what may be kept of it
//! - [`tokens`]: tokens in buckets that do not overlap
//! - [`stream`]: how a model call ended
//! - [`fact_keys`]: the table compiled into slots of the walker's key table; reads a span's facts
//! - [`glance`]: what is seen of a span at first sight
//! - [`spent`]: what it spent at most, told from its numbers alone
//! - [`names`]: providers, models and regions by one name each
//! - [`answer_keys`]: which answer a span tells of, and whether the SDK of its provider wrote it
//! - [`session_keys`]: which attributes name a session, compiled in the same way
//! - [`ends`]: what says how a session ended
//! - [`json_scan`]: a value out of JSON or a Python repr in a string, tolerantly
//! - [`account`]: what a session's spans told, each call counted and billed once, and what that comes to
//! - [`usage`]: from what a span says to what it costs

pub mod account;
pub mod answer_keys;
pub mod conventions;
pub mod ends;
pub mod fact_keys;
pub mod facts;
pub mod glance;
pub mod json_scan;
pub mod names;
pub mod session_keys;
pub mod spent;
pub mod stream;
pub mod tokens;
pub mod usage;

mod coerce;
mod errors;
mod gather;
mod gathered;
mod hashed;
mod sight;
mod sources;
mod words;

#[cfg(test)]
mod tests;
