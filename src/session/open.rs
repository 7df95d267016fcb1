//! An open session: its aggregate, the spans it holds, and when it will be due.

use std::mem;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::by_id::{ById, KEPT, most_room};
use super::turn::{OpenTurn, TurnFacts};
use crate::clock::{Nanos, nanos};
use crate::config;
use crate::flow::{Reason, Session, SessionKey, SpanRef, Turn};
use crate::genai::calls::{SessionContext, summarize};
use crate::genai::vocabulary::OutcomeSource;
use crate::glob::Glob;
use crate::intern::Name;
use crate::otlp::probability::{hash_randomness, trace_randomness};
use crate::otlp::span::{STATUS_ERROR, TraceId};
use crate::pricing::PriceBook;

/// The waiting times and bounds of sessions, in nanoseconds.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub(super) settle: Nanos,
    pub(super) idle: Nanos,
    pub(super) trace: Nanos,
    pub(super) duration: Nanos,
    pub(super) spans: u32,
    pub(super) bytes: u64,
    pub(super) open_traces: u32,
}

/// An open session. Owned by a shard's thread.
#[derive(Debug)]
pub(super) struct Open {
    /// What rules will see.
    pub(super) facts: Session,
    /// The spans held, in the order of their arrival.
    pub(super) spans: Vec<SpanRef>,
    /// The state of each turn; beside `facts.turns`.
    pub(super) turns: Vec<OpenTurn>,
    /// Spans by turn and id, the first of each: where a span is held, and whether a parent came.
    pub(super) index: ById<u32>,
    /// Spans by their bytes, where others have the same ids.
    pub(super) variants: HashTable<u32>,
    /// Parents that have not come, by turn and id.
    pub(super) missing: ById<Waiting>,
    /// Spans that were sent before they were over and are not here as a whole, by turn and id.
    pub(super) unfinished: ById<()>,
    /// Of `variants`.
    pub(super) hasher: RandomState,
    /// When its first span arrived, and its last.
    pub(super) arrived: (Nanos, Nanos),
    /// When the wheel will bring it up next.
    pub(super) scheduled: Nanos,
    /// Whether a span said that the session is over.
    pub(super) ended: bool,
    /// Whether prices changed between its records: they are made anew before it is decided.
    pub(super) mixed_prices: bool,
    /// Part of its conversation was judged before.
    pub(super) continued: bool,
}

/// So far up is looked for what stands uppermost in a turn.
const MAX_WAY_UP: usize = 1024;

/// Children that wait for a parent.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// How many they are.
    pub(super) children: u32,
    /// Some child is in the same process, so that the parent should have come.
    pub(super) local: bool,
}

// === impl Bounds ===

impl From<&config::Sessions> for Bounds {
    fn from(config: &config::Sessions) -> Self {
        Self {
            settle: nanos(config.settle),
            idle: nanos(config.idle_timeout),
            trace: nanos(config.trace_timeout),
            duration: nanos(config.max_duration),
            spans: config.max_spans,
            bytes: config.max_bytes,
            open_traces: config.max_open_traces,
        }
    }
}

// === impl Open ===

impl Open {
    /// An empty session. `predicates` are how many span predicates the rules have.
    pub(super) fn new(key: SessionKey, sequence: u32, predicates: usize, now: Nanos) -> Self {
        let mut new = Self::blank();
        new.facts.predicates = vec![0; predicates].into();
        new.begin(key, sequence, now);
        new
    }

    /// Begins a session, in what is blank.
    pub(super) fn begin(&mut self, key: SessionKey, sequence: u32, now: Nanos) {
        self.facts.randomness = match &key {
            SessionKey::Trace(id) => trace_randomness(*id),
            SessionKey::Id(id) => hash_randomness(id.hash),
        };
        (self.facts.key, self.facts.sequence) = (key, sequence);
        self.arrived = (now, now);
        self.continued = sequence > 1;
    }

    /// Makes it blank. Its lists keep the memory that they have, unless that is much.
    pub(super) fn clear(&mut self) {
        let Self { facts, spans, turns, index, .. } = mem::replace(self, Self::blank());
        self.facts.predicates = facts.predicates;
        self.facts.predicates.fill(0);
        keep(&mut self.facts.turns, facts.turns);
        keep(&mut self.facts.calls, facts.calls);
        keep(&mut self.spans, spans);
        keep(&mut self.turns, turns);
        if let (ById::Few(own), ById::Few(list)) = (&mut self.index, index) {
            keep(own, list);
        }
    }

