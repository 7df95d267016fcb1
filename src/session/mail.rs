//! What shards are told, and the way to them.

use std::sync::Arc;

use crossbeam_channel::Sender;

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
pub struct Mail(Arc<[Sender<Message>]>);

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
    /// One sender a shard.
    pub fn new(senders: Vec<Sender<Message>>) -> Self {
        Self(senders.into())
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.0.len()
    }

    /// Sends without waiting: what is on its way is bounded by the log that it stands in.
    pub fn send(&self, shard: u16, message: Message) {
        let sent = self.0.get(usize::from(shard)).is_some_and(|sender| sender.send(message).is_ok());
        if !sent {
            tracing::error!(shard, "a shard is gone");
        }
    }
}
