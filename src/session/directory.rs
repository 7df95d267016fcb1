//! Which session a trace belongs to: read and written by all receiving threads and shards, so that a span without a
//! session id follows its trace.
//!
//! A trace has one session: that of the highest-ranked source, then of the earliest span. What is known may be bettered
//! later, which raises the binding's version; shards compare versions, and the directory is right where they differ.

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::flow::SessionKey;
use crate::genai::session_keys::{RANK_LINK, RANK_RESOURCE, RANK_TRACE};
use crate::otlp::span::TraceId;

/// The session of every open and every remembered trace.
#[derive(Debug, Default)]
pub struct Directory {
    traces: DashMap<TraceId, Binding, foldhash::fast::RandomState>,
    shards: u16,
}

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

// === impl Directory ===

impl Directory {
    /// A directory for `shards` shards.
    pub fn new(shards: u16) -> Self {
        Self { traces: DashMap::default(), shards: shards.max(1) }
    }

    /// The shard that owns a session.
    pub fn shard_of(&self, key: &SessionKey) -> u16 {
        // Mixed with a seed of our own: trace ids need not be random, nor unlike what other layers divide by.
        let hash = xxhash_rust::xxh3::xxh3_64_with_seed(&key.hash128().to_le_bytes(), 0x7461_696c_7369_6576);
        (hash % u64::from(self.shards)) as u16
    }

    /// Binds a trace as `claim` says, unless it is bound by a better one; a trace without any claim is its own session.
    pub fn bind(&self, trace: TraceId, claim: Option<Claim>) -> Bound {
        let claim = claim.unwrap_or(Claim { key: SessionKey::Trace(trace), rank: RANK_TRACE, start: u64::MAX });
        match self.traces.entry(trace) {
            Entry::Vacant(place) => {
                let Claim { key, rank, start } = claim;
                let binding = place.insert(Binding { key, rank, start, version: 0 }).clone();
                Bound { binding, before: None }
            }
            Entry::Occupied(mut place) => {
                let binding = place.get_mut();
                let better = (claim.rank, claim.start) < (binding.rank, binding.start);
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
        let mut place = self.traces.entry(trace).or_insert_with(|| Binding {
            key: SessionKey::Trace(trace),
            rank: 0,
            start: 0,
            version: 0,
        });
        if !place.key.is_trace() {
            place.version = place.version.wrapping_add(1);
        }
        (place.key, place.rank, place.start) = (SessionKey::Trace(trace), 0, 0);
        place.clone()
    }

    /// What a trace is bound to.
    pub fn get(&self, trace: &TraceId) -> Option<Binding> {
        self.traces.get(trace).map(|binding| binding.clone())
    }

    /// The session that the first of `links` was given by its own spans, as a claim: one step, never by way of another
    /// link or a resource.
    pub fn linked(&self, links: &[TraceId]) -> Option<Claim> {
        links.iter().find_map(|link| {
            let binding = self.traces.get(link)?;
            let own = binding.rank < RANK_LINK && !binding.key.is_trace();
            own.then(|| Claim { key: binding.key.clone(), rank: RANK_LINK, start: binding.start })
        })
    }

    /// Forgets a trace, unless it was bound anew since `version`.
    pub fn forget(&self, trace: &TraceId, version: u32) {
        self.traces.remove_if(trace, |_, binding| binding.version == version);
    }

    /// How many traces it knows.
    pub fn len(&self) -> usize {
        self.traces.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }
}

impl Binding {
    /// Whether a linked trace could name the session better.
    pub fn may_follow_link(&self) -> bool {
        self.rank >= RANK_RESOURCE
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
