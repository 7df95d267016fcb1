//! The attribute keys that somebody asked for. Every attribute of every span is looked up once, by length and hash; a
//! key that nobody asked for costs that one probe and nothing more.

use super::text;
use super::value::{AnyValue, Raw, RawAttribute};
use super::wire::WireError;

/// Longest key that can be asked for, in bytes.
pub const MAX_KEY: usize = 255;

/// A key's place in the table; indexes [`Picked`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(u16);

/// Keys that somebody asks for together: that none of them is there is known at one look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Group(u32);

/// The keys asked for, each with its [`Slot`].
#[derive(Clone, Debug, Default)]
pub struct KeyTable {
    keys: Vec<Known>,
    /// How many groups of them there are.
    groups: u32,
    /// Open addressing: slot + 1, or 0 for a free place. The length is a power of two, at least twice the keys.
    places: Vec<u16>,
    /// One bit for each key length in use.
    lengths: [u64; 4],
}

/// A key that was asked for.
#[derive(Clone, Debug)]
struct Known {
    ends: Ends,
    /// A bit for each group that it is in.
    groups: u32,
    key: Box<[u8]>,
}

/// The first and the last eight bytes of a key, which overlap in one that is shorter than sixteen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends(u64, u64);

/// The values found for the keys of a [`KeyTable`] on one span, event or resource.
#[derive(Clone, Debug)]
pub struct Picked<'a> {
    /// Their text is only taken for text when somebody reads it.
    values: Vec<Option<Raw<'a>>>,
    touched: Vec<Slot>,
    /// A bit for each group of which a key was found.
    groups: u32,
}

// === impl Slot ===

impl Slot {
    /// The place as a number, from 0.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

// === impl KeyTable ===

impl KeyTable {
    /// The slot of `key`, which is added when it is new. `None` when the key is longer than [`MAX_KEY`] or the table
    /// is full (65,534 keys).
    pub fn add(&mut self, key: &str) -> Option<Slot> {
        if let Some(slot) = self.find(key.as_bytes()) {
            return Some(slot);
        }
        let slot = u16::try_from(self.keys.len()).ok().filter(|slot| *slot < u16::MAX - 1)?;
        *self.lengths.get_mut(key.len() / 64)? |= 1 << (key.len() % 64);
        self.keys.push(Known { ends: Ends::of(key.as_bytes()), groups: 0, key: key.as_bytes().into() });
        match self.keys.len() * 2 > self.places.len() {
            true => self.rebuild(),
            false => self.place(slot),
        }
        Some(Slot(slot))
    }

    /// A group without keys. From the 32nd on they are one, of which more is there than was asked for.
    pub fn group(&mut self) -> Group {
        let bit = self.groups.min(u32::BITS - 1);
        self.groups = bit + 1;
        Group(1 << bit)
    }

    /// Adds a key to a group.
    pub fn put(&mut self, slot: Slot, group: Group) {
        self.keys.get_mut(slot.index()).into_iter().for_each(|known| known.groups |= group.0);
    }

