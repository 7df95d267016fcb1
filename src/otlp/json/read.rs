//! OTLP/JSON to the wire.

use std::borrow::Cow;
use std::str::FromStr;

use super::cursor::{Cursor, Shape};
use super::schema::{Field, Kind, Message, logs, metrics, traces};
use super::{JsonError, Step, base64};
use crate::otlp::put::{put_body, put_bytes, put_message, put_tag, put_varint};

type Result<T> = std::result::Result<T, JsonError>;

/// Appends the wire form of an `ExportTraceServiceRequest` in OTLP/JSON to `out`.
///
/// Names are read in camel case and as in the proto file; unknown ones are ignored, and `null` is absent. 64-bit numbers
/// may be strings or numbers, enums numbers or names, base64 of either alphabet. What is there is written, be it zero or
/// empty. An id that is not hex goes to the wire as the text that it is, in a length that no id has, so that only its
/// span is refused.
///
/// # Errors
/// When the body is not JSON, is nested too deep, or a known field has a value of the wrong shape or out of range.
/// Nothing is appended then.
pub fn from_json(body: &[u8], out: &mut Vec<u8>) -> Result<()> {
    request(body, &traces::REQUEST, out)
}

/// As [`from_json`], of an `ExportLogsServiceRequest`. Its ids are hex or an error.
///
/// # Errors
/// As [`from_json`].
pub fn logs_from_json(body: &[u8], out: &mut Vec<u8>) -> Result<()> {
    request(body, &logs::REQUEST, out)
}

/// As [`from_json`], of an `ExportMetricsServiceRequest`. Its ids are hex or an error.
///
/// # Errors
/// As [`from_json`].
pub fn metrics_from_json(body: &[u8], out: &mut Vec<u8>) -> Result<()> {
    request(body, &metrics::REQUEST, out)
}

fn request(body: &[u8], schema: &Message, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    let mut cursor = Cursor::new(body);
    let result = message(&mut cursor, schema, out).and_then(|()| cursor.end());
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn message(cursor: &mut Cursor<'_>, schema: &Message, out: &mut Vec<u8>) -> Result<()> {
    cursor.object(|cursor, name| match schema.field(name) {
        Some(field) => value(cursor, field, out).map_err(|error| error.within(Step::Field(field.name))),
        None => cursor.skip(),
    })
}

fn value(cursor: &mut Cursor<'_>, field: &Field, out: &mut Vec<u8>) -> Result<()> {
    if cursor.null()? {
        return Ok(());
    }
    match field.repeated {
        true if field.is_packed() => {
            let mut result = Ok(());
            put_message(out, field.number, |out| result = cursor.array(|cursor| untagged(cursor, &field.kind, out)));
            result
        }
        true => cursor.array(|cursor| single(cursor, field, out)),
        false => single(cursor, field, out),
    }
}

fn single(cursor: &mut Cursor<'_>, field: &Field, out: &mut Vec<u8>) -> Result<()> {
    put_tag(out, field.number, field.kind.wire_type());
    untagged(cursor, &field.kind, out)
}

/// One value, as it stands behind its tag.
fn untagged(cursor: &mut Cursor<'_>, kind: &Kind, out: &mut Vec<u8>) -> Result<()> {
    match kind {
        Kind::Message(schema) => {
            let mut result = Ok(());
            put_body(out, |out| result = message(cursor, schema, out));
            return result;
        }
        Kind::Text => put_bytes(out, cursor.string()?.as_bytes()),
        Kind::Id => {
            let text = cursor.string()?;
            put_bytes(out, &hex(&text).unwrap_or_else(|| no_id(&text)));
        }
        Kind::Hex => {
            let text = cursor.string()?;
            put_bytes(out, &hex(&text).ok_or_else(|| cursor.error("string is not hex"))?);
        }
        Kind::Bytes => {
            let text = cursor.string()?;
            let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
            base64::decode(&text, &mut bytes).ok_or_else(|| cursor.error("string is not base64"))?;
            put_bytes(out, &bytes);
        }
        Kind::Bool => put_varint(out, u64::from(cursor.boolean()?)),
        Kind::Int64 => put_varint(out, integer::<i64>(cursor)? as u64),
        Kind::Uint64 => put_varint(out, integer(cursor)?),
        Kind::Fixed64 => out.extend(integer::<u64>(cursor)?.to_le_bytes()),
        Kind::Sfixed64 => out.extend(integer::<i64>(cursor)?.to_le_bytes()),
        Kind::Fixed32 => out.extend(integer::<u32>(cursor)?.to_le_bytes()),
        Kind::Uint32 => put_varint(out, u64::from(integer::<u32>(cursor)?)),
        Kind::Sint32 => put_varint(out, u64::from(zigzag(integer(cursor)?))),
        Kind::Double => out.extend(double(cursor)?.to_le_bytes()),
        Kind::Enum(names) => put_varint(out, i64::from(enumeration(cursor, names)?) as u64),
    }
    Ok(())
}

/// Small numbers of either sign as small numbers.
fn zigzag(number: i32) -> u32 {
    (number << 1 ^ number >> 31) as u32
}

/// The bytes of a hex string.
fn hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(nibble(pair.first()?)? << 4 | nibble(pair.get(1)?)?)).collect()
}

