//! The name of an attribute that is written, and whether a span has it already.

use crate::otlp::keys::{KeyTable, Picked, Slot};

/// A whole name, prefix and all.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) text: String,
    slot: Option<Slot>,
}

// === impl Name ===

impl Name {
    /// A name that is looked for on spans from now on.
    pub(super) fn new(text: String, keys: &mut KeyTable) -> Self {
        let slot = keys.add(&text);
        Self { text, slot }
    }

    /// Whether a span has it.
    pub(super) fn is_among(&self, attributes: &Picked<'_>) -> bool {
        self.slot.is_some_and(|slot| attributes.get(slot).is_some())
    }
}
