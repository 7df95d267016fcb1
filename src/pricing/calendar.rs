//! Dates and hours of the day as price books write them, in UTC.

use crate::clock::{Nanos, SECOND};
use crate::config::section::Section;

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

/// Hours of the day, on some days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// First second of the UTC day that is within.
    pub(super) start: u32,
    /// First second behind; before `start` when the window goes past midnight, `start` itself when it is the whole day.
    pub(super) end: u32,
    /// Monday is the lowest bit.
    pub(super) weekdays: u8,
    /// Of the calendar that the weekdays are read on, in seconds east of UTC.
    pub(super) offset: u32,
}

/// Every day of the week.
pub(super) const EVERY_DAY: u8 = 0b111_1111;

// === impl Window ===

impl Window {
    /// Whether a moment is within.
    pub(super) fn holds(&self, at: Nanos) -> bool {
        let seconds = at / SECOND;
        let second = u32::try_from(seconds % u64::from(DAY)).unwrap_or_default();
        let hours = match self.start < self.end {
            true => (self.start..self.end).contains(&second),
            false => second >= self.start || second < self.end,
        };
        // The first of January 1970 was a Thursday.
        let day = seconds.saturating_add(u64::from(self.offset)) / u64::from(DAY);
        hours && self.weekdays & (1 << ((day + 3) % 7)) != 0
    }
}

/// The start of a day, `2026-01-31`. Days before 1970 begin with it.
pub(super) fn date(text: &str) -> Option<Nanos> {
    let mut parts = text.splitn(3, '-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if day == 0 || day > length {
        return None;
    }
    // Days since the first of March of year 0, in eras of 400 years: after H. Hinnant, "chrono-compatible date algorithms".
    let year = if month <= 2 { i64::from(year) - 1 } else { i64::from(year) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(u64::try_from(days).unwrap_or_default().saturating_mul(u64::from(DAY)).saturating_mul(SECOND))
}

/// A moment as RFC 3339 writes it: `2026-11-20T12:00:00.5Z`, `2026-11-20 12:00:00+01:00`.
pub(crate) fn moment(text: &str) -> Option<Nanos> {
    let (day, rest) = text.split_at_checked(10)?;
    let time = rest.strip_prefix(['T', 't', ' '])?;
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = time.split_at_checked(zone)?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let nanos = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(9)
        .try_fold(0_u64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0')))?;
    let local = date(day)?.checked_add(u64::from(second_of_day(time)?) * SECOND)?.checked_add(nanos)?;
    let east = offset(zone)? * i64::try_from(SECOND).ok()?;
    local.checked_add_signed(-east)
}

/// Reads `effective_from`, from when on prices hold: a day, as in `2026-01-31`, or a moment. 0 if the key is absent.
pub(super) fn effective_from(section: &mut Section<'_, '_>) -> Nanos {
    let read = section.scalar("effective_from", |scalar| {
        let from = date(&scalar.text).or_else(|| moment(&scalar.text));
        from.ok_or_else(|| {
            format!("{:.40?} must be a day as in 2026-01-31, or a moment as in 2026-01-31T12:00:00Z", scalar.text)
        })
    });
    read.unwrap_or_default()
}

/// A time of the day in seconds, in UTC: `16:30`, `16:30:00Z`, `16:30:00+08:00`.
pub(super) fn time_of_day(text: &str) -> Option<u32> {
    let zone = text.find(['Z', 'z', '+', '-']).unwrap_or(text.len());
    let (time, zone) = text.split_at_checked(zone)?;
    let east = if zone.is_empty() { 0 } else { offset(zone)? };
    u32::try_from((i64::from(second_of_day(time)?) - east).rem_euclid(i64::from(DAY))).ok()
}

/// The offset of a time zone that has had only one for decades, in seconds east of UTC.
pub(super) fn zone(name: &str) -> Option<u32> {
    let hours = match name {
        "UTC" | "Etc/UTC" | "GMT" => 0,
        "Asia/Shanghai" | "Asia/Singapore" | "Asia/Hong_Kong" | "Asia/Taipei" | "PRC" => 8,
        "Asia/Tokyo" | "Asia/Seoul" => 9,
        _ => return None,
    };
    Some(hours * HOUR)
}

fn second_of_day(text: &str) -> Option<u32> {
    let mut parts = text.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |second| number(second, 2))?;
    let real = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
    real.then_some(hour * HOUR + minute * MINUTE + second)
}

/// `Z`, `+08:00`: seconds east of UTC.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let east = i64::from(second_of_day(text.get(1..)?)?);
    if text.starts_with('-') { Some(-east) } else { text.starts_with('+').then_some(east) }
}

fn number(text: &str, digits: usize) -> Option<u32> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_counted_from_1970() {
        assert_eq!(moment("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(moment("2026-11-20T12:00:00Z"), Some(1_795_176_000 * SECOND));
        assert_eq!(moment("2026-11-20T20:00:00.25+08:00"), Some(1_795_176_000 * SECOND + SECOND / 4));
        assert_eq!(date("2024-02-29"), Some(1_709_164_800 * SECOND));
        assert_eq!(date("0000-01-01"), Some(0));
        for text in ["2026-02-29", "2026-13-01", "2026-00-01", "2026-1-01", "", "x", "2026-11-31"] {
            assert_eq!(date(text), None, "{text}");
        }
        for text in ["2026-11-20", "2026-11-20T25:00:00Z", "2026-11-20T12:00:00", "2026-11-20T12:00:00+1", "é026-11-2é"]
        {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn a_window_may_go_past_midnight_and_hold_on_some_days_only() {
        let at = |text| moment(text).unwrap();
        let hour = |hour| hour * HOUR;
        let weekdays = Window { start: hour(10), end: 0, weekdays: 0b1_1111, offset: 0 };
        assert!(weekdays.holds(at("2026-11-20T12:00:00Z")));
        assert!(!weekdays.holds(at("2026-11-20T09:59:59Z")));
        assert!(!weekdays.holds(at("2026-11-21T12:00:00Z")), "a Saturday");
        let night = Window { start: hour(16), end: hour(1), weekdays: EVERY_DAY, offset: 0 };
        assert!(night.holds(at("2026-11-21T00:59:59Z")) && night.holds(at("2026-11-20T16:00:00Z")));
        assert!(!night.holds(at("2026-11-21T01:00:00Z")));
        let shanghai = Window { start: 0, end: 0, weekdays: 0b110_0000, offset: zone("Asia/Shanghai").unwrap() };
        assert!(shanghai.holds(at("2026-11-20T16:00:00Z")), "Saturday in Shanghai");
        assert!(!shanghai.holds(at("2026-11-20T15:59:59Z")));
        assert_eq!(time_of_day("00:30:00+08:00"), Some(hour(16) + 30 * MINUTE));
        assert_eq!(time_of_day("16:30"), Some(hour(16) + 30 * MINUTE));
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_none(text in ".{0,30}") {
            let _ = (moment(&text), date(&text), time_of_day(&text));
        }
    }
}
