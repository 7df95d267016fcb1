//! UTF-8, checked by ASCII words first: most strings of a span are short and ASCII, for which a general validator
//! costs more than the whole walk.

/// The bytes as text, or `None` when they are not UTF-8.
#[inline]
pub fn utf8(bytes: &[u8]) -> Option<&str> {
    if is_ascii(bytes) {
        // ASCII is UTF-8; the standard library's check is a second pass over a short, cached string.
        return std::str::from_utf8(bytes).ok();
    }
    simdutf8::basic::from_utf8(bytes).ok()
}

/// Whether the bytes are UTF-8.
#[inline]
pub fn is_utf8(bytes: &[u8]) -> bool {
    is_ascii(bytes) || simdutf8::basic::from_utf8(bytes).is_ok()
}

/// Whether no byte has its high bit set, and there are at most 127.
#[inline(always)]
pub(super) fn is_short_ascii(bytes: &[u8]) -> bool {
    bytes.len() < 0x80 && is_ascii(bytes)
}

/// Whether no byte has its high bit set. By classes of length, the last bytes read once more where they overlap: one branch
/// that can be mispredicted instead of one for every loop.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    match bytes.len() {
        128.. => bytes.as_chunks::<128>().0.iter().all(is_low) && bytes.last_chunk::<128>().is_some_and(is_low),
        64.. => has_low_ends::<64>(bytes),
        32.. => has_low_ends::<32>(bytes),
        16.. => has_low_ends::<16>(bytes),
        8.. => has_low_ends::<8>(bytes),
        _ => bytes.iter().fold(0, |any, byte| any | byte) < 0x80,
    }
}

#[inline(always)]
fn has_low_ends<const N: usize>(bytes: &[u8]) -> bool {
    matches!((bytes.first_chunk::<N>(), bytes.last_chunk::<N>()), (Some(first), Some(last)) if high(first) | high(last) == 0)
}

#[inline(always)]
fn is_low<const N: usize>(bytes: &[u8; N]) -> bool {
    high(bytes) == 0
}

/// The high bits of the bytes, whose number is a multiple of eight, eight by eight over one another.
#[inline(always)]
fn high<const N: usize>(bytes: &[u8; N]) -> u64 {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    bytes.as_chunks::<8>().0.iter().fold(0, |any, word| any | u64::from_le_bytes(*word)) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_standard_library() {
        let samples: [&[u8]; 7] =
            [b"", b"gen_ai.request.model", b"\xff", "grüße, 世界".as_bytes(), &[0xc3], &[b'a'; 100], &[0x80; 40]];
        for sample in samples {
            assert_eq!(is_utf8(sample), std::str::from_utf8(sample).is_ok(), "{sample:?}");
            assert_eq!(utf8(sample), std::str::from_utf8(sample).ok());
        }
    }

    #[test]
    fn no_byte_of_a_text_of_any_length_is_passed_over() {
        for len in 0..300 {
            let mut text = vec![b'x'; len];
            assert!(is_utf8(&text), "{len} bytes");
            for at in 0..len {
                text[at] = 0xff;
                assert!(!is_utf8(&text), "byte {at} of {len}");
                text[at] = b'x';
            }
        }
    }
}
