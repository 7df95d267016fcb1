//! Values as senders write them into values as a field wants them: numbers and flags in strings, JSON in strings, times of
//! day. What cannot be read is not there.

use super::json_scan::{self, Json};
use crate::genai::conventions::{Kind, Unit};
use crate::otlp::value::AnyValue;

/// A time may be so much longer than its span: clocks differ.
const LONGER: f64 = 1.05;
/// A number of seconds that is so many times as long as its span at least, and no less than that, is one of milliseconds:
/// what is a little too long is a clock's fault, and no answer comes within 10 ms. So it is with those and microseconds, and
/// with these and nanoseconds.
const MILLISECONDS: (f64, f64) = (2.0, 10.0);

/// The value at `path` inside of `value`, and whether it is a text with its JSON escapes still in it.
pub(super) fn at<'a>(value: AnyValue<'a>, path: &[impl AsRef<str>]) -> Option<(AnyValue<'a>, bool)> {
    let Some((step, rest)) = path.split_first() else { return Some((value, false)) };
    match value {
        AnyValue::Str(text) => of_json(json_scan::find(text.as_bytes(), path)?),
        AnyValue::KvList(_) => {
            let member = value.entries().find(|entry| entry.key == step.as_ref())?;
            at(member.value, rest)
        }
        AnyValue::Array(_) => at(value.items().nth(step.as_ref().parse().ok()?)?, rest),
        _ => None,
    }
}

/// A value that was found in JSON, and whether it is a text with its JSON escapes still in it.
pub(super) fn of_json(found: Json<'_>) -> Option<(AnyValue<'_>, bool)> {
    match found {
        Json::Text(text) => Some((AnyValue::Str(text), text.contains('\\'))),
        Json::Word(word) => word_value(word).map(|value| (value, false)),
        Json::Nested(text) => Some((AnyValue::Str(text), false)),
    }
}

/// `value` as a field of that kind wants it. Times come as seconds, see [`seconds`].
pub(super) fn to(kind: Kind, value: AnyValue<'_>) -> Option<AnyValue<'_>> {
    match (kind, value) {
        (Kind::Text | Kind::Name, AnyValue::Str(text)) => Some(AnyValue::Str(unquoted(text))).filter(is_not_empty),
        (Kind::Name, AnyValue::Int(number)) => Some(AnyValue::Int(number)),
        (Kind::Count, _) => count(value).map(AnyValue::Int),
        (Kind::Real, _) => real(value).filter(|number| *number >= 0.0).map(AnyValue::Double),
        (Kind::Flag, _) => flag(value).map(AnyValue::Bool),
        (Kind::Any, _) => Some(value).filter(is_not_empty),
        _ => None,
    }
}

/// Seconds from `start` that `value` stands for, in a span that takes `duration` nanoseconds. A number of seconds that is
/// much too long for the span, and not as milliseconds, counts as those.
pub(super) fn seconds(value: AnyValue<'_>, unit: Unit, start: u64, duration: u64) -> Option<f64> {
    let whole = duration as f64 / 1e9;
    match unit {
        Unit::Milliseconds => real(value).map(|number| number / 1e3),
        Unit::Time => match value {
            AnyValue::Str(text) => Some((epoch_nanos(unquoted(text))? - i128::from(start)) as f64 / 1e9),
            _ => None,
        },
        Unit::Seconds => {
            let (longer, least) = MILLISECONDS;
            let too_long = |number: &f64| *number >= least && *number > whole * longer;
            // Milliseconds, then microseconds, then nanoseconds: the first that fits.
            let mut units = std::iter::successors(real(value), |number| Some(number / 1e3)).take(4);
            let first = units.next()?;
            let fits = units.find(|number| !too_long(number));
            Some(if too_long(&first) { fits.unwrap_or(first) } else { first })
        }
    }
}

/// The longest time, in seconds, that is plausible in a span that takes `duration` nanoseconds.
pub(super) fn longest(duration: u64) -> f64 {
    duration as f64 * LONGER / 1e9
}

/// Whether a text has neither quotes nor space around it.
#[inline]
pub(super) fn is_plain(text: &[u8]) -> bool {
    let plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    plain(text.first()) && plain(text.last())
}

/// A text without the quotes of a JSON string around it, and without space.
pub(super) fn unquoted(text: &str) -> &str {
    if is_plain(text.as_bytes()) {
        return text;
    }
    let mut text = text.trim();
    for quote in ["\"", "\\\"", "\""] {
        if let Some(inside) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            text = inside.trim();
        }
    }
    text
}

fn is_not_empty(value: &AnyValue<'_>) -> bool {
    match value {
        AnyValue::Empty => false,
        AnyValue::Str(text) => !text.is_empty(),
        AnyValue::Bytes(bytes) | AnyValue::Array(bytes) | AnyValue::KvList(bytes) => !bytes.is_empty(),
        _ => true,
    }
}

fn word_value(word: &str) -> Option<AnyValue<'_>> {
    match word {
        "true" | "True" => Some(AnyValue::Bool(true)),
        "false" | "False" => Some(AnyValue::Bool(false)),
        _ => word
            .parse()
            .map(AnyValue::Int)
            .or_else(|_| word.parse().map(AnyValue::Double))
            .ok()
            .filter(|_| is_number(word)),
    }
}

