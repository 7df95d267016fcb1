//! What instrumentations say: the convention table; and what models cost.
//!
//! - [`conventions`]: the table itself, read from `config/conventions.yaml` or the user's file
//! - [`session_keys`]: which attributes name a session, compiled into slots of the walker's key table
//! - [`json_scan`]: a value out of JSON in a string, tolerantly
//! - [`price`]: the price book

pub mod conventions;
pub mod json_scan;
pub mod price;
pub mod session_keys;
