//! Whole bodies inflated in one go, into room whose size is guessed from what the body says of itself.
//!
//! 1. [`first_capacity`] reads the gzip trailer or the zstd frame headers, where there are such: a hint, held to the limit.
//! 2. [`inflate`] writes into that much room, and says [`InflateError::Room`] when it was not enough.
//! 3. [`next_capacity`] doubles it, up to the limit.
//!
//! One call over the whole body is nearly twice as fast as inflating in steps.

use std::cell::RefCell;

use libdeflater::{DecompressionError, Decompressor};
use memchr::memmem;
use zstd::zstd_safe::DCtx;

use super::outcome::Outcome;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Not at all.
    Identity,
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 8878, one frame or several.
    Zstd,
    /// RFC 1950: what HTTP calls `deflate`.
    Zlib,
}

/// Why a body did not inflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InflateError {
    /// Not what its encoding says.
    Malformed(&'static str),
    /// There was not enough room.
    Room,
}

/// The first bytes of a gzip member.
const GZIP_MAGIC: [u8; 3] = *b"\x1f\x8b\x08";
/// The shortest gzip member: header, empty block, trailer.
const GZIP_SHORTEST: usize = 18;
/// No deflate stream inflates to more than this many times its length.
const DEFLATE_RATIO: usize = 1032;
/// Least room where a body says nothing of its size.
const LEAST: usize = 64 << 10;
/// `ZSTD_error_dstSize_tooSmall`, as functions return it.
const ZSTD_ROOM: usize = 0_usize.wrapping_sub(70);

thread_local! {
    static DEFLATE: RefCell<Decompressor> = RefCell::new(Decompressor::new());
    static ZSTD: RefCell<Option<DCtx<'static>>> = RefCell::new(DCtx::try_create());
}

// === impl Encoding ===

impl Encoding {
    /// The encodings, as they are told to clients.
    pub(super) const NAMES: &'static str = "gzip, zstd, deflate, identity";

    /// The encoding that a header names.
    pub(super) fn parse(name: Option<&http::HeaderValue>) -> Result<Self, Outcome> {
        let name = name.map(|name| name.as_bytes().trim_ascii()).unwrap_or_default();
        match () {
            () if name.is_empty() || name.eq_ignore_ascii_case(b"identity") => Ok(Self::Identity),
            () if name.eq_ignore_ascii_case(b"gzip") => Ok(Self::Gzip),
            () if name.eq_ignore_ascii_case(b"zstd") => Ok(Self::Zstd),
            // Clients mean the zlib format by either name, as RFC 9110 does by the first.
            () if name.eq_ignore_ascii_case(b"deflate") || name.eq_ignore_ascii_case(b"zlib") => Ok(Self::Zlib),
            () => Err(Outcome::Encoding(String::from_utf8_lossy(name).chars().take(64).collect())),
        }
    }
}

/// How much room to try first. `Err` when the body says that it is larger than `limit`.
pub(super) fn first_capacity(encoding: Encoding, body: &[u8], limit: usize) -> Result<usize, Outcome> {
    let claimed = match encoding {
        Encoding::Identity => Some(body.len()),
        // The size of the last member, modulo 2^32. What is no gzip, or too short for its claim, claims nothing: it is to be
        // told that it does not inflate, not that it is too large.
        Encoding::Gzip => body.last_chunk().filter(|_| body.starts_with(&GZIP_MAGIC)).map(|size| {
            let claimed = u32::from_le_bytes(*size) as usize;
            claimed.min(body.len().saturating_mul(DEFLATE_RATIO))
        }),
        Encoding::Zstd => zstd::bulk::Decompressor::upper_bound(body),
        Encoding::Zlib => None,
    };
    match claimed {
        Some(claimed) if claimed > limit => Err(Outcome::TooLarge(limit)),
        Some(claimed) if encoding == Encoding::Gzip => Ok(claimed),
        // A small frame may claim much: it is given it in steps.
        Some(claimed) => Ok(claimed.min(body.len().saturating_mul(64).max(LEAST))),
        None => Ok(body.len().saturating_mul(4).max(LEAST).min(limit)),
    }
}

