//! What receivers need from the rest of the process.

use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Clock;
use crate::flow::{Receipt, Signal};
use crate::log::{Log, Record};
use crate::observe::ledger::Ledger;

/// What the pipeline gives to the receivers.
pub struct Intake {
    /// The log to which traces are written.
    pub log: Arc<Log>,
    /// The clock that gives their arrival times.
    pub clock: Clock,
    /// The ledger that counts requests. Requests are refused as long as it is not ready.
    pub ledger: Arc<Ledger>,
    /// Accepts a request of traces. Runs on the connection's thread.
    pub take: Arc<dyn Fn(Record) -> Receipt + Send + Sync>,
    /// Accepts a request of logs or metrics: protobuf, decompressed, not decoded.
    pub pass: Arc<dyn Fn(Signal, Bytes) -> Receipt + Send + Sync>,
    /// The signals other than traces that have an exporter.
    pub carries: Carries,
    /// Returns whether memory is too short to read new requests.
    pub shut: Arc<dyn Fn() -> bool + Send + Sync>,
    /// The maximum bytes of requests being read and decompressed at once, over all connections.
    pub in_flight_limit: u64,
    /// The maximum bytes of memory that connections may take, beside those of requests in flight.
    pub connection_limit: u64,
    /// The file descriptors that connections may have.
    pub descriptors: usize,
}

/// The signals other than traces that have an exporter. Requests of other signals are answered as unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carries {
    /// Logs.
    pub logs: bool,
    /// Metrics.
    pub metrics: bool,
}
