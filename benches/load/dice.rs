//! Numbers, identifiers and texts that look random and are the same in every run.

use std::sync::LazyLock;

/// The words of prompts and answers: a text that does not change.
const WORDS: &str = include_str!("../../LICENSE");

/// A small generator of numbers (xorshift).
pub struct Dice(u64);

// === impl Dice ===

impl Dice {
    pub fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// Returns a number below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides.max(1)
    }

    /// Returns `len` hexadecimal digits.
    pub fn hex(&mut self, len: usize) -> String {
        let mut digits = String::new();
        while digits.len() < len {
            digits.push_str(&format!("{:08x}", self.roll(1 << 32)));
        }
        digits.truncate(len);
        digits
    }

    /// Returns `len` bytes of text, of frequent words and rare ones, so that gzip makes a fourth of a request, as it does
    /// of real ones.
    pub fn words(&mut self, len: usize) -> String {
        static KNOWN: LazyLock<Vec<&str>> = LazyLock::new(|| WORDS.split_whitespace().collect());
        let mut out = String::new();
        while out.len() < len {
            out.push_str(KNOWN[self.roll(KNOWN.len())]);
            out.push(' ');
        }
        out.truncate(len);
        out
    }
}
