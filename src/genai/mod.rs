//! What instrumentations say: the convention table.
//!
//! - [`conventions`]: the table itself, read from `config/conventions.yaml` or the user's file
//! - [`session_keys`]: which attributes name a session, compiled into slots of the walker's key table
//! - [`json_scan`]: a value out of JSON in a string, tolerantly

pub mod conventions;
pub mod json_scan;
pub mod session_keys;
