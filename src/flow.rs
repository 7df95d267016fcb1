//! The nouns that stages hand over. Plain structs, in the order in which they are handed: a [`Receipt`] answers a
//! request, an [`Arrival`] takes its spans to a shard, a [`Session`] is judged, a [`Verdict`] comes back, [`Kept`] spans
//! go to be enriched and joined, [`Parcel`]s go out.

use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Nanos;
use crate::genai::calls::Call;
use crate::genai::extract::unfinished::Progress;
use crate::genai::vocabulary::OutcomeSource;
use crate::intern::Name;
use crate::log::{Record, Segment};
use crate::otlp::join::Piece;
use crate::otlp::span::{SpanId, TraceId};
use crate::otlp::walk::{Header, Place, Range};
use crate::pricing::PriceBook;

mod session;

pub use session::{Reason, Session, SessionId, SessionKey, Turn, TurnRoot, Verdict};

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
    /// Resources and scopes of the request, with offsets in its segment.
    pub headers: Arc<[Header]>,
    /// Its traces on this shard, each with its spans' place in `spans`.
    pub traces: Vec<ArrivedTrace>,
    /// Their spans, trace by trace.
    pub spans: Vec<ArrivedSpan>,
    /// Records of those spans that have something to record; see [`ArrivedSpan::call`].
    pub calls: Vec<Call>,
    /// The prices that the records were made with.
    pub book: Arc<PriceBook>,
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
    /// The answer that its root tells of, where a model SDK wrote that, or that it goes on from; where nothing named a session.
    pub answer: Option<Box<Answer>>,
}

/// An answer of a model, as a span tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// XXH3 of the id that the provider gave it.
    pub id: u64,
    /// `start_time_unix_nano` of the span.
    pub start: u64,
    /// `end_time_unix_nano`; 0 where the span does not tell of the answer but goes on from it.
    pub end: u64,
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
    /// Index of its record among those of the arrival, or [`ArrivedSpan::NO_CALL`].
    pub call: u32,
    /// Whether it says that its session is over.
    pub ends_session: bool,
    /// The outcome of its session that it reports.
    pub outcome: Option<(OutcomeSource, Name)>,
    /// Its name.
    pub name: Text,
    /// `service.name` of its resource.
    pub service: Name,
    /// `error.type`, or the type of its exception.
    pub error_type: Name,
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

/// All that is held of a span beside its bytes in the log and its record: 48 bytes.
#[derive(Clone, Copy, Debug)]
pub struct SpanRef {
    /// `span_id`
    pub span_id: SpanId,
    /// `parent_span_id`, zero for a root.
    pub parent_id: SpanId,
    /// Which of the session's turns it belongs to.
    pub turn: u32,
    /// Index of the segment that has its bytes, among those held beside it.
    pub segment: u32,
    /// Index of its resource and scope, among the headers held beside it.
    pub header: u32,
    /// Offset of its `Span` message, behind tag and length, in the segment.
    pub start: u32,
    /// Length of its `Span` message.
    pub len: u32,
    /// Whether `status.code` is ERROR.
    pub failed: bool,
    /// Whether its parent is in another process, according to its sender.
    pub remote_parent: bool,
    /// How much of it was sent.
    pub progress: Progress,
    /// The span predicates of the rules that it meets, one bit each.
    pub predicates: u64,
}

/// Spans to be written out: a kept session, or late spans of one.
#[derive(Debug)]
pub struct Kept {
    /// The session; `None` for late spans, whose session was summed up before.
    pub session: Option<Box<Session>>,
    /// Whether the session is keyed by trace: how incoming sampling of that trace composes with ours.
    pub by_trace: bool,
    /// The verdict.
    pub verdict: Arc<Verdict>,
    /// The spans.
    pub spans: Vec<SpanRef>,
    /// The segments to which [`SpanRef::segment`] refers.
    pub segments: Vec<Arc<Segment>>,
    /// The resources and scopes to which [`SpanRef::header`] refers.
    pub headers: Vec<Header>,
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

// === impl ArrivedTrace ===

impl ArrivedTrace {
    /// A trace that moves to another session. What it links to moves with its turn.
    pub fn of_moved(trace_id: TraceId, key: SessionKey, version: u32, spans: u32) -> Self {
        Self { trace_id, key, rank: 0, version, spans, links: Vec::new(), answer: None }
    }
}

// === impl ArrivedSpan ===

impl ArrivedSpan {
    /// Stands for no record.
    pub const NO_CALL: u32 = u32::MAX;

    /// A placeholder.
    pub const EMPTY: Self = Self {
        span: SpanRef {
            span_id: SpanId([0; 8]),
            parent_id: SpanId([0; 8]),
            turn: 0,
            segment: 0,
            header: 0,
            start: 0,
            len: 0,
            failed: false,
            remote_parent: false,
            progress: Progress::Finished,
            predicates: 0,
        },
        start: 0,
        end: 0,
        status: 0,
        call: Self::NO_CALL,
        ends_session: false,
        outcome: None,
        name: Text { start: 0, len: 0 },
        service: Name::NONE,
        error_type: Name::NONE,
        incoming_rv: u64::MAX,
    };
}

// === impl SpanRef ===

impl SpanRef {
    /// Of a span that was sent before it was over: the id that it will have as a whole.
    pub fn whole(&self) -> Option<SpanId> {
        match self.progress {
            Progress::Finished => None,
            Progress::Open => Some(self.span_id),
            Progress::Pending => Some(self.parent_id),
        }
    }

    /// The location of the span in its segment. `header` is its own.
    pub fn place(&self, header: Header) -> Place {
        Place { header, span: Range { start: self.start, len: self.len } }
    }

    /// The span as a piece to be joined, unchanged. `header` is its own.
    pub fn piece(self, segment: &[u8], header: Header) -> Piece<'_> {
        Piece { segment, header, start: self.start, len: self.len, append: &[], without: &[] }
    }
}
