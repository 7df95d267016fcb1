//! The keywords of the convention table, looked up without case and with `-` as `_`, without an allocation.

use hashbrown::HashMap;

/// Longest word that can be found, in bytes.
const MAX_WORD: usize = 64;

/// Keywords and what they mean. Of equal keywords the first counts.
#[derive(Clone, Debug, Default)]
pub(super) struct KeywordMap<V> {
    map: HashMap<Box<[u8]>, V, foldhash::fast::RandomState>,
}

/// A word as it is compared.
pub(super) fn folded(word: &str) -> String {
    word.to_ascii_lowercase().replace('-', "_")
}

// === impl KeywordMap ===

impl<V: Copy> KeywordMap<V> {
    /// The map of these keywords.
    pub(super) fn new<'w>(words: impl IntoIterator<Item = (&'w str, V)>) -> Self {
        let mut map = HashMap::default();
        for (word, value) in words {
            let folded = folded(word);
            map.entry(folded.to_ascii_uppercase().into_bytes().into()).or_insert(value);
            map.entry(folded.into_bytes().into()).or_insert(value);
        }
        Self { map }
    }

    /// What a word means.
    pub(super) fn get(&self, word: &str) -> Option<V> {
        // Most are written as they are known, in small letters or in capitals.
        if let Some(value) = self.as_written(word.as_bytes()) {
            return Some(value);
        }
        let mut folded = [0; MAX_WORD];
        let folded = folded.get_mut(..word.len())?;
        for (to, from) in folded.iter_mut().zip(word.bytes()) {
            *to = if from == b'-' { b'_' } else { from.to_ascii_lowercase() };
        }
        self.as_written(folded)
    }

    /// What a word means that is written as it is known.
    pub(super) fn as_written(&self, word: &[u8]) -> Option<V> {
        self.map.get(word).copied()
    }
}
