//! The session itself: what names it, what rules see of it, and how it was judged.

use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::genai::calls::{Call, Sums};
use crate::intern::Name;
use crate::otlp::span::{SpanId, TraceId};
use crate::pricing::PriceBook;

/// What names a session.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum SessionKey {
    /// No id was given: the trace is the session, with what follows it.
    Trace(TraceId),
    /// An id that the spans, their links or their resource gave.
    Id(Arc<SessionId>),
}

/// A session id within its tenant and environment.
#[derive(Debug)]
pub struct SessionId {
    /// Hash of tenant, environment and id, from `Candidate::hash128`.
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
    pub services: Vec<Name>,
    /// Error types, in the order in which they came; at most [`Session::MAX_NAMES`].
    pub error_types: Vec<Name>,
    /// Start of its earliest span, nanoseconds since the epoch.
    pub start: u64,
    /// End of its latest span.
    pub end: u64,
    /// Spans with status ERROR.
    pub error_count: u32,
    /// Spans whose parent never came.
    pub orphans: u32,
    /// Spans that were sent before they were over, and whose whole never came.
    pub unfinished: u32,
    /// All of it came: every trace settled, no parent missing, nothing decided before.
    pub complete: bool,
    /// How many spans meet each span predicate of the rules.
    pub predicates: Box<[u32]>,
    /// Records of its spans, in the order of [`Call::span`].
    pub calls: Vec<Call>,
    /// The prices that the records were made with; `None` while there are none.
    pub book: Option<Arc<PriceBook>>,
    /// The sums of the records. `None` until the session is complete.
    pub sums: Option<Box<Sums>>,
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
    /// Where no root came: when the span starts that stands uppermost, and its `status.code`.
    pub top: Option<(u64, u32)>,
    /// It only tells once more of a call of another turn: a model SDK wrote it in a trace of its own.
    pub beside: bool,
}

/// The root span of a turn.
#[derive(Clone, Debug)]
pub struct TurnRoot {
    /// Which of the session's spans it is.
    pub span: u32,
    /// Its parent, zero where it has none.
    pub parent: SpanId,
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
    /// A rule with `drop: true` matched: what comes late is dropped, too.
    pub drop_rule: bool,
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

// === impl Turn ===

impl Turn {
    /// One of which nothing came yet.
    pub fn new(trace_id: TraceId, beside: bool) -> Self {
        Self { trace_id, root: None, earliest: (u64::MAX, 0), top: None, beside }
    }
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

    /// Whether nothing but a trace names the session.
    pub fn is_trace(&self) -> bool {
        matches!(self, Self::Trace(_))
    }

    /// Whether nothing but this trace names the session.
    pub fn is_of(&self, trace: TraceId) -> bool {
        matches!(self, Self::Trace(id) if *id == trace)
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

// === impl TurnRoot ===

impl TurnRoot {
    /// Whether another root of the turn takes its place: one without any parent, else one that starts earlier.
    pub fn gives_way_to(&self, local: bool, start: u64) -> bool {
        (local, self.start) > (self.local, start)
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

    /// The root of the turn that began last, of those that have one. One that only tells of another's call counts where
    /// there is no other.
    pub fn last_root(&self) -> Option<&TurnRoot> {
        let roots = self.turns.iter().filter_map(|turn| Some((turn.beside, turn.root.as_ref()?)));
        roots.max_by_key(|(beside, root)| (!beside, root.start)).map(|(_, root)| root)
    }

    /// The root of the turn that began first, in the same way.
    pub fn first_root(&self) -> Option<&TurnRoot> {
        let roots = self.turns.iter().filter_map(|turn| Some((turn.beside, turn.root.as_ref()?)));
        roots.min_by_key(|(beside, root)| (*beside, root.start)).map(|(_, root)| root)
    }

    /// Whether the last turn's root has status ERROR, or the last model call ended broken, failed or errored.
    pub fn failed(&self) -> bool {
        self.root_failed() || self.sums().last_call_failed
    }

    /// Whether the last turn's root has status ERROR.
    pub fn root_failed(&self) -> bool {
        self.last_status() == crate::otlp::span::STATUS_ERROR
    }

    /// `status.code` of the last turn's root; of what stands for it where none came.
    fn last_status(&self) -> u32 {
        let status = |turn: &Turn| turn.root.as_ref().map(|root| (root.start, root.status)).or(turn.top);
        let turns = self.turns.iter().filter_map(|turn| Some((!turn.beside, status(turn)?)));
        turns.max_by_key(|(own, (start, _))| (*own, *start)).map_or(0, |(_, (_, status))| status)
    }

    /// What its spans told of models, tools and money comes to; nothing before it is judged.
    pub fn sums(&self) -> &Sums {
        static NOTHING: LazyLock<Sums> = LazyLock::new(Sums::default);
        self.sums.as_deref().unwrap_or(&NOTHING)
    }

    /// Spans with status ERROR of a session that did not fail.
    pub fn recovered_errors(&self) -> u32 {
        if self.failed() { 0 } else { self.error_count }
    }

    /// Status of the last turn's root: `unset`, `ok` or `error`.
    pub fn status(&self) -> &'static str {
        match self.last_status() {
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
