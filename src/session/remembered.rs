//! What was judged, for the spans that come late: a bounded memory in two generations, of which the older is forgotten as a
//! whole when the younger is full. What is asked for moves to the younger, so that what is asked for stays.

use std::hash::Hash;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::flow::Verdict;

/// A bounded map in two generations. Owned by a shard's thread.
#[derive(Debug)]
pub(super) struct Generations<K, V> {
    young: HashMap<K, V, foldhash::fast::RandomState>,
    old: HashMap<K, V, foldhash::fast::RandomState>,
    half: usize,
}

/// A judged trace.
#[derive(Clone, Debug)]
pub(super) struct JudgedTrace {
    /// The verdict, when it was to keep.
    pub(super) kept: Option<Arc<Verdict>>,
    /// A rule with `drop: true` dropped it.
    pub(super) dropped: bool,
    /// Version of its binding in the directory.
    pub(super) version: u32,
    /// Which burst of its conversation it belonged to.
    pub(super) sequence: u32,
    /// Whether its session was named by the trace itself.
    pub(super) by_trace: bool,
}

// === impl Generations ===

impl<K: Eq + Hash + Clone, V: Clone> Generations<K, V> {
    /// Remembers `capacity` entries, more or less.
    pub(super) fn new(capacity: usize) -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), half: (capacity / 2).max(1) }
    }

    /// Remembers an entry. What is forgotten for it goes to `forgotten`.
    pub(super) fn insert(&mut self, key: K, value: V, mut forgotten: impl FnMut(K, V)) {
        self.old.remove(&key);
        self.young.insert(key, value);
        if self.young.len() >= self.half {
            let old = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            old.into_iter().for_each(|(key, value)| forgotten(key, value));
        }
    }

    /// Whether there is an entry at `key`.
    pub(super) fn has(&self, key: &K) -> bool {
        self.young.contains_key(key) || self.old.contains_key(key)
    }

    /// The entry at `key`.
    pub(super) fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.young.insert(key, value.clone());
        Some(value)
    }

    /// Forgets the entry at `key`.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_oldest_and_keeps_what_is_asked_for() {
        let mut memory = Generations::new(10);
        let mut forgotten = Vec::new();
        for number in 0..1000_u32 {
            memory.insert(number, number, |key, _| forgotten.push(key));
            assert_eq!(memory.get(&7).is_some(), number >= 7, "{number}");
            assert!(memory.young.len() + memory.old.len() <= 11);
        }
        assert!(!forgotten.contains(&7) && forgotten.contains(&0));
        assert_eq!(memory.get(&0), None);
        assert_eq!(memory.remove(&999), Some(999));
        assert_eq!(memory.get(&999), None);
    }
}
