//! Locations of spans and of their headers. A header is the fields of `ResourceSpans` and `ScopeSpans` other than their
//! members, as two byte ranges each.
//!
//! The members of a `ResourceSpans` are its `scope_spans`, those of a `ScopeSpans` its `spans`. Encoders write a message's
//! fields in the order of their numbers: resource and scope stand in front of the members, schema URLs behind them.

use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use crate::otlp::wire::Field;

/// A byte range of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Range {
    /// Offset of the first byte.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

/// The location of a span in the bytes that were walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What the span has from its `ResourceSpans` and `ScopeSpans`.
    pub header: Header,
    /// The `Span` message, without tag and length.
    pub span: Range,
}

/// The location of everything that a span has from its `ResourceSpans` and `ScopeSpans`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Header {
    /// The fields of the `ResourceSpans` other than `scope_spans`.
    pub resource: HeaderFields,
    /// The fields of the `ScopeSpans` other than `spans`.
    pub scope: HeaderFields,
}

/// The header fields of one message. They enclose its members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HeaderFields {
    /// The fields in front of the first member.
    pub front: Range,
    /// The fields behind the last member.
    pub back: Range,
}

/// The bytes of [`HeaderFields`]. Two are equal when front and back, concatenated, are: where the members stood between them
/// does not matter.
#[derive(Clone, Copy, Debug)]
pub struct HeaderBytes<'a> {
    /// The fields in front of the first member.
    pub front: &'a [u8],
    /// The fields behind the last member.
    pub back: &'a [u8],
}

/// The extent of the members of a message, found field by field.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Members {
    /// Offset of the first member's tag in the message.
    first: Option<usize>,
    /// Offset behind the last member.
    end: usize,
    /// Other fields stand between members.
    pub(super) scattered: bool,
}

// === impl Range ===

impl Range {
    /// The range of `part` in the bytes that begin at the address `base`.
    pub(super) fn in_base(base: usize, part: &[u8]) -> Self {
        let cut = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { start: cut((part.as_ptr() as usize).saturating_sub(base)), len: cut(part.len()) }
    }

    /// The range in `bytes`; `None` when it reaches outside.
    #[inline]
    pub fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        let start = self.start as usize;
        bytes.get(start..start.checked_add(self.len as usize)?)
    }

    /// Offset behind the last byte.
    fn end(self) -> u64 {
        u64::from(self.start) + u64::from(self.len)
    }

    fn shifted(self, offset: u32) -> Self {
        Self { start: self.start.saturating_add(offset), ..self }
    }
}

// === impl Header ===

impl Header {
    /// No fields at all.
    pub const EMPTY: Self = Self { resource: HeaderFields::EMPTY, scope: HeaderFields::EMPTY };

    /// The header with `offset` added to all of its offsets.
    #[must_use]
    pub fn shifted(self, offset: u32) -> Self {
        Self { resource: self.resource.shifted(offset), scope: self.scope.shifted(offset) }
    }
}

// === impl HeaderFields ===

impl HeaderFields {
    const EMPTY: Self = Self { front: Range { start: 0, len: 0 }, back: Range { start: 0, len: 0 } };

    /// The fields of a message that has `len` bytes of them, all in front of its members.
    pub(in crate::otlp) fn in_front(message: Range, len: u32) -> Self {
        let end = message.start.saturating_add(message.len);
        Self { front: Range { start: message.start, len }, back: Range { start: end, len: 0 } }
    }

    /// The fields in `bytes`, from which the offsets count. `None` when the offsets are outside.
    #[inline]
    pub fn of(self, bytes: &[u8]) -> Option<HeaderBytes<'_>> {
        Some(HeaderBytes { front: self.front.of(bytes)?, back: self.back.of(bytes)? })
    }

    /// Whether `inner`, members with it, stands where the members of this message do.
    pub(in crate::otlp) fn encloses(self, inner: Self) -> bool {
        self.has_member(Range { start: inner.front.start, len: 0 })
            && self.has_member(inner.back)
            && inner.front.end() <= u64::from(inner.back.start)
    }

    /// Whether `member` stands behind the front and before the back.
    pub(in crate::otlp) fn has_member(self, member: Range) -> bool {
        self.front.end() <= u64::from(member.start) && member.end() <= u64::from(self.back.start)
    }

    fn shifted(self, offset: u32) -> Self {
        Self { front: self.front.shifted(offset), back: self.back.shifted(offset) }
    }
}

// === impl HeaderBytes ===

impl<'a> HeaderBytes<'a> {
    /// Length of front and back together, in bytes.
    pub fn len(self) -> usize {
        self.front.len() + self.back.len()
    }

    /// Whether there are no fields.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Front and back, in the order of the wire.
    pub fn parts(self) -> [&'a [u8]; 2] {
        [self.front, self.back]
    }

    /// XXH3 of front and back concatenated: equal headers have equal hashes. Headers come from the network, so `seed` must
    /// not be guessable.
    pub fn hash(self, seed: u64) -> u64 {
        if self.back.is_empty() {
            return xxh3_64_with_seed(self.front, seed);
        }
        let mut hasher = Xxh3::with_seed(seed);
        hasher.update(self.front);
        hasher.update(self.back);
        hasher.digest()
    }
}

impl PartialEq for HeaderBytes<'_> {
    fn eq(&self, other: &Self) -> bool {
        if self.front.len() > other.front.len() {
            return other == self;
        }
        // The other's front begins with this front and ends inside this back.
        let Some((head, middle)) = other.front.split_at_checked(self.front.len()) else { return false };
        let Some((start, end)) = self.back.split_at_checked(middle.len()) else { return false };
        self.front == head && start == middle && end == other.back
    }
}

impl Eq for HeaderBytes<'_> {}

// === impl Members ===

impl Members {
    /// Adds a member, in the order of the wire.
    #[inline]
    pub(super) fn add(&mut self, member: &Field<'_>) {
        match self.first {
            Some(_) => self.scattered |= member.start != self.end,
            None => self.first = Some(member.start),
        }
        self.end = member.end;
    }

    /// The fields around the members of `message`.
    pub(super) fn enclosing(self, message: Range) -> HeaderFields {
        let cut = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).min(message.len);
        let Some(first) = self.first else { return HeaderFields::in_front(message, message.len) };
        let end = cut(self.end);
        HeaderFields {
            front: Range { start: message.start, len: cut(first) },
            back: Range { start: message.start.saturating_add(end), len: message.len - end },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_equal_and_hash_alike_wherever_their_members_stood() {
        for len in [0, 1, 7, 300, 2000] {
            let bytes: Vec<u8> = (0..len).map(|n| (n * 7 % 251) as u8).collect();
            let cuts = [0, len / 3, len / 2, len];
            let headers = cuts.map(|cut| HeaderBytes { front: &bytes[..cut], back: &bytes[cut..] });
            for (one, other) in headers.iter().flat_map(|one| headers.iter().map(move |other| (one, other))) {
                assert_eq!(one, other);
                assert_eq!(one.hash(9), other.hash(9), "{len} bytes");
            }
            let long = [&bytes[..], &[1]].concat();
            let longer = cuts.map(|cut| HeaderBytes { front: &long[..cut], back: &long[cut..] });
            assert!(longer.iter().all(|longer| headers.iter().all(|header| header != longer)));
            let mut unlike = bytes.clone();
            for at in 0..len {
                unlike[at] ^= 1;
                let other = HeaderBytes { front: &unlike[..len / 4], back: &unlike[len / 4..] };
                assert!(headers.iter().all(|header| *header != other));
                unlike[at] ^= 1;
            }
        }
    }
}
