//! Money as integers, from the decimal text of a price to dollars: never through a float, rounded once at the end.

use std::fmt;

/// An amount in attodollars: 10^-18 US dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attodollars(pub i128);

/// A price of one unit (a token, a search, a second) in 10^-24 US dollars: six digits finer than what a total is rounded
/// to, so that nearly every published price is exact. Those with more digits are float noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rate(i128);

/// A multiplier (1.1 for a region, 0.5 for a batch) as a reduced fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ratio {
    over: i128,
    under: i128,
}

/// An exact sum in 10^-24 US dollars, not yet multiplied and not yet rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum(i128);

/// Digits of a [`Rate`] behind the point.
const SCALE: i32 = 24;
/// [`Rate`]s in an attodollar.
const PER_ATTODOLLAR: i128 = 1_000_000;
/// Attodollars in a dollar.
const PER_DOLLAR: i128 = 1_000_000_000_000_000_000;
/// The highest price of one unit: a million dollars. More is a mistake.
const HIGHEST: i128 = 10_i128.pow(SCALE as u32 + 6);
/// Most significant digits of a number; what a double prints has 17.
const MOST_DIGITS: usize = 30;
/// The highest multiplier, and into how many parts one is divided: as fine as six digits behind the point.
const HIGHEST_RATIO: i128 = 1000;
const RATIO_SCALE: i32 = 6;
/// The highest cost of one call that is believed, in US dollars.
const MOST_TOLD: f64 = 1e9;

// === impl Rate ===

impl Rate {
    /// What is free.
    pub(super) const ZERO: Self = Self(0);

    /// Reads a price in US dollars from the decimal text of a number, as JSON or YAML have it: `3e-06`, `0.15`. It is the
    /// price of 10^`power` units.
    ///
    /// # Errors
    /// What is wrong with it: no number, negative, too many digits, more than a million dollars a unit.
    pub(super) fn parse(text: &str, power: i32) -> Result<Self, String> {
        let wrong = |what| format!("{:?} is no price: {what}", shortened(text));
        let amount = decimal(text, SCALE - power).map_err(wrong)?;
        if amount > HIGHEST {
            return Err(wrong("more than a million dollars a unit"));
        }
        Ok(Self(amount))
    }

    /// Half of it.
    pub(super) fn half(self) -> Self {
        Self(half_even(self.0, 2))
    }

    /// Whether it is free.
    pub(super) fn is_zero(self) -> bool {
        self.0 == 0
    }
}

// === impl Ratio ===

impl Ratio {
    /// Changes nothing.
    pub(super) const ONE: Self = Self { over: 1, under: 1 };

    /// Reads a multiplier of at most 1000, to six digits behind the point.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |what| format!("{:?} is no multiplier: {what}", shortened(text));
        let scale = 10_i128.pow(RATIO_SCALE.unsigned_abs());
        let over = decimal(text, RATIO_SCALE).map_err(wrong)?;
        if over > HIGHEST_RATIO * scale {
            return Err(wrong("more than 1000"));
        }
        Ok(Self::reduced(over, scale))
    }

    /// Both multipliers in one.
    pub(super) fn times(self, other: Self) -> Self {
        Self::reduced(self.over.saturating_mul(other.over), self.under.saturating_mul(other.under))
    }

    fn reduced(over: i128, under: i128) -> Self {
        let (mut a, mut b) = (over, under);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let common = a.max(1);
        Self { over: over / common, under: under / common }
    }
}

// === impl Sum ===

impl Sum {
    /// With `count` units more at a price. `None` when that is more than can be counted.
    pub(super) fn plus(self, rate: Rate, count: u64) -> Option<Self> {
        rate.0.checked_mul(i128::from(count)).and_then(|more| self.0.checked_add(more)).map(Self)
    }

