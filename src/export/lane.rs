//! One exporter's lane: a bounded queue, and consumers that each take a batch and see it through.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{error, warn};

use super::Undelivered;
use super::notice::Notice;
use super::queue::{Batch, Queue};
use super::retry::{Backoff, random};
use super::target::{Outcome, Target};
use crate::config::{self, Retry, SendingQueue};
use crate::flow::{Parcel, Signal};
use crate::observe::ledger::{LaneCounts, LaneLedger, Spans};

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

    /// Queues a parcel, or counts it as failed.
    pub(super) fn send(&self, parcel: &Parcel) {
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

fn fits(counts: &LaneCounts, len: usize) -> bool {
    counts.queue_bytes.saturating_add(len as u64) <= counts.queue_capacity
}

// === a consumer ===

impl Lane {
    async fn consume(&self) {
        while let Some(batch) = self.next().await {
            self.deliver(batch).await;
        }
    }

    /// The next batch, once it is large enough or its first parcel has waited; `None` when the queue is closed and
    /// empty.
    async fn next(&self) -> Option<Batch> {
        let _turn = self.taking.lock().await;
        loop {
            {
                let queue = self.lock();
                if !queue.is_empty() {
                    break;
                }
                if queue.closed {
                    return None;
                }
            }
            self.arrived.notified().await;
        }
        let ripe = async {
            while !self.lock().is_ripe(self.settings.max_size) {
                self.arrived.notified().await;
            }
        };
        let _ = tokio::time::timeout(self.settings.flush_timeout, ripe).await;
        self.lock().take(self.settings.max_size)
    }

    /// Sees a batch through to the end.
    async fn deliver(&self, batch: Batch) {
        let mut work = vec![batch];
        while let Some(batch) = work.pop() {
            match self.attempt(&batch).await {
                Outcome::Taken { rejected, message } => self.taken(&batch, rejected, &message),
                Outcome::TooLarge { message } => match batch.halves() {
                    Ok([first, second]) => work.extend([second, first]),
                    Err(single) => {
                        let bytes = single.len();
                        self.failed(&single, &format!("a single piece of {bytes} bytes is too large: {message}"));
                    }
                },
                Outcome::Refused { message } | Outcome::Retry { message, .. } => self.failed(&batch, &message),
            }
        }
    }

    /// Sends a batch until the answer is not to try again, or the time for that is over.
    async fn attempt(&self, batch: &Batch) -> Outcome {
        let (target, signal, request) = (self.target.clone(), batch.signal, batch.request());
        let encoded = tokio::task::spawn_blocking(move || target.encode(signal, request)).await;
        let body = match encoded {
            Ok(Ok(body)) => body,
            Ok(Err(message)) => return Outcome::Refused { message },
            Err(error) => return Outcome::Refused { message: format!("encoding: {error}") },
        };
        let started = Instant::now();
        let mut backoff = Backoff::new(&self.retry);
        loop {
            self.ledger.change(|counts| counts.requests += 1);
            let outcome = self.target.send(batch.signal, body.clone()).await;
            let Outcome::Retry { after, message } = &outcome else { return outcome };
            let Some(delay) = backoff.next(started.elapsed(), *after, random()) else {
                let message = format!("given up after {:.0?}: {message}", started.elapsed());
                return Outcome::Refused { message };
            };
            self.ledger.change(|counts| counts.retries += 1);
            if let Some(count) = self.notices.retried.due(1, Instant::now()) {
                warn!(exporter = self.name(), requests = count, delay = ?delay, "will be sent again: {message}");
            }
            sleep(delay).await;
        }
    }

    fn taken(&self, batch: &Batch, rejected: u64, message: &str) {
        let spans = batch.spans();
        let rejected = rejected_part(spans, rejected);
        self.settle(batch, |counts| {
            counts.sent += spans;
            counts.sent -= rejected;
            counts.failed += rejected;
            counts.rejected += rejected;
            counts.sent_bytes += batch.len() as u64;
        });
        if rejected == Spans::default() && message.is_empty() {
            return;
        }
        if let Some(count) = self.notices.rejected.due(rejected.spans, Instant::now()) {
            warn!(exporter = self.name(), spans = count, signal = ?batch.signal, "partial success: {message}");
        }
    }

    fn failed(&self, batch: &Batch, message: &str) {
        let spans = batch.spans();
        self.settle(batch, |counts| counts.failed += spans);
        if let Some(count) = self.notices.failed.due(spans.spans, Instant::now()) {
            error!(exporter = self.name(), spans = count, signal = ?batch.signal, "not delivered: {message}");
        }
    }

    /// Moves a batch out of the queue's counts, in one step with `change`.
    fn settle(&self, batch: &Batch, change: impl FnOnce(&mut LaneCounts)) {
        self.passing.fetch_sub(batch.passed(), Ordering::Relaxed);
        self.ledger.change(|counts| {
            counts.queued -= batch.spans();
            counts.queue_bytes = counts.queue_bytes.saturating_sub(batch.len() as u64);
            change(counts);
        });
    }
}

/// `rejected` of `spans`. Which ones is not told, so that their bytes are their share.
fn rejected_part(spans: Spans, rejected: u64) -> Spans {
    let rejected = rejected.min(spans.spans);
    let share = u128::from(spans.bytes) * u128::from(rejected) / u128::from(spans.spans.max(1));
    Spans::new(rejected, u64::try_from(share).unwrap_or(spans.bytes))
}

#[cfg(test)]
pub(super) mod tests;
