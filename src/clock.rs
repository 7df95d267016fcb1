//! Time as a parameter. Stages are handed a [`Nanos`] or a [`Clock`]; nothing else asks the system for the time, so
//! that a test can let weeks pass in a moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point in time: nanoseconds since the Unix epoch, as OTLP counts them. Never runs backwards within a process.
pub type Nanos = u64;

/// One second in [`Nanos`].
pub const SECOND: Nanos = 1_000_000_000;

/// Where the time comes from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's: the wall time at the start, carried on by the monotonic clock.
    System {
        /// Wall time when the clock was made, in nanoseconds since the epoch.
        origin: Nanos,
        /// Monotonic time when the clock was made.
        started: Instant,
    },
    /// Set by a test.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        let origin = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::System { origin: nanos(origin), started: Instant::now() }
    }

    /// A clock that stands still at `at` until it is set.
    pub fn manual(at: Nanos) -> Self {
        Self::Manual(Arc::new(AtomicU64::new(at)))
    }

    /// The time now.
    pub fn now(&self) -> Nanos {
        match self {
            Self::System { origin, started } => origin.saturating_add(nanos(started.elapsed())),
            Self::Manual(at) => at.load(Ordering::Acquire),
        }
    }

    /// Sets a manual clock; a system clock is left alone.
    pub fn set(&self, at: Nanos) {
        if let Self::Manual(now) = self {
            now.store(at, Ordering::Release);
        }
    }
}

/// A duration in nanoseconds, saturating.
pub fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
