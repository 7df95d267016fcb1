//! What was found on a span: the best source of each field.

use super::conventions::Field;
use super::facts::{FinishReasons, Operation};
use crate::otlp::value::AnyValue;

/// What was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) value: AnyValue<'a>,
    /// Its place in the list of sources: of two of one field, the lower one counts.
    pub(super) source: u16,
    /// A text with its JSON escapes still in it.
    pub(super) escaped: bool,
}

/// The best source of each field.
#[derive(Clone, Debug)]
pub(super) struct Gathered<'a> {
    pub(super) found: [Option<Found<'a>>; Field::COUNT],
    /// There is the time of a first token, be it plausible or not.
    pub(super) timed: bool,
    /// The kind of operation, where it is told, and whether it stands around others.
    pub(super) operation: Option<(Operation, bool)>,
    /// The finish reasons, of the source that was found.
    pub(super) reasons: FinishReasons,
}

// === impl Gathered ===

impl<'a> Gathered<'a> {
    /// Nothing was found yet. It is large: it is made in its place.
    #[inline(always)]
    pub(super) fn nothing() -> Self {
        let reasons = FinishReasons::default();
        Self { found: [None; Field::COUNT], timed: false, operation: None, reasons }
    }

    /// Whether the field has a value of that source or of a better one.
    #[inline]
    pub(super) fn ranks_before(&self, field: Field, source: u16) -> bool {
        matches!(self.found.get(field as usize), Some(Some(found)) if found.source <= source)
    }

    #[inline]
    pub(super) fn set(&mut self, field: Field, found: Found<'a>) {
        self.found.get_mut(field as usize).into_iter().for_each(|place| *place = Some(found));
    }

    pub(super) fn get(&self, field: Field) -> Option<Found<'a>> {
        self.found.get(field as usize).copied().flatten()
    }

    pub(super) fn has(&self, field: Field) -> bool {
        self.get(field).is_some()
    }

    pub(super) fn text(&self, field: Field) -> &'a str {
        self.get(field).and_then(|found| found.value.as_str()).unwrap_or_default()
    }

    pub(super) fn count(&self, field: Field) -> Option<u64> {
        match self.get(field)?.value {
            AnyValue::Int(number) => u64::try_from(number).ok(),
            _ => None,
        }
    }

    pub(super) fn real(&self, field: Field) -> Option<f64> {
        match self.get(field)?.value {
            AnyValue::Double(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn flag(&self, field: Field) -> Option<bool> {
        match self.get(field)?.value {
            AnyValue::Bool(flag) => Some(flag),
            _ => None,
        }
    }
}
