//! An event of a span, read from bytes that were checked with the span.

use super::fields::event;
use super::value::{AnyValue, Attribute, RawAttribute, checked};
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

/// Which names some events may have, a bit for several each: most spans with events have none that is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventNames(u64);

// === impl EventNames ===

impl EventNames {
    /// Any name there is.
    pub(super) const ANY: Self = Self(u64::MAX);

    /// Those of a list.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        names.into_iter().fold(Self::default(), |all, name| all.with(name.as_bytes()))
    }

    /// With one more.
    #[inline]
    fn with(self, name: &[u8]) -> Self {
        let first = name.first().map_or(0, |byte| usize::from(*byte));
        Self(self.0 | 1 << (name.len().wrapping_mul(5).wrapping_add(first) % 64))
    }

    /// Whether an event may have a name of both: never `false` where one does.
    #[inline]
    pub fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

// === impl EventView ===

impl<'a> EventView<'a> {
    /// Checks an `Event` message, what is in it included. Its name is one of those that come back.
    pub(super) fn check(bytes: &'a [u8], names: EventNames) -> Result<EventNames, WireError> {
        let mut reader = Reader::new(bytes);
        let mut name: &[u8] = &[];
        loop {
            while let Some(attribute) = reader.next_if(tag(event::ATTRIBUTES, 2)) {
                RawAttribute::check(attribute)?;
            }
            let Some(field) = reader.next_field()? else { break };
            let at = field.start;
            match field.number {
                event::TIME => drop(field.value.fixed64(at)?),
                event::NAME => name = checked(field.value.bytes(at)?, at)?,
                event::ATTRIBUTES => RawAttribute::check(field.value.bytes(at)?)?,
                event::DROPPED_ATTRIBUTES_COUNT => drop(field.value.varint(at)?),
                _ => {}
            }
        }
        Ok(names.with(name))
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

#[cfg(test)]
mod tests {
    use super::EventNames;

    #[test]
    fn a_name_that_is_there_is_never_passed_over() {
        let names = ["exception", "gen_ai.content.completion.chunk", "", "a", "First Token Stream Event", "äöü"];
        for name in names {
            assert!(EventNames::of(names).meet(EventNames::of([name])), "{name}");
            assert!(EventNames::ANY.meet(EventNames::of([name])), "{name}");
            assert!(!EventNames::default().meet(EventNames::of([name])), "{name}");
        }
        assert!(!EventNames::of(["exception"]).meet(EventNames::of(["log"])));
    }
}
