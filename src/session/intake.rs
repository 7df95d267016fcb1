//! The way in: a request is walked once, on the thread that received it, its traces are bound to their sessions, and each
//! shard is sent its part in one message.

use std::cell::RefCell;
use std::mem;
use std::sync::Arc;

use hashbrown::HashMap;

use super::describe::{Frame, Lens};
use super::directory::{Claim, Directory};
use super::mail::{Mail, Message};
use crate::flow::{Answer, Arrival, ArrivedSpan, ArrivedTrace, Receipt, SessionId, SessionKey};
use crate::genai::session_keys::{Candidate, RANK_LINK};
use crate::log::{AppendError, Log, Record, RecordKind};
use crate::otlp::join::{Copied, Piece, copy_forward};
use crate::otlp::span::TraceId;
use crate::otlp::walk::{Tally, Visit, walk};

/// Most links that are kept of a trace without a session.
const MAX_LINKS: usize = 8;
/// Most scopes or spans that are passed over to find all of the header of one: whoever reads a span anew does so, and may
/// for each of them.
const MOST_SCATTERED: u32 = 1024;
/// Buffers of a thread that have grown beyond this many spans are not kept for the next request.
const KEPT_SPANS: usize = 16 << 10;

/// Takes requests. Shared by all receiving threads.
pub struct Intake {
    /// What spans are read by.
    pub lens: Arc<Lens>,
    /// Where traces belong.
    pub directory: Arc<Directory>,
    /// The shards.
    pub mail: Mail,
    /// Most spans of a request: each takes memory beside its bytes, all at once.
    pub most_spans: usize,
    /// Where requests stand, for those that are written anew.
    pub log: Arc<Log>,
}

/// The spans of one trace in one request, while it is walked.
#[derive(Debug)]
struct Group {
    trace_id: TraceId,
    spans: u32,
    claim: Option<Claim>,
    links: Vec<TraceId>,
    /// What its root tells of, where a model SDK wrote that.
    answer: Option<Answer>,
}

/// What a request comes to, shard by shard.
struct Parts<'r> {
    record: &'r Record,
    /// Room for traces and for spans that each shard's begins with.
    room: (usize, usize),
    arrivals: Vec<Option<Arrival>>,
    /// Traces that were bound anew, each for the shard that has it.
    moves: Vec<(u16, Message)>,
}

/// Buffers of one thread, used again for every request.
#[derive(Debug, Default)]
struct Scratch {
    /// Spans in the order of the wire, each with its group.
    spans: Vec<(u32, ArrivedSpan)>,
    groups: Vec<Group>,
    by_trace: HashMap<TraceId, u32, foldhash::fast::RandomState>,
    last: Option<(TraceId, u32)>,
    /// Answers of which instrumentations tell, each with its trace.
    told: Vec<(Answer, TraceId)>,
}

thread_local!(static SCRATCH: RefCell<Scratch> = RefCell::default());

// === impl Intake ===

