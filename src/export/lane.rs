//! One exporter's lane: a bounded queue, and consumers that each take a batch and see it through ([`consume`]).

mod consume;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::error;

use super::notice::Notice;
use super::queue::Queue;
use super::target::Target;
use super::undelivered::Undelivered;
use crate::config::{self, Retry, SendingQueue};
use crate::flow::{Parcel, Signal};
use crate::observe::ledger::{LaneCounts, LaneLedger, Spans};

/// How long a sender waits for room in a full queue while nothing leaves the queue.
const STUCK: Duration = Duration::from_secs(2);

/// One exporter.
pub(super) struct Lane {
    settings: SendingQueue,
    retry: Retry,
    target: Arc<Target>,
    /// The counts; `queue_bytes` in it is what bounds the queue.
    ledger: Arc<LaneLedger>,
    /// Locked before the ledger where both are.
    queue: Mutex<Queue>,
    /// The queue has become worth a look.
    arrived: Notify,
    /// A sender waited in vain. Nobody waits for room again until a batch has left the queue.
    stuck: AtomicBool,
    /// Held by the one consumer that waits for a batch.
    taking: tokio::sync::Mutex<()>,
    /// Requests passed through that are waiting or under way.
    passing: AtomicU64,
    consumers: Mutex<JoinSet<()>>,
    notices: Notices,
}

#[derive(Default)]
struct Notices {
    overflowed: Notice,
    retried: Notice,
    failed: Notice,
    rejected: Notice,
}

// === impl Lane ===

impl Lane {
    /// A lane without consumers as yet.
    pub(super) fn new(config: &config::Exporter, target: Target, ledger: Arc<LaneLedger>) -> Self {
        ledger.change(|counts| counts.queue_capacity = config.queue.queue_size);
        Self {
            settings: config.queue.clone(),
            retry: config.retry.clone(),
            target: Arc::new(target),
            ledger,
            queue: Mutex::default(),
            arrived: Notify::new(),
            stuck: AtomicBool::new(false),
            taking: tokio::sync::Mutex::new(()),
            passing: AtomicU64::new(0),
            consumers: Mutex::default(),
            notices: Notices::default(),
        }
    }

    /// Starts the consumers.
    pub(super) fn start(lane: &Arc<Self>, handle: &Handle) {
        let mut consumers = lane.consumers.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..lane.settings.num_consumers.max(1) {
            let lane = lane.clone();
            consumers.spawn_on(async move { lane.consume().await }, handle);
        }
    }

    /// The exporter's name.
    pub(super) fn name(&self) -> &str {
        &self.ledger.name
    }

    /// Encoded bytes waiting or under way.
    pub(super) fn queued_bytes(&self) -> u64 {
        self.ledger.read().queue_bytes
    }

    /// Whether `len` more bytes may be queued.
    pub(super) fn has_room(&self, len: usize) -> bool {
        !self.lock().closed && fits(&self.ledger.read(), len)
    }

    /// Whether new requests should be refused for the sake of this exporter.
    pub(super) fn is_shut(&self) -> bool {
        self.settings.block_on_overflow && {
            let counts = self.ledger.read();
            counts.queue_bytes >= counts.queue_capacity
        }
    }

    /// Queues a parcel, or counts it as failed. `session_bytes` is the size of the session that the parcel is part of.
    pub(super) fn send(&self, parcel: &Parcel, session_bytes: u64) {
        self.wait_for_room(parcel.bytes.len(), session_bytes);
        let spans = Spans::new(parcel.spans, parcel.span_bytes);
        let mut queue = self.lock();
        let (closed, blocks) = (queue.closed, self.settings.block_on_overflow);
        let mut taken = false;
        self.ledger.change(|counts| {
            taken = !closed && (blocks || fits(counts, parcel.bytes.len()));
            counts.routed += spans;
            if taken {
                counts.queued += spans;
                counts.queue_bytes += parcel.bytes.len() as u64;
            } else {
                counts.failed += spans;
                if !closed {
                    counts.overflowed += spans;
                }
            }
        });
        if taken {
            return self.push(&mut queue, Signal::Traces, parcel.clone());
        }
        drop(queue);
        if let (false, Some(count)) = (closed, self.notices.overflowed.due(parcel.spans, Instant::now())) {
            let size = self.settings.queue_size;
            error!(exporter = self.name(), spans = count, queue_size = size, "queue is full, spans are lost");
        }
    }

    /// Queues a whole request; whether there is room was asked before.
    pub(super) fn pass(&self, signal: Signal, request: Bytes) {
        let mut queue = self.lock();
        self.ledger.change(|counts| counts.queue_bytes += request.len() as u64);
        self.passing.fetch_add(1, Ordering::Relaxed);
        self.push(&mut queue, signal, Parcel { bytes: request, spans: 0, span_bytes: 0 });
    }

    fn push(&self, queue: &mut Queue, signal: Signal, parcel: Parcel) {
        let first = queue.is_empty();
        queue.push(signal, parcel);
        if first || queue.is_ripe(self.settings.max_size) {
            self.arrived.notify_one();
        }
    }

    /// From now on whoever sends waits for room, until `deadline`.
    pub(super) fn drain(&self, deadline: Instant) {
        self.lock().draining = Some(deadline);
    }

    /// Waits for room while batches leave the queue. Only two kinds of parcels wait: those of a session that is larger than
    /// half the queue, because such a session would never fit as fast as it is written, and all parcels while the process
    /// stops.
    fn wait_for_room(&self, len: usize, session_bytes: u64) {
        let draining = self.lock().draining;
        let large = session_bytes > self.settings.queue_size / 2;
        if draining.is_none() && !large || self.stuck.load(Ordering::Relaxed) {
            return;
        }
        let (mut least, mut since) = (u64::MAX, Instant::now());
        loop {
            let (counts, now) = (self.ledger.read(), Instant::now());
            if fits(&counts, len) {
                return;
            }
            if counts.queue_bytes < least {
                (least, since) = (counts.queue_bytes, now);
            }
            if draining.is_some_and(|deadline| now >= deadline) || now.duration_since(since) >= STUCK {
                return self.stuck.store(true, Ordering::Relaxed);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Takes nothing more, waits for the consumers until `deadline`, and counts what is left as failed.
    pub(super) async fn stop(&self, deadline: Instant) -> Undelivered {
        self.lock().closed = true;
        self.arrived.notify_one();
        let mut consumers = std::mem::take(&mut *self.consumers.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = timeout_at(deadline, async { while consumers.join_next().await.is_some() {} }).await;
        consumers.shutdown().await;

        while self.lock().take(usize::MAX).is_some() {}
        let mut spans = Spans::default();
        self.ledger.change(|counts| {
            spans = std::mem::take(&mut counts.queued);
            counts.failed += spans;
            counts.queue_bytes = 0;
        });
        let left = Undelivered { spans, requests: self.passing.swap(0, Ordering::Relaxed) };
        if left != Undelivered::default() {
            let Undelivered { spans, requests } = left;
            error!(exporter = self.name(), spans = spans.spans, requests, "stopped before these were delivered");
        }
        left
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether there is room for `len` more bytes. What comes alone always fits: it would be refused for ever.
fn fits(counts: &LaneCounts, len: usize) -> bool {
    counts.queue_bytes == 0 || counts.queue_bytes.saturating_add(len as u64) <= counts.queue_capacity
}

#[cfg(test)]
pub(super) mod tests;
