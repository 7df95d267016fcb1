//! The input of a join.

use crate::otlp::walk::Header;

/// One span to be written: its place, and the changes to it.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Committed bytes of a log segment.
    pub segment: &'a [u8],
    /// The location of its header in `segment`.
    pub header: Header,
    /// Offset of the `Span` message, behind tag and length, in `segment`.
    pub start: u32,
    /// Length of the `Span` message.
    pub len: u32,
    /// Encoded `Span` fields to append.
    pub append: &'a [u8],
    /// Keys of attributes to leave out of the span's bytes, because `append` replaces them.
    pub without: &'a [&'a str],
}

/// Pieces that could not be joined, because their offsets do not name a span between the fields of its header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unjoined {
    /// Number of pieces.
    pub spans: u64,
    /// The sum of their `len`.
    pub span_bytes: u64,
}
