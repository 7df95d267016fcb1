//! Attributes and `AnyValue`, borrowed from the wire.

use super::fields::{any_value, key_value, list};
use super::text;
use super::wire::{Reader, WireError, WireErrorKind};

/// How many messages may nest inside a value: two for each array in another, three for each key-value list. With the
/// messages around a value and unknown groups inside it, that is under the hundred that prost decodes, so that every
/// peer can read what we pass on.
pub const MAX_DEPTH: u32 = 76;

/// One attribute value, borrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum AnyValue<'a> {
    /// No value set.
    #[default]
    Empty,
    /// `string_value`
    Str(&'a str),
    /// `bool_value`
    Bool(bool),
    /// `int_value`
    Int(i64),
    /// `double_value`
    Double(f64),
    /// `bytes_value`
    Bytes(&'a [u8]),
    /// `array_value`: the bytes of the `ArrayValue`; see [`AnyValue::items`].
    Array(&'a [u8]),
    /// `kvlist_value`: the bytes of the `KeyValueList`; see [`AnyValue::entries`].
    KvList(&'a [u8]),
}

/// One attribute, borrowed: a `KeyValue`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attribute<'a> {
    /// `key`
    pub key: &'a str,
    /// `value`
    pub value: AnyValue<'a>,
}

// === impl AnyValue ===

impl<'a> AnyValue<'a> {
    /// Reads and checks an `AnyValue` message, nested values included.
    ///
    /// # Errors
    /// When its framing is broken, a string is not UTF-8, or more than [`MAX_DEPTH`] messages nest in it.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        Self::parse_at(bytes, 0)
    }

    #[inline]
    fn parse_at(bytes: &'a [u8], depth: u32) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let mut value = Self::Empty;
        while let Some(field) = reader.next_field()? {
            let at = field.start;
            // A oneof: the last member on the wire wins.
            value = match field.number {
                any_value::STRING => Self::Str(string(field.value.bytes(at)?, at)?),
                any_value::BOOL => Self::Bool(field.value.varint(at)? != 0),
                any_value::INT => Self::Int(field.value.varint(at)? as i64),
                any_value::DOUBLE => Self::Double(f64::from_bits(field.value.fixed64(at)?)),
                any_value::ARRAY => Self::Array(check_list(field.value.bytes(at)?, depth, at, false)?),
                any_value::KVLIST => Self::KvList(check_list(field.value.bytes(at)?, depth, at, true)?),
                any_value::BYTES => Self::Bytes(field.value.bytes(at)?),
                any_value::STRING_STRINDEX => field.value.varint(at).map(|_| value)?,
                _ => value,
            };
        }
        Ok(value)
    }

    /// The members of an array; nothing for any other value.
    pub fn items(self) -> impl Iterator<Item = AnyValue<'a>> {
        let bytes = if let Self::Array(bytes) = self { bytes } else { &[] };
        members(bytes).filter_map(|member| AnyValue::parse(member).ok())
    }

    /// The entries of a key-value list; nothing for any other value.
    pub fn entries(self) -> impl Iterator<Item = Attribute<'a>> {
        let bytes = if let Self::KvList(bytes) = self { bytes } else { &[] };
        members(bytes).filter_map(|member| Attribute::parse(member).ok())
    }

    /// The text of a string value.
    #[inline]
    pub fn as_str(self) -> Option<&'a str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }
}

// === impl Attribute ===

impl<'a> Attribute<'a> {
    /// Reads and checks a `KeyValue` message.
    ///
    /// # Errors
    /// As [`AnyValue::parse`].
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        Self::parse_at(bytes, 0)
    }

    #[inline]
    fn parse_at(bytes: &'a [u8], depth: u32) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let mut attribute = Self { key: "", value: AnyValue::Empty };
        while let Some(field) = reader.next_field()? {
            let at = field.start;
            match field.number {
                key_value::KEY => attribute.key = string(field.value.bytes(at)?, at)?,
                // A value without a member leaves that of an earlier one, as merging has it.
                key_value::VALUE => match AnyValue::parse_at(field.value.bytes(at)?, depth)? {
                    AnyValue::Empty => {}
                    value => attribute.value = value,
                },
                key_value::KEY_STRINDEX => drop(field.value.varint(at)?),
                _ => {}
            }
        }
        Ok(attribute)
    }
}

/// The string in `bytes`, which stood at `offset`, or `Utf8`.
#[inline]
pub(super) fn string(bytes: &[u8], offset: usize) -> Result<&str, WireError> {
    text::utf8(bytes).ok_or(WireError { offset, kind: WireErrorKind::Utf8 })
}

fn check_list(bytes: &[u8], depth: u32, offset: usize, entries: bool) -> Result<&[u8], WireError> {
    let inner = depth + if entries { 3 } else { 2 };
    if inner > MAX_DEPTH {
        return Err(WireError { offset, kind: WireErrorKind::Depth });
    }
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next_field()? {
        if field.number == list::VALUES {
            let member = field.value.bytes(field.start)?;
            match entries {
                true => Attribute::parse_at(member, inner).map(drop)?,
                false => AnyValue::parse_at(member, inner).map(drop)?,
            }
        }
    }
    Ok(bytes)
}

fn members(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || {
        while let Ok(Some(field)) = reader.next_field() {
            if let (list::VALUES, Ok(member)) = (field.number, field.value.bytes(field.start)) {
                return Some(member);
            }
        }
        None
    })
}
