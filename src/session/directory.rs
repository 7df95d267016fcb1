//! Which session a trace belongs to: read and written by all receiving threads and shards, so that a span without a
//! session id follows its trace.
//!
//! A trace has one session: that of the highest-ranked source, then of the earliest span. What is known may be bettered
//! later, which raises the binding's version; shards compare versions, and the directory is right where they differ.

use std::fmt;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::answers::Answers;
use crate::flow::{Answer, SessionKey};
use crate::genai::extract::session_id::{RANK_ANSWER, RANK_LINK, RANK_PREVIOUS, RANK_RESOURCE, RANK_TRACE};
use crate::otlp::span::TraceId;

/// The session of every open and every remembered trace.
pub struct Directory {
    /// Each trace in one of them, so that threads seldom wait for one another.
    parts: Box<[Part]>,
    hasher: RandomState,
    shards: u16,
    /// Which traces tell of an answer.
    pub answers: Answers,
}

/// A part of the traces, on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Part(Mutex<HashTable<(TraceId, Binding)>>);

/// What a trace is bound to.
#[derive(Clone, Debug)]
pub struct Binding {
    /// Its session.
    pub key: SessionKey,
    /// Rank of the source that named it.
    pub rank: u16,
    /// Start of the earliest span that did.
    pub start: u64,
    /// Counts how often it was bound anew.
    pub version: u32,
}

/// What a request says of a trace's session.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The session.
    pub key: SessionKey,
    /// Rank of the source.
    pub rank: u16,
    /// Start of the span that says so.
    pub start: u64,
}

/// What became of a claim.
#[derive(Clone, Debug)]
pub struct Bound {
    /// What the trace is bound to now.
    pub binding: Binding,
    /// The session that it was bound to before, when that was another.
    pub before: Option<SessionKey>,
}

/// How many parts there are for each shard.
const PARTS: usize = 8;
/// A binding that was bound anew so often is no longer bettered by an earlier span of the same rank. Each time all spans of
/// the trace move and are read again, and a sender could name ever earlier starts without end; spans that are only late come
/// to few.
const MOST_ANEW: u32 = 8;

// === impl Directory ===

impl Directory {
    /// A directory for `shards` shards.
    pub fn new(shards: u16) -> Self {
        let parts = usize::from(shards.max(1)).next_power_of_two() * PARTS;
        Self {
            parts: (0..parts).map(|_| Part::default()).collect(),
            hasher: RandomState::default(),
            shards: shards.max(1),
            answers: Answers::default(),
        }
    }

    /// The shard that owns a session.
    pub fn shard_of(&self, key: &SessionKey) -> u16 {
        // Mixed with a seed of our own: trace ids need not be random, nor unlike what other layers divide by.
        let hash = xxhash_rust::xxh3::xxh3_64_with_seed(&key.hash128().to_le_bytes(), 0x7461_696c_7369_6576);
        (hash % u64::from(self.shards)) as u16
    }

    /// Binds a trace as `claim` says, unless it is bound by a better one; a trace without any claim is its own session.
    /// An earlier span is no better than one of its rank once the trace was bound anew eight times; a higher rank always is.
    pub fn bind(&self, trace: TraceId, claim: Option<Claim>) -> Bound {
        let claim = claim.unwrap_or(Claim { key: SessionKey::Trace(trace), rank: RANK_TRACE, start: u64::MAX });
        let hash = self.hasher.hash_one(trace);
        match self.part(hash).entry(hash, |known| known.0 == trace, |known| self.hasher.hash_one(known.0)) {
            Entry::Vacant(place) => {
                let Claim { key, rank, start } = claim;
                let binding = Binding { key, rank, start, version: 0 };
                place.insert((trace, binding.clone()));
                Bound { binding, before: None }
            }
            Entry::Occupied(mut place) => {
                let binding = &mut place.get_mut().1;
                let settled = binding.version >= MOST_ANEW && claim.rank == binding.rank;
                let better = (claim.rank, claim.start) < (binding.rank, binding.start) && !settled;
                let other = claim.key != binding.key;
                let mut before = None;
                if better {
                    (binding.rank, binding.start) = (claim.rank, claim.start);
                    if other {
                        before = Some(std::mem::replace(&mut binding.key, claim.key));
                        binding.version = binding.version.wrapping_add(1);
                    }
                }
                Bound { binding: binding.clone(), before }
            }
        }
    }

