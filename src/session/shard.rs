//! A shard: the one owner of its sessions. Everything here runs on its thread, or on a test's, which gives the time.
//!
//! The directory is right about where a trace belongs. A shard asks it for a trace that is not open here, so that what
//! arrives by an older word is sent on, and needs no list of what it once gave away.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::batch::Batch;
use super::describe::Lens;
use super::directory::{Claim, Directory};
use super::footprint;
use super::held::Held;
use super::mail::{Mail, Message};
use super::moved::MovedTurn;
use super::open::{Bounds, Open};
use super::outlets::Outlets;
use super::remembered::{Generations, JudgedTrace};
use super::table::{Table, Ticket};
use super::turn::OpenTurn;
use super::wheel::Wheel;
use crate::clock::{Nanos, SECOND};
use crate::config;
use crate::flow::{Arrival, ArrivedSpan, ArrivedTrace, SessionKey, SpanRef, Turn};
use crate::genai::extract::session_id::RANK_ANSWER;
use crate::log::Log;
use crate::observe::ledger::{ShardCounts, ShardLedger, Spans};
use crate::otlp::span::TraceId;

/// How often the log is looked at for what to copy forward, and memory where there are many sessions to choose from.
const LOOK: Nanos = SECOND / 2;
/// Up to so many sessions, choosing among them costs so little that it is done every tick when memory is short.
const FEW: usize = 50_000;

/// Sessions that are read ahead at once: what they have fits into the nearest caches.
pub(super) const WARM: usize = 64;

/// What a shard works with.
pub struct Site {
    /// Which shard it is.
    pub id: u16,
    /// What spans are read by.
    pub lens: Arc<Lens>,
    /// Where traces belong.
    pub directory: Arc<Directory>,
    /// The way to the others.
    pub mail: Mail,
    /// Where spans are copied forward to.
    pub log: Arc<Log>,
    /// Where counts are published.
    pub ledger: Arc<ShardLedger>,
    /// What it hands on.
    pub outlets: Arc<Outlets>,
}

/// One shard.
pub struct Shard {
    pub(super) site: Site,
    pub(super) log: Arc<Log>,
    pub(super) bounds: Bounds,
    pub(super) table: Table,
    pub(super) held: Held,
    /// Open sessions by the hash of their id; those of one trace are found by `traces`.
    pub(super) by_id: HashMap<u128, u32, RandomState>,
    /// Open sessions of one trace that others follow, by that trace.
    pub(super) led: HashMap<TraceId, u32, RandomState>,
    /// Open traces: their session and turn.
    pub(super) traces: HashMap<TraceId, (u32, u32), RandomState>,
    /// Sessions by when they are looked at, with the time that they were put in for.
    wheel: Wheel<(Ticket, Nanos)>,
    pub(super) judged: Generations<TraceId, JudgedTrace>,
    /// Bursts of conversations so far, by the hash of their id.
    pub(super) sequences: Generations<u128, u32>,
    pub(super) counts: ShardCounts,
    /// Records held.
    pub(super) calls: u64,
    looked: Nanos,
}

// === impl Shard ===

impl Shard {
    /// An empty shard.
    pub fn new(site: Site, config: &config::Sessions, now: Nanos) -> Self {
        let remembered = config.remembered_traces / site.mail.shards().max(1);
        Self {
            log: site.log.clone(),
            bounds: Bounds::from(config),
            table: Table::default(),
            held: Held::default(),
            by_id: HashMap::default(),
            led: HashMap::default(),
            traces: HashMap::default(),
            wheel: Wheel::new(now),
            judged: Generations::new(remembered),
            sequences: Generations::new(remembered),
            counts: ShardCounts::default(),
            calls: 0,
            looked: now,
            site,
        }
    }

    /// Handles one message.
    pub fn handle(&mut self, message: Message, now: Nanos) {
        match message {
            Message::Arrival(arrival) => {
                let bytes = footprint::of_arrival(&arrival);
                self.arrival(arrival);
                self.publish();
                return self.site.mail.handled(bytes);
            }
            Message::Moved(moved) => self.adopt(moved),
            Message::Rebind { trace_id, key, version } => self.rebind(trace_id, &key, version),
            Message::Flush(done) => {
                self.judge_all(now);
                self.publish();
                drop(done);
                return;
            }
            Message::Stop => return,
        }
        self.publish();
    }

    /// Judges what is due, and sees to memory now and then.
    pub fn tick(&mut self, now: Nanos) {
        let mut up = Vec::new();
        self.wheel.take(now, &mut up);
        for some in up.chunks(WARM) {
            self.warm_sessions(some.iter().map(|(ticket, _)| ticket.index));
            some.iter().for_each(|(ticket, scheduled)| self.look_at(*ticket, *scheduled, now));
        }
        let due = now.saturating_sub(self.looked) >= LOOK;
        let relief = if due || self.table.len() <= FEW { (self.site.outlets.relief)() } else { 0 };
        if relief > 0 {
            self.relieve(relief, now);
        }
        if due || relief > 0 {
            self.looked = now;
            let usage = self.log.usage();
            self.copy_forward(&usage);
        }
        self.publish();
    }

