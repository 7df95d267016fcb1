//! Whole bodies compressed and, for answers, inflated within a limit.

use libdeflater::{CompressionLvl, Compressor, Decompressor};

use crate::config::Compression;

/// The fastest levels: on recorded agent spans gzip's usual level 6 takes twice the CPU for a sixth fewer bytes.
const GZIP_LEVEL: i32 = 1;
const ZSTD_LEVEL: i32 = 1;

/// The name of `compression` in `content-encoding` and `grpc-encoding`.
pub(super) fn name(compression: Compression) -> Option<&'static str> {
    match compression {
        Compression::Gzip => Some("gzip"),
        Compression::Zstd => Some("zstd"),
        Compression::None => None,
    }
}

/// Appends `bytes`, compressed, to `out`.
pub(super) fn compress(compression: Compression, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    match compression {
        Compression::None => out.extend_from_slice(bytes),
        Compression::Gzip => {
            let level = CompressionLvl::new(GZIP_LEVEL).unwrap_or_default();
            let mut compressor = Compressor::new(level);
            let start = out.len();
            out.resize(start + compressor.gzip_compress_bound(bytes.len()), 0);
            let room = out.get_mut(start..).unwrap_or_default();
            let written = compressor.gzip_compress(bytes, room).map_err(|error| format!("gzip: {error}"))?;
            out.truncate(start + written);
        }
        Compression::Zstd => {
            let compressed = zstd::bulk::compress(bytes, ZSTD_LEVEL).map_err(|error| format!("zstd: {error}"))?;
            out.extend_from_slice(&compressed);
        }
    }
    Ok(())
}

/// The inflated `bytes` of `encoding`. `None` when that is not known, they are broken, or there would be more than
/// `limit` bytes.
pub(super) fn inflate(encoding: &str, bytes: &[u8], limit: usize) -> Option<Vec<u8>> {
    match encoding {
        "gzip" => {
            // The trailer says how large the content is; an answer is a single member.
            let size = u32::from_le_bytes(*bytes.last_chunk::<4>()?) as usize;
            let mut out = vec![0; Some(size).filter(|size| *size <= limit)?];
            let written = Decompressor::new().gzip_decompress(bytes, &mut out).ok()?;
            out.truncate(written);
            Some(out)
        }
        "zstd" => zstd::bulk::decompress(bytes, limit).ok(),
        "identity" | "" => Some(bytes.to_vec()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_can_be_inflated_within_the_limit_only() {
        let text = "a span or two ".repeat(1000);
        for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
            let mut out = b"head".to_vec();
            compress(compression, text.as_bytes(), &mut out).unwrap();
            let encoding = name(compression).unwrap_or("identity");
            let body = out.strip_prefix(b"head").unwrap();
            assert_eq!(inflate(encoding, body, text.len()).as_deref(), Some(text.as_bytes()), "{encoding}");
            if compression != Compression::None {
                assert!(body.len() < text.len() / 10);
                assert_eq!(inflate(encoding, body, text.len() - 1), None, "{encoding}");
                assert_eq!(inflate(encoding, &body[..body.len() - 5], text.len()), None, "{encoding}");
            }
        }
        assert_eq!(inflate("br", b"x", 10), None);
        assert_eq!(inflate("gzip", b"", 10), None);
    }
}