    /// The slot of `key`, when somebody asked for it.
    #[inline(always)]
    pub fn find(&self, key: &[u8]) -> Option<Slot> {
        let lengths = self.lengths.get(key.len() / 64)?;
        if lengths >> (key.len() % 64) & 1 == 0 {
            return None;
        }
        let ends = Ends::of(key);
        let mask = self.places.len().wrapping_sub(1);
        let mut at = ends.hash(key.len()) as usize & mask;
        loop {
            let slot = self.places.get(at)?.checked_sub(1)?;
            if self.keys.get(usize::from(slot)).is_some_and(|known| known.ends == ends && known.is(key)) {
                return Some(Slot(slot));
            }
            at = (at + 1) & mask;
        }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn rebuild(&mut self) {
        self.places = vec![0; (self.keys.len() * 4).next_power_of_two().max(16)];
        for slot in 0..self.keys.len() as u16 {
            self.place(slot);
        }
    }

    fn place(&mut self, slot: u16) {
        let mask = self.places.len() - 1;
        let hash = self.keys.get(usize::from(slot)).map_or(0, |known| known.ends.hash(known.key.len()));
        let mut at = hash as usize & mask;
        while self.places.get(at).is_some_and(|place| *place != 0) {
            at = (at + 1) & mask;
        }
        if let Some(place) = self.places.get_mut(at) {
            *place = slot + 1;
        }
    }
}

// === impl Known ===

impl Known {
    /// Whether it is `key`, whose ends are the same.
    #[inline]
    fn is(&self, key: &[u8]) -> bool {
        self.key.len() == key.len()
            && match key.len() {
                // Nothing stands between the ends.
                ..=16 => true,
                // What does is in the first and the last sixteen bytes.
                17..=32 => {
                    self.key.first_chunk::<16>() == key.first_chunk() && self.key.last_chunk::<16>() == key.last_chunk()
                }
                _ => is_same(&self.key, key),
            }
    }
}

/// Kept out of the way of the many keys that are shorter.
#[cold]
#[inline(never)]
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one == other
}

// === impl Ends ===

impl Ends {
    #[inline]
    fn of(key: &[u8]) -> Self {
        let word = |chunk: Option<&[u8; 8]>| chunk.map(|word| u64::from_le_bytes(*word));
        match (word(key.first_chunk()), word(key.last_chunk())) {
            (Some(first), Some(last)) => Self(first, last),
            _ => Self(short(key), 0),
        }
    }

