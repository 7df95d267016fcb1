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

/// Whether no byte has its high bit set, eight at a time.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut chunks = bytes.chunks_exact(32);
    for chunk in &mut chunks {
        let mut any = 0_u64;
        for word in chunk.chunks_exact(8) {
            any |= word.first_chunk::<8>().map_or(HIGH, |word| u64::from_le_bytes(*word));
        }
        if any & HIGH != 0 {
            return false;
        }
    }
    let mut words = chunks.remainder().chunks_exact(8);
    let mut any = 0_u64;
    for word in &mut words {
        any |= word.first_chunk::<8>().map_or(HIGH, |word| u64::from_le_bytes(*word));
    }
    any & HIGH == 0 && words.remainder().iter().all(|byte| *byte < 0x80)
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
        let mut long = vec![b'x'; 99];
        for at in 0..long.len() {
            long[at] = 0xff;
            assert!(!is_utf8(&long), "byte {at}");
            long[at] = b'x';
        }
    }
}
