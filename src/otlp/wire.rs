//! Protocol Buffers framing over a byte slice (<https://protobuf.dev/programming-guides/encoding/>).
//!
//! The reader is total: whatever the bytes are, it ends with a field, with the end of the message or with a
//! [`WireError`]; it never reads outside the slice and never allocates.

use std::fmt;

/// How deep groups may nest inside an unknown field: wherever it stands, prost decodes that many.
const GROUP_DEPTH: u32 = 16;

/// Why bytes are not a well-formed message, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireError {
    /// Byte offset inside the slice that was being read.
    pub offset: usize,
    /// What is wrong there.
    pub kind: WireErrorKind,
}

/// What can be wrong with framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireErrorKind {
    /// The bytes end inside a field.
    Truncated,
    /// A varint of more than 64 bits.
    Varint,
    /// Field number 0 or above 2^29 - 1.
    FieldNumber,
    /// Wire type 6 or 7, or an end-group without its start.
    WireType,
    /// A known field with a wire type that is not its own.
    FieldType,
    /// A string that is not UTF-8.
    Utf8,
    /// Values nested deeper than the limit.
    Depth,
}

/// One field of a message.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// The field's number.
    pub number: u32,
    /// Offset of the field's tag in the message.
    pub start: usize,
    /// Offset just behind the field in the message.
    pub end: usize,
    /// Its value.
    pub value: Value<'a>,
}

/// A field's value as framed.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2.
    Len(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
    /// Wire types 3 and 4: skipped whole.
    Group,
}

/// Reads the fields of one message, front to back.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    buf: &'a [u8],
    pos: usize,
}

// === impl WireError ===

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind.text(), self.offset)
    }
}

impl std::error::Error for WireError {}

impl WireErrorKind {
    /// The error in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Truncated => "message ends inside a field",
            Self::Varint => "varint of more than 64 bits",
            Self::FieldNumber => "field number out of range",
            Self::WireType => "invalid wire type",
            Self::FieldType => "field has the wrong wire type",
            Self::Utf8 => "string is not UTF-8",
            Self::Depth => "values nested too deep",
        }
    }
}

// === impl Value ===

