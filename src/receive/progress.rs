//! The progress of a connection: its requests, the headers and frames that are not finished, the answers that are not sent.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use super::bounds::{Bounds, Cut};

/// Periods of answers that are told apart.
const PERIODS: usize = 4;

/// The progress of a connection. Times are milliseconds of the table's.
#[derive(Debug)]
pub(super) struct Progress {
    accepted: u32,
    /// Requests whose answers have not been sent.
    open: AtomicU32,
    asked: AtomicBool,
    /// A request has begun since the last bytes came.
    begun: AtomicBool,
    served: AtomicBool,
    active: AtomicU32,
    /// When the frame or headers that are not finished began, or the write that is blocked; zero for none.
    unfinished: AtomicU32,
    blocked: AtomicU32,
    /// Answers that were not sent, by the period in which they were made.
    unsent: [AtomicU32; PERIODS],
}

// === impl Progress ===

impl Progress {
    pub(super) fn new(now: u32) -> Self {
        let [open, unfinished, blocked] = Default::default();
        let ([asked, begun, served], unsent) = Default::default();
        let active = AtomicU32::new(now);
        Self { accepted: now, open, asked, begun, served, active, unfinished, blocked, unsent }
    }

    /// A request begins.
    pub(super) fn begin(&self, now: u32) {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.asked.store(true, Ordering::Relaxed);
        self.begun.store(true, Ordering::Relaxed);
        self.active.store(now, Ordering::Relaxed);
    }

    /// Its answer is made; returns the period in which that was.
    pub(super) fn answered(&self, bounds: &Bounds, now: u32) -> usize {
        let period = period(bounds, now) % PERIODS;
        if let Some(count) = self.unsent.get(period) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        period
    }

    /// It has ended: answered in `period`, or without an answer.
    pub(super) fn end(&self, period: Option<usize>, now: u32) {
        if let Some(count) = period.and_then(|period| self.unsent.get(period)) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.active.store(now, Ordering::Relaxed);
    }

    /// A request was accepted: it is a client of the kind that the process is there for.
    pub(super) fn serve(&self) {
        self.served.store(true, Ordering::Relaxed);
    }

    /// Whether a request was accepted.
    pub(super) fn is_served(&self) -> bool {
        self.served.load(Ordering::Relaxed)
    }

    /// When something came or went of a request.
    pub(super) fn active(&self) -> u32 {
        self.active.load(Ordering::Relaxed)
    }

    /// Whether a request has begun since the last call.
    pub(super) fn take_begun(&self) -> bool {
        self.has_begun() && self.begun.swap(false, Ordering::Relaxed)
    }

    /// Whether a request has begun since the last bytes came.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Whether a request is open.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// Headers or a frame begin, or have ended.
    pub(super) fn unfinished(&self, is_unfinished: bool, now: u32) {
        mark(&self.unfinished, is_unfinished, now);
    }

    /// Bytes cannot be written to the socket, or were.
    pub(super) fn blocked(&self, is_blocked: bool, now: u32) {
        mark(&self.blocked, is_blocked, now);
    }

    /// Why it must be ended at `now`, if it must.
    pub(super) fn overdue(&self, bounds: &Bounds, now: u32) -> Option<Cut> {
        let since = |mark: &AtomicU32| Some(mark.load(Ordering::Relaxed)).filter(|since| *since > 0);
        let longer = |since: u32, than: Duration| u128::from(now.saturating_sub(since)) > than.as_millis();
        let unread = || {
            let overdue = period(bounds, now).checked_sub(PERIODS - 1);
            let count = overdue.and_then(|period| self.unsent.get(period % PERIODS));
            count.is_some_and(|count| count.load(Ordering::Relaxed) > 0)
        };
        match () {
            // Until the next bytes come, the headers of an open request on HTTP/1 are taken for unfinished.
            () if since(&self.unfinished).is_some_and(|since| longer(since, bounds.header_timeout))
                && !self.has_begun() =>
            {
                Some(Cut::Headers)
            }
            () if since(&self.blocked).is_some_and(|since| longer(since, bounds.write_timeout)) || unread() => {
                Some(Cut::Unread)
            }
            () if !self.asked.load(Ordering::Relaxed) => longer(self.accepted, bounds.greeting).then_some(Cut::Silent),
            () if self.is_open() => None,
            () => {
                let idle = bounds.idle_timeout?;
                longer(self.active.load(Ordering::Relaxed), idle).then_some(Cut::Idle)
            }
        }
    }
}

/// The number of the period of answers at `now`, of which two make the timeout. With two whole periods between its own
/// and this one, an answer is overdue.
fn period(bounds: &Bounds, now: u32) -> usize {
    now as usize / (bounds.write_timeout.as_millis() as usize / 2).max(1)
}

fn mark(mark: &AtomicU32, set: bool, now: u32) {
    match (set, mark.load(Ordering::Relaxed)) {
        (true, 0) => mark.store(now, Ordering::Relaxed),
        (false, 1..) => mark.store(0, Ordering::Relaxed),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        max_connections: 1,
        max_header_bytes: 1,
        header_timeout: Duration::from_secs(3),
        write_timeout: Duration::from_secs(10),
        idle_timeout: Some(Duration::from_secs(60)),
        greeting: Duration::from_secs(30),
    };

    #[test]
    fn a_connection_without_a_request_is_silent_before_the_first_and_idle_after_it() {
        let progress = Progress::new(1000);
        assert_eq!([31_000, 31_001].map(|now| progress.overdue(&BOUNDS, now)), [None, Some(Cut::Silent)]);
        progress.begin(31_000);
        assert_eq!(progress.overdue(&BOUNDS, 1_000_000), None, "its request is open");
        progress.end(None, 40_000);
        assert_eq!([100_000, 100_001].map(|now| progress.overdue(&BOUNDS, now)), [None, Some(Cut::Idle)]);
    }

    #[test]
    fn headers_that_do_not_end_and_writes_that_stand_still_are_overdue() {
        let progress = Progress::new(1);
        progress.begin(1);
        progress.take_begun();
        progress.unfinished(true, 1000);
        progress.unfinished(true, 3000);
        assert_eq!([4000, 4001].map(|now| progress.overdue(&BOUNDS, now)), [None, Some(Cut::Headers)]);
        progress.unfinished(false, 4001);
        progress.blocked(true, 5000);
        assert_eq!([15_000, 15_001].map(|now| progress.overdue(&BOUNDS, now)), [None, Some(Cut::Unread)]);
        progress.blocked(false, 15_001);
        assert_eq!(progress.overdue(&BOUNDS, 20_000), None);
    }

    #[test]
    fn an_answer_is_overdue_between_one_timeout_and_one_and_a_half_after_it_was_made_however_many_others_are_read() {
        for made in [5_000, 9_999, 12_345] {
            let progress = Progress::new(1);
            progress.begin(made);
            let stuck = progress.answered(&BOUNDS, made);
            let mut overdue = None;
            for now in (made..made + 20_000).step_by(100) {
                progress.begin(now);
                let period = progress.answered(&BOUNDS, now);
                progress.end(Some(period), now);
                overdue = overdue.or(progress.overdue(&BOUNDS, now).map(|_| now - made));
            }
            assert!(overdue.is_some_and(|after| (10_000..=15_100).contains(&after)), "{made}: {overdue:?}");
            progress.end(Some(stuck), made + 20_000);
            assert_eq!(progress.overdue(&BOUNDS, made + 20_000), None);
        }
    }
}
