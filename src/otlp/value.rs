//! Attributes and `AnyValue`, borrowed from the wire.

use super::fields::{any_value, key_value, list};
use super::text;
use super::wire::{Field, Reader, Value, WireError, WireErrorKind, short_len, short_varint};

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

/// A value that was checked, its text not yet taken for one: most values are only passed by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Raw<'a> {
    Empty,
    Text(&'a [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(&'a [u8]),
    Array(&'a [u8]),
    KvList(&'a [u8]),
}

/// Tags inside a `KeyValue`.
const KEY: u8 = (key_value::KEY << 3 | 2) as u8;
const VALUE: u8 = (key_value::VALUE << 3 | 2) as u8;

/// An attribute that was checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawAttribute<'a> {
    pub(super) key: &'a [u8],
    pub(super) value: Raw<'a>,
}

// === impl AnyValue ===

impl<'a> AnyValue<'a> {
    /// Reads and checks an `AnyValue` message, nested values included.
    ///
    /// # Errors
    /// When its framing is broken, a string is not UTF-8, or more than [`MAX_DEPTH`] messages nest in it.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        Raw::parse(bytes, 0).map(Self::from)
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
        RawAttribute::parse(bytes, 0).map(Self::from)
    }
}

impl<'a> From<RawAttribute<'a>> for Attribute<'a> {
    fn from(raw: RawAttribute<'a>) -> Self {
        Self { key: std::str::from_utf8(raw.key).unwrap_or_default(), value: raw.value.into() }
    }
}

impl<'a> From<Raw<'a>> for AnyValue<'a> {
    #[inline]
    fn from(raw: Raw<'a>) -> Self {
        match raw {
            Raw::Empty => Self::Empty,
            Raw::Text(text) => Self::Str(std::str::from_utf8(text).unwrap_or_default()),
            Raw::Bool(value) => Self::Bool(value),
            Raw::Int(value) => Self::Int(value),
            Raw::Double(value) => Self::Double(value),
            Raw::Bytes(bytes) => Self::Bytes(bytes),
            Raw::Array(bytes) => Self::Array(bytes),
            Raw::KvList(bytes) => Self::KvList(bytes),
        }
    }
}

// === impl Raw ===

