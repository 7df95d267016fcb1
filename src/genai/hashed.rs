//! Contents by their hashes: what a model was told to be, and what it was asked.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::gathered::Found;
use crate::otlp::value::AnyValue;

/// Longest instructions that are hashed, in bytes: those that differ behind are one version.
const MAX_HASHED: usize = 64 << 10;

/// The bytes of a content.
pub(super) fn bytes(found: Found<'_>) -> &[u8] {
    match found.value {
        AnyValue::Str(text) => text.as_bytes(),
        AnyValue::Array(bytes) | AnyValue::KvList(bytes) | AnyValue::Bytes(bytes) => bytes,
        _ => &[],
    }
}

/// Hash of what the model was asked. A conversation grows at its end, so that is what is hashed of a long one.
pub(super) fn request(found: Found<'_>) -> u64 {
    let bytes = bytes(found);
    let tail = bytes.get(bytes.len().saturating_sub(MAX_HASHED)..).unwrap_or_default();
    if tail.is_empty() { 0 } else { xxh3_64(tail).wrapping_add(bytes.len() as u64) }
}

/// Hash of what the model was told to be, of the text itself: with JSON around it or not, it is the same.
pub(super) fn instructions(found: Found<'_>) -> u64 {
    let cut = |bytes: &[u8]| bytes.len().min(MAX_HASHED);
    match found.value {
        AnyValue::Str(text) if found.escaped => {
            let mut hasher = Xxh3::new();
            unescape(text, MAX_HASHED, |bytes| hasher.update(bytes));
            hasher.digest()
        }
        AnyValue::Str(text) => xxh3_64(text.as_bytes().get(..cut(text.as_bytes())).unwrap_or_default()),
        AnyValue::Array(bytes) | AnyValue::KvList(bytes) | AnyValue::Bytes(bytes) => {
            xxh3_64(bytes.get(..cut(bytes)).unwrap_or_default())
        }
        _ => 0,
    }
}

/// Gives `to` the text without its JSON escapes, piece by piece, at most `most` bytes of it. What is no escape stays.
fn unescape(text: &str, mut most: usize, mut to: impl FnMut(&[u8])) {
    let mut give = |piece: &str| {
        let len = piece.len().min(most);
        to(piece.as_bytes().get(..len).unwrap_or_default());
        most -= len;
    };
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        give(before);
        let (char, len) = escaped(escape);
        match char {
            Some(char) => give(char.encode_utf8(&mut [0; 4])),
            None => give("\\"),
        }
        rest = escape.get(len..).unwrap_or_default();
    }
    give(rest);
}

/// The character that an escape at the beginning of `text` stands for, and how long the escape is.
fn escaped(text: &str) -> (Option<char>, usize) {
    let unit = |at: usize| u32::from_str_radix(text.get(at..at + 4)?, 16).ok();
    match text.as_bytes().get(1) {
        Some(b'n') => (Some('\n'), 2),
        Some(b't') => (Some('\t'), 2),
        Some(b'r') => (Some('\r'), 2),
        Some(b'b') => (Some('\u{8}'), 2),
        Some(b'f') => (Some('\u{c}'), 2),
        Some(byte @ (b'"' | b'\\' | b'/' | b'\'')) => (Some(char::from(*byte)), 2),
        Some(b'u') => match (unit(2), text.get(6..8), unit(8)) {
            (Some(high @ 0xd800..=0xdbff), Some("\\u"), Some(low @ 0xdc00..=0xdfff)) => {
                (char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), 12)
            }
            (Some(unit), ..) => (char::from_u32(unit), 6),
            (None, ..) => (None, 1),
        },
        _ => (None, 1),
    }
}
