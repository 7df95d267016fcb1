//! A consumer: takes a batch, sees it through to the end, and only then takes the next.

use std::sync::atomic::Ordering;

use tokio::time::{Instant, sleep};
use tracing::{error, warn};

use super::Lane;
use crate::export::outcome::Outcome;
use crate::export::queue::Batch;
use crate::export::retry::{Backoff, random};
use crate::observe::ledger::{LaneCounts, Spans};

impl Lane {
    pub(super) async fn consume(&self) {
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
        let told = rejected;
        let rejected = rejected_part(spans, rejected);
        self.settle(batch, |counts| {
            counts.sent += spans;
            counts.sent -= rejected;
            counts.failed += rejected;
            counts.rejected += rejected;
            counts.sent_bytes += batch.len() as u64;
        });
        if told == 0 && message.is_empty() {
            return;
        }
        if let Some(count) = self.notices.rejected.due(told, Instant::now()) {
            warn!(exporter = self.name(), rejected = count, signal = ?batch.signal, "partial success: {message}");
        }
    }

    fn failed(&self, batch: &Batch, message: &str) {
        let spans = batch.spans();
        self.settle(batch, |counts| {
            counts.failed += spans;
            counts.failed_passthrough += batch.passed();
        });
        if let Some(count) = self.notices.failed.due(spans.spans, Instant::now()) {
            error!(exporter = self.name(), spans = count, signal = ?batch.signal, "not delivered: {message}");
        }
    }

    /// Moves a batch out of the queue's counts, in one step with `change`.
    fn settle(&self, batch: &Batch, change: impl FnOnce(&mut LaneCounts)) {
        self.passing.fetch_sub(batch.passed(), Ordering::Relaxed);
        self.stuck.store(false, Ordering::Relaxed);
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
