//! What waits for an exporter, in the order in which it came, and how batches are taken from it.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::time::Instant;

use crate::flow::{Parcel, Signal};
use crate::observe::ledger::Spans;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Queue {
    items: VecDeque<Item>,
    /// Encoded bytes of the items.
    bytes: usize,
    /// How many items go out alone, and at once.
    whole: usize,
    /// The process stops, and whoever sends waits for room until then.
    pub(super) draining: Option<Instant>,
    /// Nothing more is taken in.
    pub(super) closed: bool,
}

/// One thing that waits. What is passed through is a parcel without counted spans.
#[derive(Debug)]
struct Item {
    signal: Signal,
    parcel: Parcel,
}

/// What goes out as one request.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) signal: Signal,
    /// At least one; exactly one unless they are traces.
    pub(super) parcels: Vec<Parcel>,
}

// === impl Queue ===

impl Queue {
    /// Appends a parcel.
    pub(super) fn push(&mut self, signal: Signal, parcel: Parcel) {
        self.bytes += parcel.bytes.len();
        self.whole += usize::from(signal != Signal::Traces);
        self.items.push_back(Item { signal, parcel });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether a batch need not wait any longer for more.
    pub(super) fn is_ripe(&self, max_size: usize) -> bool {
        self.closed || self.whole > 0 || self.bytes >= max_size
    }

    /// Takes the next batch: parcels of at most `max_size` bytes together, or one that is larger, or one whole request.
    pub(super) fn take(&mut self, max_size: usize) -> Option<Batch> {
        let first = self.pop()?;
        let mut batch = Batch { signal: first.signal, parcels: vec![first.parcel] };
        let mut bytes = batch.len();
        while let Some(next) = self.items.front() {
            bytes = bytes.saturating_add(next.parcel.bytes.len());
            if batch.signal != Signal::Traces || next.signal != Signal::Traces || bytes > max_size {
                break;
            }
            batch.parcels.extend(self.pop().map(|item| item.parcel));
        }
        Some(batch)
    }

    fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.bytes = self.bytes.saturating_sub(item.parcel.bytes.len());
        self.whole = self.whole.saturating_sub(usize::from(item.signal != Signal::Traces));
        Some(item)
    }
}

// === impl Batch ===

impl Batch {
    /// Encoded bytes.
    pub(super) fn len(&self) -> usize {
        self.parcels.iter().map(|parcel| parcel.bytes.len()).sum()
    }

    /// Its spans.
    pub(super) fn spans(&self) -> Spans {
        let mut total = Spans::default();
        for parcel in &self.parcels {
            total += Spans::new(parcel.spans, parcel.span_bytes);
        }
        total
    }

    /// Requests that were passed through: the batch itself, or none.
    pub(super) fn passed(&self) -> u64 {
        u64::from(self.signal != Signal::Traces)
    }

    /// The request: the parcels one after the other.
    pub(super) fn request(&self) -> Bytes {
        match self.parcels.as_slice() {
            [parcel] => parcel.bytes.clone(),
            parcels => {
                let mut request = Vec::with_capacity(self.len());
                parcels.iter().for_each(|parcel| request.extend_from_slice(&parcel.bytes));
                request.into()
            }
        }
    }

    /// Its first and its second half; `Err` gives a single parcel back.
    pub(super) fn halves(mut self) -> Result<[Self; 2], Self> {
        if self.parcels.len() < 2 {
            return Err(self);
        }
        let parcels = self.parcels.split_off(self.parcels.len() / 2);
        let second = Self { signal: self.signal, parcels };
        Ok([self, second])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(len: usize) -> Parcel {
        Parcel { bytes: vec![b'x'; len].into(), spans: 1, span_bytes: len as u64 / 2 }
    }

    fn sizes(queue: &mut Queue, max_size: usize) -> Vec<(Signal, Vec<usize>)> {
        std::iter::from_fn(|| queue.take(max_size))
            .map(|batch| (batch.signal, batch.parcels.iter().map(|parcel| parcel.bytes.len()).collect()))
            .collect()
    }

    #[test]
    fn batches_stay_within_the_size_unless_one_parcel_is_larger() {
        let mut queue = Queue::default();
        [40, 60, 1, 500, 99, 2].into_iter().for_each(|len| queue.push(Signal::Traces, parcel(len)));
        let traces = Signal::Traces;
        assert_eq!(
            sizes(&mut queue, 100),
            [(traces, vec![40, 60]), (traces, vec![1]), (traces, vec![500]), (traces, vec![99]), (traces, vec![2])]
        );
        assert!(queue.is_empty() && queue.bytes == 0);
    }

    #[test]
    fn whole_requests_go_alone_and_at_once_and_in_order() {
        let mut queue = Queue::default();
        queue.push(Signal::Traces, parcel(1));
        assert!(!queue.is_ripe(100));
        for signal in [Signal::Logs, Signal::Logs, Signal::Traces, Signal::Metrics] {
            queue.push(signal, parcel(1));
        }
        assert!(queue.is_ripe(100));
        let signals: Vec<Signal> = sizes(&mut queue, 100).into_iter().map(|(signal, _)| signal).collect();
        assert_eq!(signals, [Signal::Traces, Signal::Logs, Signal::Logs, Signal::Traces, Signal::Metrics]);
        assert!(!queue.is_ripe(100));
    }

    #[test]
    fn halves_hold_every_parcel_once_in_order() {
        let parcels: Vec<Parcel> = (1..=5).map(parcel).collect();
        let batch = Batch { signal: Signal::Traces, parcels };
        let [first, second] = batch.clone().halves().unwrap();
        assert_eq!([first.len(), second.len()], [3, 12]);
        let mut spans = first.spans();
        spans += second.spans();
        assert_eq!(spans, batch.spans());
        assert_eq!([first.request(), second.request()].concat(), batch.request());
        assert!(Batch { signal: Signal::Traces, parcels: vec![parcel(9)] }.halves().is_err());
    }
}