/// The characters of a string that is not hex, in a length that neither a trace nor a span id has.
fn no_id(text: &str) -> Vec<u8> {
    let mut raw = text.as_bytes().to_vec();
    if matches!(raw.len(), 8 | 16) {
        raw.push(0);
    }
    raw
}

fn nibble(digit: &u8) -> Option<u8> {
    char::from(*digit).to_digit(16).map(|digit| digit as u8)
}

/// A whole number, or a string of one.
fn integer<T: FromStr + TryFrom<i128>>(cursor: &mut Cursor<'_>) -> Result<T> {
    let text = number_or_text(cursor, "a whole number or a string of one")?;
    let whole = text.parse().ok().or_else(|| T::try_from(whole(&text)?).ok());
    whole.ok_or_else(|| match double_of(&text) {
        Some(number) if number.is_finite() && number.fract() != 0.0 => cursor.error("not a whole number"),
        Some(_) => cursor.error("number out of range"),
        None => cursor.error("string is not a number"),
    })
}

/// The value of a whole number written with a fraction or an exponent, as JavaScript does from 1e21 on.
fn whole(text: &str) -> Option<i128> {
    let number = double_of(text)?;
    (number.fract() == 0.0 && number.abs() < 1e30).then_some(number as i128)
}

fn double(cursor: &mut Cursor<'_>) -> Result<f64> {
    let text = number_or_text(cursor, "a number or a string of one")?;
    let number = match &*text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        text => double_of(text),
    };
    number.ok_or_else(|| cursor.error("string is not a number"))
}

/// The standard library's parser, but for its own words for infinity and for `NaN`.
fn double_of(text: &str) -> Option<f64> {
    text.parse()
        .ok()
        .filter(|_| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')))
}

fn enumeration(cursor: &mut Cursor<'_>, names: &[&str]) -> Result<i32> {
    if cursor.shape()? == Shape::Number {
        return integer(cursor);
    }
    let name = cursor.string()?;
    let value = names.iter().position(|known| **known == *name).and_then(|value| i32::try_from(value).ok());
    value.ok_or_else(|| {
        let name: String = name.chars().take(64).collect();
        cursor.error(format!("unknown name {name:?}"))
    })
}

fn number_or_text<'a>(cursor: &mut Cursor<'a>, wanted: &str) -> Result<Cow<'a, str>> {
    match cursor.shape()? {
        Shape::Number => cursor.number().map(Cow::Borrowed),
        Shape::Text => cursor.string(),
        _ => Err(cursor.mismatch(wanted)),
    }
}