impl<'a> Value<'a> {
    /// The bytes of a length-delimited value, or `FieldType`.
    #[inline]
    pub fn bytes(self, offset: usize) -> Result<&'a [u8], WireError> {
        match self {
            Self::Len(bytes) => Ok(bytes),
            _ => Err(WireError { offset, kind: WireErrorKind::FieldType }),
        }
    }

    /// The number of a varint, or `FieldType`.
    #[inline]
    pub fn varint(self, offset: usize) -> Result<u64, WireError> {
        match self {
            Self::Varint(number) => Ok(number),
            _ => Err(WireError { offset, kind: WireErrorKind::FieldType }),
        }
    }

    /// The number of a fixed64, or `FieldType`.
    #[inline]
    pub fn fixed64(self, offset: usize) -> Result<u64, WireError> {
        match self {
            Self::Fixed64(number) => Ok(number),
            _ => Err(WireError { offset, kind: WireErrorKind::FieldType }),
        }
    }

    /// The number of a fixed32, or `FieldType`.
    #[inline]
    pub fn fixed32(self, offset: usize) -> Result<u32, WireError> {
        match self {
            Self::Fixed32(number) => Ok(number),
            _ => Err(WireError { offset, kind: WireErrorKind::FieldType }),
        }
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// Reads `buf` as one message.
    #[inline]
    pub fn new(buf: &'a [u8]) -> Self {
        Self { buf, pos: 0 }
    }

    /// Offset of the next unread byte.
    #[inline]
    pub fn position(&self) -> usize {
        self.pos
    }

    /// The next field, or `None` at the end of the message.
    #[inline(always)]
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, WireError> {
        if self.pos >= self.buf.len() {
            return Ok(None);
        }
        let start = self.pos;
        let (number, wire_type) = self.tag()?;
        let value = self.value(number, wire_type, start, 0)?;
        Ok(Some(Field { number, start, end: self.pos, value }))
    }

    /// The body of the next field, when that is a length-delimited one with the one-byte tag `tag` and a length of up
    /// to three bytes: nearly every field that matters. `None`, with nothing read, for anything else.
    #[inline(always)]
    pub(super) fn next_if(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&first, rest) = self.buf.get(self.pos..)?.split_first()?;
        if first != tag {
            return None;
        }
        let (len, rest) = short_len(rest)?;
        let (body, rest) = rest.split_at_checked(len)?;
        self.pos = self.buf.len() - rest.len();
        Some(body)
    }

    /// As [`Reader::next_if`], for a fixed64.
    #[inline(always)]
    pub(super) fn next_fixed64_if(&mut self, tag: u8) -> Option<u64> {
        let (&first, rest) = self.buf.get(self.pos..)?.split_first()?;
        let number = rest.first_chunk().filter(|_| first == tag)?;
        self.pos += 9;
        Some(u64::from_le_bytes(*number))
    }

    #[inline(always)]
    fn tag(&mut self) -> Result<(u32, u8), WireError> {
        let start = self.pos;
        let tag = self.read_varint()?;
        let number = tag >> 3;
        if number == 0 || number > 0x1fff_ffff {
            return Err(WireError { offset: start, kind: WireErrorKind::FieldNumber });
        }
        Ok((number as u32, (tag & 7) as u8))
    }

    #[inline(always)]
    fn value(&mut self, number: u32, wire_type: u8, start: usize, depth: u32) -> Result<Value<'a>, WireError> {
        match wire_type {
            0 => Ok(Value::Varint(self.read_varint()?)),
            1 => Ok(Value::Fixed64(u64::from_le_bytes(self.array()?))),
            2 => {
                let len = self.read_varint()?;
                let len = usize::try_from(len).map_err(|_| self.error(WireErrorKind::Truncated))?;
                Ok(Value::Len(self.take(len)?))
            }
            5 => Ok(Value::Fixed32(u32::from_le_bytes(self.array()?))),
            3 => self.skip_group(number, depth).map(|()| Value::Group),
            _ => Err(WireError { offset: start, kind: WireErrorKind::WireType }),
        }
    }

    /// Skips to behind the end-group tag of group `number`.
    #[cold]
    fn skip_group(&mut self, number: u32, depth: u32) -> Result<(), WireError> {
        if depth >= GROUP_DEPTH {
            return Err(self.error(WireErrorKind::Depth));
        }
        loop {
            let start = self.pos;
            let (inner, wire_type) = self.tag()?;
            if wire_type == 4 {
                return match inner == number {
                    true => Ok(()),
                    false => Err(WireError { offset: start, kind: WireErrorKind::WireType }),
                };
            }
            self.value(inner, wire_type, start, depth + 1)?;
        }
    }

    #[inline(always)]
    fn read_varint(&mut self) -> Result<u64, WireError> {
        match self.buf.get(self.pos) {
            Some(&byte) if byte < 0x80 => {
                self.pos += 1;
                Ok(u64::from(byte))
            }
            _ => self.read_long_varint(),
        }
    }

    #[inline]
    fn read_long_varint(&mut self) -> Result<u64, WireError> {
        let mut number = 0_u64;
        for (count, &byte) in self.buf.get(self.pos..).unwrap_or_default().iter().take(10).enumerate() {
            // The tenth byte carries one bit; with more, other decoders refuse it too.
            if count == 9 && byte > 1 {
                return Err(self.error(WireErrorKind::Varint));
            }
            number |= u64::from(byte & 0x7f) << (7 * count as u32);
            if byte < 0x80 {
                self.pos += count + 1;
                return Ok(number);
            }
        }
        Err(self.error(WireErrorKind::Truncated))
    }

    #[inline(always)]
    fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let bytes = self.pos.checked_add(len).and_then(|end| self.buf.get(self.pos..end));
        match bytes {
            Some(bytes) => {
                self.pos += len;
                Ok(bytes)
            }
            None => Err(self.error(WireErrorKind::Truncated)),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        match self.buf.get(self.pos..).and_then(|rest| rest.first_chunk::<N>()) {
            Some(bytes) => {
                self.pos += N;
                Ok(*bytes)
            }
            None => Err(self.error(WireErrorKind::Truncated)),
        }
    }

    fn error(&self, kind: WireErrorKind) -> WireError {
        WireError { offset: self.pos, kind }
    }
}

/// A length of up to three bytes, and what stands behind it.
#[inline(always)]
pub(super) fn short_len(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [low, rest @ ..] if *low < 0x80 => Some((usize::from(*low), rest)),
        [low, high, rest @ ..] if *high < 0x80 => Some((usize::from(*low & 0x7f) | usize::from(*high) << 7, rest)),
        [low, middle, high, rest @ ..] if *high < 0x80 => {
            let len = usize::from(*low & 0x7f) | usize::from(*middle & 0x7f) << 7 | usize::from(*high) << 14;
            Some((len, rest))
        }
        _ => None,
    }
}

/// The varint that `bytes` are, of up to four bytes: nearly every count there is. `None` for anything else.
#[inline(always)]
pub(super) fn short_varint(bytes: &[u8]) -> Option<u64> {
    const HIGH: u8 = 0x80;
    let low = |byte: u8, place: u32| u64::from(byte & !HIGH) << (7 * place);
    match *bytes {
        [a] if a < HIGH => Some(u64::from(a)),
        [a, b] if a >= HIGH && b < HIGH => Some(low(a, 0) | low(b, 1)),
        [a, b, c] if a & b >= HIGH && c < HIGH => Some(low(a, 0) | low(b, 1) | low(c, 2)),
        [a, b, c, d] if a & b & c >= HIGH && d < HIGH => Some(low(a, 0) | low(b, 1) | low(c, 2) | low(d, 3)),
        _ => None,
    }
}

/// The tag of a field below 16, as every encoder writes it: in one byte.
pub(super) const fn tag(number: u32, wire_type: u8) -> u8 {
    (number << 3) as u8 | wire_type
}

/// The length-delimited values of field `number`; ends where the framing does.
pub(super) fn fields(bytes: &[u8], number: u32) -> impl Iterator<Item = &[u8]> + use<'_> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || {
        while let Ok(Some(field)) = reader.next_field() {
            if let (true, Ok(value)) = (field.number == number, field.value.bytes(field.start)) {
                return Some(value);
            }
        }
        None
    })
}
