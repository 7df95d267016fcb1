//! The nouns that stages hand over. Plain structs, in the order in which they are handed: a [`Receipt`] answers a
//! request, an [`Arrival`] takes its spans to a shard, a [`Session`] is judged, a [`Verdict`] comes back, [`Kept`] spans
//! go to be enriched and joined, [`Parcel`]s go out.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Nanos;
use crate::log::{Record, Segment};
use crate::otlp::span::{SpanId, TraceId};

/// The signals of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Traces: sampled.
    Traces,
    /// Logs: passed through.
    Logs,
    /// Metrics: passed through.
    Metrics,
}

/// What became of a request's spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Taken in, but for `refused` spans.
    Accepted {
        /// Spans taken in.
        accepted: u64,
        /// Spans refused by partial success.
        refused: u64,
        /// Their bytes.
        refused_bytes: u64,
        /// Why the first of them was.
        reason: Option<String>,
    },
    /// The request is not well-formed; nothing was taken in.
    Malformed(String),
    /// More spans than one request may have; nothing was taken in.
    TooMany {
        /// How many it has.
        spans: u64,
        /// How many it may have.
        limit: u64,
    },
    /// There is no room now; nothing was taken in.
    Full,
}

/// The spans of one request that belong to one shard.
#[derive(Debug)]
pub struct Arrival {
    /// The request in the log.
    pub record: Record,
    /// When it arrived.
    pub arrived: Nanos,
    /// Its traces on this shard, each with its spans' place in `spans`.
    pub traces: Vec<ArrivedTrace>,
    /// Their spans, trace by trace.
    pub spans: Vec<ArrivedSpan>,
}

/// One trace of an [`Arrival`].
#[derive(Clone, Debug)]
pub struct ArrivedTrace {
    /// The trace.
    pub trace_id: TraceId,
    /// The session it belongs to, as far as its spans have told.
    pub key: SessionKey,
    /// Rank of the source that named it.
    pub rank: u16,
    /// Version of that binding.
    pub version: u32,
    /// How many of the arrival's spans, in order, are its own.
    pub spans: u32,
    /// Traces that its spans link to, for as long as no span named a session; at most eight.
    pub links: Vec<TraceId>,
}

/// One span on its way to a shard: what is kept of it, and what is folded into its session at once.
#[derive(Clone, Copy, Debug)]
pub struct ArrivedSpan {
    /// What is kept.
    pub span: SpanRef,
    /// `start_time_unix_nano`
    pub start: u64,
    /// `end_time_unix_nano`
    pub end: u64,
    /// `status.code` as on the wire.
    pub status: u32,
    /// The parent is in another process, as its sender says.
    pub remote_parent: bool,
    /// It says that its session is over.
    pub ends_session: bool,
    /// Its name.
    pub name: Text,
    /// `service.name` of its resource.
    pub service: Text,
    /// `error.type`, or the type of its exception.
    pub error_type: Text,
    /// `ot=rv` of its tracestate, 56 bits, or `u64::MAX` where there is none.
    pub incoming_rv: u64,
}

/// Text inside a segment: its offset and length. Empty where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// Offset in the segment.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

/// All that is held of a span beside its bytes in the log: 48 bytes.
#[derive(Clone, Copy, Debug)]
pub struct SpanRef {
    /// `span_id`
    pub span_id: SpanId,
    /// `parent_span_id`, zero for a root.
    pub parent_id: SpanId,
    /// Which of the session's turns it belongs to.
    pub turn: u32,
    /// Which of the segments held beside it has its bytes.
    pub segment: u32,
    /// Offset of its `resource_spans` field, at the tag, in the segment.
    pub resource_spans: u32,
    /// Offset of its `scope_spans` field, at the tag, in the segment.
    pub scope_spans: u32,
    /// Offset of its `Span` message, behind tag and length, in the segment.
    pub start: u32,
    /// Length of its `Span` message.
    pub len: u32,
    /// The span predicates of the rules that it meets, one bit each.
    pub predicates: u64,
}

