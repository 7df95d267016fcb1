//! The counters that must balance, in spans and in bytes of spans as received:
//!
//! - at the shards: `taken = kept + dropped + held + duplicate + lost`, in each one's own snapshot;
//! - for each exporter: `routed = sent + queued + failed`, likewise.
//!
//! Each owner changes its counts under its own small lock, once a request or a batch, so that whoever reads them sees
//! them balanced at every moment.

use std::collections::BTreeMap;
use std::ops::{AddAssign, SubAssign};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::flow::Reason;

/// Spans and their bytes as received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// How many.
    pub spans: u64,
    /// Bytes of their `Span` messages.
    pub bytes: u64,
}

/// All counts of a process. Made once, by the pipeline.
#[derive(Debug, Default)]
pub struct Ledger {
    /// At the door, by transport.
    pub doors: [DoorCounts; 2],
    /// One a shard.
    pub shards: Vec<Arc<ShardLedger>>,
    /// One an exporter.
    pub lanes: Vec<Arc<LaneLedger>>,
    /// How many verdicts there were.
    pub verdicts: Mutex<Verdicts>,
    /// Estimated bytes that spans on their way to a shard will take in its tables. Changed by the way to the shards alone.
    pub arriving_bytes: Arc<AtomicU64>,
    /// New requests are taken: false before the start is done and once the stop has begun.
    pub ready: AtomicBool,
}

/// Verdicts by rule, whether it kept, and reason.
pub type Verdicts = BTreeMap<(Arc<str>, bool, Reason), u64>;

/// Transports of the door, indexes of [`Ledger::doors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// OTLP/gRPC
    Grpc = 0,
    /// OTLP/HTTP
    Http = 1,
}

/// What one transport took and refused.
#[derive(Debug, Default)]
pub struct DoorCounts {
    /// Spans taken in.
    pub accepted_spans: AtomicU64,
    /// Spans refused by partial success.
    pub refused_spans: AtomicU64,
    /// Their bytes.
    pub refused_bytes: AtomicU64,
    /// Requests taken in, all signals.
    pub accepted_requests: AtomicU64,
    /// Requests refused for want of room: they may be sent again.
    pub full_requests: AtomicU64,
    /// Requests refused for what they are: malformed, too large, unknown encoding.
    pub bad_requests: AtomicU64,
    /// Bytes of requests as they came, compressed or not.
    pub request_bytes: AtomicU64,
    /// Bytes of requests being read or worked on now.
    pub in_flight_bytes: AtomicU64,
    /// Open connections.
    pub connections: AtomicU64,
    /// Bytes of memory that they take, by estimate, beside those in flight.
    pub connection_bytes: AtomicU64,
    /// Connections that were cut for want of progress or of room.
    pub cut_connections: AtomicU64,
}

/// The counts of one shard, changed by its thread alone.
#[derive(Debug, Default)]
pub struct ShardLedger(Mutex<ShardCounts>);

/// What one shard did with its spans. Bytes are those of `Span` messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardCounts {
    /// Taken from the door.
    pub taken: Spans,
    /// In its tables.
    pub held: Spans,
    /// Of sessions that were kept.
    pub kept: Spans,
    /// Of sessions that were dropped.
    pub dropped: Spans,
    /// Equal to a span that was held.
    pub duplicate: Spans,
    /// Could not be kept although they should have been.
    pub lost: Spans,
    /// Handed to another shard.
    pub moved_out: Spans,
    /// Handed over by another shard.
    pub moved_in: Spans,
    /// Open sessions.
    pub sessions: u64,
    /// Open traces.
    pub traces: u64,
    /// Session ids given up because they had too many open traces.
    pub crowded_ids: u64,
    /// Sessions with a sequence above one.
    pub continuations: u64,
    /// Spans that came after the verdict of their trace.
    pub late: u64,
    /// Bytes of memory that its tables take, roughly.
    pub table_bytes: u64,
}

/// The counts of one exporter.
#[derive(Debug, Default)]
pub struct LaneLedger {
    /// The exporter's name.
    pub name: String,
    counts: Mutex<LaneCounts>,
}

/// What one exporter did with its spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneCounts {
    /// Handed to it.
    pub routed: Spans,
    /// Waiting or under way.
    pub queued: Spans,
    /// Taken by the backend.
    pub sent: Spans,
    /// Given up: queue full, refused for good, or retried too long.
    pub failed: Spans,
    /// Of the failed: the queue was full.
    pub overflowed: Spans,
    /// Of the failed: refused by the backend's partial success.
    pub rejected: Spans,
    /// Encoded bytes in the queue.
    pub queue_bytes: u64,
    /// Most encoded bytes that may be in the queue.
    pub queue_capacity: u64,
    /// Requests sent, retries too.
    pub requests: u64,
    /// Requests that failed and were tried again.
    pub retries: u64,
    /// Requests of logs and metrics that were given up.
    pub failed_passthrough: u64,
    /// Encoded bytes sent, before compression.
    pub sent_bytes: u64,
}

// === impl Spans ===

impl Spans {
    /// `spans` spans of `bytes` bytes.
    pub fn new(spans: u64, bytes: u64) -> Self {
        Self { spans, bytes }
    }
}

