//! The way in: a request is walked once, on the thread that received it, its traces are bound to their sessions, and each
//! shard is sent its part in one message.

use std::cell::RefCell;
use std::sync::Arc;

use hashbrown::HashMap;

use super::describe::{Frame, Lens};
use super::directory::{Claim, Directory};
use super::mail::{Mail, Message};
use crate::flow::{Arrival, ArrivedSpan, ArrivedTrace, Receipt, SessionId, SessionKey};
use crate::genai::session_keys::{Candidate, RANK_LINK};
use crate::log::Record;
use crate::otlp::span::TraceId;
use crate::otlp::walk::{Visit, walk};

/// Most links that are kept of a trace without a session.
const MAX_LINKS: usize = 8;
/// Buffers of a thread that have grown beyond this many spans are not kept for the next request.
const KEPT_SPANS: usize = 16 << 10;

/// Takes requests. Shared by all receiving threads.
#[derive(Debug)]
pub struct Intake {
    /// What spans are read by.
    pub lens: Arc<Lens>,
    /// Where traces belong.
    pub directory: Arc<Directory>,
    /// The shards.
    pub mail: Mail,
    /// Most spans of a request: each takes memory beside its bytes, all at once.
    pub most_spans: usize,
}

/// The spans of one trace in one request, while it is walked.
#[derive(Debug)]
struct Group {
    trace_id: TraceId,
    spans: u32,
    claim: Option<Claim>,
    links: Vec<TraceId>,
}

/// Buffers of one thread, used again for every request.
#[derive(Debug, Default)]
struct Scratch {
    /// Spans in the order of the wire, each with its group.
    spans: Vec<(u32, ArrivedSpan)>,
    groups: Vec<Group>,
    by_trace: HashMap<TraceId, u32, foldhash::fast::RandomState>,
    last: Option<(TraceId, u32)>,
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
            }
        });
        let tally = match walked {
            Ok(tally) => tally,
            Err(error) => return Receipt::Malformed(format!("not an ExportTraceServiceRequest: {error}")),
        };
        if tally.spans > self.most_spans as u64 {
            return Receipt::TooMany { spans: tally.spans, limit: self.most_spans as u64 };
        }
        self.send(&record, scratch);
        Receipt::Accepted {
            refused: tally.refused,
            refused_bytes: tally.refused_bytes,
            accepted: tally.spans,
            reason: tally.reason,
        }
    }

    /// Sends each shard its part, then tells the shards of traces that were bound anew.
    fn send(&self, record: &Record, scratch: &mut Scratch) {
        let mut moves = Vec::new();
        let shards = self.mail.shards();
        let mut parts: Vec<Option<Arrival>> = Vec::new();
        parts.resize_with(shards, || None);
        let share = |all: usize| all.div_ceil(shards.max(1));
        let (traces, spans) = (share(scratch.groups.len()), share(scratch.spans.len()));
        let begin = || Arrival::with_capacity(record, traces, spans);
        self.directory.warm(scratch.groups.iter().map(|group| group.trace_id));
        // Each group's shard, and where its spans begin in that shard's part.
        let mut targets = Vec::with_capacity(scratch.groups.len());
        for group in scratch.groups.drain(..) {
            let Group { trace_id, spans, claim, links } = group;
            let named = claim.as_ref().is_some_and(|claim| claim.rank < RANK_LINK);
            let claim = if named { claim } else { self.directory.linked(&links).or(claim) };
            let bound = self.directory.bind(trace_id, claim);
            let (key, rank, version) = (bound.binding.key.clone(), bound.binding.rank, bound.binding.version);
            let shard = self.directory.shard_of(&key);
            if let Some(before) = bound.before {
                moves.push((self.directory.shard_of(&before), Message::Rebind { trace_id, key: key.clone(), version }));
            }
            let links = if bound.binding.may_follow_link() { links } else { Vec::new() };
            let part = parts.get_mut(usize::from(shard)).map(|part| part.get_or_insert_with(begin));
            let Some(part) = part else { continue };
            targets.push((shard, part.spans.len() as u32));
            part.traces.push(ArrivedTrace { trace_id, key, rank, version, spans, links });
            part.spans.extend(std::iter::repeat_n(ArrivedSpan::EMPTY, spans as usize));
        }
        for (group, span) in scratch.spans.drain(..) {
            let Some((shard, next)) = targets.get_mut(group as usize) else { continue };
            let Some(part) = parts.get_mut(usize::from(*shard)).and_then(Option::as_mut) else { continue };
            if let Some(place) = part.spans.get_mut(*next as usize) {
                *place = span;
                *next += 1;
            }
        }
        for (shard, part) in parts.into_iter().enumerate() {
            if let Some(part) = part {
                record.segment().want(part.spans.iter().map(|span| u64::from(span.span.len)).sum());
                self.mail.send(shard as u16, Message::Arrival(part));
            }
        }
        moves.into_iter().for_each(|(shard, message)| self.mail.send(shard, message));
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
    }

    fn group_of(&mut self, trace_id: TraceId) -> u32 {
        if let Some((last, group)) = self.last
            && last == trace_id
        {
            return group;
        }
        let group = *self.by_trace.entry(trace_id).or_insert_with(|| {
            self.groups.push(Group { trace_id, spans: 0, claim: None, links: Vec::new() });
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
