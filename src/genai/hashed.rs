//! Contents by their hashes: what a model was told to be, and what it was asked.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::gathered::Found;
use super::json_scan::unescape;
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
