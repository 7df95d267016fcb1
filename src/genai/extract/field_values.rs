//! The best value of each field that a span has.

use crate::genai::conventions::Field;
use crate::genai::vocabulary::{FinishReasons, Operation};
use crate::otlp::value::AnyValue;

/// A value of a field.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldValue<'a> {
    /// The value. A text that is taken as it stands in its attribute is [`AnyValue::Bytes`]: whether it is UTF-8 was checked by
    /// the walk, and is checked again only by those who want a `str`.
    pub(super) value: AnyValue<'a>,
    /// Index in the list of sources: of two of one field, the lower one counts.
    pub(super) source: u16,
    /// Whether it is a text with its JSON escapes still in it.
    pub(super) escaped: bool,
}

/// The best value of each field.
#[derive(Clone, Debug)]
pub(in crate::genai) struct FieldValues<'a> {
    found: [Option<FieldValue<'a>>; Field::COUNT],
    /// Whether there is the time of a first token, plausible or not.
    pub(super) timed: bool,
    /// From the start of the span to its last event, nanoseconds, where the answer went on behind the end of the span.
    pub(super) outlasts: u64,
    /// Whether it names an operation that is not known here.
    pub(super) other_operation: bool,
    /// The kind of operation, if it is known, and whether the span sums up others.
    pub(super) operation: Option<(Operation, bool)>,
    /// The finish reasons of the source that was found.
    pub(super) reasons: FinishReasons,
}

// === impl FieldValue ===

impl<'a> FieldValue<'a> {
    /// The bytes of a content or of a text; empty for a number.
    #[inline]
    pub(super) fn bytes(&self) -> &'a [u8] {
        match self.value {
            AnyValue::Str(text) => text.as_bytes(),
            AnyValue::Array(bytes) | AnyValue::KvList(bytes) | AnyValue::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    /// The text; empty for anything else.
    pub(super) fn text(&self) -> &'a str {
        match self.value {
            AnyValue::Str(text) => text,
            AnyValue::Bytes(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
            _ => "",
        }
    }
}

// === impl FieldValues ===

impl<'a> FieldValues<'a> {
    /// No values yet. It is large: it is made in its place.
    #[inline(always)]
    pub(in crate::genai) fn nothing() -> Self {
        let reasons = FinishReasons::default();
        Self {
            found: [None; Field::COUNT],
            timed: false,
            outlasts: 0,
            other_operation: false,
            operation: None,
            reasons,
        }
    }

    /// Whether the field has a value of that source or of a better one.
    #[inline]
    pub(super) fn ranks_before(&self, field: Field, source: u16) -> bool {
        matches!(self.found.get(field as usize), Some(Some(found)) if found.source <= source)
    }

    #[inline]
    pub(super) fn set(&mut self, field: Field, found: FieldValue<'a>) {
        if let Some(place) = self.found.get_mut(field as usize) {
            *place = Some(found);
        }
    }

    #[inline]
    pub(super) fn get(&self, field: Field) -> Option<&FieldValue<'a>> {
        self.found.get(field as usize)?.as_ref()
    }

    #[inline]
    pub(super) fn has(&self, field: Field) -> bool {
        self.get(field).is_some()
    }

    pub(super) fn text(&self, field: Field) -> &'a str {
        self.get(field).map(FieldValue::text).unwrap_or_default()
    }

    /// The bytes of a text.
    #[inline]
    pub(super) fn bytes(&self, field: Field) -> &'a [u8] {
        self.get(field).map(FieldValue::bytes).unwrap_or_default()
    }

    #[inline]
    pub(super) fn count(&self, field: Field) -> Option<u64> {
        match self.get(field)?.value {
            AnyValue::Int(number) => u64::try_from(number).ok(),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn real(&self, field: Field) -> Option<f64> {
        match self.get(field)?.value {
            AnyValue::Double(number) => Some(number),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn flag(&self, field: Field) -> Option<bool> {
        match self.get(field)?.value {
            AnyValue::Bool(flag) => Some(flag),
            _ => None,
        }
    }
}
