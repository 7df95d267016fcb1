//! Timers: a ring of ticks, each with the sessions to be looked at then. A session is looked at when it may be due; when it
//! is not, it is put in again. So the wheel never has to find or move anything, and a million sessions cost no more a
//! tick than those that come up in it.

use crate::clock::Nanos;

/// Length of a tick.
pub(super) const TICK: Nanos = 100_000_000;
/// Ticks in the ring: what is due later than some seven minutes is looked at on the way.
const RING: u64 = 4096;

/// The ring. Owned by a shard's thread.
#[derive(Debug)]
pub(super) struct Wheel<T> {
    ring: Vec<Vec<T>>,
    /// The next tick to be taken, counted from the epoch.
    next: u64,
}

// === impl Wheel ===

impl<T> Wheel<T> {
    /// A wheel that begins at `now`.
    pub(super) fn new(now: Nanos) -> Self {
        Self { ring: (0..RING).map(|_| Vec::new()).collect(), next: now / TICK }
    }

    /// Puts `item` in to come up when `due` has passed, or earlier when that is far off.
    pub(super) fn put(&mut self, due: Nanos, item: T) {
        let tick = (due / TICK + 1).clamp(self.next, self.next + RING - 1);
        if let Some(place) = self.ring.get_mut((tick % RING) as usize) {
            place.push(item);
        }
    }

    /// Takes out what has come up by `now`.
    pub(super) fn take(&mut self, now: Nanos, out: &mut Vec<T>) {
        let last = now / TICK;
        if last >= self.next + RING {
            // Time has leapt: everything has come up.
            self.ring.iter_mut().for_each(|place| out.append(place));
            self.next = last + 1;
        }
        while self.next <= last {
            if let Some(place) = self.ring.get_mut((self.next % RING) as usize) {
                out.append(place);
            }
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;

    fn taken(wheel: &mut Wheel<u32>, now: Nanos) -> Vec<u32> {
        let mut out = Vec::new();
        wheel.take(now, &mut out);
        out.sort_unstable();
        out
    }

    #[test]
    fn nothing_comes_up_before_it_is_due() {
        let start = 1_000 * SECOND;
        let mut wheel = Wheel::new(start);
        wheel.put(start + SECOND, 1);
        wheel.put(start + 2 * SECOND, 2);
        wheel.put(start - SECOND, 3);
        assert_eq!(taken(&mut wheel, start + SECOND / 2), [3]);
        assert_eq!(taken(&mut wheel, start + SECOND), [0; 0]);
        assert_eq!(taken(&mut wheel, start + SECOND + TICK), [1]);
        assert_eq!(taken(&mut wheel, start + 3 * SECOND), [2]);
    }

    #[test]
    fn what_is_far_off_comes_up_on_the_way_and_a_leap_brings_everything() {
        let mut wheel = Wheel::new(0);
        wheel.put(100_000 * SECOND, 1);
        assert_eq!(taken(&mut wheel, RING * TICK), [1]);
        wheel.put(700 * SECOND, 2);
        wheel.put(410 * SECOND, 3);
        assert_eq!(taken(&mut wheel, 10_000_000 * SECOND), [2, 3]);
        wheel.put(0, 4);
        assert_eq!(taken(&mut wheel, 10_000_001 * SECOND), [4]);
    }
}