    fn blank() -> Self {
        Self {
            facts: Session {
                key: SessionKey::Trace(TraceId::default()),
                sequence: 0,
                randomness: 0,
                turns: Vec::new(),
                spans: 0,
                bytes: 0,
                services: Vec::new(),
                error_types: Vec::new(),
                start: 0,
                end: 0,
                error_count: 0,
                orphans: 0,
                unfinished: 0,
                complete: false,
                predicates: Box::default(),
                calls: Vec::new(),
                book: None,
                sums: None,
            },
            spans: Vec::new(),
            turns: Vec::new(),
            index: ById::default(),
            variants: HashTable::new(),
            missing: ById::default(),
            unfinished: ById::default(),
            hasher: RandomState::default(),
            arrived: (0, 0),
            scheduled: Nanos::MAX,
            ended: false,
            mixed_prices: false,
            continued: false,
        }
    }

    /// Adds a turn; its index.
    pub(super) fn add_turn(&mut self, turn: Turn, open: OpenTurn) -> u32 {
        if self.turns.is_empty() {
            // Mostly it is the only one.
            self.facts.turns.reserve_exact(1);
            self.turns.reserve_exact(1);
        }
        self.continued |= open.reopened;
        self.facts.turns.push(turn);
        self.turns.push(open);
        self.turns.len() as u32 - 1
    }

    /// Notes the prices that a record was made with.
    pub(super) fn note_prices(&mut self, book: &Arc<PriceBook>) {
        let known = self.facts.book.get_or_insert_with(|| book.clone());
        if !Arc::ptr_eq(known, book) {
            *known = book.clone();
            self.mixed_prices = true;
        }
    }

    /// Makes room for `more` spans.
    pub(super) fn reserve(&mut self, more: usize) {
        self.spans.reserve(more);
        self.index.reserve(more);
    }

    /// Gives back room that was made for spans that turned out to be held already. Lists that grow as they are filled never
    /// have as much, so that nothing is moved for other sessions.
    pub(super) fn give_back_room(&mut self) {
        let len = self.spans.len();
        if self.spans.capacity() > most_room(len) {
            self.spans.shrink_to(len + len / 4);
        }
        self.index.give_back_room();
        let calls = self.facts.calls.len();
        if self.facts.calls.capacity() > most_room(calls) {
            self.facts.calls.shrink_to(calls + calls / 4);
        }
    }

    /// When the session is due by what is known, and why. The earliest of several reasons counts.
    pub(super) fn due(&self, bounds: &Bounds) -> (Nanos, Reason) {
        let (first, last) = self.arrived;
        let own = if self.facts.key.is_trace() {
            self.turns_due(bounds)
        } else if self.ended {
            (last.saturating_add(bounds.settle), Reason::ExplicitEnd)
        } else {
            let idle = (last.saturating_add(bounds.idle), Reason::Idle);
            std::cmp::max_by_key(self.turns_due(bounds), idle, |due| due.0)
        };
        let age = (first.saturating_add(bounds.duration), Reason::Duration);
        std::cmp::min_by_key(own, age, |due| due.0)
    }

    /// A time that the session is not due before, cheaper than [`Open::due`] once it has many turns.
    pub(super) fn due_at_the_earliest(&self, turn: u32, bounds: &Bounds) -> Nanos {
        let (first, last) = self.arrived;
        let turn = self.turns.get(turn as usize).map_or(0, |open| self.turn_due(open, turn, bounds).0);
        let own = match (self.facts.key.is_trace(), self.ended) {
            (true, _) => turn,
            (false, true) => last.saturating_add(bounds.settle),
            (false, false) => turn.max(last.saturating_add(bounds.idle)),
        };
        own.min(first.saturating_add(bounds.duration))
    }

    /// Whether the session has outgrown its bounds.
    pub(super) fn too_large(&self, bounds: &Bounds) -> Option<Reason> {
        if self.facts.spans >= bounds.spans {
            Some(Reason::Spans)
        } else if self.facts.bytes >= bounds.bytes {
            Some(Reason::Bytes)
        } else {
            None
        }
    }

    /// Traces that have not settled.
    pub(super) fn open_traces(&self, bounds: &Bounds, now: Nanos) -> u32 {
        let open = |(turn, open): &(usize, &OpenTurn)| self.turn_due(open, *turn as u32, bounds).0 > now;
        self.turns.iter().enumerate().filter(open).count() as u32
    }

