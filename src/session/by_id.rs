//! Something for each of a session's span ids. Most sessions have so few spans that looking through a list costs less than
//! a table: one allocation, no hashing, and the next cache line is on its way.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::otlp::span::SpanId;

/// Lists with room for more than this are not used again: most sessions would not fill them.
pub(super) const KEPT: usize = 8;
/// With more entries than this, a list becomes a table.
const FEW: usize = 64;

/// A map from turn and span id. Owned by a shard's thread.
#[derive(Debug)]
pub(super) enum ById<V> {
    Few(Vec<(u64, u32, V)>),
    Many(HashMap<(u64, u32), V, RandomState>),
}

// === impl ById ===

impl<V> ById<V> {
    /// What is there for an id.
    #[inline]
    pub(super) fn get(&self, turn: u32, id: SpanId) -> Option<&V> {
        let id = u64::from_le_bytes(id.0);
        match self {
            Self::Few(list) => list.iter().find(|entry| (entry.0, entry.1) == (id, turn)).map(|entry| &entry.2),
            Self::Many(table) => table.get(&(id, turn)),
        }
    }

    /// What is there for an id, to be changed.
    #[inline]
    pub(super) fn get_mut(&mut self, turn: u32, id: SpanId) -> Option<&mut V> {
        let id = u64::from_le_bytes(id.0);
        match self {
            Self::Few(list) => list.iter_mut().find(|entry| (entry.0, entry.1) == (id, turn)).map(|entry| &mut entry.2),
            Self::Many(table) => table.get_mut(&(id, turn)),
        }
    }

    /// Puts something in for an id for which nothing is there.
    #[inline]
    pub(super) fn insert(&mut self, turn: u32, id: SpanId, value: V) {
        let id = u64::from_le_bytes(id.0);
        match self {
            Self::Few(list) if list.len() < FEW => list.push((id, turn, value)),
            Self::Few(list) => {
                let mut table: HashMap<_, _, _> = list.drain(..).map(|(id, turn, value)| ((id, turn), value)).collect();
                table.insert((id, turn), value);
                *self = Self::Many(table);
            }
            Self::Many(table) => drop(table.insert((id, turn), value)),
        }
    }

    /// Takes out what is there for an id.
    #[inline]
    pub(super) fn remove(&mut self, turn: u32, id: SpanId) -> Option<V> {
        let id = u64::from_le_bytes(id.0);
        match self {
            Self::Few(list) => {
                let place = list.iter().position(|entry| (entry.0, entry.1) == (id, turn))?;
                Some(list.swap_remove(place).2)
            }
            Self::Many(table) => table.remove(&(id, turn)),
        }
    }

    /// Makes room for `more` entries.
    pub(super) fn reserve(&mut self, more: usize) {
        match self {
            Self::Few(list) => list.reserve(more.min(FEW.saturating_sub(list.len()))),
            Self::Many(table) => table.reserve(more),
        }
    }

    /// Gives back room that was made for entries that did not come.
    pub(super) fn give_back_room(&mut self) {
        match self {
            Self::Few(list) if list.capacity() > most_room(list.len()) => list.shrink_to(list.len()),
            // Its sizes are powers of two: that is slack enough.
            Self::Many(table) if table.capacity() > most_room(table.len()) => table.shrink_to(table.len()),
            _ => {}
        }
    }

    /// Entries that there is room for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        match self {
            Self::Few(list) => list.capacity(),
            Self::Many(table) => table.capacity(),
        }
    }

    /// Reads from its list, so that it is in the cache.
    pub(super) fn touch(&self) -> u64 {
        if let Self::Few(list) = self { list.first().map_or(0, |entry| entry.0) } else { 0 }
    }

    /// Everything that is there, in no order.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        let (list, table) = match self {
            Self::Few(list) => (Some(list), None),
            Self::Many(table) => (None, Some(table)),
        };
        list.into_iter().flatten().map(|entry| &entry.2).chain(table.into_iter().flat_map(HashMap::values))
    }
}

impl<V> Default for ById<V> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

/// Most entries that a list of `len` has room for: twice as many, and a few where they are few. Of a million sessions each
/// would have these, and nobody counts them.
pub(super) fn most_room(len: usize) -> usize {
    2 * len + KEPT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> SpanId {
        SpanId(number.to_be_bytes())
    }

    #[test]
    fn a_list_that_becomes_a_table_forgets_nothing() {
        for count in [1, FEW as u64 - 1, FEW as u64, FEW as u64 + 1, 1000] {
            let mut map = ById::default();
            for number in 0..count {
                map.insert((number % 3) as u32, id(number), number);
            }
            for number in 0..count {
                assert_eq!(map.get((number % 3) as u32, id(number)), Some(&number), "{number} of {count}");
                assert_eq!(map.get((number % 3) as u32 + 1, id(number)), None, "{number} of {count}");
            }
            assert_eq!(map.values().sum::<u64>(), (0..count).sum::<u64>());
            for number in 0..count {
                *map.get_mut((number % 3) as u32, id(number)).unwrap() += 1;
                assert_eq!(map.remove((number % 3) as u32, id(number)), Some(number + 1));
                assert_eq!(map.remove((number % 3) as u32, id(number)), None);
            }
            assert_eq!(map.values().count(), 0);
        }
    }
}
