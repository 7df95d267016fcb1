//! What can come of sending a batch.

use std::time::Duration;

/// What came of sending one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Taken, but for `rejected` of its spans, records or points.
    Taken { rejected: u64, message: String },
    /// Not now: to be sent again, not before `after`.
    Retry { after: Option<Duration>, message: String },
    /// Refused for its size.
    TooLarge { message: String },
    /// Refused for good.
    Refused { message: String },
}

// === impl Outcome ===

impl Outcome {
    /// Taken whole.
    pub(super) fn taken() -> Self {
        Self::Taken { rejected: 0, message: String::new() }
    }
}