    /// Counts what the tables hold, span by span: what `held` must come to.
    #[cfg(test)]
    pub fn count_held(&self) -> Spans {
        let spans = self.table.iter().flat_map(|(_, open)| &open.spans);
        let (count, bytes) = spans.fold((0, 0), |(count, bytes), span| (count + 1, bytes + u64::from(span.len)));
        Spans::new(count, bytes)
    }

    /// Estimates the bytes that the tables take.
    fn table_bytes(&self) -> u64 {
        footprint::of(self.table.len() as u64, self.counts.held.spans, self.calls) + self.held.header_bytes()
    }

    fn publish(&mut self) {
        (self.counts.sessions, self.counts.traces) = (self.table.len() as u64, self.traces.len() as u64);
        self.counts.table_bytes = self.table_bytes();
        self.site.ledger.publish(&self.counts);
    }

    fn arrival(&mut self, arrival: Arrival) {
        let Arrival { record, arrived, headers, traces, mut spans, calls, book } = arrival;
        let slot = self.held.hold(record.segment(), false);
        let first_header = self.held.add_headers(slot, &headers);
        let mut total = Spans::default();
        for span in spans.iter_mut().map(|arrived| &mut arrived.span) {
            (span.segment, span.header) = (slot, span.header + first_header);
            total += Spans::new(1, u64::from(span.len));
        }
        self.counts.taken += total;
        self.held.add(slot, total.spans as u32, total.bytes);
        self.warm_traces(traces.iter().map(|trace| &trace.trace_id));
        let mut rest = spans.as_slice();
        for trace in traces {
            let Some((own, others)) = rest.split_at_checked(trace.spans as usize) else { break };
            rest = others;
            self.trace(trace, Batch::Arrived { spans: own, calls: &calls, book: &book, at: arrived });
        }
        self.held.let_go_if_unused(slot);
    }

    /// Takes spans of one trace, which are held already, to their session, here or elsewhere.
    pub(super) fn trace(&mut self, mut trace: ArrivedTrace, batch: Batch<'_>) {
        // The request may know better than this shard where the trace belongs.
        if trace.version > 0 {
            self.rebind(trace.trace_id, &trace.key, trace.version);
        }
        if let Some((index, turn)) = self.traces.get(&trace.trace_id).copied() {
            return self.fold(index, turn, trace, batch);
        }
        let judged = self.judged.get(&trace.trace_id);
        if let Some(judged) = &judged {
            self.counts.late += batch.len() as u64;
            if let Some(verdict) = &judged.kept {
                return self.follow(verdict.clone(), judged.by_trace, batch.spans());
            }
            if judged.dropped {
                return self.drop_late(&batch.spans());
            }
        }
        let binding = self.site.directory.get(&trace.trace_id).filter(|binding| binding.version >= trace.version);
        let binding = binding.unwrap_or_else(|| {
            let claim = Claim { key: trace.key.clone(), rank: trace.rank, start: u64::MAX };
            self.site.directory.bind(trace.trace_id, Some(claim)).binding
        });
        (trace.key, trace.rank, trace.version) = (binding.key, binding.rank, binding.version);
        self.open(trace, batch, judged);
    }

    /// Opens a trace in its session, which is opened when need be, or sends it to the shard that owns it.
    fn open(&mut self, mut trace: ArrivedTrace, batch: Batch<'_>, judged: Option<JudgedTrace>) {
        if self.site.directory.shard_of(&trace.key) != self.site.id {
            return self.send_elsewhere(trace, batch);
        }
        let index = match &trace.key {
            SessionKey::Id(id) => self.by_id.get(&id.hash).copied(),
            SessionKey::Trace(lead) => self.led_by(*lead, trace.trace_id),
        };
        let (first, last) = batch.arrived();
        let crowded = |open: &Open| {
            open.turns.len() >= self.bounds.open_traces as usize
                && open.open_traces(&self.bounds, last) >= self.bounds.open_traces
        };
        let own = trace.key.is_of(trace.trace_id);
        if !own && index.and_then(|index| self.table.get(index)).is_some_and(crowded) {
            self.counts.crowded_ids += 1;
            let binding = self.site.directory.set_apart(trace.trace_id);
            (trace.key, trace.rank, trace.version) = (binding.key, binding.rank, binding.version);
            return self.open(trace, batch, judged);
        }
        let lead = if index.is_none() { self.judged_lead(&trace) } else { None };
        let judged = match lead {
            Some(lead) if lead.kept.is_some() => return self.follow_lead(&trace, lead, batch.spans()),
            lead => judged.or(lead),
        };
        let index = index.unwrap_or_else(|| self.open_session(&trace.key, judged.as_ref(), first));
        let Some(open) = self.table.get_mut(index) else { return };
        let turn = Turn::new(trace.trace_id, trace.rank == RANK_ANSWER);
        let state = OpenTurn { reopened: judged.is_some(), ..OpenTurn::new(trace.version, first, first) };
        let turn = open.add_turn(turn, state);
        self.traces.insert(trace.trace_id, (index, turn));
        self.judged.remove(&trace.trace_id);
        if !own {
            self.note_lead(index);
        }
        self.fold(index, turn, trace, batch);
    }

