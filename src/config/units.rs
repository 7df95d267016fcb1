//! Durations as Go writes them and sizes in bytes, from text and back.

use std::fmt::Write as _;
use std::time::Duration;

/// Longest duration: Go's, 2^63 - 1 ns.
const MAX_NANOS: u128 = i64::MAX as u128;

/// Units of time in nanoseconds, longest first. `µs` is accepted with either of Unicode's two letters.
const TIMES: [(&str, u128); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ns", 1),
];

/// Units of size in bytes, largest first.
const SIZES: [(&str, u128); 10] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Reads a duration in the form of Go's `time.ParseDuration`, without sign: `10s`, `1m30s`, `1.5h`, `200ms`, `0`.
///
/// # Errors
/// What is wrong with it, for the user: a missing or unknown unit, no number, or more than 2^63 - 1 ns.
pub fn duration(text: &str) -> Result<Duration, String> {
    const ACCEPTED: &str = "durations are numbers with a unit of ns, us, ms, s, m, h, as in 1m30s";
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.starts_with('-') {
        return Err(format!("{text:?} is negative, {ACCEPTED}"));
    }
    let (mut rest, mut nanos) = (text, 0u128);
    loop {
        let (number, after) = number(rest).ok_or_else(|| format!("{text:?} is not a duration, {ACCEPTED}"))?;
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(end).unwrap_or((after, ""));
        if unit.is_empty() {
            return Err(format!("{text:?} has no unit, write {text}s for seconds; {ACCEPTED}"));
        }
        let Some((_, scale)) = TIMES.iter().find(|(name, _)| *name == unit) else {
            return Err(format!("{text:?} has the unknown unit {unit:?}, {ACCEPTED}"));
        };
        nanos = number.times(*scale).and_then(|more| nanos.checked_add(more)).unwrap_or(u128::MAX);
        if nanos > MAX_NANOS {
            return Err(format!("{text:?} is too long, at most 2562047h are accepted"));
        }
        if next.is_empty() {
            return Ok(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
        }
        rest = next;
    }
}

/// Reads a size in bytes: `64MiB`, `1.5GiB`, `10MB`, or a whole number of bytes.
///
/// # Errors
/// What is wrong with it, for the user: an unknown unit, no number, or more than 2^63 - 1 bytes.
pub fn size(text: &str) -> Result<u64, String> {
    const ACCEPTED: &str = "sizes are bytes as a whole number, or numbers with a unit of B, KiB, MiB, GiB, TiB, KB, MB, \
                            GB, TB, as in 64MiB";
    if text.starts_with('-') {
        return Err(format!("{text:?} is negative, {ACCEPTED}"));
    }
    let (number, unit) = number(text).ok_or_else(|| format!("{text:?} is not a size, {ACCEPTED}"))?;
    let scale = match SIZES.iter().find(|(name, _)| *name == unit) {
        Some((_, scale)) => *scale,
        None if unit.is_empty() && number.fraction.is_empty() => 1,
        None if unit.is_empty() => return Err(format!("{text:?} is no whole number of bytes, {ACCEPTED}")),
        None => return Err(format!("{text:?} has the unknown unit {unit:?}, {ACCEPTED}")),
    };
    let bytes = number.times(scale).unwrap_or(u128::MAX);
    u64::try_from(bytes).ok().filter(|bytes| *bytes <= i64::MAX as u64).ok_or_else(|| format!("{text:?} is too large"))
}

/// Writes a duration so that [`duration`] reads it back as it was: `1h30m`, `200ms`, `0s`.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_nanos();
    let mut text = String::new();
    for (unit, scale) in TIMES.iter().filter(|(unit, _)| unit.is_ascii()) {
        if rest >= *scale {
            let _ = write!(text, "{}{unit}", rest / scale);
            rest %= scale;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// Writes a size so that [`size`] reads it back as it was: in the largest binary unit that leaves no rest.
pub fn format_size(bytes: u64) -> String {
    let binary = |(unit, scale): &&(&str, u128)| unit.len() == 3 && u128::from(bytes).is_multiple_of(*scale);
    match SIZES.iter().find(binary) {
        Some((unit, scale)) if bytes > 0 => format!("{}{unit}", u128::from(bytes) / scale),
        _ => bytes.to_string(),
    }
}

/// A decimal number that is not negative, as its digits.
struct Number<'a> {
    whole: u128,
    fraction: &'a str,
}

/// Takes a number from the front.
fn number(text: &str) -> Option<(Number<'_>, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at_checked(digits(text))?;
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => after.split_at_checked(digits(after))?,
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse().unwrap_or(u128::MAX) };
    Some((Number { whole, fraction }, rest))
}

impl Number<'_> {
    /// The number times a unit, cut to a whole.
    fn times(&self, scale: u128) -> Option<u128> {
        // Beyond 18 digits a fraction adds less than one of the smallest unit.
        let kept = self.fraction.get(..self.fraction.len().min(18)).unwrap_or_default();
        let mut fraction = 0;
        if !kept.is_empty() {
            fraction = kept.parse::<u128>().ok()?.checked_mul(scale)? / 10u128.pow(u32::try_from(kept.len()).ok()?);
        }
        self.whole.checked_mul(scale)?.checked_add(fraction)
    }
}
