//! W3C `tracestate` (<https://www.w3.org/TR/trace-context/#tracestate-header>) and its `ot` member with the sampling
//! sub-keys `th` and `rv` (OTEP 235,
//! <https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/>).
//!
//! Readers are total: whatever does not parse is absent. Of members or sub-keys with the same key, the first counts.
//! [`merge`] keeps what can be kept: a malformed member is left out and its neighbours stay.

/// Most members of a `tracestate`.
const MAX_MEMBERS: usize = 32;
/// Longest key or value of a member, in characters.
const MAX_PART: usize = 256;
/// Hex digits of a threshold or of a randomness.
const DIGITS: usize = 14;
/// The greatest of 56 bits.
const MAX: u64 = (1 << 56) - 1;

/// The rejection threshold `ot=th`: 56 bits, what is less is rejected; 0 keeps everything.
pub fn threshold(tracestate: &str) -> Option<u64> {
    threshold_of(ot(tracestate)?)
}

/// The explicit randomness `ot=rv`: 56 bits.
pub fn randomness(tracestate: &str) -> Option<u64> {
    randomness_of(ot(tracestate)?)
}

/// Appends `tracestate` to `out` with `th` or `rv`, or both, set to the values given, each at most 56 bits.
///
/// - The `ot` member goes to the front, as W3C has it for what is changed, and begins with `th` and `rv`; its other
///   sub-keys follow in their order. A `th` or `rv` that is not given stays, unless it is malformed.
/// - The other members follow in their order; empty, malformed (no key, no `=`, not printable ASCII, longer than 256
///   characters) and further `ot` members are left out.
/// - At most 32 members and 256 characters of `ot`: what is too much is dropped from the right.
/// - With neither given, `tracestate` is copied as it stands.
pub fn merge(tracestate: &str, th: Option<u64>, rv: Option<u64>, out: &mut String) {
    if th.is_none() && rv.is_none() {
        return out.push_str(tracestate);
    }
    let old = ot(tracestate).unwrap_or_default();
    out.push_str("ot=");
    put_ot(old, th.or_else(|| threshold_of(old)), rv.or_else(|| randomness_of(old)), out);
    let others =
        members(tracestate).filter(|(key, value)| *key != "ot" && is_well_formed(key) && is_well_formed(value));
    for (key, value) in others.take(MAX_MEMBERS - 1) {
        out.extend([",", key, "=", value]);
    }
}

// === parts ===

/// The value of the `ot` member.
fn ot(tracestate: &str) -> Option<&str> {
    members(tracestate).find(|(key, _)| *key == "ot").map(|(_, value)| value)
}

/// Keys and values of all members, without the white space around members.
fn members(tracestate: &str) -> impl Iterator<Item = (&str, &str)> {
    tracestate.split(',').filter_map(|member| member.trim_matches([' ', '\t']).split_once('='))
}

fn is_well_formed(part: &str) -> bool {
    (1..=MAX_PART).contains(&part.len()) && part.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'=')
}

/// Sub-keys of an `ot` member and their values.
fn sub_keys(ot: &str) -> impl Iterator<Item = (&str, &str)> {
    ot.split(';').filter_map(|part| part.split_once(':'))
}

fn threshold_of(ot: &str) -> Option<u64> {
    let digits = sub_keys(ot).find(|(key, _)| *key == "th")?.1;
    let missing = DIGITS.checked_sub(digits.len())?;
    Some(hex(digits)? << (4 * missing))
}

fn randomness_of(ot: &str) -> Option<u64> {
    sub_keys(ot)
        .find(|(key, _)| *key == "rv")
        .map(|(_, digits)| digits)
        .filter(|digits| digits.len() == DIGITS)
        .and_then(hex)
}

