//! The way in: a request is walked once, on the thread that received it, its traces are bound to their sessions, and each
//! shard is sent its part in one message.

use std::cell::RefCell;
use std::mem;
use std::sync::Arc;

use hashbrown::HashMap;

use super::describe::{Frame, Lens};
use super::directory::{Claim, Directory};
use super::mail::{Mail, Message};
use super::turn::MAX_LINKS;
use crate::flow::{Answer, Arrival, ArrivedSpan, ArrivedTrace, Receipt, SessionId, SessionKey};
use crate::genai::calls::{Call, Reading};
use crate::genai::extract::session_id::{Candidate, RANK_LINK};
use crate::genai::vocabulary::Operation;
use crate::intern::{Kind, Name};
use crate::log::{AppendError, Log, Record, RecordKind};
use crate::otlp::order::in_order;
use crate::otlp::span::TraceId;
use crate::otlp::walk::{Header, Tally, Visit, walk};
use crate::otlp::wire::WireError;
use crate::pricing::PriceBook;

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
    /// What its root tells of, where a model SDK wrote that, else what its first call goes on from.
    answer: Option<Answer>,
}

/// What a request comes to, shard by shard.
struct Parts<'r> {
    record: &'r Record,
    book: Arc<PriceBook>,
    headers: Arc<[Header]>,
    /// Room for traces, spans and records that each shard's begins with.
    room: (usize, usize, usize),
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
    /// Records of the spans; see [`ArrivedSpan::call`].
    calls: Vec<Call>,
    /// Resources and scopes of the request, with offsets in its segment.
    headers: Vec<Header>,
    /// The service of the last of them, and its scope.
    service: Name,
    scope: Name,
    /// Answers that later ones may go on from, each with its group.
    told: Vec<(u32, Answer)>,
    last_id: LastId,
}

/// The session id that a span named last. Consecutive spans mostly name the same one, and hashing it is the dearest part
/// of a claim.
#[derive(Debug, Default)]
struct LastId {
    tenant: String,
    environment: String,
    id: Option<Arc<SessionId>>,
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
        match self.try_take(record, scratch) {
            Ok(tally) => Receipt::Accepted {
                accepted: tally.spans,
                refused: tally.refused,
                refused_bytes: tally.refused_bytes,
                reason: tally.reason,
            },
            Err(refused) => refused,
        }
    }

    /// Walks a request and sends it to the shards. Returns why it is refused.
    fn try_take(&self, mut record: Record, scratch: &mut Scratch) -> Result<Tally, Receipt> {
        let book = self.lens.prices.current();
        let mut tally = self.walk(&record, &book, scratch)?;
        if tally.scattered > 0 {
            record = self.put_in_order(&record)?;
            tally = self.walk(&record, &book, scratch)?;
        }
        self.note_answers(scratch);
        self.send(&record, book, scratch);
        Ok(tally)
    }

    /// Walks a request into `scratch`.
    fn walk(&self, record: &Record, book: &PriceBook, scratch: &mut Scratch) -> Result<Tally, Receipt> {
        scratch.clear();
        let frame = Frame { bytes: record.bytes(), offset: record.offset() };
        let tally = walk(frame.bytes, &self.lens.keys, |visit| {
            if scratch.spans.len() < self.most_spans {
                self.read(visit, frame, book, scratch);
            }
        });
        let tally = tally.map_err(malformed)?;
        if tally.spans > self.most_spans as u64 {
            return Err(Receipt::TooMany { spans: tally.spans, limit: self.most_spans as u64 });
        }
        Ok(tally)
    }

    /// Reads one span, while its bytes are in the cache.
    fn read(&self, visit: &Visit<'_, '_>, frame: Frame<'_>, book: &PriceBook, scratch: &mut Scratch) {
        if visit.header_index as usize >= scratch.headers.len() {
            scratch.headers.push(visit.header.shifted(frame.offset));
            scratch.service = self.lens.service(visit);
            scratch.scope = Name::new(Kind::Scope, visit.scope.name);
        }
        let Reading { call, outcome } = self.lens.calls.read(visit, scratch.scope, book);
        let mut span = self.lens.describe(visit, frame, outcome);
        (span.span.header, span.service) = (visit.header_index, scratch.service);
        let candidate = self.lens.session_keys.candidate(visit);
        let number = scratch.group_of(visit.span.trace_id);
        if let Some(group) = scratch.groups.get_mut(number as usize) {
            group.add(visit, candidate, &mut scratch.last_id);
            if visit.span.parent_id.is_zero() {
                let native = call.as_ref().filter(|call| call.is_native());
                group.answer = native.and_then(Answer::of).or(group.answer);
            }
            let previous = self.lens.session_keys.previous(visit);
            if previous != 0 && group.answer.is_none_or(|known| known.end == 0 && visit.span.start < known.start) {
                group.answer = Some(Answer { id: previous, start: visit.span.start, end: 0 });
            }
        }
        if let Some(call) = call {
            if call.response_id != 0 && self.lens.session_keys.tells_answer(visit) {
                scratch.told.extend(Answer::of(&call).map(|answer| (number, answer)));
            }
            span.call = scratch.calls.len() as u32;
            scratch.calls.push(call);
        }
        scratch.spans.push((number, span));
    }

    /// Notes which traces report a response: those without a session id from the start, because only another trace can name
    /// their session; all others once a trace went on from an answer, or there is an SDK whose own traces follow them.
    fn note_answers(&self, scratch: &Scratch) {
        let answers = &self.directory.answers;
        for answer in scratch.groups.iter().filter_map(|group| group.answer) {
            match answer.end {
                0 => answers.continue_from(),
                _ => answers.want(),
            }
        }
        let continued = answers.are_continued();
        for (number, answer) in &scratch.told {
            let group = scratch.groups.get(*number as usize);
            if let Some(group) = group.filter(|group| continued || group.claim.is_none()) {
                answers.note(*answer, group.trace_id);
            }
        }
        if !answers.are_wanted() {
            return;
        }
        for (number, span) in &scratch.spans {
            let call = scratch.calls.get(span.call as usize).filter(|call| !call.is_native());
            let answer = call.and_then(Answer::of);
            if let Some((answer, group)) = answer.zip(scratch.groups.get(*number as usize)) {
                answers.note(answer, group.trace_id);
            }
        }
    }

    /// Writes a request anew with all headers in front of their spans, so that every header is two ranges at most.
    #[cold]
    fn put_in_order(&self, record: &Record) -> Result<Record, Receipt> {
        let ordered = in_order(record.bytes()).map_err(malformed)?;
        let fill = |room: &mut [u8]| {
            room.get_mut(..ordered.len()).ok_or(())?.copy_from_slice(&ordered);
            Ok(ordered.len())
        };
        let appended = self.log.append(RecordKind::Traces, record.arrived(), ordered.len(), fill);
        appended.map_err(|(AppendError::Full | AppendError::Fill(()))| Receipt::Full)
    }

    /// Sends each shard its part, then tells the shards of traces that were bound anew.
    fn send(&self, record: &Record, book: Arc<PriceBook>, scratch: &mut Scratch) {
        let mut parts = Parts::new(record, book, self.mail.shards(), scratch);
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
                if let Some(call) = scratch.calls.get(span.call as usize) {
                    place.call = part.calls.len() as u32;
                    part.calls.push(*call);
                }
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
    fn new(record: &'r Record, book: Arc<PriceBook>, shards: usize, scratch: &Scratch) -> Self {
        let share = |all: usize| all.div_ceil(shards.max(1));
        let room = (share(scratch.groups.len()), share(scratch.spans.len()), share(scratch.calls.len()));
        let mut arrivals = Vec::new();
        arrivals.resize_with(shards, || None);
        let headers = scratch.headers.as_slice().into();
        Self { record, book, headers, room, arrivals, moves: Vec::new() }
    }

    /// Adds a trace to the part of a shard, with room for its spans: where that begins.
    fn add(&mut self, shard: u16, trace: ArrivedTrace) -> u32 {
        let Some(part) = self.arrivals.get_mut(usize::from(shard)) else { return 0 };
        let (traces, spans, calls) = self.room;
        let part = part.get_or_insert_with(|| Arrival {
            record: self.record.clone(),
            arrived: self.record.arrived(),
            headers: self.headers.clone(),
            traces: Vec::with_capacity(traces),
            spans: Vec::with_capacity(spans),
            calls: Vec::with_capacity(calls),
            book: self.book.clone(),
        });
        let (begin, spans) = (part.spans.len() as u32, trace.spans as usize);
        part.traces.push(trace);
        part.spans.extend(std::iter::repeat_n(ArrivedSpan::EMPTY, spans));
        begin
    }
}