/// What names a session.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum SessionKey {
    /// No id was given: the trace is the session.
    Trace(TraceId),
    /// An id that the spans, their links or their resource gave.
    Id(Arc<SessionId>),
}

/// A session id within its tenant and environment.
#[derive(Debug)]
pub struct SessionId {
    /// XXH3 of tenant, environment and id: stable over processes and versions.
    pub hash: u128,
    /// The id as the application gave it.
    pub text: Box<str>,
}

/// The aggregate of one session: what rules see, and what is written onto its roots.
#[derive(Clone, Debug)]
pub struct Session {
    /// What names it.
    pub key: SessionKey,
    /// Which burst of its conversation it is, from 1.
    pub sequence: u32,
    /// 56 bits that decide: of the key, or of the trace.
    pub randomness: u64,
    /// Its traces.
    pub turns: Vec<Turn>,
    /// Its spans.
    pub spans: u32,
    /// Their bytes as received.
    pub bytes: u64,
    /// Names of its services, in the order in which they came; at most [`Session::MAX_NAMES`].
    pub services: Vec<Arc<str>>,
    /// Error types, in the order in which they came; at most [`Session::MAX_NAMES`].
    pub error_types: Vec<Arc<str>>,
    /// Start of its earliest span, nanoseconds since the epoch.
    pub start: u64,
    /// End of its latest span.
    pub end: u64,
    /// Spans with status ERROR.
    pub error_count: u32,
    /// Spans whose parent never came.
    pub orphans: u32,
    /// All of it came: every trace settled, no parent missing, nothing decided before.
    pub complete: bool,
    /// How many spans meet each span predicate of the rules.
    pub predicates: Box<[u32]>,
}

/// One trace of a session.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The trace.
    pub trace_id: TraceId,
    /// Its root: a span without parent, or one with a remote parent that never came.
    pub root: Option<TurnRoot>,
    /// Start of its earliest span, and which that is.
    pub earliest: (u64, u32),
}

/// The root span of a turn.
#[derive(Clone, Debug)]
pub struct TurnRoot {
    /// Which of the session's spans it is.
    pub span: u32,
    /// `start_time_unix_nano`
    pub start: u64,
    /// `status.code` as on the wire.
    pub status: u32,
    /// Its name.
    pub name: Box<str>,
    /// It has no parent at all.
    pub local: bool,
}

/// Why a session was judged when it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Its trace is whole and nothing more came.
    Settled,
    /// Nothing came for `idle_timeout`.
    Idle,
    /// A trace's root or a parent never came.
    TraceTimeout,
    /// `max_duration`
    Duration,
    /// `max_spans`
    Spans,
    /// `max_bytes`
    Bytes,
    /// The process was short of memory.
    Memory,
    /// A span said that the session is over.
    ExplicitEnd,
    /// The process stopped.
    Shutdown,
    /// It follows the verdict of its trace.
    Late,
}

/// Keep or drop.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Whether the session is kept.
    pub keep: bool,
    /// The probability it was judged with, 0 to 1.
    pub probability: f64,
    /// Rejection threshold of that probability, 56 bits (OTEP 235).
    pub threshold: u64,
    /// The randomness it was judged by, 56 bits.
    pub randomness: u64,
    /// The rule that asked for the probability, or dropped; `(none)` when none matched, `(all)` when there are no rules.
    pub rule: Arc<str>,
    /// All rules that matched.
    pub matched: Vec<Arc<str>>,
    /// Why it was judged when it was.
    pub reason: Reason,
}

/// Spans to be written out: a kept session, or late spans of one.
#[derive(Debug)]
pub struct Kept {
    /// The session; `None` for late spans, whose session was summed up before.
    pub session: Option<Box<Session>>,
    /// Whether the session is keyed by trace: how incoming sampling composes with ours.
    pub by_trace: bool,
    /// The verdict.
    pub verdict: Arc<Verdict>,
    /// The spans.
    pub spans: Vec<SpanRef>,
    /// The segments that `SpanRef::segment` counts.
    pub segments: Vec<Arc<Segment>>,
    /// Bytes of the spans as received.
    pub bytes: u64,
}

