//! The wire to OTLP/JSON.

use super::base64;
use super::schema::traces::REQUEST;
use super::schema::{Field, Kind, Message};
use crate::otlp::value::{MAX_DEPTH, string};
use crate::otlp::wire::{Reader, Value, WireError, WireErrorKind};

/// How deep messages may nest: those of a value inside those of a request.
const MAX_NESTING: u32 = MAX_DEPTH + 10;

/// Appends an `ExportTraceServiceRequest` as OTLP/JSON to `out`: one line, without its end.
///
/// In the collector's form: hex ids, 64-bit integers as strings, enums as numbers, no field that is zero or empty.
/// Unknown fields are left out, there being no name for them.
///
/// # Errors
/// When the request is malformed. Nothing is appended then.
pub fn to_json(request: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    let start = out.len();
    let result = message(request, &REQUEST, out, 0);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

fn message(bytes: &[u8], schema: &Message, out: &mut Vec<u8>, depth: u32) -> Result<(), WireError> {
    if depth >= MAX_NESTING {
        return Err(WireError { offset: 0, kind: WireErrorKind::Depth });
    }
    let (present, bytes) = present(bytes, schema)?;
    out.push(b'{');
    let empty = out.len();
    for field in schema.fields {
        if present >> field.number & 1 == 0 && !field.always {
            continue;
        }
        let before = out.len();
        if before > empty {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(field.name.as_bytes());
        out.extend_from_slice(b"\":");
        let written = match field.repeated {
            true => repeated(bytes, field, out, depth).map(|()| true)?,
            false => singular(bytes, field, schema.oneof || field.always, out, depth)?,
        };
        if !written {
            out.truncate(before);
        }
    }
    out.push(b'}');
    Ok(())
}

/// Which fields there are, one bit each, and where they are: of a `oneof` only the member that is on the wire last.
fn present<'a>(bytes: &'a [u8], schema: &Message) -> Result<(u32, &'a [u8]), WireError> {
    let (mut present, mut from) = (0_u32, 0);
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next_field()? {
        let bit = 1_u32.checked_shl(field.number).unwrap_or(0);
        if schema.oneof && present & bit == 0 && schema.fields.iter().any(|known| known.number == field.number) {
            (present, from) = (0, field.start);
        }
        present |= bit;
    }
    Ok((present, bytes.get(from..).unwrap_or_default()))
}

fn repeated(bytes: &[u8], field: &Field, out: &mut Vec<u8>, depth: u32) -> Result<(), WireError> {
    out.push(b'[');
    let empty = out.len();
    let mut reader = Reader::new(bytes);
    while let Some(next) = reader.next_field()? {
        if next.number == field.number {
            if out.len() > empty {
                out.push(b',');
            }
            match field.kind {
                Kind::Message(schema) => message(next.value.bytes(next.start)?, schema, out, depth + 1)?,
                _ => drop(scalar(next.value, next.start, &field.kind, true, out)?),
            }
        }
    }
    out.push(b']');
    Ok(())
}

/// Writes the value of a field; `false`, and nothing, when it is zero or empty and that need not be said.
fn singular(bytes: &[u8], field: &Field, always: bool, out: &mut Vec<u8>, depth: u32) -> Result<bool, WireError> {
    let mut last = None;
    let mut merged = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Some(next) = reader.next_field()? {
        if next.number == field.number {
            // A message that is there twice is one message: that of the bytes of both.
            if let (Kind::Message(_), Some((Value::Len(before), _))) = (&field.kind, last) {
                if merged.is_empty() {
                    merged.extend_from_slice(before);
                }
                merged.extend_from_slice(next.value.bytes(next.start)?);
            }
            last = Some((next.value, next.start));
        }
    }
    match (&field.kind, last) {
        (Kind::Message(schema), Some((value, at))) => {
            let body = if merged.is_empty() { value.bytes(at)? } else { &merged };
            message(body, schema, out, depth + 1)?;
            Ok(true)
        }
        (kind, Some((value, at))) => scalar(value, at, kind, always, out),
        (_, None) => scalar(Value::Len(&[]), 0, &Kind::Text, always, out),
    }
}

/// Writes a value; `false`, and nothing, when it is zero or empty and not `always` wanted.
fn scalar(value: Value<'_>, at: usize, kind: &Kind, always: bool, out: &mut Vec<u8>) -> Result<bool, WireError> {
    let number = match kind {
        Kind::Text | Kind::Id | Kind::Hex | Kind::Bytes | Kind::Message(_) => {
            let bytes = value.bytes(at)?;
            return match bytes.is_empty() && !always {
                true => Ok(false),
                false => quoted(bytes, at, kind, out).map(|()| true),
            };
        }
        Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => value.fixed64(at)?,
        Kind::Fixed32 => u64::from(value.fixed32(at)?),
        Kind::Bool | Kind::Int64 | Kind::Uint64 | Kind::Uint32 | Kind::Sint32 | Kind::Enum(_) => value.varint(at)?,
    };
    if number == 0 && !always {
        return Ok(false);
    }
    let text = match kind {
        Kind::Bool => (number != 0).to_string(),
        Kind::Int64 | Kind::Sfixed64 => format!("\"{}\"", number as i64),
        Kind::Sint32 => ((number as u32 >> 1) as i32 ^ -((number & 1) as i32)).to_string(),
        Kind::Uint64 | Kind::Fixed64 => format!("\"{number}\""),
        Kind::Enum(_) => (number as i32).to_string(),
        Kind::Double => double(f64::from_bits(number)),
        _ => (number as u32).to_string(),
    };
    out.extend_from_slice(text.as_bytes());
    Ok(true)
}

fn quoted(bytes: &[u8], at: usize, kind: &Kind, out: &mut Vec<u8>) -> Result<(), WireError> {
    match kind {
        Kind::Id | Kind::Hex => {
            out.push(b'"');
            for byte in bytes {
                let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
                out.extend([digit(byte >> 4), digit(byte & 15)]);
            }
            out.push(b'"');
        }
        Kind::Bytes => {
            out.push(b'"');
            base64::encode(bytes, out);
            out.push(b'"');
        }
        _ => {
            let text = string(bytes, at)?;
            // Neither a string nor a vector can make this fail.
            let _ = serde_json::to_writer(out, text);
        }
    }
    Ok(())
}

fn double(number: f64) -> String {
    match serde_json::Number::from_f64(number) {
        Some(number) => number.to_string(),
        None if number.is_nan() => "\"NaN\"".to_owned(),
        None if number > 0.0 => "\"Infinity\"".to_owned(),
        None => "\"-Infinity\"".to_owned(),
    }
}