    /// Binds a trace to itself whatever its spans say, and says what it is bound to then. A claim of the same session never
    /// undoes it.
    pub fn set_apart(&self, trace: TraceId) -> Binding {
        let hash = self.hasher.hash_one(trace);
        let mut part = self.part(hash);
        let place = part.entry(hash, |known| known.0 == trace, |known| self.hasher.hash_one(known.0));
        let unbound = Binding { key: SessionKey::Trace(trace), rank: 0, start: 0, version: 0 };
        let mut place = place.or_insert_with(|| (trace, unbound));
        let binding = &mut place.get_mut().1;
        if !binding.key.is_of(trace) {
            binding.version = binding.version.wrapping_add(1);
        }
        (binding.key, binding.rank, binding.start) = (SessionKey::Trace(trace), 0, 0);
        binding.clone()
    }

    /// What a trace is bound to.
    pub fn get(&self, trace: &TraceId) -> Option<Binding> {
        let hash = self.hasher.hash_one(trace);
        self.part(hash).find(hash, |known| known.0 == *trace).map(|known| known.1.clone())
    }

    /// The session that the first of `links` was given by its own spans, as a claim: one step, never by way of another
    /// link or a resource.
    pub fn linked(&self, links: &[TraceId]) -> Option<Claim> {
        links.iter().find_map(|link| {
            let binding = self.get(link)?;
            let own = binding.rank < RANK_LINK && !binding.key.is_trace();
            own.then_some(Claim { key: binding.key, rank: RANK_LINK, start: binding.start })
        })
    }

    /// The session of the trace that tells of the same answer as `own`, a model SDK's, does: one step, never by way of
    /// another answer. An id that it gets later is better than its trace id.
    ///
    /// A trace that goes on from an answer has the session of the trace that told of it, whatever gave it that: a chain of any
    /// length is one session, each step of which is taken once.
    pub fn told(&self, own: TraceId, answer: &Answer) -> Option<Claim> {
        if answer.end == 0 {
            let (trace, start) = self.answers.before(answer, own)?;
            let Binding { key, start: bound, .. } = self.get(&trace)?;
            return Some(Claim::of_previous(key, bound.min(start)));
        }
        let binding = self.get(&self.answers.follow(answer, own)?)?;
        (binding.rank != RANK_ANSWER).then(|| Claim::of_answer(binding.key))
    }

    /// Forgets a trace, unless it was bound anew since `version`.
    pub fn forget(&self, trace: &TraceId, version: u32) {
        let hash = self.hasher.hash_one(trace);
        if let Ok(place) = self.part(hash).find_entry(hash, |known| known.0 == *trace && known.1.version == version) {
            place.remove();
        }
    }

    /// How many traces it knows.
    pub fn len(&self) -> usize {
        let len = |part: &Part| part.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.parts.iter().map(len).sum()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the places of traces that are about to be bound, so that they are in the cache. Done one by one, and with a lock
    /// between any two, each would be waited for alone; here the processor waits for many at once.
    pub fn warm(&self, traces: impl Iterator<Item = TraceId>) {
        let mut places: Vec<(usize, u64, TraceId)> = traces
            .map(|trace| {
                let hash = self.hasher.hash_one(trace);
                (self.part_of(hash), hash, trace)
            })
            .collect();
        places.sort_unstable_by_key(|(part, ..)| *part);
        for run in places.chunk_by(|one, next| one.0 == next.0) {
            let Some((_, first, _)) = run.first() else { continue };
            let part = self.part(*first);
            let known = run.iter().filter(|(_, hash, trace)| part.find(*hash, |known| known.0 == *trace).is_some());
            black_box(known.count());
        }
    }

    fn part_of(&self, hash: u64) -> usize {
        // Not the bits that the table itself goes by.
        (hash >> 32) as usize % self.parts.len().max(1)
    }

    fn part(&self, hash: u64) -> MutexGuard<'_, HashTable<(TraceId, Binding)>> {
        #[allow(clippy::indexing_slicing, reason = "taken modulo the length, which is at least one")]
        let part = &self.parts[self.part_of(hash)];
        part.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Directory({} traces)", self.len())
    }
}

impl Binding {
    /// Whether a linked trace could name the session better.
    pub fn may_follow_link(&self) -> bool {
        self.rank >= RANK_RESOURCE
    }

    /// Whether one that tells of the same answer could.
    pub fn may_follow_answer(&self) -> bool {
        self.rank >= RANK_ANSWER
    }
}

// === impl Claim ===

impl Claim {
    /// The session of a trace that told of the answer before: one that is named, else the one that began first.
    pub fn of_previous(key: SessionKey, start: u64) -> Self {
        let start = if key.is_trace() { start } else { 0 };
        Self { key, rank: RANK_PREVIOUS, start }
    }