impl<'a> Raw<'a> {
    /// The bytes that it stands in, of whatever is no number and no bool.
    #[inline]
    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Text(bytes) | Self::Bytes(bytes) | Self::Array(bytes) | Self::KvList(bytes) => Some(bytes),
            _ => None,
        }
    }

    #[inline(always)]
    pub(super) fn parse(bytes: &'a [u8], depth: u32) -> Result<Self, WireError> {
        match Self::alone(bytes) {
            Some(value) => Ok(value),
            None => Self::parse_fields(bytes, depth),
        }
    }

    /// Reads a value that was checked before: what is inside of it is not looked at.
    #[inline]
    pub(super) fn again(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        match reader.next_field()? {
            Some(Field { number, value: Value::Len(inside), end, .. }) if end == bytes.len() => match number {
                any_value::STRING => Ok(Self::Text(inside)),
                any_value::ARRAY => Ok(Self::Array(inside)),
                any_value::KVLIST => Ok(Self::KvList(inside)),
                _ => Self::parse(bytes, 0),
            },
            _ => Self::parse(bytes, 0),
        }
    }

    /// A string or a number and nothing beside it, in the encoding that every SDK writes. `None` for anything else.
    #[inline(always)]
    fn alone(bytes: &'a [u8]) -> Option<Self> {
        const TEXT: u8 = (any_value::STRING << 3 | 2) as u8;
        const INT: u8 = (any_value::INT << 3) as u8;
        const BOOL: u8 = (any_value::BOOL << 3) as u8;
        const DOUBLE: u8 = (any_value::DOUBLE << 3 | 1) as u8;
        match *bytes.first()? {
            TEXT => {
                let (len, text) = short_len(bytes.get(1..)?)?;
                (text.len() == len && text::is_utf8(text)).then_some(Self::Text(text))
            }
            INT => short_varint(bytes.get(1..)?).map(|number| Self::Int(number as i64)),
            BOOL => short_varint(bytes.get(1..)?).map(|number| Self::Bool(number != 0)),
            DOUBLE => <[u8; 8]>::try_from(bytes.get(1..)?).ok().map(|bits| Self::Double(f64::from_le_bytes(bits))),
            _ => None,
        }
    }

    fn parse_fields(bytes: &'a [u8], depth: u32) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let mut value = Self::Empty;
        while let Some(field) = reader.next_field()? {
            let at = field.start;
            // A oneof: the last member on the wire wins.
            value = match field.number {
                any_value::STRING => Self::Text(checked(field.value.bytes(at)?, at)?),
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
}

// === impl RawAttribute ===

impl<'a> RawAttribute<'a> {
    /// Reads and checks a `KeyValue` message that stands `depth` messages deep.
    #[inline(always)]
    pub(super) fn parse(bytes: &'a [u8], depth: u32) -> Result<Self, WireError> {
        match Self::key_then_value(bytes) {
            Some((key, value)) if text::is_utf8(key) => Ok(Self { key, value: Raw::parse(value, depth)? }),
            _ => Self::parse_fields(bytes, depth),
        }
    }

    /// Checks an attribute that nobody asks for.
    #[inline]
    pub(super) fn check(bytes: &'a [u8]) -> Result<(), WireError> {
        if Self::short_text(bytes).is_some() { Ok(()) } else { Self::parse(bytes, 0).map(drop) }
    }

    /// A key and the text of a string, both ASCII and so short that every length is one byte: most attributes there are.
    /// One look at the bytes checks both, as no length has its high bit set either. `None` for anything else.
    #[inline(always)]
    pub(super) fn short_text(bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        const TEXT: u8 = (any_value::STRING << 3 | 2) as u8;
        let [KEY, key_len, rest @ ..] = bytes else { return None };
        let (key, rest) = rest.split_at_checked(usize::from(*key_len))?;
        let [VALUE, value_len, TEXT, text_len, text @ ..] = rest else { return None };
        let len = text.len();
        let fits = usize::from(*text_len) == len && usize::from(*value_len) == len + 2;
        (fits && text::is_short_ascii(bytes)).then_some((key, text))
    }

    /// A key, its value, and nothing beside them, in the encoding that every SDK writes. `None` for anything else. Neither
    /// was checked.
    #[inline(always)]
    pub(super) fn key_then_value(bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let (&KEY, rest) = bytes.split_first()? else { return None };
        let (len, rest) = short_len(rest)?;
        let (key, rest) = rest.split_at_checked(len)?;
        let (&VALUE, rest) = rest.split_first()? else { return None };
        let (len, value) = short_len(rest)?;
        (value.len() == len && !value.is_empty()).then_some((key, value))
    }

    pub(super) fn parse_fields(bytes: &'a [u8], depth: u32) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        let mut attribute = Self { key: &[], value: Raw::Empty };
        while let Some(field) = reader.next_field()? {
            let at = field.start;
            match field.number {
                key_value::KEY => attribute.key = checked(field.value.bytes(at)?, at)?,
                // A value without a member leaves that of an earlier one, as merging has it.
                key_value::VALUE => match Raw::parse(field.value.bytes(at)?, depth)? {
                    Raw::Empty => {}
                    value => attribute.value = value,
                },
                key_value::KEY_STRINDEX => drop(field.value.varint(at)?),
                _ => {}
            }
        }
        Ok(attribute)
    }
}

// === parts ===

/// The bytes, when they are UTF-8, or `Utf8` at `offset`.
#[inline]
pub(super) fn checked(bytes: &[u8], offset: usize) -> Result<&[u8], WireError> {
    if text::is_utf8(bytes) { Ok(bytes) } else { Err(WireError { offset, kind: WireErrorKind::Utf8 }) }
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
                true => RawAttribute::parse(member, inner).map(drop)?,
                false => Raw::parse(member, inner).map(drop)?,
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
