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
        32.. => {
            let chunks = bytes.chunks_exact(32).all(|chunk| chunk.first_chunk().is_some_and(low32));
            chunks && bytes.last_chunk().is_some_and(low32)
        }
        16.. => low(
            bytes.first_chunk().map(|word| u128::from_le_bytes(*word)),
            bytes.last_chunk().map(|word| u128::from_le_bytes(*word)),
        ),
        8.. => low64(bytes.first_chunk(), bytes.last_chunk()),
        4.. => low32s(bytes.first_chunk(), bytes.last_chunk()),
        _ => bytes.iter().fold(0, |any, byte| any | byte) < 0x80,
    }
}

#[inline]
fn low(first: Option<u128>, last: Option<u128>) -> bool {
    const HIGH: u128 = 0x8080_8080_8080_8080_8080_8080_8080_8080;
    matches!((first, last), (Some(first), Some(last)) if (first | last) & HIGH == 0)
}

#[inline]
fn low64(first: Option<&[u8; 8]>, last: Option<&[u8; 8]>) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    matches!((first, last), (Some(first), Some(last)) if (u64::from_le_bytes(*first) | u64::from_le_bytes(*last)) & HIGH == 0)
}

#[inline]
fn low32s(first: Option<&[u8; 4]>, last: Option<&[u8; 4]>) -> bool {
    const HIGH: u32 = 0x8080_8080;
    matches!((first, last), (Some(first), Some(last)) if (u32::from_le_bytes(*first) | u32::from_le_bytes(*last)) & HIGH == 0)
}

#[inline]
fn low32(chunk: &[u8; 32]) -> bool {
    chunk.iter().fold(0, |any, byte| any | byte) < 0x80
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
