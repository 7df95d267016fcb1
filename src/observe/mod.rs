//! The ledger, the metrics, the health and the logs of the process itself.
//!
//! Stages are given their part of the [`ledger`] and count into it; nothing here asks a stage for anything.

pub mod ledger;
