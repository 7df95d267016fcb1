//! Kept spans out. Each exporter is a lane of its own, so that a dead one stalls neither a shard nor its neighbours:
//!
//! 1. [`Exporters::send`] puts a parcel into every lane's queue, bounded by bytes (`queue`);
//! 2. a lane's consumers take batches from it, by size or after a short while (`lane`);
//! 3. a batch is encoded once and sent until its backend takes it, refuses it, or its time is over (`retry`);
//! 4. what the backend said is one of four answers (`target`): `otlp_grpc` and `otlp_http` over `client`,
//!    `file` and `debug`.

mod client;
mod compress;
mod debug;
mod file;
mod lane;
mod notice;
mod otlp_grpc;
mod otlp_http;
mod outcome;
mod queue;
mod reply;
mod retry;
mod target;
mod tls;
mod undelivered;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::config;
use crate::flow::{Parcel, Receipt, Signal};
use crate::observe::ledger::Ledger;

use lane::Lane;
use target::Target;
pub use undelivered::Undelivered;

/// All exporters. Clones are handles to the same lanes.
#[derive(Clone)]
pub struct Exporters {
    lanes: Arc<[Arc<Lane>]>,
}

/// Why the exporters cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("exporters.{exporter}: {reason}")]
pub struct StartError {
    /// The exporter's name in the configuration.
    pub exporter: String,
    /// What is wrong with it.
    pub reason: String,
}

// === impl Exporters ===

impl Exporters {
    /// Opens every exporter and starts its consumers on `handle`. `ledger.lanes` are those of `config`, in its order.
    /// No connection is made yet: a backend that is down is not an error.
    ///
    /// # Errors
    /// When an exporter's endpoint, headers or TLS files are no good, or its file cannot be written.
    pub fn start(config: &[config::Exporter], ledger: &Ledger, handle: &Handle) -> Result<Self, StartError> {
        let mut lanes = Vec::with_capacity(config.len());
        for (index, exporter) in config.iter().enumerate() {
            let error = |reason: String| StartError { exporter: exporter.name.clone(), reason };
            let counts = ledger.lanes.get(index).ok_or_else(|| error("the ledger has no lane for it".into()))?;
            let target = Target::open(&exporter.kind).map_err(error)?;
            lanes.push(Arc::new(Lane::new(exporter, target, counts.clone())));
        }
        for lane in &lanes {
            Lane::start(lane, handle);
        }
        Ok(Self { lanes: lanes.into() })
    }

    /// Queues `parcel`, part of a session of `session_bytes`, for every exporter. Where a queue is full the parcel is counted
    /// as failed, unless that exporter has `block_on_overflow`, in which case [`Exporters::is_shut`] is true from then on.
    /// Waits for room, while the queue moves, for parcels of sessions that are larger than half the queue, and for all
    /// parcels after [`Exporters::drain`].
    pub fn send(&self, parcel: &Parcel, session_bytes: u64) {
        for lane in self.lanes.iter() {
            lane.send(parcel, session_bytes);
        }
    }

    /// Queues a whole request, bytes unchanged, for the exporters of these names: for all of them, or for none.
    pub fn pass(&self, signal: Signal, names: &[String], request: Bytes) -> Receipt {
        let mut lanes = Vec::with_capacity(names.len());
        for name in names {
            match self.lanes.iter().find(|lane| lane.name() == name) {
                Some(lane) => lanes.push(lane),
                None => return Receipt::Malformed(format!("there is no exporter named {name}")),
            }
        }
        if !lanes.iter().all(|lane| lane.has_room(request.len())) {
            return Receipt::Full;
        }
        for lane in lanes {
            lane.pass(signal, request.clone());
        }
        Receipt::ALL
    }

    /// Whether an exporter with `block_on_overflow` has a full queue: new requests should be refused.
    pub fn is_shut(&self) -> bool {
        self.lanes.iter().any(|lane| lane.is_shut())
    }

    /// Encoded bytes that are waiting or under way, over all exporters.
    pub fn queued_bytes(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.queued_bytes()).sum()
    }

    /// From now on [`Exporters::send`] waits until `deadline` where a queue is full and something goes out of it: the process
    /// stops, all sessions are judged at once, and there is time to deliver what is kept.
    pub fn drain(&self, deadline: Instant) {
        self.lanes.iter().for_each(|lane| lane.drain(deadline.into()));
    }

    /// Takes nothing more, delivers what is queued until `deadline`, cuts what is still under way then, and counts as
    /// failed what is left.
    pub async fn stop(self, deadline: Instant) -> Undelivered {
        let mut stopping = JoinSet::new();
        for lane in self.lanes.iter() {
            let lane = lane.clone();
            stopping.spawn(async move { lane.stop(deadline.into()).await });
        }
        let mut total = Undelivered::default();
        while let Some(left) = stopping.join_next().await {
            let left = left.unwrap_or_default();
            total.spans += left.spans;
            total.requests += left.requests;
        }
        total
    }
}

#[cfg(test)]
mod tests;
