//! The segments that one shard holds: each once, however many of its spans stand in it.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::flow::SpanRef;
use crate::log::Segment;
use crate::otlp::walk::Header;

/// The segments a shard holds. Owned by its thread.
#[derive(Debug, Default)]
pub(super) struct Held {
    slots: Vec<Option<HeldSegment>>,
    free: Vec<u32>,
    by_serial: HashMap<u64, u32, foldhash::fast::RandomState>,
    /// Headers of all segments.
    headers: usize,
}

/// One segment, and how much of it this shard wants.
#[derive(Debug)]
pub(super) struct HeldSegment {
    /// The segment.
    pub(super) segment: Arc<Segment>,
    /// Spans of this shard that stand in it.
    pub(super) spans: u32,
    /// Their bytes.
    pub(super) bytes: u64,
    /// It holds copies of one session's spans, which go with it.
    pub(super) copied: bool,
    /// Sessions that have, or had, spans in it: where they were in the table.
    pub(super) sessions: Vec<u32>,
    /// Resources and scopes of the spans in it, with offsets in the segment.
    headers: Vec<Header>,
}

// === impl Held ===

impl Held {
    /// The slot of a segment, which is held from now on. Copies are of one session, so that there are as many as sessions:
    /// nobody looks for one, and one that comes again with another trace of its session is held once more.
    pub(super) fn hold(&mut self, segment: &Arc<Segment>, copied: bool) -> u32 {
        if !copied && let Some(slot) = self.by_serial.get(&segment.serial()) {
            return *slot;
        }
        let held = HeldSegment {
            segment: segment.clone(),
            spans: 0,
            bytes: 0,
            copied,
            sessions: Vec::new(),
            headers: Vec::new(),
        };
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        match self.slots.get_mut(slot as usize) {
            Some(place) => *place = Some(held),
            None => self.slots.push(Some(held)),
        }
        if !copied {
            self.by_serial.insert(segment.serial(), slot);
        }
        slot
    }

    /// Counts spans of a segment as wanted. Its shared count is the business of whoever brought them.
    pub(super) fn add(&mut self, slot: u32, spans: u32, bytes: u64) {
        if let Some(held) = self.get_mut(slot) {
            held.spans += spans;
            held.bytes += bytes;
        }
    }

    /// Adds headers of a segment. Returns the number that the first of them gets.
    pub(super) fn add_headers(&mut self, slot: u32, headers: &[Header]) -> u32 {
        let Some(held) = self.slots.get_mut(slot as usize).and_then(Option::as_mut) else { return 0 };
        self.headers += headers.len();
        held.headers.extend_from_slice(headers);
        (held.headers.len() - headers.len()) as u32
    }

    /// The resource and scope of a span.
    pub(super) fn header(&self, span: &SpanRef) -> Header {
        self.get(span.segment).and_then(|held| held.headers.get(span.header as usize)).copied().unwrap_or_default()
    }

    /// Bytes that the headers take.
    pub(super) fn header_bytes(&self) -> u64 {
        (self.headers * size_of::<Header>()) as u64
    }

    /// Counts spans as no longer wanted here, and as wanted by nobody unless they were `handed` on; lets go of the segment
    /// with the last of them.
    pub(super) fn remove(&mut self, slot: u32, spans: u32, bytes: u64, handed: bool) {
        let Some(held) = self.get_mut(slot) else { return };
        held.spans = held.spans.saturating_sub(spans);
        held.bytes = held.bytes.saturating_sub(bytes);
        if !handed {
            held.segment.release(bytes);
        }
        if held.spans == 0 {
            self.let_go(slot);
        }
    }

    /// Lets go of a segment that no span here stands in, if that is so.
    pub(super) fn let_go_if_unused(&mut self, slot: u32) {
        if self.get(slot).is_some_and(|held| held.spans == 0) {
            self.let_go(slot);
        }
    }

    pub(super) fn get(&self, slot: u32) -> Option<&HeldSegment> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut HeldSegment> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// `len` bytes at `start` of a segment.
    pub(super) fn bytes(&self, slot: u32, start: u32, len: u32) -> &[u8] {
        self.get(slot).and_then(|held| held.segment.bytes(start, len)).unwrap_or_default()
    }

    /// All of a segment's bytes.
    pub(super) fn segment_bytes(&self, slot: u32) -> &[u8] {
        self.get(slot).map(|held| held.segment.bytes_from(0)).unwrap_or_default()
    }

    /// All segments held, with their slots.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &HeldSegment)> {
        self.slots.iter().enumerate().filter_map(|(slot, held)| Some((slot as u32, held.as_ref()?)))
    }

    fn let_go(&mut self, slot: u32) {
        let Some(held) = self.slots.get_mut(slot as usize).and_then(Option::take) else { return };
        self.headers -= held.headers.len();
        if !held.copied {
            self.by_serial.remove(&held.segment.serial());
        }
        self.free.push(slot);
    }
}