impl Intake {
    /// Takes one request in.
    pub fn take(&self, record: Record) -> Receipt {
        SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
            Ok(mut scratch) => {
                let receipt = self.take_with(record, &mut scratch);
                if scratch.spans.capacity() > KEPT_SPANS {
                    *scratch = Scratch::default();
                }
                receipt
            }
            Err(_) => self.take_with(record, &mut Scratch::default()),
        })
    }

    fn take_with(&self, record: Record, scratch: &mut Scratch) -> Receipt {
        scratch.clear();
        let frame = Frame { bytes: record.bytes(), offset: record.offset() };
        let book = self.lens.prices.current();
        let answers = self.directory.answers.are_wanted();
        let walked = walk(frame.bytes, &self.lens.keys, |visit| {
            if scratch.spans.len() >= self.most_spans {
                return;
            }
            let span = self.lens.describe(visit, frame, &book);
            let group = scratch.group_of(visit.span.trace_id);
            scratch.spans.push((group, span));
            let candidate = self.lens.session_keys.candidate(visit);
            if let Some(group) = scratch.groups.get_mut(group as usize) {
                group.add(visit, candidate);
                if visit.span.parent_id.is_zero() && self.lens.answer_keys.is_native(visit) {
                    group.answer = group.answer.or_else(|| self.lens.answer(visit));
                } else if answers {
                    scratch.told.extend(self.told_answer(visit));
                }
            }
        });
        let tally = match walked {
            Ok(tally) => tally,
            Err(error) => return Receipt::Malformed(format!("not an ExportTraceServiceRequest: {error}")),
        };
        if tally.spans > self.most_spans as u64 {
            return Receipt::TooMany { spans: tally.spans, limit: self.most_spans as u64 };
        }
        if tally.scattered > MOST_SCATTERED {
            return self.take_in_order(&record, tally, scratch);
        }
        if !answers && scratch.groups.iter().any(|group| group.answer.is_some()) {
            // The first of all: what tells of the same may stand before it.
            self.directory.answers.want();
            let _same = walk(frame.bytes, &self.lens.keys, |visit| scratch.told.extend(self.told_answer(visit)));
        }
        scratch.told.drain(..).for_each(|(answer, trace)| self.directory.answers.note(answer, trace));
        self.send(&record, scratch);
        Receipt::Accepted {
            refused: tally.refused,
            refused_bytes: tally.refused_bytes,
            accepted: tally.spans,
            reason: tally.reason,
        }
    }

    /// Takes in a request whose headers stand behind what they are the headers of, written anew as it should be: with all of
    /// them in front.
    #[cold]
    fn take_in_order(&self, record: &Record, tally: Tally, scratch: &mut Scratch) -> Receipt {
        let segment = record.segment().bytes_from(0);
        let pieces: Vec<Piece<'_>> = scratch.spans.iter().map(|(_, span)| span.span.piece(segment)).collect();
        let Copied { bytes: copied, places } = copy_forward(&pieces);
        if places.iter().any(Option::is_none) {
            return Receipt::Malformed("its spans cannot be written with their headers in front".into());
        }
        let fill = |room: &mut [u8]| {
            room.get_mut(..copied.len()).ok_or(())?.copy_from_slice(&copied);
            Ok(copied.len())
        };
        match self.log.append(RecordKind::Traces, record.arrived(), copied.len(), fill) {
            Ok(ordered) => match self.take_with(ordered, scratch) {
                Receipt::Accepted { accepted, refused, refused_bytes, reason } => Receipt::Accepted {
                    accepted,
                    refused: refused + tally.refused,
                    refused_bytes: refused_bytes + tally.refused_bytes,
                    reason: tally.reason.or(reason),
                },
                other => other,
            },
            Err(AppendError::Full | AppendError::Fill(())) => Receipt::Full,
        }
    }

    /// The answer of which an instrumentation tells, and the trace in which it does.
    fn told_answer(&self, visit: &Visit<'_, '_>) -> Option<(Answer, TraceId)> {
        let answer = self.lens.answer(visit).filter(|_| !self.lens.answer_keys.is_native(visit));
        answer.map(|answer| (answer, visit.span.trace_id))
    }

    /// Sends each shard its part, then tells the shards of traces that were bound anew.
    fn send(&self, record: &Record, scratch: &mut Scratch) {
        let mut parts = Parts::new(record, self.mail.shards(), scratch);
        self.directory.warm(scratch.groups.iter().map(|group| group.trace_id));
        // Each group's shard, and where its spans begin in that shard's part.
        let mut targets = vec![(0, 0); scratch.groups.len()];
        // What may follow another trace of this request comes behind it.
        for follows in [false, true] {
            let groups = scratch.groups.iter_mut().zip(&mut targets);
            for (group, target) in groups.filter(|(group, _)| group.answer.is_some() == follows) {
                *target = self.place(group, &mut parts);
            }
        }
        scratch.groups.clear();
        for (group, span) in scratch.spans.drain(..) {
            let Some((shard, next)) = targets.get_mut(group as usize) else { continue };
            let Some(part) = parts.arrivals.get_mut(usize::from(*shard)).and_then(Option::as_mut) else { continue };
            if let Some(place) = part.spans.get_mut(*next as usize) {
                *place = span;
                *next += 1;
            }
        }
        for (shard, part) in parts.arrivals.into_iter().enumerate() {
            if let Some(part) = part {
                record.segment().want(part.spans.iter().map(|span| u64::from(span.span.len)).sum());
                self.mail.send(shard as u16, Message::Arrival(part));
            }
        }
        parts.moves.into_iter().for_each(|(shard, message)| self.mail.send(shard, message));
    }

    /// Binds a trace to its session and makes room for its spans in the part of that one's shard: which that is, and where.
    fn place(&self, group: &mut Group, parts: &mut Parts<'_>) -> (u16, u32) {
        let (trace_id, spans) = (group.trace_id, group.spans);
        let (links, answer) = (mem::take(&mut group.links), group.answer);
        let named = group.claim.as_ref().is_some_and(|claim| claim.rank < RANK_LINK);
        let linked = if named { None } else { self.directory.linked(&links) };
        let told = || answer.and_then(|answer| self.directory.told(trace_id, &answer));
        let bound = self.directory.bind(trace_id, linked.or(group.claim.take()).or_else(told));
        let (key, rank, version) = (bound.binding.key.clone(), bound.binding.rank, bound.binding.version);
        let shard = self.directory.shard_of(&key);
        if let Some(before) = bound.before {
            let message = Message::Rebind { trace_id, key: key.clone(), version };
            parts.moves.push((self.directory.shard_of(&before), message));
        }
        let links = if bound.binding.may_follow_link() { links } else { Vec::new() };
        let answer = answer.filter(|_| bound.binding.may_follow_answer()).map(Box::new);
        let trace = ArrivedTrace { trace_id, key, rank, version, spans, links, answer };
        (shard, parts.add(shard, trace))
    }
}