/// Encoded spans, ready to be put into a request: a sequence of `resource_spans` fields.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// One or more `resource_spans` fields of an `ExportTraceServiceRequest`; concatenating parcels gives a request.
    pub bytes: Bytes,
    /// How many spans there are in it.
    pub spans: u64,
    /// Bytes of those spans as received.
    pub span_bytes: u64,
}

// === impl Receipt ===

impl Receipt {
    /// A request of another signal that was taken whole.
    pub const ALL: Self = Self::Accepted { accepted: 0, refused: 0, refused_bytes: 0, reason: None };
}

// === impl ArrivedSpan ===

impl ArrivedSpan {
    /// A place for a span.
    pub const EMPTY: Self = Self {
        span: SpanRef {
            span_id: SpanId([0; 8]),
            parent_id: SpanId([0; 8]),
            turn: 0,
            segment: 0,
            resource_spans: 0,
            scope_spans: 0,
            start: 0,
            len: 0,
            predicates: 0,
        },
        start: 0,
        end: 0,
        status: 0,
        remote_parent: false,
        ends_session: false,
        name: Text { start: 0, len: 0 },
        service: Text { start: 0, len: 0 },
        error_type: Text { start: 0, len: 0 },
        incoming_rv: u64::MAX,
    };
}

// === impl SessionKey ===

impl SessionKey {
    /// 128 bits that tell sessions apart.
    pub fn hash128(&self) -> u128 {
        match self {
            Self::Trace(id) => u128::from_be_bytes(id.0),
            Self::Id(id) => id.hash,
        }
    }

    /// Whether the session is one trace, named by nothing else.
    pub fn is_trace(&self) -> bool {
        matches!(self, Self::Trace(_))
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trace(id) => id.fmt(f),
            Self::Id(id) => f.write_str(&id.text),
        }
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", if self.is_trace() { "trace" } else { "id" })
    }
}

impl PartialEq for SessionId {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for SessionId {}

impl std::hash::Hash for SessionId {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

// === impl Session ===

impl Session {
    /// Most names kept in one of a session's lists.
    pub const MAX_NAMES: usize = 64;

    /// End of the latest span minus start of the earliest, in nanoseconds.
    pub fn duration(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// The root of the turn that began last, of those that have one.
    pub fn last_root(&self) -> Option<&TurnRoot> {
        self.turns.iter().filter_map(|turn| turn.root.as_ref()).max_by_key(|root| root.start)
    }

    /// The root of the turn that began first, of those that have one.
    pub fn first_root(&self) -> Option<&TurnRoot> {
        self.turns.iter().filter_map(|turn| turn.root.as_ref()).min_by_key(|root| root.start)
    }

    /// Whether the last turn's root has status ERROR.
    pub fn failed(&self) -> bool {
        self.last_root().is_some_and(|root| root.status == crate::otlp::span::STATUS_ERROR)
    }

    /// Spans with status ERROR of a session that did not fail.
    pub fn recovered_errors(&self) -> u32 {
        if self.failed() { 0 } else { self.error_count }
    }

    /// Status of the last turn's root: `unset`, `ok` or `error`.
    pub fn status(&self) -> &'static str {
        match self.last_root().map_or(0, |root| root.status) {
            1 => "ok",
            2 => "error",
            _ => "unset",
        }
    }
}

// === impl Reason ===

impl Reason {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Self; 10] = [
        Self::Settled,
        Self::Idle,
        Self::TraceTimeout,
        Self::Duration,
        Self::Spans,
        Self::Bytes,
        Self::Memory,
        Self::ExplicitEnd,
        Self::Shutdown,
        Self::Late,
    ];

    /// The reason as it is written on spans and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Idle => "idle_timeout",
            Self::TraceTimeout => "trace_timeout",
            Self::Duration => "max_duration",
            Self::Spans => "max_spans",
            Self::Bytes => "max_bytes",
            Self::Memory => "memory",
            Self::ExplicitEnd => "explicit_end",
            Self::Shutdown => "shutdown",
            Self::Late => "late",
        }
    }
}