    /// The ends of a key of `len` bytes, mixed: attribute keys differ there. Only spreads keys that the configuration chose;
    /// a sender cannot make the table slower than its longest run.
    #[inline]
    fn hash(self, len: usize) -> u64 {
        let mixed = (self.0 ^ self.1.rotate_left(29) ^ len as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 32
    }
}

/// As [`is_same`].
#[cold]
#[inline(never)]
fn short(key: &[u8]) -> u64 {
    key.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

// === impl Picked ===

impl<'a> Picked<'a> {
    /// Room for the values of `table`, all absent.
    pub fn new(table: &KeyTable) -> Self {
        Self { values: vec![None; table.len()], touched: Vec::with_capacity(32), groups: 0 }
    }

    /// Whether a key of the group may have a value: where not, none has.
    #[inline]
    pub fn may_have(&self, group: Group) -> bool {
        self.groups & group.0 != 0
    }

    /// The value at `slot`.
    #[inline]
    pub fn get(&self, slot: Slot) -> Option<AnyValue<'a>> {
        self.values.get(usize::from(slot.0)).copied().flatten().map(AnyValue::from)
    }

    /// The bytes of the text at `slot`; whether they are text is not asked.
    #[inline]
    pub fn text_bytes(&self, slot: Slot) -> Option<&'a [u8]> {
        match self.values.get(usize::from(slot.0)).copied().flatten() {
            Some(Raw::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The bytes of the text, the bytes, the array or the list at `slot`; whether a text is one is not asked.
    #[inline]
    pub fn bytes(&self, slot: Slot) -> Option<&'a [u8]> {
        self.values.get(usize::from(slot.0)).copied().flatten().and_then(Raw::bytes)
    }

    /// Checks an attribute, and keeps its value when its key was asked for. A value is only put together for a key that
    /// was: to move it through memory costs more than to check it.
    #[inline(always)]
    pub(super) fn take(&mut self, keys: &KeyTable, attribute: &'a [u8]) -> Result<(), WireError> {
        let Some((key, text)) = RawAttribute::short_text(attribute) else {
            return self.take_any(keys, attribute);
        };
        if let Some(slot) = keys.find(key) {
            self.set(keys, slot, Raw::Text(text));
        }
        Ok(())
    }

    #[inline(never)]
    fn take_any(&mut self, keys: &KeyTable, attribute: &'a [u8]) -> Result<(), WireError> {
        if let Some((key, value)) = RawAttribute::key_then_value(attribute) {
            if let Some(slot) = keys.find(key) {
                return Raw::parse(value, 0).map(|value| self.set(keys, slot, value));
            }
            if text::is_utf8(key) {
                return Raw::parse(value, 0).map(drop);
            }
        }
        let attribute = RawAttribute::parse_fields(attribute, 0)?;
        if let Some(slot) = keys.find(attribute.key) {
            self.set(keys, slot, attribute.value);
        }
        Ok(())
    }

    /// Keeps the value of an attribute that was checked before, when its key was asked for: any other is passed by.
    #[inline(always)]
    pub(super) fn take_again(&mut self, keys: &KeyTable, attribute: &'a [u8]) -> Result<(), WireError> {
        let Some((key, value)) = RawAttribute::key_then_value(attribute) else { return self.take_any(keys, attribute) };
        if let Some(slot) = keys.find(key) {
            self.set(keys, slot, Raw::again(value)?);
        }
        Ok(())
    }

    /// Keeps `value` unless the key was seen before: the first of equal keys counts, as for other OTLP readers.
    #[inline]
    fn set(&mut self, keys: &KeyTable, slot: Slot, value: Raw<'a>) {
        if let Some(place @ None) = self.values.get_mut(usize::from(slot.0)) {
            *place = Some(value);
            self.touched.push(slot);
            self.groups |= keys.keys.get(slot.index()).map_or(0, |known| known.groups);
        }
    }

    /// The slots that have a value, in the order of the wire.
    pub fn present(&self) -> &[Slot] {
        &self.touched
    }

    /// Forgets all values.
    #[inline]
    pub fn clear(&mut self) {
        self.groups = 0;
        for slot in self.touched.drain(..) {
            if let Some(place) = self.values.get_mut(usize::from(slot.0)) {
                *place = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_exactly_the_keys_that_were_added() {
        let mut table = KeyTable::default();
        let keys: Vec<String> =
            (0..500).map(|n| format!("gen_ai.key.{n}.tail")).chain(["a".into(), "".into()]).collect();
        let slots: Vec<_> = keys.iter().map(|key| table.add(key).unwrap()).collect();
        for (key, slot) in keys.iter().zip(&slots) {
            assert_eq!(table.find(key.as_bytes()), Some(*slot));
            assert_eq!(table.add(key), Some(*slot));
        }
        for other in ["b", "gen_ai.key.500.tail", "gen_ai.key.1.tai", &"x".repeat(255), &"x".repeat(4000)] {
            assert_eq!(table.find(other.as_bytes()), None, "{other}");
        }
        assert_eq!(table.add(&"x".repeat(256)), None);
        assert_eq!(KeyTable::default().find(b"a"), None);
    }

    #[test]
    fn keys_that_differ_in_one_byte_anywhere_are_told_apart() {
        for len in [1, 7, 8, 15, 16, 17, 31, 32, 33, 100, MAX_KEY] {
            let mut table = KeyTable::default();
            let key = "k".repeat(len);
            assert_eq!(table.add(&key), table.find(key.as_bytes()));
            for at in 0..len {
                let mut other = key.clone().into_bytes();
                other[at] = b'x';
                assert_eq!(table.find(&other), None, "byte {at} of {len}");
            }
        }
    }

    #[test]
    fn the_first_of_equal_keys_counts() {
        let mut table = KeyTable::default();
        let slot = table.add("k").unwrap();
        let mut picked = Picked::new(&table);
        picked.set(&table, slot, Raw::Int(1));
        picked.set(&table, slot, Raw::Int(2));
        assert_eq!(picked.get(slot), Some(AnyValue::Int(1)));
        picked.clear();
        assert_eq!(picked.get(slot), None);
    }
    #[test]
    fn of_a_group_none_is_missed_however_many_groups_there_are() {
        let mut table = KeyTable::default();
        let groups: Vec<_> = (0..40).map(|_| table.group()).collect();
        let slots: Vec<_> = (0..40).map(|n| table.add(&format!("key {n}")).unwrap()).collect();
        slots.iter().zip(&groups).for_each(|(slot, group)| table.put(*slot, *group));
        let mut picked = Picked::new(&table);
        for (n, (slot, group)) in slots.iter().zip(&groups).enumerate() {
            picked.set(&table, *slot, Raw::Int(1));
            assert!(picked.may_have(*group), "{n}");
            assert_eq!(groups.iter().filter(|other| picked.may_have(**other)).count(), if n < 31 { 1 } else { 9 });
            picked.clear();
            assert!(!picked.may_have(*group), "{n}");
        }
    }
}