    /// Multiplied and rounded, once, half to even. `None` when that is more than can be counted.
    pub(super) fn round(self, ratio: Ratio) -> Option<Attodollars> {
        if self.0 == 0 {
            return Some(Attodollars(0));
        }
        let under = ratio.under.checked_mul(PER_ATTODOLLAR)?;
        Some(Attodollars(half_even(self.0.checked_mul(ratio.over)?, under)))
    }
}

// === impl Attodollars ===

impl Attodollars {
    /// From US dollars, as near as a double tells. `None` for what is no sum of money: negative, more than a billion, no
    /// number.
    pub fn from_usd(usd: f64) -> Option<Self> {
        (0.0..=MOST_TOLD).contains(&usd).then(|| Self((usd * PER_DOLLAR as f64).round() as i128))
    }

    /// In US dollars, as near as a double comes.
    pub fn usd(self) -> f64 {
        self.0 as f64 / PER_DOLLAR as f64
    }
}

/// US dollars as an exact decimal, without exponent and without trailing zeros: `0.06355375`.
impl fmt::Display for Attodollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.unsigned_abs();
        let (whole, rest) = (size / PER_DOLLAR.unsigned_abs(), size % PER_DOLLAR.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{rest:018}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// A number that is not negative, times 10^`scale`, rounded half to even.
fn decimal(text: &str, scale: i32) -> Result<i128, &'static str> {
    const NO_NUMBER: &str = "must be a decimal number";
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i16>().map_err(|_| NO_NUMBER)?),
        None => (text, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if let Some(size) = whole.strip_prefix('-') {
        return Err(if size.bytes().all(|b| b.is_ascii_digit()) { "must not be negative" } else { NO_NUMBER });
    }
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return Err(NO_NUMBER);
    }
    let (mut mantissa, mut count) = (0_i128, 0);
    for digit in whole.bytes().chain(fraction.bytes()) {
        count += usize::from(count > 0 || digit != b'0');
        if count > MOST_DIGITS {
            return Err("has more digits than a price needs");
        }
        mantissa = mantissa * 10 + i128::from(digit - b'0');
    }
    let places = i32::try_from(fraction.len()).map_err(|_| NO_NUMBER)?;
    let power = i32::from(exponent) + scale - places;
    let factor = 10_i128.checked_pow(power.unsigned_abs());
    match (factor, power >= 0) {
        _ if mantissa == 0 => Ok(0),
        (Some(factor), true) => mantissa.checked_mul(factor).ok_or("is far too large"),
        (None, true) => Err("is far too large"),
        (Some(factor), false) => Ok(half_even(mantissa, factor)),
        (None, false) => Ok(0),
    }
}

/// The quotient of numbers that are not negative, rounded to the nearest whole, of two nearest to the even one.
fn half_even(number: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (number / divisor, number % divisor);
    match rest.cmp(&(divisor - rest)) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + quotient % 2,
    }
}

