//! One log line in ten seconds, however often a thing happens, with the count of what it stands for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Time between two lines.
const EVERY: Duration = Duration::from_secs(10);

/// One kind of line.
#[derive(Debug, Default)]
pub(super) struct Notice(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    count: u64,
}

impl Notice {
    /// Counts `count` more at `now`; when a line is due, gives all that was counted since the last one.
    pub(super) fn due(&self, count: u64, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.count = state.count.saturating_add(count);
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < EVERY) {
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_ten_seconds_with_the_count_since_the_last() {
        let (notice, start) = (Notice::default(), Instant::now());
        assert_eq!(notice.due(3, start), Some(3));
        assert_eq!(notice.due(4, start + Duration::from_secs(1)), None);
        assert_eq!(notice.due(5, start + Duration::from_secs(9)), None);
        assert_eq!(notice.due(6, start + Duration::from_secs(10)), Some(15));
        assert_eq!(notice.due(1, start + Duration::from_secs(11)), None);
    }
}