    /// Sends spans of a trace to the shard that owns its session.
    fn send_elsewhere(&mut self, trace: ArrivedTrace, batch: Batch<'_>) {
        let turn = match batch {
            Batch::Moved(turn) => Some(turn),
            Batch::Arrived { spans, calls, book, at } => {
                let ArrivedTrace { trace_id, version, ref links, ref answer, .. } = trace;
                let mut state = OpenTurn::new(version, at, at);
                state.note_references(links.clone(), answer.clone());
                let mut duplicates = Vec::new();
                let turn = Turn::new(trace_id, trace.rank == RANK_ANSWER);
                let turn = MovedTurn::of_arrived(turn, state, spans, calls, book, &self.held, |span| {
                    duplicates.push(*span);
                });
                duplicates.iter().for_each(|span| self.let_go_of_duplicate(span));
                turn.map(Box::new)
            }
        };
        if let Some(turn) = turn {
            self.send_on(trace, turn);
        }
    }

    fn open_session(&mut self, key: &SessionKey, judged: Option<&JudgedTrace>, now: Nanos) -> u32 {
        let before = match key {
            SessionKey::Id(id) => self.sequences.get(&id.hash),
            SessionKey::Trace(_) => judged.map(|judged| judged.sequence),
        };
        let sequence = before.unwrap_or(0).saturating_add(1);
        self.counts.continuations += u64::from(sequence > 1);
        let ticket = self.table.open(key.clone(), sequence, self.site.lens.predicates.len(), now);
        if let SessionKey::Id(id) = key {
            self.by_id.insert(id.hash, ticket.index);
        }
        ticket.index
    }

    fn fold(&mut self, index: u32, turn: u32, trace: ArrivedTrace, batch: Batch<'_>) {
        let Some(open) = self.table.get_mut(index) else { return };
        let (first, last) = batch.arrived();
        open.arrived.0 = open.arrived.0.min(first);
        if let Some(turn) = open.turns.get_mut(turn as usize) {
            turn.first = turn.first.min(first);
            turn.note_references(trace.links, trace.answer);
        }
        let before = (Spans::new(u64::from(open.facts.spans), open.facts.bytes), open.facts.calls.len());
        let mut duplicates = Vec::new();
        match batch {
            Batch::Arrived { spans, calls, book, at } => {
                open.reserve(spans.len());
                for arrived in spans {
                    let arrived = ArrivedSpan { span: SpanRef { turn, ..arrived.span }, ..*arrived };
                    if open.fold(&arrived, calls, book, &self.held, at).is_duplicate() {
                        duplicates.push(arrived.span);
                    }
                }
                // An arrival is one request, and stands in one segment.
                let segment = spans.first().and_then(|arrived| self.held.get_mut(arrived.span.segment));
                if let Some(held) = segment.filter(|_| duplicates.len() < spans.len()) {
                    held.sessions.push(index);
                }
                open.give_back_room();
            }
            Batch::Moved(turn) => {
                open.put_turn(*turn, &self.held, |span| duplicates.push(*span));
                open.give_back_room();
                self.note_segments(index);
            }
        }
        let Some(open) = self.table.get(index) else { return };
        self.counts.held += Spans::new(u64::from(open.facts.spans), open.facts.bytes);
        self.counts.held -= before.0;
        self.calls += (open.facts.calls.len() - before.1) as u64;
        let too_large = open.too_large(&self.bounds);
        duplicates.iter().for_each(|span| self.let_go_of_duplicate(span));
        match too_large {
            Some(reason) => self.decide(index, reason, last),
            None => self.schedule(index, turn),
        }
    }

    /// Counts a span that is held already, and lets go of its bytes.
    fn let_go_of_duplicate(&mut self, span: &SpanRef) {
        self.counts.duplicate += Spans::new(1, u64::from(span.len));
        self.held.remove(span.segment, 1, u64::from(span.len), false);
    }

    pub(super) fn schedule(&mut self, index: u32, turn: u32) {
        let Some(open) = self.table.get_mut(index) else { return };
        let due = open.due_at_the_earliest(turn, &self.bounds).min(open.looks_around_at(&self.bounds));
        if due < open.scheduled {
            open.scheduled = due;
            if let Some(ticket) = self.table.ticket(index) {
                self.wheel.put(due, (ticket, due));
            }
        }
    }

    /// Looks at a session that the wheel has brought up.
    fn look_at(&mut self, ticket: Ticket, scheduled: Nanos, now: Nanos) {
        let Some(open) = self.table.named(ticket).filter(|open| open.scheduled == scheduled) else { return };
        let (due, reason) = open.due(&self.bounds);
        if (due <= now || open.looks_around_at(&self.bounds) <= now) && self.follow_another(ticket.index) {
            return;
        }
        if due > now {
            if let Some(open) = self.table.get_mut(ticket.index) {
                open.scheduled = due;
            }
            self.wheel.put(due, (ticket, due));
        } else {
            self.decide(ticket.index, reason, now);
        }
    }
}
