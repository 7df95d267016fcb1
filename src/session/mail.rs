//! What shards are told, and the way to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::Sender;

use super::footprint;
use super::moved::MovedTurn;
use crate::flow::{Arrival, ArrivedTrace, SessionKey};
use crate::log::Segment;
use crate::otlp::span::TraceId;
use crate::otlp::walk::Header;

/// What a shard is told.
pub enum Message {
    /// Spans of a request.
    Arrival(Arrival),
    /// Spans of a trace that another shard had.
    Moved(Moved),
    /// A trace was bound to another session.
    Rebind {
        /// The trace.
        trace_id: TraceId,
        /// Its session now.
        key: SessionKey,
        /// Version of that binding.
        version: u32,
    },
    /// Judge everything; hang up when done.
    Flush(Sender<()>),
    /// End the thread.
    Stop,
}

/// The way to the shards.
#[derive(Clone, Debug)]
pub struct Mail {
    shards: Arc<[Sender<Message>]>,
    /// Estimated bytes that arrivals on their way will take in the tables of their shards.
    arriving_bytes: Arc<AtomicU64>,
}

/// A trace on its way to another shard.
pub struct Moved {
    pub(super) trace: ArrivedTrace,
    pub(super) turn: Box<MovedTurn>,
    /// The segments to which [`SpanRef::segment`](crate::flow::SpanRef::segment) refers, and whether they hold copies of this
    /// trace's session alone.
    pub(super) segments: Vec<(Arc<Segment>, bool)>,
    /// The headers to which [`SpanRef::header`](crate::flow::SpanRef::header) refers.
    pub(super) headers: Vec<Header>,
}

// === impl Mail ===

impl Mail {
    /// Creates the way to the shards, one sender each. `arriving_bytes` is the gauge of what is on its way.
    pub fn new(senders: Vec<Sender<Message>>, arriving_bytes: Arc<AtomicU64>) -> Self {
        Self { shards: senders.into(), arriving_bytes }
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Sends without waiting: what is on its way is bounded by the log that it stands in.
    pub fn send(&self, shard: u16, message: Message) {
        if let Message::Arrival(arrival) = &message {
            self.arriving_bytes.fetch_add(footprint::of_arrival(arrival), Ordering::Relaxed);
        }
        let sent = self.shards.get(usize::from(shard)).is_some_and(|sender| sender.send(message).is_ok());
        if !sent {
            tracing::error!(shard, "a shard is gone");
        }
    }

    /// Takes an arrival of `bytes` out of the gauge, once its shard counts it in its tables.
    pub(super) fn handled(&self, bytes: u64) {
        self.arriving_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