    /// The session of a trace that tells of the same answer.
    pub fn of_answer(key: SessionKey) -> Self {
        let start = if key.is_trace() { u64::MAX } else { 0 };
        Self { key, rank: RANK_ANSWER, start }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::flow::SessionId;

    fn claim(id: &str, rank: u16, start: u64) -> Option<Claim> {
        let hash = xxhash_rust::xxh3::xxh3_128(id.as_bytes());
        Some(Claim { key: SessionKey::Id(Arc::new(SessionId { hash, text: id.into() })), rank, start })
    }

    #[test]
    fn the_highest_rank_then_the_earliest_span_names_the_session() {
        let directory = Directory::new(4);
        let trace = TraceId([1; 16]);
        let session = |bound: Bound| bound.binding.key.to_string();
        assert!(directory.bind(trace, None).binding.key.is_trace());
        assert_eq!(session(directory.bind(trace, claim("b", 5, 100))), "b");
        assert_eq!(session(directory.bind(trace, claim("later", 5, 200))), "b");
        assert_eq!(session(directory.bind(trace, claim("lower", 6, 1))), "b");
        let bound = directory.bind(trace, claim("earlier", 5, 50));
        assert_eq!(bound.before.as_ref().map(ToString::to_string).as_deref(), Some("b"));
        assert_eq!((session(bound.clone()), bound.binding.version), ("earlier".into(), 2));
        assert_eq!(session(directory.bind(trace, claim("higher", 1, 900))), "higher");
        assert_eq!(session(directory.bind(trace, None)), "higher");
    }

    #[test]
    fn earlier_spans_of_one_rank_move_a_trace_only_so_often_and_a_higher_rank_always() {
        let directory = Directory::new(4);
        let trace = TraceId([1; 16]);
        let moves = |rank| {
            let ids = ["a", "b"].iter().cycle();
            let claims = ids.zip((1..=100).rev()).map(|(id, start)| claim(id, rank, start));
            claims.filter(|claim| directory.bind(trace, claim.clone()).before.is_some()).count()
        };
        directory.bind(trace, None);
        assert_eq!(moves(5), MOST_ANEW as usize);
        let bound = directory.bind(trace, claim("better", 4, 1000));
        assert_eq!((bound.binding.key.to_string(), bound.binding.version), ("better".into(), MOST_ANEW + 1));
        assert_eq!(moves(4), 0);
        assert!(directory.bind(trace, claim("best", 0, 1000)).before.is_some());
    }

    #[test]
    fn a_link_goes_one_step_and_only_to_ids() {
        let directory = Directory::new(4);
        let (named, plain, linked) = (TraceId([1; 16]), TraceId([2; 16]), TraceId([3; 16]));
        directory.bind(named, claim("s", 0, 1));
        directory.bind(plain, None);
        assert!(directory.linked(&[plain]).is_none());
        let found = directory.linked(&[plain, named]);
        assert_eq!(found.as_ref().map(|claim| claim.key.to_string()).as_deref(), Some("s"));
        directory.bind(linked, found);
        assert!(directory.linked(&[linked]).is_none(), "a second step");
    }

    #[test]
    fn what_tells_of_the_same_answer_goes_one_step_and_gives_way_to_every_name() {
        let directory = Directory::new(4);
        let (lead, own, other) = (TraceId([1; 16]), TraceId([2; 16]), TraceId([3; 16]));
        let answer = Answer { id: 7, start: 10, end: 20 };
        directory.answers.note(answer, lead);
        assert!(directory.told(own, &answer).is_none(), "not bound yet");
        directory.bind(lead, None);
        let told = || directory.told(own, &answer);
        assert_eq!(directory.bind(own, told()).binding.key.to_string(), lead.to_string());
        directory.bind(lead, claim("s", 3, 50));
        let bound = directory.bind(own, told());
        assert_eq!((bound.binding.key.to_string(), bound.before.is_some()), ("s".into(), true));
        directory.answers.note(Answer { id: 8, ..answer }, own);
        assert!(directory.told(other, &Answer { id: 8, ..answer }).is_none(), "a second step");
        for rank in [RANK_RESOURCE, RANK_LINK, 5] {
            assert_eq!(directory.bind(own, claim("better", rank, 90)).binding.rank, rank);
        }
        assert!(directory.set_apart(own).key.is_of(own));
        assert!(directory.bind(own, told()).before.is_none());
    }

    #[test]
    fn a_trace_set_apart_stays_apart() {
        let directory = Directory::new(4);
        let trace = TraceId([7; 16]);
        directory.bind(trace, claim("crowd", 0, 1));
        assert!(directory.set_apart(trace).key.is_trace());
        assert!(directory.bind(trace, claim("crowd", 0, 0)).binding.key.is_trace());
        directory.forget(&trace, 0);
        assert_eq!(directory.len(), 1, "bound anew since");
        directory.forget(&trace, 1);
        assert!(directory.is_empty());
    }
}
