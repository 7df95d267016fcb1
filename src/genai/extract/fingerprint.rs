//! Contents by their hashes: what a model was told to be, and what it was asked.

use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_64_with_seed};

use super::field_values::FieldValue;
use super::json_scan::unescape;
use super::values;
use crate::genai::conventions::Source;
use crate::otlp::value::AnyValue;

/// Longest instructions that are hashed, in bytes: those that differ behind are one version.
const MAX_HASHED: usize = 64 << 10;

/// Hash of what the model was asked. A conversation grows at its end, so that is what is hashed of a long one.
pub(super) fn request(found: &FieldValue<'_>) -> u64 {
    let bytes = found.bytes();
    let tail = bytes.get(bytes.len().saturating_sub(MAX_HASHED)..).unwrap_or_default();
    if tail.is_empty() { 0 } else { xxh3_64(tail).wrapping_add(bytes.len() as u64) }
}

/// Indexes of the parts of a content behind its first: those that differ further on are one version.
const PARTS: [&str; 31] = [
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20",
    "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31",
];
/// Longest path to a part, in steps.
const STEPS: usize = 8;

/// Hash of what the model was told to be: of the text that `source` found, and of all its parts where there are several in
/// the `whole` of its attribute.
pub(super) fn instructions<'a>(
    found: &FieldValue<'_>,
    source: Option<&Source>,
    whole: impl FnOnce() -> Option<AnyValue<'a>>,
) -> u64 {
    let first = text(*found);
    let Some((each, path)) = source.and_then(|source| Some((source.each?, &source.path))) else { return first };
    let mut steps = [""; STEPS];
    let Some(steps) = steps.get_mut(..path.len()) else { return first };
    steps.iter_mut().zip(path).for_each(|(step, name)| *step = name);
    let Some(whole) = whole() else { return first };
    let mut hash = first;
    for part in PARTS {
        steps.get_mut(each).into_iter().for_each(|step| *step = part);
        let Some((value, escaped)) = values::at(whole, steps) else {
            // A part without a text, as of a picture, is nothing that it was told.
            match values::at(whole, steps.get(..=each).unwrap_or_default()) {
                Some(_) => continue,
                None => break,
            }
        };
        let next = text(FieldValue { value, escaped, ..*found });
        hash = xxh3_64_with_seed(&next.to_le_bytes(), hash);
    }
    hash
}

/// Hash of a text itself: with JSON around it or not, it is the same.
fn text(found: FieldValue<'_>) -> u64 {
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
