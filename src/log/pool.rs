//! The pool: segments that wait to be written, and the count of all bytes that the log holds.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use memmap2::{Advice, MmapMut, MmapOptions};

/// How many faulted-in segments wait ahead of the lanes, so that no request pays for page faults.
const AHEAD: usize = 2;

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
    /// Faulted in and ready.
    ready: Vec<MmapMut>,
    /// Bytes mapped: ready, and in use.
    mapped: usize,
    closed: bool,
}

// === impl Pool ===

impl Pool {
    pub(super) fn new(limit: usize, segment_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            segment_bytes,
            limit,
            state: Mutex::new(State { ready: Vec::new(), mapped: 0, closed: false }),
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
            while !state.closed && (state.ready.len() >= AHEAD || !this.may_map(&state)) {
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
            let mut state = this.lock();
            match map {
                Some(map) => state.ready.push(map),
                None => {
                    state.mapped -= this.segment_bytes;
                    drop(state);
                    tracing::error!(bytes = this.segment_bytes, "cannot map memory for a segment");
                    std::thread::sleep(std::time::Duration::from_millis(100));
                }
            }
        }
    }

    /// Memory of a segment, to be given back in the end; `None` when the limit is reached.
    pub(super) fn take(&self) -> Option<MmapMut> {
        let mut state = self.lock();
        let map = state.ready.pop();
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
            false => state.ready.push(map),
        }
    }

    /// Unmaps up to `bytes` of segments that wait to be written, but for those that wait ahead of need.
    pub(super) fn unmap(&self, bytes: usize) {
        let mut state = self.lock();
        let count = (bytes / self.segment_bytes).min(state.ready.len().saturating_sub(AHEAD));
        let kept = state.ready.len() - count;
        let unmapped = state.ready.split_off(kept);
        state.mapped -= count * self.segment_bytes;
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