// === impl Answer ===

impl Answer {
    /// The response of which the record of a model call tells.
    fn of(call: &Call) -> Option<Self> {
        let told = call.response_id != 0 && call.operation != Operation::Tool && call.end > 0;
        told.then_some(Self { id: call.response_id, start: call.start, end: call.end })
    }
}

// === impl Scratch ===

impl Scratch {
    fn clear(&mut self) {
        self.spans.clear();
        self.groups.clear();
        self.by_trace.clear();
        self.last = None;
        self.calls.clear();
        self.headers.clear();
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
    fn add(&mut self, visit: &Visit<'_, '_>, candidate: Option<Candidate<'_>>, last_id: &mut LastId) {
        self.spans += 1;
        let named = candidate.as_ref().is_some_and(|candidate| candidate.rank < RANK_LINK);
        if let Some(candidate) = candidate {
            self.claim(candidate, visit.span.start, last_id);
        }
        if visit.span.links > 0 && !named {
            let own = visit.span.trace_id;
            let room = MAX_LINKS.saturating_sub(self.links.len());
            self.links.extend(visit.span.linked_traces().filter(|trace| *trace != own).take(room));
        }
    }

    fn claim(&mut self, candidate: Candidate<'_>, start: u64, last_id: &mut LastId) {
        let better = |claim: &Claim| (candidate.rank, start) < (claim.rank, claim.start);
        if self.claim.as_ref().is_none_or(better) {
            let (rank, key) = (candidate.rank, SessionKey::Id(last_id.resolve(candidate)));
            self.claim = Some(Claim { key, rank, start });
        }
    }
}

// === impl LastId ===

impl LastId {
    /// Returns the id that `candidate` names.
    fn resolve(&mut self, candidate: Candidate<'_>) -> Arc<SessionId> {
        let same_scope = self.tenant == candidate.tenant && self.environment == candidate.environment;
        if let Some(id) = self.id.as_ref().filter(|id| same_scope && *id.text == *candidate.id) {
            return id.clone();
        }
        candidate.tenant.clone_into(&mut self.tenant);
        candidate.environment.clone_into(&mut self.environment);
        let id = Arc::new(SessionId { hash: candidate.hash128(), text: candidate.id.into() });
        self.id = Some(id.clone());
        id
    }
}

fn malformed(error: WireError) -> Receipt {
    Receipt::Malformed(format!("not an ExportTraceServiceRequest: {error}"))
}
