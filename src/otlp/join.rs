//! Kept spans back into `ResourceSpans`, as bytes.
//!
//! 1. Each span goes out under its own resource and its own scope: their header fields, known or unknown, are copied in
//!    their order ([`plan`]).
//! 2. Spans whose resources are equal byte by byte share one `ResourceSpans`, whatever request they came in; likewise
//!    their scopes.
//! 3. Lengths are known before a byte is written: one allocation a chunk, and no body is moved ([`write`]).
//!
//! A span's bytes are copied, and what is appended to it stands behind them: repeated fields grow and singular scalars
//! are replaced, as Protocol Buffers has it for concatenated messages.

mod piece;
mod plan;
#[cfg(test)]
mod tests;
mod write;

use super::walk::{Header, Place, Range};
pub use piece::{Piece, Unjoined};
use plan::Plan;
use write::Chunk;

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

/// Spans copied into a request of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// The request.
    pub bytes: Vec<u8>,
    /// The header of each `ScopeSpans`, in the order of the request.
    pub headers: Vec<Header>,
    /// For each piece, in order, the index of its header in `headers` and its span's range in `bytes`. `None` where the
    /// piece could not be joined.
    pub spans: Vec<Option<(u32, Range)>>,
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
        chunk.write(&plan, &mut bytes, &mut |_, _, _| {});
        emit(Joined { bytes, spans: chunk.spans(), span_bytes: chunk.span_bytes() });
    });
    plan.unjoined()
}

/// Joins `pieces` into one request and tells where each span is in it, and its header in front of it. Spans beyond 4 GiB of
/// output have no place.
pub fn copy_forward(pieces: &[Piece<'_>]) -> Copied {
    let plan = Plan::new(pieces);
    let mut copied = Copied { bytes: Vec::new(), headers: Vec::new(), spans: vec![None; pieces.len()] };
    let Copied { bytes, headers, spans } = &mut copied;
    let mut first = true;
    plan.cut(u32::MAX as usize, &mut |chunk: &Chunk| {
        if std::mem::take(&mut first) && u32::try_from(chunk.size()).is_ok() {
            bytes.reserve_exact(chunk.size());
            chunk.write(&plan, bytes, &mut |piece, header, span| {
                if headers.last() != Some(header) {
                    headers.push(*header);
                }
                if let Some(slot) = spans.get_mut(piece) {
                    *slot = Some((headers.len() as u32 - 1, span));
                }
            });
        }
    });
    copied
}

// === impl Copied ===

impl Copied {
    /// The place of the piece at index `piece`, in `bytes`.
    pub fn place(&self, piece: usize) -> Option<Place> {
        let (header, span) = self.spans.get(piece).copied().flatten()?;
        Some(Place { header: *self.headers.get(header as usize)?, span })
    }
}
