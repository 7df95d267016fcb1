//! The pool: segments that wait to be written, and the count of all bytes that the log holds.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use memmap2::{Advice, MmapMut, MmapOptions};

use crate::clock::{Nanos, SECOND};

/// How many faulted-in segments wait ahead of the lanes, so that no request pays for page faults.
const AHEAD: usize = 2;

/// How long a free segment stays mapped without being used. Long enough for the troughs of a load that comes in waves,
/// because mapping the segment again costs a page fault per page.
const IDLE: Nanos = 300 * SECOND;

/// Where lanes take segments from and where they return to. Shared by all; touched once a segment, not once a request.
pub(crate) struct Pool {
    segment_bytes: usize,
    limit: usize,
    state: Mutex<State>,
    wanted: Condvar,
    serial: AtomicU64,
    /// Bytes of segments of one record that are alive.
    own: AtomicUsize,
    /// Bytes that holders of segments want.
    live: AtomicU64,
}

struct State {
    /// Free segments, faulted in, the least recently used at the front. They are taken from the back: those are still in
    /// the caches, and what the load does not need any more ages at the front.
    ready: VecDeque<Free>,
    /// Bytes mapped: ready, and in use.
    mapped: usize,
    closed: bool,
}

/// A free segment.
struct Free {
    map: MmapMut,
    /// The time at which [`Pool::unmap_idle`] first found it free.
    since: Option<Nanos>,
}

// === impl Pool ===

impl Pool {
    pub(super) fn new(limit: usize, segment_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            segment_bytes,
            limit,
            state: Mutex::new(State { ready: VecDeque::new(), mapped: 0, closed: false }),
            wanted: Condvar::new(),
            serial: AtomicU64::new(1),
            own: AtomicUsize::new(0),
            live: AtomicU64::new(0),
        })
    }

    /// Faults segments in ahead of need, until the pool is closed or dropped.
    pub(super) fn prefault(pool: &Weak<Self>) {
        while let Some(this) = pool.upgrade() {
            let mut state = this.lock();
            while !state.closed && !this.lacks_free(&state) {
                // Wakes now and then only to see whether one-record segments have made room.
                let wait = this.wanted.wait_timeout(state, std::time::Duration::from_secs(1));
                state = wait.unwrap_or_else(PoisonError::into_inner).0;
            }
            if state.closed {
                return;
            }
            state.mapped += this.segment_bytes;
            drop(state);
            let map = fault_in(this.segment_bytes);
            match map {
                Some(map) => this.add_mapped(map),
                None => {
                    this.lock().mapped -= this.segment_bytes;
                    tracing::error!(bytes = this.segment_bytes, "cannot map memory for a segment");
                    std::thread::sleep(std::time::Duration::from_millis(100));
                }
            }
        }
    }

    /// Whether a segment must be mapped ahead of need: fewer than [`AHEAD`] are free, and the limit has room for one.
    fn lacks_free(&self, state: &State) -> bool {
        state.ready.len() < AHEAD && self.may_map(state)
    }

    /// Adds a segment that was mapped ahead of need. Segments that came back meanwhile are taken before it.
    fn add_mapped(&self, map: MmapMut) {
        self.lock().ready.push_front(Free { map, since: None });
    }

    /// Takes the free segment that was used last, or maps one. It must be given back in the end. `None` when the limit is
    /// reached.
    pub(super) fn take(&self) -> Option<MmapMut> {
        let mut state = self.lock();
        let map = state.ready.pop_back().map(|free| free.map);
        if map.is_none() && !self.may_map(&state) {
            return None;
        }
        if map.is_none() {
            state.mapped += self.segment_bytes;
        }
        drop(state);
        self.wanted.notify_one();
        map.or_else(|| fault_in(self.segment_bytes)).or_else(|| {
            self.lock().mapped -= self.segment_bytes;
            None
        })
    }

    /// Counts `bytes` of a segment of one record; `false`, without counting, when the limit is reached.
    pub(super) fn own_wanted(&self, bytes: usize) -> bool {
        let used = self.used() + self.own.load(Ordering::Relaxed);
        let fits = used.saturating_add(bytes) <= self.limit;
        if fits {
            self.own.fetch_add(bytes, Ordering::Relaxed);
        }
        fits
    }

    /// Counts `bytes` of a segment of one record whatever the limit: what is copied forward frees more than it takes.
    pub(super) fn own_taken(&self, bytes: usize) {
        self.own.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn own_freed(&self, bytes: usize) {
        self.own.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn own_bytes(&self) -> usize {
        self.own.load(Ordering::Relaxed)
    }

    pub(super) fn want(&self, bytes: u64) {
        self.live.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn release(&self, bytes: u64) {
        self.live.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn live(&self) -> u64 {
        self.live.load(Ordering::Relaxed)
    }

    pub(super) fn give_back(&self, map: MmapMut) {
        let mut state = self.lock();
        // What one-record segments took meanwhile is given up here, so that the sum stays under the limit.
        match state.mapped + self.own.load(Ordering::Relaxed) > self.limit {
            true => state.mapped -= self.segment_bytes,
            false => state.ready.push_back(Free { map, since: None }),
        }
    }

    /// Unmaps up to `bytes` of free segments, the least recently used first. [`AHEAD`] of them stay.
    pub(super) fn unmap(&self, bytes: usize) {
        let mut state = self.lock();
        let count = (bytes / self.segment_bytes).min(state.ready.len().saturating_sub(AHEAD));
        let unmapped: Vec<Free> = state.ready.drain(..count).collect();
        state.mapped -= count * self.segment_bytes;
        drop(state);
        drop(unmapped);
    }

    /// Unmaps one free segment that was not used for [`IDLE`], if there is one. [`AHEAD`] of them stay. One a call, so that
    /// the caller is never held up by the unmapping of gigabytes.
    pub(super) fn unmap_idle(&self, now: Nanos) {
        let mut state = self.lock();
        for free in &mut state.ready {
            free.since.get_or_insert(now);
        }
        let spare = state.ready.len().saturating_sub(AHEAD);
        let is_idle = |free: &Free| free.since.is_some_and(|since| now.saturating_sub(since) >= IDLE);
        let idle = state.ready.iter().take(spare).position(is_idle);
        let Some(unmapped) = idle.and_then(|index| state.ready.remove(index)) else { return };
        state.mapped -= self.segment_bytes;
        drop(state);
        drop(unmapped);
    }

    /// Bytes of mapped segments in use.
    pub(super) fn used(&self) -> usize {
        let state = self.lock();
        state.mapped.saturating_sub(state.ready.len() * self.segment_bytes)
    }

    /// Bytes of mapped segments that wait to be written.
    pub(super) fn free(&self) -> usize {
        self.lock().ready.len() * self.segment_bytes
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn segment_bytes(&self) -> usize {
        self.segment_bytes
    }

    pub(super) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wanted.notify_all();
    }

    fn may_map(&self, state: &State) -> bool {
        state.mapped + self.segment_bytes + self.own.load(Ordering::Relaxed) <= self.limit
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `bytes` of page-aligned memory with every page faulted in.
fn fault_in(bytes: usize) -> Option<MmapMut> {
    let mut map = MmapOptions::new().len(bytes).map_anon().ok()?;
    // Huge pages fault in faster; where the kernel has none the advice changes nothing.
    let _ = map.advise(Advice::HugePage);
    if map.advise(Advice::PopulateWrite).is_err() {
        map.chunks_mut(4096).filter_map(|page| page.first_mut()).for_each(|byte| *byte = 0);
    }
    Some(map)
}

#[cfg(test)]
mod tests;