    /// Completes the session: nothing more will be folded in.
    pub(super) fn finish(&mut self, bounds: &Bounds, now: Nanos, irreversible: &[Glob]) {
        let settled = |(turn, open): (usize, &OpenTurn)| self.turn_settled(open, turn as u32);
        let due = |open: &OpenTurn| open.last.saturating_add(bounds.settle) <= now || self.ended;
        let whole = self.turns.iter().enumerate().all(settled) && self.turns.iter().all(due);
        self.facts.orphans =
            self.missing.values().filter(|waiting| waiting.local).map(|waiting| waiting.children).sum();
        self.facts.unfinished = self.unfinished.values().count() as u32;
        self.stand_in();
        self.facts.complete = whole && !self.continued && self.facts.orphans == 0;
        let mut all = TurnFacts::default();
        for (turn, open) in self.facts.turns.iter().zip(&mut self.turns) {
            if self.facts.key.is_of(turn.trace_id) && open.facts.incoming_rv != u64::MAX {
                self.facts.randomness = open.facts.incoming_rv;
            }
            all.merge(mem::take(&mut open.facts));
        }
        let outcome = all.outcome.map(|(source, _, outcome)| (source, outcome));
        (self.facts.start, self.facts.end) = (if all.start == u64::MAX { all.end } else { all.start }, all.end);
        (self.facts.services, self.facts.error_types) = (all.services.into_vec(), all.error_types.into_vec());
        self.sum_up(outcome, irreversible);
    }

    /// Notes what stands uppermost in the turns whose root never came.
    fn stand_in(&mut self) {
        let without = |(turn, open): (&Turn, &OpenTurn)| turn.root.is_none() && !open.reopened;
        for at in 0..self.turns.len() {
            let turn = self.facts.turns.get(at).zip(self.turns.get(at)).filter(|both| without(*both));
            let Some((start, earliest)) = turn.map(|(turn, _)| turn.earliest) else { continue };
            // Spans that are each other's ancestors have nothing uppermost: the way up is no longer than there are spans.
            let up = |span: &SpanRef| self.parent_of(span).and_then(|place| self.spans.get(place as usize));
            let way = std::iter::successors(self.spans.get(earliest as usize), |span| up(span));
            let top = way.take(MAX_WAY_UP).last().map(|top| (start, if top.failed { STATUS_ERROR } else { 0 }));
            self.facts.turns.get_mut(at).into_iter().for_each(|turn| turn.top = top);
        }
    }

    fn sum_up(&mut self, outcome: Option<(OutcomeSource, Name)>, irreversible: &[Glob]) {
        let kin = self.kin();
        let start = |turn: &Turn| turn.root.as_ref().map_or(turn.earliest.0, |root| root.start);
        let turns: Vec<u64> = self.facts.turns.iter().map(start).collect();
        let root_status = Some(self.facts.status()).filter(|status| *status != "unset");
        let book = self.facts.book.clone();
        let context = SessionContext { turns: &turns, outcome, root_status, irreversible, book: book.as_deref() };
        self.facts.sums = Some(Box::new(summarize(&mut self.facts.calls, &kin, &context)));
    }

    fn turns_due(&self, bounds: &Bounds) -> (Nanos, Reason) {
        let due = self.turns.iter().enumerate().map(|(turn, open)| self.turn_due(open, turn as u32, bounds));
        due.max_by_key(|due| due.0).unwrap_or((self.arrived.1.saturating_add(bounds.settle), Reason::Settled))
    }

    fn turn_due(&self, open: &OpenTurn, turn: u32, bounds: &Bounds) -> (Nanos, Reason) {
        match self.turn_settled(open, turn) {
            true => (open.last.saturating_add(bounds.settle), Reason::Settled),
            false => (open.last.saturating_add(bounds.trace), Reason::TraceTimeout),
        }
    }

    /// Whether all of the turn is here, as far as its spans tell.
    fn turn_settled(&self, open: &OpenTurn, turn: u32) -> bool {
        let rooted = self.facts.turns.get(turn as usize).is_some_and(|turn| turn.root.is_some());
        open.reopened || (rooted && open.blocking == 0)
    }
}

/// Takes over the memory of another list, unless that is much.
fn keep<T>(own: &mut Vec<T>, mut other: Vec<T>) {
    if other.capacity() <= KEPT {
        other.clear();
        *own = other;
    }
}
