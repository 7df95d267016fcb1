//! Durations as Go writes them.

/// Nanoseconds of a duration in Go's form: a sign, then decimal numbers with the units h, m, s, ms, us, ns.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let (mut total, mut rest) = term(rest)?;
    while !rest.is_empty() {
        let (nanos, behind) = term(rest)?;
        (total, rest) = (total + nanos, behind);
    }
    i64::try_from(sign * total).ok()
}

/// One number and its unit, in nanoseconds, and what stands behind it. Parts of a nanosecond are cut.
fn term(text: &str) -> Option<(i128, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = text.split_at(digits);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
        None => ("", rest),
    };
    let units = [("ns", 1), ("us", 1_000), ("µs", 1_000), ("μs", 1_000), ("ms", 1_000_000)];
    let units = units.into_iter().chain([("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000_i128)]);
    let (unit, behind) = units.into_iter().find_map(|(name, nanos)| Some((nanos, rest.strip_prefix(name)?)))?;
    if whole.is_empty() && fraction.is_empty() || whole.len() > 19 {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction = fraction.get(..fraction.len().min(15))?;
    let part: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    Some((whole * unit + part * unit / 10_i128.pow(fraction.len() as u32), behind))
}
