//! What was looked up once. The keys are made of names that senders choose: there is a bound to how many are kept.

use std::hash::Hash;

use dashmap::DashMap;

/// What was found, by a hash of all that it was looked up by.
#[derive(Debug)]
pub(super) struct Remembered<K: Eq + Hash, V>(DashMap<K, V, foldhash::fast::RandomState>);

/// Most that are remembered; with one more, all are forgotten.
const MOST: usize = 8192;

// === impl Remembered ===

impl<K: Eq + Hash, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self(DashMap::default())
    }
}

impl<K: Eq + Hash, V: Copy> Remembered<K, V> {
    /// What is remembered, else what `find` finds. Nothing is remembered of what it does not find.
    pub(super) fn get(&self, key: K, find: impl FnOnce() -> Option<V>) -> Option<V> {
        if let Some(known) = self.0.get(&key) {
            return Some(*known);
        }
        let found = find()?;
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(key, found);
        Some(found)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
