//! The ledger, the metrics, the health and the logs of the process itself.
//!
//! Stages are given their part of the [`ledger`] and count into it; nothing here asks a stage for anything. How full the
//! memory is ([`pressure`]) is read from the same counts, so that what is acted on is what is shown.

pub mod allocator;
pub mod http;
pub mod ledger;
pub mod logs;
pub mod machine;
pub mod metrics;
pub mod pressure;
pub mod throttle;
pub mod vital;