impl AddAssign for Spans {
    fn add_assign(&mut self, other: Self) {
        self.spans += other.spans;
        self.bytes += other.bytes;
    }
}

impl SubAssign for Spans {
    fn sub_assign(&mut self, other: Self) {
        self.spans = self.spans.saturating_sub(other.spans);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

// === impl Ledger ===

impl Ledger {
    /// A ledger for `shards` shards and the named exporters.
    pub fn new(shards: usize, lanes: impl IntoIterator<Item = String>) -> Self {
        Self {
            shards: (0..shards).map(|_| Arc::default()).collect(),
            lanes: lanes.into_iter().map(|name| Arc::new(LaneLedger { name, ..LaneLedger::default() })).collect(),
            ..Self::default()
        }
    }

    /// The door of a transport.
    pub fn door(&self, transport: Transport) -> &DoorCounts {
        let [grpc, http] = &self.doors;
        match transport {
            Transport::Grpc => grpc,
            Transport::Http => http,
        }
    }

    /// The sum over all shards. What one shard has handed over and another has not yet taken counts as held.
    ///
    /// Shards publish at different moments: one may tell what became of spans before the one that took them tells of those.
    /// They count as taken already, so that nothing is below zero and the sum balances.
    pub fn total(&self) -> ShardCounts {
        let mut total = ShardCounts::default();
        for shard in &self.shards {
            total.add(&shard.read());
        }
        let ShardCounts { moved_out, moved_in, .. } = total;
        total.held += moved_out;
        total.taken.spans += moved_in.spans.saturating_sub(total.held.spans);
        total.taken.bytes += moved_in.bytes.saturating_sub(total.held.bytes);
        total.held -= moved_in;
        total
    }

    /// Spans that were given up so far, over all exporters.
    pub fn failed_spans(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.read().failed.spans).sum()
    }

    /// Counts a verdict.
    pub fn judged(&self, rule: &Arc<str>, keep: bool, reason: Reason) {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        *verdicts.entry((rule.clone(), keep, reason)).or_default() += 1;
    }

    /// Whether new requests are taken.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}

// === impl ShardLedger ===

impl ShardLedger {
    /// The counts at one moment.
    pub fn read(&self) -> ShardCounts {
        *self.lock()
    }

    /// Replaces the counts.
    pub fn publish(&self, counts: &ShardCounts) {
        *self.lock() = *counts;
    }

    fn lock(&self) -> MutexGuard<'_, ShardCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ShardCounts {
    /// Whether every span taken is accounted for.
    pub fn balances(&self) -> bool {
        let sides = |of: fn(&Spans) -> u64| {
            let left = of(&self.taken) + of(&self.moved_in);
            let right = [self.held, self.kept, self.dropped, self.duplicate, self.lost, self.moved_out];
            left == right.iter().map(of).sum::<u64>()
        };
        sides(|spans| spans.spans) && sides(|spans| spans.bytes)
    }

    fn add(&mut self, other: &Self) {
        self.taken += other.taken;
        self.held += other.held;
        self.kept += other.kept;
        self.dropped += other.dropped;
        self.duplicate += other.duplicate;
        self.lost += other.lost;
        self.moved_out += other.moved_out;
        self.moved_in += other.moved_in;
        self.sessions += other.sessions;
        self.traces += other.traces;
        self.crowded_ids += other.crowded_ids;
        self.continuations += other.continuations;
        self.late += other.late;
        self.table_bytes += other.table_bytes;
    }
}

// === impl LaneLedger ===

impl LaneLedger {
    /// The counts at one moment.
    pub fn read(&self) -> LaneCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the counts.
    pub fn change(&self, change: impl FnOnce(&mut LaneCounts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl LaneCounts {
    /// Whether every span routed is accounted for.
    pub fn balances(&self) -> bool {
        self.routed.spans == self.queued.spans + self.sent.spans + self.failed.spans
            && self.routed.bytes == self.queued.bytes + self.sent.bytes + self.failed.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shard_tells_of_before_another_has_told_that_it_took_it_is_taken_and_not_held_below_zero() {
        let ledger = Ledger::new(2, []);
        let (some, more) = (Spans::new(3, 300), Spans::new(5, 450));
        let balances = |total: ShardCounts| {
            let moved = Spans::default();
            ShardCounts { moved_in: moved, moved_out: moved, ..total }.balances()
        };
        // The second has taken and judged what the first has not yet told that it took and handed over.
        ledger.shards[1].publish(&ShardCounts { moved_in: some, kept: some, ..ShardCounts::default() });
        let total = ledger.total();
        assert_eq!((total.held, total.taken, total.kept), (Spans::default(), some, some));
        assert!(balances(total));
        // Fewer spans that are held, of more bytes.
        let held = Spans::new(1, 400);
        ledger.shards[0].publish(&ShardCounts { taken: held, held, ..ShardCounts::default() });
        let total = ledger.total();
        assert_eq!((total.held, total.taken), (Spans::new(0, 100), Spans::new(3, 400)));
        assert!(balances(total));
        // What is on its way is held.
        ledger.shards[0].publish(&ShardCounts { taken: more, moved_out: more, ..ShardCounts::default() });
        let total = ledger.total();
        assert_eq!((total.held, total.taken), (Spans::new(2, 150), more));
        assert!(balances(total));
    }
}