/// How much room to try after `capacity` was not enough.
pub(super) fn next_capacity(capacity: usize, limit: usize) -> Result<usize, Outcome> {
    match capacity >= limit {
        true => Err(Outcome::TooLarge(limit)),
        false => Ok(capacity.saturating_mul(2).max(LEAST).min(limit)),
    }
}

/// Inflates `body` to the front of `room`; how many bytes that came to.
pub(super) fn inflate(encoding: Encoding, body: &[u8], room: &mut [u8]) -> Result<usize, InflateError> {
    match encoding {
        Encoding::Identity => {
            room.get_mut(..body.len()).ok_or(InflateError::Room)?.copy_from_slice(body);
            Ok(body.len())
        }
        Encoding::Gzip => DEFLATE.with_borrow_mut(|context| gunzip(context, body, room)),
        Encoding::Zlib => DEFLATE.with_borrow_mut(|context| unzlib(context, body, room)),
        Encoding::Zstd => ZSTD.with_borrow_mut(|context| {
            let context = context.as_mut().ok_or(InflateError::Malformed("no memory to inflate zstd"))?;
            context.decompress(room, body).map_err(|code| match code {
                ZSTD_ROOM => InflateError::Room,
                code => InflateError::Malformed(zstd::zstd_safe::get_error_name(code)),
            })
        }),
    }
}

fn gunzip(context: &mut Decompressor, mut body: &[u8], room: &mut [u8]) -> Result<usize, InflateError> {
    let mut written = 0;
    loop {
        let rest = room.get_mut(written..).unwrap_or_default();
        let len = context.gzip_decompress(body, rest).map_err(|error| match error {
            DecompressionError::InsufficientSpace => InflateError::Room,
            DecompressionError::BadData => InflateError::Malformed("not gzip, cut short or damaged"),
        })?;
        let end = member_end(body, rest.get(..len).unwrap_or_default())?;
        written += len;
        body = body.get(end..).unwrap_or_default();
        if body.is_empty() {
            return Ok(written);
        }
    }
}

fn unzlib(context: &mut Decompressor, body: &[u8], room: &mut [u8]) -> Result<usize, InflateError> {
    let len = context.zlib_decompress(body, room).map_err(|error| match error {
        DecompressionError::InsufficientSpace => InflateError::Room,
        DecompressionError::BadData => InflateError::Malformed("not zlib, cut short or damaged"),
    })?;
    // The inflater does not say where the stream ended: its checksum is the last of it.
    let out = room.get(..len).unwrap_or_default();
    match body.ends_with(&libdeflater::adler32(out).to_be_bytes()) {
        true => Ok(len),
        false => Err(InflateError::Malformed("bytes behind the end of the zlib stream")),
    }
}

/// Where the member at the front of `body` ends, which inflates to `out`.
///
/// The inflater does not say, but it has checked the trailer. So another member begins only where its magic number
/// stands behind this one's checksum and length; otherwise the body must end with this one's length.
fn member_end(body: &[u8], out: &[u8]) -> Result<usize, InflateError> {
    let len = (out.len() as u32).to_le_bytes();
    let mut checksum = None;
    for at in memmem::find_iter(body, &GZIP_MAGIC).filter(|at| *at >= GZIP_SHORTEST) {
        let front = body.get(..at).unwrap_or_default();
        if let Some(front) = front.strip_suffix(&len)
            && front.ends_with(&checksum.get_or_insert_with(|| libdeflater::crc32(out)).to_le_bytes())
        {
            return Ok(at);
        }
    }
    match body.ends_with(&len) {
        true => Ok(body.len()),
        false => Err(InflateError::Malformed("bytes behind the end of the gzip stream")),
    }
}

#[cfg(test)]
mod tests;
