//! The keywords of the convention table, looked up without case and without what stands between their parts, without an
//! allocation: `max_tokens`, `MAX-TOKENS` and `MaxTokens` are one.

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
    word.to_ascii_lowercase().replace(|letter: char| letter.is_ascii() && is_between(letter as u8), "")
}

// === impl KeywordMap ===

impl<V: Copy> KeywordMap<V> {
    /// The map of these keywords.
    pub(super) fn new<'w>(words: impl IntoIterator<Item = (&'w str, V)>) -> Self {
        let mut map = HashMap::default();
        for (word, value) in words {
            let small = word.to_ascii_lowercase();
            let (capital, folded) = (small.to_ascii_uppercase(), folded(word));
            for form in [word, &small, &capital, &folded].map(str::as_bytes) {
                map.entry(form.into()).or_insert(value);
            }
        }
        Self { map }
    }

    /// What a word means.
    pub(super) fn get(&self, word: &str) -> Option<V> {
        // Most are written as they are known, in small letters or in capitals.
        if let Some(value) = self.as_written(word.as_bytes()) {
            return Some(value);
        }
        self.without(word, &[])
    }

    /// What a word means, else what it means behind the first of `prefixes` that it begins with; those are folded.
    pub(super) fn without(&self, word: &str, prefixes: &[&[u8]]) -> Option<V> {
        let mut folded = [0; MAX_WORD];
        let mut len = 0;
        for byte in word.bytes().filter(|byte| !is_between(*byte)) {
            *folded.get_mut(len)? = byte.to_ascii_lowercase();
            len += 1;
        }
        let folded = folded.get(..len)?;
        let behind = || prefixes.iter().find_map(|prefix| self.as_written(folded.strip_prefix(*prefix)?));
        self.as_written(folded).or_else(behind)
    }

    /// What a word means that is written as it is known.
    pub(super) fn as_written(&self, word: &[u8]) -> Option<V> {
        self.map.get(word).copied()
    }
}

/// Whether the byte stands between the parts of a word.
fn is_between(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b' ' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_separators_and_prefixes_are_no_part_of_a_word() {
        let words = KeywordMap::new([("max_tokens", 1), ("ai.toolCall", 2), ("reason", 3)]);
        for word in ["max_tokens", "MAX_TOKENS", "max-tokens", "MaxTokens", "Max Tokens", "FINISH_REASON_MAX_TOKENS"] {
            assert_eq!(words.without(word, &[b"finishreason"]), Some(1), "{word}");
        }
        assert_eq!((words.get("ai.toolCall"), words.get("AI_TOOL_CALL")), (Some(2), Some(2)));
        assert_eq!(words.without("reason", &[b"reason"]), Some(3));
        for word in ["", "max", "max_tokens_", &"x".repeat(1000)] {
            assert_eq!(words.without(word, &[b"finishreason"]), (word == "max_tokens_").then_some(1), "{word}");
        }
    }
}
