//! The door: what both transports do with a request, from its headers to its outcome.
//!
//! 1. [`Door::open`] says no while the process is starting, stopping or short of memory, before anything is read.
//! 2. [`Door::admit`] takes the request's size out of what may be in flight, as its bytes come.
//! 3. [`Door::deliver`] inflates the body straight into the log (traces) or into a buffer (logs and metrics), hands it
//!    on, and says what became of it. All of it runs on the connection's own thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http_body::Body;

use super::admission::{Admission, Permit};
use super::body::{Pace, Parts, Source};
use super::connections::Connection;
use super::framing;
use super::inflate::{Encoding, InflateError, first_capacity, inflate, next_capacity};
use super::intake::Intake;
use super::json;
use super::outcome::Outcome;
use super::peers::Peer;
use crate::clock::SECOND;
use crate::flow::{Receipt, Signal};
use crate::log::{AppendError, Record, RecordKind};
use crate::observe::ledger::Transport;
use crate::observe::throttle::Throttle;

/// One transport's door.
pub(super) struct Door {
    pub(super) intake: Arc<Intake>,
    pub(super) admission: Arc<Admission>,
    pub(super) transport: Transport,
    /// Largest body, as it came and inflated.
    pub(super) limit: usize,
    pub(super) pace: Pace,
}

/// How a request is written, and its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`
    Json,
}

// === impl Door ===

impl Door {
    /// Whether a new request may be read at all.
    pub(super) fn open(&self) -> Result<(), Outcome> {
        match () {
            () if !self.intake.ledger.is_ready() => Err(Outcome::NotReady),
            () if (self.intake.shut)() => Err(Outcome::Full),
            () => Ok(()),
        }
    }

    /// Whether anybody wants this signal.
    pub(super) fn carries(&self, signal: Signal) -> bool {
        match signal {
            Signal::Traces => true,
            Signal::Logs => self.intake.carries.logs,
            Signal::Metrics => self.intake.carries.metrics,
        }
    }

    /// Admits a request that claims `bytes`.
    pub(super) fn admit(&self, peer: &Arc<Peer>, bytes: usize) -> Result<Permit, Outcome> {
        self.admission.admit(self.transport, peer, bytes)
    }

    /// A body to be read, at this door's pace.
    pub(super) fn source<B: Body<Data = Bytes> + Unpin>(&self, body: B) -> Source<B>
    where
        B::Error: std::fmt::Display,
    {
        Source::new(body, self.pace)
    }

    /// Counts a request of this connection, of which `received` bytes were read.
    pub(super) fn count(&self, connection: &Connection, outcome: &Outcome, received: u64) {
        static CROWDED: Throttle = Throttle::new(10 * SECOND);
        let counts = self.intake.ledger.door(self.transport);
        counts.request_bytes.fetch_add(received, Ordering::Relaxed);
        outcome.count(counts);
        match outcome {
            Outcome::Accepted { .. } => connection.progress().serve(),
            Outcome::Crowded => {
                if let Some(suppressed) = CROWDED.admit(self.intake.clock.now()) {
                    let (peer, limit) = (connection.peer.key, self.intake.in_flight_limit);
                    tracing::warn!(%peer, limit, suppressed, "request refused: too many bytes of requests are in flight");
                }
            }
            _ => {}
        }
        if !matches!(outcome, Outcome::Accepted { refused: 0, .. }) {
            tracing::debug!(transport = ?self.transport, ?outcome, "request refused, or part of it");
        }
    }

    /// Hands a whole body on.
    pub(super) fn deliver(
        &self,
        signal: Signal,
        format: Format,
        encoding: Encoding,
        body: Parts,
        permit: &mut Permit,
    ) -> Outcome {
        // Requests that were being read while the memory filled up must not pass the limit together.
        if (self.intake.shut)() {
            return Outcome::Full;
        }
        let delivered = match (signal, format) {
            (Signal::Traces, Format::Protobuf) => self.append(encoding, body, permit).map(|record| self.take(record)),
            (Signal::Traces, Format::Json) => self.convert(signal, encoding, body, permit).and_then(|request| {
                let record = self.append_bytes(Encoding::Identity, &request, permit)?;
                Ok(self.take(record))
            }),
            (_, Format::Protobuf) => self.whole(encoding, body, permit).and_then(|request| {
                framing::check(signal, &request).map_err(Outcome::Malformed)?;
                Ok((self.intake.pass)(signal, request).into())
            }),
            (_, Format::Json) => self
                .convert(signal, encoding, body, permit)
                .map(|request| (self.intake.pass)(signal, request.into()).into()),
        };
        delivered.unwrap_or_else(|refused| refused)
    }