/// `NaN` and `inf` are numbers to the parser alone.
fn is_number(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit())
}

fn count(value: AnyValue<'_>) -> Option<i64> {
    let whole = |number: f64| (0.0..9e18).contains(&number).then_some(number as i64);
    match value {
        AnyValue::Int(number) => Some(number).filter(|number| *number >= 0),
        AnyValue::Double(number) => whole(number),
        AnyValue::Str(text) => match text.trim().parse::<i64>() {
            Ok(number) => Some(number).filter(|number| *number >= 0),
            Err(_) => whole(real(value)?),
        },
        _ => None,
    }
}

fn real(value: AnyValue<'_>) -> Option<f64> {
    let number = match value {
        AnyValue::Int(number) => number as f64,
        AnyValue::Double(number) => number,
        // OTLP/JSON inside a string: {"intValue": "12"}
        AnyValue::Str(text) if text.starts_with('{') => {
            let inner = ["intValue", "doubleValue"].iter().find_map(|key| json_scan::find(text.as_bytes(), &[key]))?;
            match inner {
                Json::Text(text) | Json::Word(text) => text.parse().ok()?,
                Json::Nested(_) => return None,
            }
        }
        AnyValue::Str(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    Some(number).filter(|number| number.is_finite())
}

fn flag(value: AnyValue<'_>) -> Option<bool> {
    match value {
        AnyValue::Bool(flag) => Some(flag),
        AnyValue::Int(number @ 0..=1) => Some(number == 1),
        AnyValue::Str("true" | "True" | "TRUE" | "1") => Some(true),
        AnyValue::Str("false" | "False" | "FALSE" | "0") => Some(false),
        _ => None,
    }
}

/// Nanoseconds since the epoch of `2026-11-21T03:05:45.823482Z`, or with an offset `+01:00`.
fn epoch_nanos(text: &str) -> Option<i128> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let separators = [(4, "-"), (7, "-"), (13, ":"), (16, ":")];
    if !separators.iter().all(|(at, separator)| text.get(*at..at + 1) == Some(*separator)) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if !(1..=12).contains(&month) {
        return None;
    }
    // Days since the epoch by the civil calendar, years beginning in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let mut rest = text.get(19..)?;
    let mut nanos = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let read = fraction.get(..digits.min(9))?;
        nanos = read.parse::<i64>().ok()? * 10_i64.pow(9 - read.len() as u32);
        rest = fraction.get(digits..)?;
    }
    let offset = match rest.as_bytes() {
        [] | [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (rest.get(1..3)?.parse::<i64>().ok()?, rest.get(4..6)?.parse::<i64>().ok()?);
            (hours * 3600 + minutes * 60) * if *sign == b'+' { 1 } else { -1 }
        }
        _ => return None,
    };
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset;
    Some(i128::from(seconds) * 1_000_000_000 + i128::from(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_form_that_senders_write() {
        for value in ["1312", " 1312 ", "1312.0", r#"{"intValue": 1312}"#, r#"{"intValue":"1312"}"#] {
            assert_eq!(to(Kind::Count, AnyValue::Str(value)), Some(AnyValue::Int(1312)), "{value}");
        }
        assert_eq!(to(Kind::Count, AnyValue::Double(1312.0)), Some(AnyValue::Int(1312)));
        for value in ["-1", "", "NaN", "inf", "1e300", "{}", "x"] {
            assert_eq!(to(Kind::Count, AnyValue::Str(value)), None, "{value}");
        }
        assert_eq!(to(Kind::Count, AnyValue::Int(-1)), None);
        assert_eq!(to(Kind::Real, AnyValue::Double(f64::NAN)), None);
        assert_eq!(word_value("NaN"), None);
    }

    #[test]
    fn times_are_seconds_whatever_their_unit() {
        let (start, second) = (1_795_230_345_000_000_000, 1_000_000_000);
        let read = |value, unit| seconds(value, unit, start, second).map(|it| (it * 1e6).round() / 1e6);
        assert_eq!(read(AnyValue::Double(0.25), Unit::Seconds), Some(0.25));
        assert_eq!(read(AnyValue::Double(250.0), Unit::Seconds), Some(0.25));
        assert_eq!(read(AnyValue::Int(250_000), Unit::Seconds), Some(0.25));
        assert_eq!(read(AnyValue::Int(250_000_000), Unit::Seconds), Some(0.25));
        assert_eq!(read(AnyValue::Str("250.5"), Unit::Milliseconds), Some(0.2505));
        let time = AnyValue::Str("\"2026-11-21T03:05:45.823482Z\"");
        assert_eq!(read(time, Unit::Time), Some(0.823482));
        assert_eq!(read(AnyValue::Str("2026-11-21T04:05:46+01:00"), Unit::Time), Some(1.0));
        for text in
            ["", "2026", "2026-13-21T04:05:46Z", "2026-11-21T04:05:46é", "2026-11-21T04:05:4", "é026-11-21T04:05:46Z"]
        {
            assert_eq!(read(AnyValue::Str(text), Unit::Time), None, "{text}");
        }
    }

    #[test]
    fn quotes_of_json_strings_are_no_part_of_a_text() {
        for text in ["stop", " stop ", "\"stop\"", "\"\\\"stop\\\"\""] {
            assert_eq!(unquoted(text), "stop");
        }
        assert_eq!(unquoted("\""), "\"");
    }
}