// === impl Parts ===

impl<'r> Parts<'r> {
    fn new(record: &'r Record, shards: usize, scratch: &Scratch) -> Self {
        let share = |all: usize| all.div_ceil(shards.max(1));
        let room = (share(scratch.groups.len()), share(scratch.spans.len()));
        let mut arrivals = Vec::new();
        arrivals.resize_with(shards, || None);
        Self { record, room, arrivals, moves: Vec::new() }
    }

    /// Adds a trace to the part of a shard, with room for its spans: where that begins.
    fn add(&mut self, shard: u16, trace: ArrivedTrace) -> u32 {
        let Some(part) = self.arrivals.get_mut(usize::from(shard)) else { return 0 };
        let part = part.get_or_insert_with(|| Arrival::with_capacity(self.record, self.room.0, self.room.1));
        let (begin, spans) = (part.spans.len() as u32, trace.spans as usize);
        part.traces.push(trace);
        part.spans.extend(std::iter::repeat_n(ArrivedSpan::EMPTY, spans));
        begin
    }
}

// === impl Arrival ===

impl Arrival {
    fn with_capacity(record: &Record, traces: usize, spans: usize) -> Self {
        Self {
            record: record.clone(),
            arrived: record.arrived(),
            traces: Vec::with_capacity(traces),
            spans: Vec::with_capacity(spans),
        }
    }
}

// === impl Scratch ===

impl Scratch {
    fn clear(&mut self) {
        self.spans.clear();
        self.groups.clear();
        self.by_trace.clear();
        self.last = None;
        self.told.clear();
    }

    fn group_of(&mut self, trace_id: TraceId) -> u32 {
        if let Some((last, group)) = self.last
            && last == trace_id
        {
            return group;
        }
        let group = *self.by_trace.entry(trace_id).or_insert_with(|| {
            self.groups.push(Group { trace_id, spans: 0, claim: None, links: Vec::new(), answer: None });
            self.groups.len() as u32 - 1
        });
        self.last = Some((trace_id, group));
        group
    }
}

// === impl Group ===

impl Group {
    fn add(&mut self, visit: &Visit<'_, '_>, candidate: Option<Candidate<'_>>) {
        self.spans += 1;
        let named = candidate.as_ref().is_some_and(|candidate| candidate.rank < RANK_LINK);
        if let Some(candidate) = candidate {
            self.claim(candidate, visit.span.start);
        }
        if visit.span.links > 0 && !named {
            let own = visit.span.trace_id;
            let room = MAX_LINKS.saturating_sub(self.links.len());
            self.links.extend(visit.span.linked_traces().filter(|trace| *trace != own).take(room));
        }
    }

    fn claim(&mut self, candidate: Candidate<'_>, start: u64) {
        if let Some(claim) = &mut self.claim {
            if (claim.rank, claim.start) <= (candidate.rank, start) {
                return;
            }
            let same = matches!(&claim.key, SessionKey::Id(id) if *id.text == *candidate.id);
            if same && claim.rank == candidate.rank {
                claim.start = start;
                return;
            }
        }
        let id = SessionId { hash: candidate.hash128(), text: candidate.id.into() };
        self.claim = Some(Claim { key: SessionKey::Id(Arc::new(id)), rank: candidate.rank, start });
    }
}
