//! Kept spans back into `ResourceSpans`, as bytes.
//!
//! 1. Each span goes out under its own resource and its own scope: every field of `ResourceSpans` and `ScopeSpans` that
//!    is not what they are for is copied as it stands, known or unknown, in its order ([`plan`]).
//! 2. Spans whose resources are equal byte by byte share one `ResourceSpans`, whatever request they came in; likewise
//!    their scopes.
//! 3. Lengths are known before a byte is written: one allocation a chunk, and no body is moved ([`write`]).
//!
//! A span's bytes are copied, and what is appended to it stands behind them: repeated fields grow and singular scalars
//! are replaced, as Protocol Buffers has it for concatenated messages.

mod plan;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;

use super::fields::{request, resource_spans, scope_spans};
use super::walk::Place;
use plan::Plan;
use write::Chunk;

/// One span to be written: where its bytes are, and what changes.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Committed bytes of a log segment.
    pub segment: &'a [u8],
    /// Offset of the tag of its `resource_spans` field in `segment`.
    pub resource_spans: u32,
    /// Offset of the tag of its `scope_spans` field in `segment`.
    pub scope_spans: u32,
    /// Offset of the `Span` message, behind tag and length, in `segment`.
    pub start: u32,
    /// Length of the `Span` message.
    pub len: u32,
    /// [`Place::headers_first`]: nothing of its resource and scope need be searched for behind their spans.
    pub headers_first: bool,
    /// Encoded `Span` fields to append.
    pub append: &'a [u8],
    /// Keys of attributes that are left out of the span's bytes, because `append` writes them anew.
    pub without: &'a [&'a str],
}

/// Encoded spans: one or more `resource_spans` fields of an `ExportTraceServiceRequest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The fields. Concatenated chunks give a request.
    pub bytes: Vec<u8>,
    /// Spans in them.
    pub spans: u64,
    /// Bytes of those spans as they came, without what was appended.
    pub span_bytes: u64,
}

/// Pieces that could not be joined, because their offsets do not name a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unjoined {
    /// How many.
    pub spans: u64,
    /// Their bytes, as their pieces say.
    pub span_bytes: u64,
}

/// Spans copied into a request of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// The request.
    pub bytes: Vec<u8>,
    /// For each piece, in order, its place in `bytes`; `None` where its offsets did not name a span.
    pub places: Vec<Option<Place>>,
}

/// Joins `pieces` into chunks of at most `max_bytes` and hands each to `emit`.
///
/// Spans keep their order within a scope, scopes and resources that of their first span. A chunk is larger than
/// `max_bytes` only where one span with its resource and scope is, or where those headers alone are more than half of
/// it: they are then repeated for every so many bytes of spans as they have themselves, so that the output stays in
/// proportion to the input.
///
/// Returns the pieces that could not be joined.
pub fn join(pieces: &[Piece<'_>], max_bytes: usize, emit: &mut dyn FnMut(Joined)) -> Unjoined {
    let plan = Plan::new(pieces);
    plan.cut(max_bytes, &mut |chunk| {
        let mut bytes = Vec::with_capacity(chunk.size());
        chunk.write(&plan, &mut bytes, &mut |_, _| {});
        emit(Joined { bytes, spans: chunk.spans(), span_bytes: chunk.span_bytes() });
    });
    plan.unjoined()
}

/// The fields of the `ResourceSpans` in which a piece stands that go out with it.
pub fn resource_header<'a>(piece: &Piece<'a>) -> Option<Cow<'a, [u8]>> {
    let at = piece.resource_spans;
    plan::header_at(piece.segment, at, request::RESOURCE_SPANS, resource_spans::SCOPE_SPANS, piece.headers_first)
}

/// The same of its `ScopeSpans`.
pub fn scope_header<'a>(piece: &Piece<'a>) -> Option<Cow<'a, [u8]>> {
    let at = piece.scope_spans;
    plan::header_at(piece.segment, at, resource_spans::SCOPE_SPANS, scope_spans::SPANS, piece.headers_first)
}

/// Joins `pieces` into one request and tells where each span is in it. Spans beyond 4 GiB of output have no place.
pub fn copy_forward(pieces: &[Piece<'_>]) -> Copied {
    let plan = Plan::new(pieces);
    let mut copied = Copied { bytes: Vec::new(), places: vec![None; pieces.len()] };
    let mut first = true;
    plan.cut(u32::MAX as usize, &mut |chunk: &Chunk| {
        if std::mem::take(&mut first) && u32::try_from(chunk.size()).is_ok() {
            copied.bytes.reserve_exact(chunk.size());
            chunk.write(&plan, &mut copied.bytes, &mut |piece, place| {
                if let Some(slot) = copied.places.get_mut(piece) {
                    *slot = Some(place);
                }
            });
        }
    });
    copied
}
