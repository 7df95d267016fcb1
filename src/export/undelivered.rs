//! What a stop leaves behind.

use crate::observe::ledger::Spans;

/// The spans and requests that were not delivered before the deadline of a stop. They are counted as failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Undelivered {
    /// Spans, of one exporter or over all of them.
    pub spans: Spans,
    /// Requests that are passed through, of one exporter or over all of them.
    pub requests: u64,
}