/// Hex digits of either case, at least one and nothing else.
fn hex(digits: &str) -> Option<u64> {
    // The parser of the standard library also takes a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}

/// Writes the value of an `ot` member.
fn put_ot(old: &str, th: Option<u64>, rv: Option<u64>, out: &mut String) {
    let start = out.len();
    let first = |out: &String| if out.len() > start { ";" } else { "" };
    if let Some(th) = th {
        let digits = format!("{:014x}", th.min(MAX));
        let digits = digits.trim_end_matches('0');
        out.extend(["th:", if digits.is_empty() { "0" } else { digits }]);
    }
    if let Some(rv) = rv {
        let digits = format!("{:014x}", rv & MAX);
        out.extend([first(out), "rv:", &digits]);
    }
    let others = sub_keys(old).filter(|(key, value)| !matches!(*key, "" | "th" | "rv") && is_sub_value(value));
    for (key, value) in others.filter(|(key, _)| is_sub_value(key)) {
        if out.len() - start + 2 + key.len() + value.len() > MAX_PART {
            break;
        }
        out.extend([";", key, ":", value]);
    }
}

fn is_sub_value(value: &str) -> bool {
    value.bytes().all(|byte| (b'!'..=b'~').contains(&byte) && byte != b'=')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn merged(tracestate: &str, th: Option<u64>, rv: Option<u64>) -> String {
        let mut out = String::new();
        merge(tracestate, th, rv, &mut out);
        out
    }

    #[test]
    fn thresholds_are_extended_with_zeros_to_fourteen_digits() {
        for (tracestate, expected) in [
            ("ot=th:0", 0),
            ("ot=th:8", 0x80_0000_0000_0000),
            ("ot=th:c", 0xc0_0000_0000_0000),
            ("ot=th:C", 0xc0_0000_0000_0000),
            ("ot=th:fd70a4", 0xfd_70a4_0000_0000),
            ("ot=th:ffffffffffffff", MAX),
            ("vendor=1,  ot=rv:00000000000001;th:e ,x=y", 0xe0_0000_0000_0000),
            ("ot=p:8;th:55555555555555;r:62", 0x55_5555_5555_5555),
        ] {
            assert_eq!(threshold(tracestate), Some(expected), "{tracestate}");
        }
    }

    #[test]
    fn what_is_no_threshold_is_none() {
        for tracestate in [
            "",
            "ot",
            "ot=",
            "ot=th",
            "ot=th:",
            "ot=th:g",
            "ot=th:+1",
            "ot=th:-1",
            "ot=th:0x1",
            "ot=th: 8",
            "oth=th:8",
            "ot=th:000000000000000",
            "ot=t:8",
            "ot=ath:8",
            "a@ot=th:8",
            "ot=rv:8;p:th",
            "ot=th:x,ot=th:8",
            "ot=th:é",
        ] {
            assert_eq!(threshold(tracestate), None, "{tracestate}");
        }
    }

    #[test]
    fn randomness_has_exactly_fourteen_digits() {
        assert_eq!(randomness("ot=th:c;rv:d29d6a7215ced0;pn:abc"), Some(0xd2_9d6a_7215_ced0));
        assert_eq!(randomness("ot=rv:00000000000000"), Some(0));
        for tracestate in
            ["ot=rv:d29d6a7215ced", "ot=rv:d29d6a7215ced00", "ot=rv:+29d6a7215ced0", "ot=th:c", "rv=d29d6a7215ced0"]
        {
            assert_eq!(randomness(tracestate), None, "{tracestate}");
        }
    }

    #[test]
    fn thresholds_are_written_without_trailing_zeros() {
        for (th, expected) in [
            (0, "ot=th:0"),
            (0x80_0000_0000_0000, "ot=th:8"),
            (0xaa_aaaa_aaaa_aaab, "ot=th:aaaaaaaaaaaaab"),
            (0x00_0000_0000_0001, "ot=th:00000000000001"),
            (0x0f_ff00_0000_0000, "ot=th:0fff"),
            (MAX, "ot=th:ffffffffffffff"),
            (MAX + 1, "ot=th:ffffffffffffff"),
        ] {
            assert_eq!(merged("", Some(th), None), expected);
        }
    }

    #[test]
    fn the_changed_member_goes_to_the_front_and_the_others_keep_their_order() {
        let c = Some(0xc0_0000_0000_0000);
        for (tracestate, th, rv, expected) in [
            ("ot=th:8", c, None, "ot=th:c"),
            ("rojo=00f0,congo=t61", c, Some(1), "ot=th:c;rv:00000000000001,rojo=00f0,congo=t61"),
            (
                "rojo=1 , ot=p:8;rv:d29d6a7215ced0;th:8;r:62,\tcongo=2",
                c,
                None,
                "ot=th:c;rv:d29d6a7215ced0;p:8;r:62,rojo=1,congo=2",
            ),
            ("ot=th:8;k:", None, Some(MAX), "ot=th:8;rv:ffffffffffffff;k:"),
            ("ot=th:zz;x:1", None, Some(0), "ot=rv:00000000000000;x:1"),
            ("a@ot=1,tenant@v=2=3,ot=;;th;:1;a:b", c, None, "ot=th:c;a:b,a@ot=1"),
            ("a=,=b,c,,é=1,d=\u{7},ot=x:1,e=f g,ot=y:2", c, None, "ot=th:c;x:1,e=f g"),
            ("anything, at = all", None, None, "anything, at = all"),
        ] {
            assert_eq!(merged(tracestate, th, rv), expected, "{tracestate}");
        }
    }

    #[test]
    fn limits_drop_from_the_right() {
        let members: Vec<_> = (0..40).map(|n| format!("v{n}=x")).collect();
        let out = merged(&format!("{},ot=a:b", members.join(",")), Some(0), None);
        assert_eq!(out, format!("ot=th:0;a:b,{}", members[..31].join(",")));

        let sub_keys: Vec<_> = (0..40).map(|n| format!("k{n:02}:12345")).collect();
        let out = merged(&format!("ot={}", sub_keys.join(";")), Some(0), None);
        assert_eq!(out, format!("ot=th:0;{}", sub_keys[..25].join(";")));
        assert!(out.len() - 3 <= 256 && out.len() - 3 + 10 > 256);

        let long = "y".repeat(257);
        assert_eq!(
            merged(&format!("a={long},{long}=a,b={}", &long[1..]), Some(0), None),
            format!("ot=th:0,b={}", &long[1..])
        );
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_from_any_tracestate(
            tracestate in "([a-z]{0,3}|ot)=?((th|rv|k):[0-9a-fx]{0,15};?){0,3}[,; é]{0,2}(ot=th:[0-9a-f]{1,14})?|.{0,40}",
            th in proptest::option::of(0..=MAX),
            rv in proptest::option::of(0..=MAX),
        ) {
            let out = merged(&tracestate, th, rv);
            prop_assert_eq!(threshold(&out), th.or_else(|| threshold(&tracestate)));
            prop_assert_eq!(randomness(&out), rv.or_else(|| randomness(&tracestate)));
            let again = merged(&out, th, rv);
            prop_assert_eq!(again, out, "merging twice changes nothing");
        }
    }
}