    fn take(&self, record: Record) -> Outcome {
        let receipt = (self.intake.take)(record);
        if let Receipt::Accepted { accepted, refused, refused_bytes, .. } = &receipt {
            let counts = self.intake.ledger.door(self.transport);
            counts.accepted_spans.fetch_add(*accepted, Ordering::Relaxed);
            counts.refused_spans.fetch_add(*refused, Ordering::Relaxed);
            counts.refused_bytes.fetch_add(*refused_bytes, Ordering::Relaxed);
        }
        receipt.into()
    }

    /// The body in the log.
    fn append(&self, encoding: Encoding, body: Parts, permit: &mut Permit) -> Result<Record, Outcome> {
        if encoding != Encoding::Identity {
            return self.append_bytes(encoding, &body.into_bytes(), permit);
        }
        let fill = |room: &mut [u8]| body.copy_to(room).ok_or(InflateError::Room);
        let record = self.intake.log.append(RecordKind::Traces, self.intake.clock.now(), body.len(), fill);
        record.map_err(|_| Outcome::Full)
    }

    fn append_bytes(&self, encoding: Encoding, body: &[u8], permit: &mut Permit) -> Result<Record, Outcome> {
        let arrived = self.intake.clock.now();
        self.inflated(encoding, body, permit, |capacity| {
            let fill = |room: &mut [u8]| inflate(encoding, body, room);
            self.intake.log.append(RecordKind::Traces, arrived, capacity, fill)
        })
    }

    /// The body as protobuf, from JSON.
    fn convert(
        &self,
        signal: Signal,
        encoding: Encoding,
        body: Parts,
        permit: &mut Permit,
    ) -> Result<Vec<u8>, Outcome> {
        let text = self.whole(encoding, body, permit)?;
        permit.raise(permit.held().saturating_add(json::working_memory(signal, text.len()) as u64))?;
        let request = json::to_protobuf(signal, &text).map_err(Outcome::Malformed)?;
        match request.len() > self.limit {
            true => Err(Outcome::TooLarge(self.limit)),
            false => Ok(request),
        }
    }

    /// The body in one buffer.
    fn whole(&self, encoding: Encoding, body: Parts, permit: &mut Permit) -> Result<Bytes, Outcome> {
        let body = body.into_bytes();
        if encoding == Encoding::Identity {
            return Ok(body);
        }
        self.inflated(encoding, &body, permit, |capacity| {
            let mut room = vec![0; capacity];
            let len = inflate(encoding, &body, &mut room).map_err(AppendError::Fill)?;
            room.truncate(len);
            Ok(Bytes::from(room))
        })
    }

    /// Attempts to inflate with as much room as the body says it needs, then with more up to the limit.
    fn inflated<T>(
        &self,
        encoding: Encoding,
        body: &[u8],
        permit: &mut Permit,
        mut attempt: impl FnMut(usize) -> Result<T, AppendError<InflateError>>,
    ) -> Result<T, Outcome> {
        let mut capacity = first_capacity(encoding, body, self.limit)?;
        loop {
            permit.raise(body.len().saturating_add(capacity) as u64)?;
            match attempt(capacity) {
                Ok(done) => return Ok(done),
                Err(AppendError::Full) => return Err(Outcome::Full),
                Err(AppendError::Fill(InflateError::Malformed(reason))) => {
                    return Err(Outcome::Malformed(format!("body does not inflate: {reason}")));
                }
                Err(AppendError::Fill(InflateError::Room)) => capacity = next_capacity(capacity, self.limit)?,
            }
        }
    }
}
