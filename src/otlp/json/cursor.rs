//! JSON text read piece by piece (RFC 8259): total, nesting limited, borrowing where it can.

use std::borrow::Cow;

use super::{JsonError, Step};
use crate::otlp::text;

/// How deep objects and arrays may nest: deeper than any value that a span may have, so that it alone is refused.
const MAX_NESTING: u32 = 300;

/// A place in a JSON text.
pub(super) struct Cursor<'a> {
    body: &'a [u8],
    pos: usize,
    nesting: u32,
}

/// What a value is, as its first byte tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Object,
    Array,
    Text,
    Number,
    Bool,
    Null,
}

type Result<T> = std::result::Result<T, JsonError>;

// === impl Shape ===

impl Shape {
    fn text(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Text => "a string",
            Self::Number => "a number",
            Self::Bool => "a boolean",
            Self::Null => "null",
        }
    }
}

// === impl Cursor ===

impl<'a> Cursor<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { body, pos: 0, nesting: 0 }
    }

    /// An error here.
    pub(super) fn error(&self, problem: impl Into<String>) -> JsonError {
        JsonError::new(self.pos, problem)
    }

    /// What the next value is; moves to its first byte.
    pub(super) fn shape(&mut self) -> Result<Shape> {
        match self.next_byte() {
            Some(b'{') => Ok(Shape::Object),
            Some(b'[') => Ok(Shape::Array),
            Some(b'"') => Ok(Shape::Text),
            Some(b'-' | b'0'..=b'9') => Ok(Shape::Number),
            Some(b't' | b'f') => Ok(Shape::Bool),
            Some(b'n') => Ok(Shape::Null),
            Some(_) => Err(self.error("not a JSON value")),
            None => Err(self.error("text ends where a value is expected")),
        }
    }

    /// An error that says what stands here instead of what was `wanted`.
    pub(super) fn mismatch(&mut self, wanted: &str) -> JsonError {
        match self.shape() {
            Ok(found) => self.error(format!("expected {wanted}, found {}", found.text())),
            Err(error) => error,
        }
    }

    /// Reads an object; `member` is called with each name, before its value, which it must read.
    pub(super) fn object(&mut self, mut member: impl FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        if self.shape()? != Shape::Object {
            return Err(self.mismatch("an object"));
        }
        self.nested(b'}', |cursor, _| {
            if cursor.next_byte() != Some(b'"') {
                return Err(cursor.error("expected a name in quotes"));
            }
            let name = cursor.string()?;
            match cursor.next_byte() {
                Some(b':') => cursor.pos += 1,
                _ => return Err(cursor.error("expected ':'")),
            }
            member(cursor, &name)
        })
    }

    /// Reads an array; `item` is called before each value, which it must read.
    pub(super) fn array(&mut self, mut item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if self.shape()? != Shape::Array {
            return Err(self.mismatch("an array"));
        }
        self.nested(b']', |cursor, index| item(cursor).map_err(|error| error.within(Step::Index(index))))
    }

    /// Reads what stands between brackets, the opening one being here.
    fn nested(&mut self, close: u8, mut item: impl FnMut(&mut Self, usize) -> Result<()>) -> Result<()> {
        if self.nesting >= MAX_NESTING {
            return Err(self.error(format!("nested deeper than {MAX_NESTING} levels")));
        }
        self.nesting += 1;
        self.pos += 1;
        if self.next_byte() != Some(close) {
            for index in 0.. {
                item(self, index)?;
                match self.next_byte() {
                    Some(b',') => self.pos += 1,
                    Some(byte) if byte == close => break,
                    _ => return Err(self.error(format!("expected ',' or '{}'", char::from(close)))),
                }
            }
        }
        self.pos += 1;
        self.nesting -= 1;
        Ok(())
    }

    /// Reads a string. A surrogate without its other half, as some senders' cut strings have, becomes U+FFFD.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>> {
        if self.shape()? != Shape::Text {
            return Err(self.mismatch("a string"));
        }
        self.pos += 1;
        let mut text = Cow::Borrowed("");
        loop {
            let run = self.plain_run()?;
            match text.is_empty() {
                true => text = Cow::Borrowed(run),
                false => text.to_mut().push_str(run),
            }
            match self.body.get(self.pos) {
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    let escaped = self.escape()?;
                    text.to_mut().push(escaped);
                }
                Some(_) => return Err(self.error("control character in a string")),
                None => return Err(self.error("text ends inside a string")),
            }
        }
    }

    /// Characters up to a quote, a backslash or a control character.
    fn plain_run(&mut self) -> Result<&'a str> {
        let rest = self.body.get(self.pos..).unwrap_or_default();
        let len = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
        let run = rest.get(..len).and_then(text::utf8).ok_or_else(|| self.error("string is not UTF-8"))?;
        self.pos += len;
        Ok(run)
    }

    fn escape(&mut self) -> Result<char> {
        let letter = self.body.get(self.pos + 1).copied();
        let escaped = match letter {
            Some(b'"' | b'\\' | b'/') => letter.map_or('\0', char::from),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.error("unknown escape in a string")),
        };
        self.pos += 2;
        Ok(escaped)
    }

    fn unicode_escape(&mut self) -> Result<char> {
        let first = self.code_unit().ok_or_else(|| self.error("expected four hex digits"))?;
        self.pos += 6;
        let second = match first {
            0xd800..0xdc00 => self.code_unit().filter(|unit| (0xdc00..0xe000).contains(unit)),
            _ => None,
        };
        self.pos += if second.is_some() { 6 } else { 0 };
        let code = second.map_or(first, |second| 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00));
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// The number of `\uXXXX`, if that stands here.
    fn code_unit(&self) -> Option<u32> {
        let digits = self.body.get(self.pos..self.pos + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
    }

    /// Reads a number, as it is written.
    pub(super) fn number(&mut self) -> Result<&'a str> {
        if self.shape()? != Shape::Number {
            return Err(self.mismatch("a number"));
        }
        let rest = self.body.get(self.pos..).unwrap_or_default();
        let len = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        let number = rest.get(..len.unwrap_or(rest.len())).unwrap_or_default();
        let number = std::str::from_utf8(number).ok().filter(|number| is_number(number));
        let number = number.ok_or_else(|| self.error("malformed number"))?;
        self.pos += number.len();
        Ok(number)
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&mut self) -> Result<bool> {
        match self.shape()? {
            Shape::Bool if self.literal("true") => Ok(true),
            Shape::Bool if self.literal("false") => Ok(false),
            Shape::Bool => Err(self.error("not a JSON value")),
            _ => Err(self.mismatch("a boolean")),
        }
    }

    /// Reads a `null`, if there is one.
    pub(super) fn null(&mut self) -> Result<bool> {
        match self.shape()? {
            Shape::Null if self.literal("null") => Ok(true),
            Shape::Null => Err(self.error("not a JSON value")),
            _ => Ok(false),
        }
    }

    fn literal(&mut self, word: &str) -> bool {
        let found = self.body.get(self.pos..).is_some_and(|rest| rest.starts_with(word.as_bytes()));
        self.pos += if found { word.len() } else { 0 };
        found
    }

    /// Reads any value and forgets it.
    pub(super) fn skip(&mut self) -> Result<()> {
        match self.shape()? {
            Shape::Object => self.object(|cursor, _| cursor.skip()),
            Shape::Array => self.array(Self::skip),
            Shape::Text => self.string().map(drop),
            Shape::Number => self.number().map(drop),
            Shape::Bool => self.boolean().map(drop),
            Shape::Null => self.null().map(drop),
        }
    }

    /// Checks that nothing follows.
    pub(super) fn end(&mut self) -> Result<()> {
        match self.next_byte() {
            None => Ok(()),
            Some(_) => Err(self.error("text goes on behind the document")),
        }
    }

    /// The next byte that is no white space; moves to it.
    fn next_byte(&mut self) -> Option<u8> {
        loop {
            match self.body.get(self.pos) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.pos += 1,
                byte => return byte.copied(),
            }
        }
    }
}

/// Whether characters of numbers form one: `-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?`.
fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(front, back)| (front, Some(back)));
    let (integer, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(front, back)| (front, Some(back)));
    let integer = integer.strip_prefix('-').unwrap_or(integer);
    digits(integer)
        && (integer.len() == 1 || !integer.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}
