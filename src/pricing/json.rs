//! JSON whose numbers keep their digits.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// An object whose values are not yet read.
pub(super) type Object<'a> = BTreeMap<String, &'a RawValue>;

/// The text of a number, be it in quotes or not.
pub(super) fn number(raw: &RawValue) -> Option<String> {
    let text = match raw.get().as_bytes().first()? {
        b'"' => text(raw)?,
        b'-' | b'0'..=b'9' => raw.get().to_owned(),
        _ => return None,
    };
    Some(text.trim().to_owned())
}

/// A text.
pub(super) fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// A number of tokens; some are written `256000.0`.
pub(super) fn count(raw: &RawValue) -> Option<u64> {
    let number: f64 = number(raw)?.parse().ok()?;
    (0.0..1e15).contains(&number).then_some(number as u64)
}
