//! OTLP/JSON to the wire.

use std::borrow::Cow;
use std::str::FromStr;

use super::cursor::{Cursor, Shape};
use super::schema::{Field, Kind, Message, REQUEST};
use super::{JsonError, Step, base64};
use crate::otlp::put::{put_fixed32, put_fixed64, put_len, put_message, put_varint_field};

type Result<T> = std::result::Result<T, JsonError>;

/// Appends the wire form of an `ExportTraceServiceRequest` in OTLP/JSON to `out`.
///
/// Names are read in camel case and as in the proto file; unknown ones are ignored, and `null` is absent. 64-bit numbers
/// may be strings or numbers, enums numbers or names, base64 of either alphabet. An id that is not hex goes to the wire
/// as the text that it is, in a length that no id has, so that only its span is refused.
///
/// # Errors
/// When the body is not JSON, is nested too deep, or a known field has a value of the wrong shape or out of range.
/// Nothing is appended then.
pub fn from_json(body: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    let mut cursor = Cursor::new(body);
    let result = message(&mut cursor, &REQUEST, out).and_then(|()| cursor.end());
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
        true => cursor.array(|cursor| single(cursor, field, out)),
        false => single(cursor, field, out),
    }
}

fn single(cursor: &mut Cursor<'_>, field: &Field, out: &mut Vec<u8>) -> Result<()> {
    let number = field.number;
    match field.kind {
        Kind::Message(schema) => {
            let mut result = Ok(());
            put_message(out, number, |out| result = message(cursor, schema, out));
            return result;
        }
        Kind::Text => put_len(out, number, cursor.string()?.as_bytes()),
        Kind::Id => put_len(out, number, &id(&cursor.string()?)),
        Kind::Bytes => {
            let text = cursor.string()?;
            let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
            base64::decode(&text, &mut bytes).ok_or_else(|| cursor.error("string is not base64"))?;
            put_len(out, number, &bytes);
        }
        Kind::Bool => put_varint_field(out, number, u64::from(cursor.boolean()?)),
        Kind::Int64 => put_varint_field(out, number, integer::<i64>(cursor)? as u64),
        Kind::Fixed64 => put_fixed64(out, number, integer(cursor)?),
        Kind::Fixed32 => put_fixed32(out, number, integer(cursor)?),
        Kind::Uint32 => put_varint_field(out, number, u64::from(integer::<u32>(cursor)?)),
        Kind::Double => put_fixed64(out, number, double(cursor)?.to_bits()),
        Kind::Enum(names) => put_varint_field(out, number, i64::from(enumeration(cursor, names)?) as u64),
    }
    Ok(())
}

/// The bytes of a hex string; of another string its characters, in a length that neither a trace nor a span id has.
fn id(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = pairs.map(|pair| Some(nibble(pair.first()?)? << 4 | nibble(pair.get(1)?)?)).collect();
    bytes.unwrap_or_else(|| {
        let mut raw = text.as_bytes().to_vec();
        if matches!(raw.len(), 8 | 16) {
            raw.push(0);
        }
        raw
    })
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
