//! A record: one request as it came, behind a header. The layout is that of memory and of disk alike.
//!
//! ```text
//! offset  bytes
//!      0      4  length of the body, little endian
//!      4      1  kind
//!      5      3  zero
//!      8      8  arrival, nanoseconds since the Unix epoch, little endian
//!     16      n  body
//!   16+n    0-7  zero, up to a multiple of eight
//! ```

use std::fmt;
use std::sync::Arc;

use super::memory::Segment;
use crate::clock::Nanos;

/// Bytes of a record's header.
pub const HEADER_BYTES: usize = 16;

/// What a record's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RecordKind {
    /// An `ExportTraceServiceRequest` as a client sent it.
    Traces = 1,
    /// Spans of one session, copied forward from other records, as an `ExportTraceServiceRequest`.
    Copied = 2,
}

/// A record in the log. Its bytes stay as they are for as long as it is held.
#[derive(Clone)]
pub struct Record {
    segment: Arc<Segment>,
    body: u32,
    len: u32,
}

// === impl Record ===

impl Record {
    pub(super) fn new(segment: Arc<Segment>, body: u32, len: u32) -> Self {
        Self { segment, body, len }
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        self.segment.bytes(self.body, self.len).unwrap_or_default()
    }

    /// Where the body begins in its segment.
    pub fn offset(&self) -> u32 {
        self.body
    }

    /// When the request arrived.
    pub fn arrived(&self) -> Nanos {
        let at = self.body.checked_sub(8).and_then(|at| self.segment.bytes(at, 8));
        at.and_then(|at| at.first_chunk()).map_or(0, |at| u64::from_le_bytes(*at))
    }

    /// The segment that holds it.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} bytes at {} of segment {})", self.len, self.body, self.segment.serial())
    }
}

/// Bytes that a record with a body of `len` takes in a segment.
pub(super) fn framed(len: usize) -> usize {
    (HEADER_BYTES + len).next_multiple_of(8)
}

/// The header of a record.
pub(super) fn header(kind: RecordKind, len: u32, arrived: Nanos) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    let (front, back) = header.split_at_mut(8);
    front.copy_from_slice(&(u64::from(len) | u64::from(kind as u8) << 32).to_le_bytes());
    back.copy_from_slice(&arrived.to_le_bytes());
    header
}