/// The text, for an error.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usd(text: &str, count: u64) -> String {
        Sum::default().plus(Rate::parse(text, 0).unwrap(), count).unwrap().round(Ratio::ONE).unwrap().to_string()
    }

    #[test]
    fn prices_are_read_from_their_digits() {
        for (text, per_million) in
            [("3e-06", "3"), ("3E-6", "3"), ("0.000003", "3"), ("1", "1000000"), ("0", "0"), ("1.25e-06", "1.25")]
        {
            assert_eq!(usd(text, 1_000_000), per_million, "{text}");
            let shifted = Rate::parse(text, 6).unwrap();
            assert_eq!(
                Sum::default().plus(shifted, 1_000_000).unwrap().round(Ratio::ONE).unwrap().to_string(),
                usd(text, 1)
            );
        }
        assert_eq!(usd("2.9999900000000002e-06", 1_000_000), "2.9999900000000002");
        assert_eq!(usd("3e-06", 9_007_199_254_740_993), "27021597764.222979");
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for text in [
            "", ".", "-", "-1", "-0.5", "1e", "e5", "1e99999", "1e400", "NaN", "Infinity", "0x10", "1_000", "1,5",
            " 1", "1e7", "1.2.3",
        ] {
            assert!(Rate::parse(text, 0).is_err(), "{text}");
        }
        assert!(Rate::parse(&"1".repeat(1000), 0).unwrap_err().contains("digits"));
        assert!(Rate::parse("-1", 0).unwrap_err().contains("negative"));
        assert_eq!(Rate::parse(&format!("0.{}1", "0".repeat(100)), 0), Ok(Rate::ZERO));
    }

    #[test]
    fn a_total_is_rounded_once_and_half_to_even() {
        // Half an attodollar, twice: rounded each for itself that would be nothing.
        let half = Rate::parse("0.5e-18", 0).unwrap();
        let sum = Sum::default().plus(half, 1).unwrap();
        assert_eq!(sum.round(Ratio::ONE), Some(Attodollars(0)));
        assert_eq!(sum.plus(half, 1).unwrap().round(Ratio::ONE), Some(Attodollars(1)));
        assert_eq!(Sum::default().plus(half, 3).unwrap().round(Ratio::ONE), Some(Attodollars(2)));
        assert_eq!(sum.round(Ratio::parse("3").unwrap()), Some(Attodollars(2)));
        // 1.1 * 1.1 * 0.5 of it, with one division.
        let ratio =
            Ratio::parse("1.1").unwrap().times(Ratio::parse("1.10").unwrap()).times(Ratio::parse("0.5").unwrap());
        assert_eq!(
            Sum::default().plus(Rate::parse("1", 0).unwrap(), 1).unwrap().round(ratio).unwrap().to_string(),
            "0.605"
        );
    }

    #[test]
    fn dollars_that_are_told_come_back() {
        for usd in [0.0, 1e-18, 0.000_012_3, 0.1, 0.0123, 3.5, 1e9] {
            let back = Attodollars::from_usd(usd).unwrap().usd();
            assert!((back - usd).abs() <= usd * 1e-15, "{usd} {back}");
        }
        for usd in [-0.01, 1.1e9, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Attodollars::from_usd(usd), None, "{usd}");
        }
    }

    #[test]
    fn more_than_can_be_counted_is_none() {
        let rate = Rate::parse("1000000", 0).unwrap();
        assert_eq!(Sum::default().plus(rate, u64::MAX), None);
        assert_eq!(Sum(i128::MAX).plus(rate, 1), None);
        assert_eq!(Sum(i128::MAX).round(Ratio::parse("1.1").unwrap()), None);
    }

    #[test]
    fn multipliers_have_bounds() {
        assert_eq!(Ratio::parse("1.0"), Ok(Ratio::ONE));
        assert_eq!(Ratio::parse("1.10"), Ok(Ratio { over: 11, under: 10 }));
        for text in ["-1", "1001", "x", ""] {
            assert!(Ratio::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(amount in 0..i128::from(u64::MAX) * 1_000_000) {
            let text = Attodollars(amount).to_string();
            prop_assert_eq!(decimal(&text, 18), Ok(amount));
            let near = text.parse::<f64>().unwrap();
            prop_assert!((Attodollars(amount).usd() - near).abs() <= near.abs() * 1e-15);
        }

        #[test]
        fn any_text_is_a_price_or_an_error(text in ".{0,40}") {
            let _ = Rate::parse(&text, 6);
            let _ = Ratio::parse(&text);
        }

        #[test]
        fn how_a_number_is_written_does_not_matter(digits in 1_u64..1_000_000_000, places in 0_i32..20) {
            let short = Rate::parse(&format!("{digits}e-{places}"), 0).ok();
            let text = format!("{digits:040}");
            let (whole, fraction) = text.split_at(40 - usize::try_from(places).unwrap());
            prop_assert_eq!(short, Rate::parse(&format!("{whole}.{fraction}"), 0).ok());
        }
    }
}
