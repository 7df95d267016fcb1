//! When a request is sent again: otelcol's `retry_on_failure`, an exponential backoff with jitter
//! (<https://github.com/open-telemetry/opentelemetry-collector/tree/main/config/configretry>).

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::config::Retry;

/// The backoff of one request.
#[derive(Debug)]
pub(super) struct Backoff<'a> {
    config: &'a Retry,
    /// Seconds before the next attempt, without jitter.
    interval: f64,
}

impl<'a> Backoff<'a> {
    /// Before the first failure.
    pub(super) fn new(config: &'a Retry) -> Self {
        Self { config, interval: config.initial_interval.as_secs_f64() }
    }

    /// How long to wait before the next attempt, `elapsed` after the first one: at least `after`, which the backend
    /// asked for. `random` is in 0..1. `None` when the request is to be given up.
    pub(super) fn next(&mut self, elapsed: Duration, after: Option<Duration>, random: f64) -> Option<Duration> {
        if !self.config.enabled {
            return None;
        }
        let jitter = self.config.randomization_factor * (2.0 * random - 1.0);
        let delay = Duration::try_from_secs_f64(self.interval * (1.0 + jitter)).unwrap_or(self.config.max_interval);
        self.interval = (self.interval * self.config.multiplier).min(self.config.max_interval.as_secs_f64());
        let delay = delay.max(after.unwrap_or_default());
        let limit = self.config.max_elapsed_time;
        let in_time = limit.is_zero() || elapsed.saturating_add(delay) <= limit;
        in_time.then_some(delay)
    }
}

/// A number in 0..1, to spread retries; nothing depends on its quality.
pub(super) fn random() -> f64 {
    let bits = RandomState::new().hash_one(0_u8);
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: f64 = 0.5;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn intervals_grow_by_the_multiplier_up_to_the_maximum() {
        let config = Retry::default();
        let mut backoff = Backoff::new(&config);
        let delays: Vec<f64> =
            (0..7).map(|_| backoff.next(Duration::ZERO, None, MIDDLE).unwrap().as_secs_f64()).collect();
        assert_eq!(delays, [5.0, 7.5, 11.25, 16.875, 25.3125, 30.0, 30.0]);
    }

    #[test]
    fn jitter_stays_within_the_randomization_factor() {
        let config = Retry::default();
        assert_eq!(Backoff::new(&config).next(secs(0), None, 0.0), Some(Duration::from_millis(2500)));
        assert_eq!(Backoff::new(&config).next(secs(0), None, 1.0), Some(Duration::from_millis(7500)));
        assert!((0..1000).map(|_| random()).all(|random| (0.0..1.0).contains(&random)));
        assert_ne!(random(), random());
    }

    #[test]
    fn what_the_backend_asks_for_is_a_minimum() {
        let config = Retry::default();
        assert_eq!(Backoff::new(&config).next(secs(0), Some(secs(20)), MIDDLE), Some(secs(20)));
        assert_eq!(Backoff::new(&config).next(secs(0), Some(secs(1)), MIDDLE), Some(secs(5)));
        assert_eq!(Backoff::new(&config).next(secs(0), Some(Duration::MAX), MIDDLE), None);
    }

    #[test]
    fn gives_up_when_the_next_attempt_would_come_too_late() {
        let config = Retry::default();
        assert_eq!(Backoff::new(&config).next(secs(295), None, MIDDLE), Some(secs(5)));
        assert_eq!(Backoff::new(&config).next(secs(296), None, MIDDLE), None);
        let for_ever = Retry { max_elapsed_time: Duration::ZERO, ..Retry::default() };
        assert_eq!(Backoff::new(&for_ever).next(secs(1 << 40), None, MIDDLE), Some(secs(5)));
        let disabled = Retry { enabled: false, ..Retry::default() };
        assert_eq!(Backoff::new(&disabled).next(secs(0), None, MIDDLE), None);
    }

    #[test]
    fn absurd_settings_do_not_panic() {
        let config = Retry { multiplier: f64::INFINITY, randomization_factor: -9.0, ..Retry::default() };
        let mut backoff = Backoff::new(&config);
        for random in [0.0, 0.5, 1.0, f64::NAN] {
            assert!(backoff.next(secs(0), None, random).unwrap() <= secs(300));
        }
    }
}
