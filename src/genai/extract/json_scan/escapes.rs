//! Escapes of JSON strings.

/// Gives `to` the text without its JSON escapes, piece by piece, at most `most` bytes of it. What is no escape stays.
pub fn unescape(text: &str, mut most: usize, mut to: impl FnMut(&[u8])) {
    let mut give = |piece: &str| {
        let len = piece.len().min(most);
        to(piece.as_bytes().get(..len).unwrap_or_default());
        most -= len;
    };
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        give(before);
        let (char, len) = escaped(escape);
        match char {
            Some(char) => give(char.encode_utf8(&mut [0; 4])),
            None => give("\\"),
        }
        rest = escape.get(len..).unwrap_or_default();
    }
    give(rest);
}

/// The character that an escape at the beginning of `text` stands for, and how long the escape is.
fn escaped(text: &str) -> (Option<char>, usize) {
    let unit = |at: usize| {
        let digits = text.get(at..at + 4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok()
    };
    match text.as_bytes().get(1) {
        Some(b'n') => (Some('\n'), 2),
        Some(b't') => (Some('\t'), 2),
        Some(b'r') => (Some('\r'), 2),
        Some(b'b') => (Some('\u{8}'), 2),
        Some(b'f') => (Some('\u{c}'), 2),
        Some(byte @ (b'"' | b'\\' | b'/' | b'\'')) => (Some(char::from(*byte)), 2),
        Some(b'u') => match (unit(2), text.get(6..8), unit(8)) {
            (Some(high @ 0xd800..=0xdbff), Some("\\u"), Some(low @ 0xdc00..=0xdfff)) => {
                (char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), 12)
            }
            // Half of a pair is no character: it stays as it is written.
            (Some(unit), ..) => char::from_u32(unit).map_or((None, 1), |char| (Some(char), 6)),
            (None, ..) => (None, 1),
        },
        _ => (None, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn escapes_become_what_they_stand_for_and_what_is_none_stays() {
        let whole = |text: &str| {
            let mut bytes = Vec::new();
            unescape(text, usize::MAX, |piece| bytes.extend_from_slice(piece));
            String::from_utf8(bytes).unwrap()
        };
        for (text, plain) in [
            (r"T\u00e9", "Té"),
            (r"\u+041", r"\u+041"),
            (r#"a\"b\\c\/"#, r#"a"b\c/"#),
            (r"\ud83d\ude00!", "😀!"),
            (r"\ud83d", r"\ud83d"),
            (r"\ud83dx\ude00", r"\ud83dx\ude00"),
            (r"\u00", r"\u00"),
            (r"\x41\", r"\x41\"),
        ] {
            assert_eq!(whole(text), plain, "{text}");
        }
    }
}
