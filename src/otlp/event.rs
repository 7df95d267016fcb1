//! An event of a span, read from bytes that were checked with the span.

use super::fields::event;
use super::value::{AnyValue, Attribute, RawAttribute, string};
use super::wire::{Reader, WireError, fields, tag};

/// One event of a span.
#[derive(Clone, Copy, Debug)]
pub struct EventView<'a> {
    /// `time_unix_nano`
    pub time: u64,
    /// The bytes of `name`, which were checked to be UTF-8: it is mostly compared with others.
    pub name: &'a [u8],
    bytes: &'a [u8],
}

// === impl EventView ===

impl<'a> EventView<'a> {
    /// Checks an `Event` message, what is in it included.
    pub(super) fn check(bytes: &'a [u8]) -> Result<(), WireError> {
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.next_field()? {
            let at = field.start;
            match field.number {
                event::TIME => drop(field.value.fixed64(at)?),
                event::NAME => drop(string(field.value.bytes(at)?, at)?),
                event::ATTRIBUTES => drop(RawAttribute::parse(field.value.bytes(at)?, 0)?),
                event::DROPPED_ATTRIBUTES_COUNT => drop(field.value.varint(at)?),
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads an `Event` message that was checked: its attributes are passed by.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        // In the order in which every SDK writes them; whatever else comes, or comes again, is read below.
        let mut time = reader.next_fixed64_if(tag(event::TIME, 1)).unwrap_or_default();
        let mut name = reader.next_if(tag(event::NAME, 2)).unwrap_or_default();
        loop {
            while reader.next_if(tag(event::ATTRIBUTES, 2)).is_some() {}
            let Some(field) = reader.next_field()? else { break };
            match field.number {
                event::TIME => time = field.value.fixed64(field.start)?,
                event::NAME => name = field.value.bytes(field.start)?,
                _ => {}
            }
        }
        Ok(Self { time, name, bytes })
    }

    /// The name as a text.
    pub fn name(&self) -> &'a str {
        std::str::from_utf8(self.name).unwrap_or_default()
    }

    /// The first attribute of that key; the values of others are passed by.
    pub fn attribute(&self, key: &str) -> Option<AnyValue<'a>> {
        let value = |attribute: &'a [u8]| match RawAttribute::key_then_value(attribute) {
            Some((own, value)) if own == key.as_bytes() => AnyValue::parse(value).ok(),
            Some(_) => None,
            None => Attribute::parse(attribute).ok().filter(|attribute| attribute.key == key).map(|it| it.value),
        };
        fields(self.bytes, event::ATTRIBUTES).find_map(value)
    }

    /// The attributes, in the order of the wire.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        fields(self.bytes, event::ATTRIBUTES).filter_map(|bytes| Attribute::parse(bytes).ok())
    }
}
