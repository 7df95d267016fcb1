//! What a client or a backend can cause, at most once an interval: log lines above all.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Nanos;

/// Lets one through an interval. One for each place in the code that asks.
#[derive(Debug)]
pub struct Throttle {
    interval: Nanos,
    /// Nothing passes before it.
    next: AtomicU64,
    suppressed: AtomicU64,
}

// === impl Throttle ===

impl Throttle {
    /// At most one every `interval` nanoseconds.
    pub const fn new(interval: Nanos) -> Self {
        Self { interval, next: AtomicU64::new(0), suppressed: AtomicU64::new(0) }
    }

    /// Whether it may be at `now`, a line logged above all: `Some` with how many were not since the last one.
    pub fn admit(&self, now: Nanos) -> Option<u64> {
        let next = self.next.load(Ordering::Relaxed);
        let later = now.saturating_add(self.interval);
        // Of callers that race, the one that moves `next` on logs.
        if now < next || self.next.compare_exchange(next, later, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            self.suppressed.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(self.suppressed.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;

    #[test]
    fn one_line_an_interval_passes_and_says_how_many_did_not() {
        let throttle = Throttle::new(10 * SECOND);
        let start = 1_000 * SECOND;
        assert_eq!(throttle.admit(start), Some(0));
        assert_eq!(throttle.admit(start), None);
        assert_eq!(throttle.admit(start + 10 * SECOND - 1), None);
        assert_eq!(throttle.admit(start + 10 * SECOND), Some(2));
        assert_eq!(throttle.admit(start + 30 * SECOND), Some(0));
    }

    #[test]
    fn of_many_threads_at_one_moment_one_logs_and_all_are_counted() {
        let throttle = Throttle::new(SECOND);
        let passed: Vec<u64> = std::thread::scope(|scope| {
            let calls = || (0..1000).filter_map(|_| throttle.admit(SECOND)).collect::<Vec<_>>();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(calls)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(passed.len(), 1);
        // The line that passed may have said of some already that they did not.
        assert_eq!(passed[0] + throttle.admit(3 * SECOND).unwrap(), 3999);
    }
}
