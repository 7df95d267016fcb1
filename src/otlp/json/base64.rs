//! Base64 (RFC 4648), as Protocol Buffers JSON has it: written padded, in the standard alphabet; read in the standard or
//! the URL alphabet, padded or not.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends `bytes` as text.
pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().zip([16, 8, 0]).fold(0_u32, |word, (byte, shift)| word | u32::from(*byte) << shift);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = ALPHABET.get((word >> shift & 63) as usize).copied().unwrap_or_default();
            out.push(if at <= chunk.len() { digit } else { b'=' });
        }
    }
}

/// Appends the bytes of `text`; `None` when it is not base64.
pub(super) fn decode(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let digits = text.trim_end_matches('=').as_bytes();
    let padding = text.len() - digits.len();
    if digits.len() % 4 == 1 || padding > 2 || padding > 0 && !text.len().is_multiple_of(4) {
        return None;
    }
    for chunk in digits.chunks(4) {
        let mut word = 0_u32;
        for (digit, shift) in chunk.iter().zip([18, 12, 6, 0]) {
            word |= value(*digit)? << shift;
        }
        out.extend(word.to_be_bytes().into_iter().skip(1).take(chunk.len() * 3 / 4));
    }
    Some(())
}

fn value(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc_go_both_ways() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let (mut encoded, mut decoded, mut unpadded) = (Vec::new(), Vec::new(), Vec::new());
            encode(plain.as_bytes(), &mut encoded);
            assert_eq!(encoded, text.as_bytes());
            decode(text, &mut decoded).unwrap();
            assert_eq!(decoded, plain.as_bytes());
            decode(text.trim_end_matches('='), &mut unpadded).unwrap();
            assert_eq!(unpadded, plain.as_bytes());
        }
    }

    #[test]
    fn both_alphabets_are_read_and_nothing_else() {
        for text in ["+/8=", "-_8="] {
            let mut out = Vec::new();
            decode(text, &mut out).unwrap();
            assert_eq!(out, [0xfb, 0xff]);
        }
        for text in ["A", "AAAAA", "AA=", "A===", "====", "AA==AA==", "A A=", "é", "AAA*"] {
            assert_eq!(decode(text, &mut Vec::new()), None, "{text}");
        }
    }
}
