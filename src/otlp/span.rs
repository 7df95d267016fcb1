//! One span, read in one pass: ids, times, status, and the attributes that were asked for; everything else is checked
//! and stays where it is.

use std::fmt;

use super::event::{EventNames, EventView};
use super::fields::{link, span, status};
use super::keys::{KeyTable, Picked};
use super::value::{Attribute, RawAttribute, checked, string};
use super::wire::{Reader, WireError, fields, tag};

/// A W3C trace id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TraceId(pub [u8; 16]);

/// A W3C span id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SpanId(pub [u8; 8]);

/// A year in nanoseconds.
const YEAR: u64 = 365 * 24 * 3600 * 1_000_000_000;

/// `Span.status.code` is ERROR.
pub const STATUS_ERROR: u32 = 2;

/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK`: the sender knows whether the parent is remote.
const HAS_IS_REMOTE: u32 = 0x100;
/// `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`: the parent is in another process.
const IS_REMOTE: u32 = 0x200;

/// What one pass over a span's bytes gives.
#[derive(Clone, Copy, Debug)]
pub struct SpanView<'a> {
    /// The whole span message.
    pub bytes: &'a [u8],
    /// `trace_id`, never zero.
    pub trace_id: TraceId,
    /// `span_id`, never zero.
    pub span_id: SpanId,
    /// `parent_span_id`, or zero when there is none.
    pub parent_id: SpanId,
    /// `flags`
    pub flags: u32,
    /// `trace_state`
    pub trace_state: &'a str,
    /// `name`
    pub name: &'a str,
    /// `kind` as on the wire (0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer).
    pub kind: u32,
    /// `start_time_unix_nano`
    pub start: u64,
    /// `end_time_unix_nano`
    pub end: u64,
    /// `status.code` as on the wire (0 unset, 1 ok, 2 error).
    pub status: u32,
    /// How many events there are.
    pub events: u32,
    /// How many links there are.
    pub links: u32,
    /// Names that the events may have.
    pub event_names: EventNames,
    /// Where the first event stands in the bytes.
    events_at: usize,
    /// Where the first status does; beyond the end where there is none.
    status_at: usize,
}

/// Why a span cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanError {
    /// Its framing or a string in it is broken.
    Wire(WireError),
    /// `trace_id` is not 16 bytes.
    TraceIdLength(usize),
    /// `trace_id` is all zeros.
    TraceIdZero,
    /// `span_id` is not 8 bytes.
    SpanIdLength(usize),
    /// `span_id` is all zeros.
    SpanIdZero,
    /// `parent_span_id` is neither empty nor 8 bytes.
    ParentIdLength(usize),
    /// The `trace_id` of a link is neither empty nor 16 bytes. Readers refuse whole requests for that.
    LinkTraceIdLength(usize),
    /// The `span_id` of a link is neither empty nor 8 bytes.
    LinkSpanIdLength(usize),
}

// === impl ids ===

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl SpanId {
    /// Whether all bytes are zero: no span.
    #[inline]
    pub fn is_zero(self) -> bool {
        self.0 == [0; 8]
    }
}

// === impl SpanView ===

impl<'a> SpanView<'a> {
    /// Reads and checks a `Span` message, putting the values of known attribute keys into `picked`, which is cleared
    /// first.
    ///
    /// # Errors
    /// When anything inside is not well-formed, or an id is missing, zero or of the wrong length.
    pub fn parse(bytes: &'a [u8], keys: &KeyTable, picked: &mut Picked<'a>) -> Result<Self, SpanError> {
        Self::read::<false>(bytes, keys, picked)
    }

    /// Reads a `Span` message that was checked before, as [`SpanView::parse`] does, but for what nobody asks for: that is
    /// passed by.
    ///
    /// # Errors
    /// As that, where they are seen.
    pub(super) fn parse_again(bytes: &'a [u8], keys: &KeyTable, picked: &mut Picked<'a>) -> Result<Self, SpanError> {
        Self::read::<true>(bytes, keys, picked)
    }

    #[inline(always)]
    fn read<const AGAIN: bool>(bytes: &'a [u8], keys: &KeyTable, picked: &mut Picked<'a>) -> Result<Self, SpanError> {
        let take = |picked: &mut Picked<'a>, attribute| match AGAIN {
            true => picked.take_again(keys, attribute),
            false => picked.take(keys, attribute),
        };
        picked.clear();
        let mut view = Self {
            bytes,
            trace_id: TraceId::default(),
            span_id: SpanId::default(),
            parent_id: SpanId::default(),
            flags: 0,
            trace_state: "",
            name: "",
            kind: 0,
            start: 0,
            end: 0,
            status: 0,
            events: 0,
            links: 0,
            event_names: EventNames::default(),
            events_at: 0,
            status_at: usize::MAX,
        };
        // The last one counts, as for every scalar: so none is judged before.
        let mut ids: (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
        let mut reader = Reader::new(bytes);
        // Every SDK writes these first, and in this order. Whatever else comes, or comes again, is read below.
        ids.0 = reader.next_if(tag(span::TRACE_ID, 2)).unwrap_or_default();
        ids.1 = reader.next_if(tag(span::SPAN_ID, 2)).unwrap_or_default();
        ids.2 = reader.next_if(tag(span::PARENT_SPAN_ID, 2)).unwrap_or_default();
        loop {
            if let Some(start) = reader.next_fixed64_if(tag(span::START_TIME, 1)) {
                view.start = start;
            }
            if let Some(end) = reader.next_fixed64_if(tag(span::END_TIME, 1)) {
                view.end = end;
            }
            while let Some(attribute) = reader.next_if(tag(span::ATTRIBUTES, 2)) {
                take(picked, attribute)?;
            }
            let Some(field) = reader.next_field()? else { break };
            let at = field.start;
            match field.number {
                span::ATTRIBUTES => take(picked, field.value.bytes(at)?)?,
                span::TRACE_ID => ids.0 = field.value.bytes(at)?,
                span::SPAN_ID => ids.1 = field.value.bytes(at)?,
                span::PARENT_SPAN_ID => ids.2 = field.value.bytes(at)?,
                span::TRACE_STATE => view.trace_state = string(field.value.bytes(at)?, at)?,
                span::NAME => view.name = string(field.value.bytes(at)?, at)?,
                span::KIND => view.kind = field.value.varint(at)? as u32,
                span::START_TIME => view.start = field.value.fixed64(at)?,
                span::END_TIME => view.end = field.value.fixed64(at)?,
                span::EVENTS => {
                    let event = field.value.bytes(at)?;
                    let names = view.event_names;
                    view.event_names = if AGAIN { EventNames::ANY } else { EventView::check(event, names)? };
                    view.events_at = if view.events == 0 { at } else { view.events_at };
                    view.events += 1;
                }
                span::LINKS => {
                    let link = field.value.bytes(at)?;
                    if !AGAIN {
                        check_link(link)?;
                    }
                    view.links += 1;
                }
                span::STATUS => {
                    view.status = status_code(field.value.bytes(at)?, view.status)?;
                    view.status_at = view.status_at.min(at);
                }
                span::FLAGS => view.flags = field.value.fixed32(at)?,
                span::DROPPED_ATTRIBUTES_COUNT | span::DROPPED_EVENTS_COUNT | span::DROPPED_LINKS_COUNT => {
                    field.value.varint(at)?;
                }
                _ => {}
            }
        }
        view.trace_id = trace_id(ids.0)?;
        view.span_id = span_id(ids.1)?;
        view.parent_id = parent_id(ids.2)?;
        Ok(view)
    }

    /// Whether the span has a parent that its sender says is in another process.
    #[inline]
    pub fn has_remote_parent(&self) -> bool {
        !self.parent_id.is_zero() && self.flags & (HAS_IS_REMOTE | IS_REMOTE) == HAS_IS_REMOTE | IS_REMOTE
    }

    /// End minus start, in nanoseconds; zero when the end is not after the start.
    #[inline]
    pub fn duration(&self) -> u64 {
        // Where the start is missing, the end alone is no duration.
        let alone = self.start == 0 && self.end > YEAR;
        if alone { 0 } else { self.end.saturating_sub(self.start) }
    }

    /// The events, in the order of the wire.
    pub fn events(&self) -> impl Iterator<Item = EventView<'a>> + use<'a> {
        let bytes = self.bytes.get(self.events_at..).unwrap_or_default();
        fields(bytes, span::EVENTS).take(self.events as usize).filter_map(|bytes| EventView::read(bytes).ok())
    }

    /// The trace ids of the links, in the order of the wire; malformed ones are left out.
    pub fn linked_traces(&self) -> impl Iterator<Item = TraceId> + use<'a> {
        fields(self.bytes, span::LINKS)
            .filter_map(|bytes| fields(bytes, link::TRACE_ID).last())
            .filter_map(|id| Some(TraceId(*<&[u8; 16]>::try_from(id).ok()?)))
    }

    /// All attributes, in the order of the wire.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        fields(self.bytes, span::ATTRIBUTES).filter_map(|bytes| Attribute::parse(bytes).ok())
    }

    /// `status.message`
    pub fn status_message(&self) -> &'a str {
        let bytes = self.bytes.get(self.status_at..).unwrap_or_default();
        let message = fields(bytes, span::STATUS).flat_map(|status| fields(status, status::MESSAGE)).last();
        message.and_then(|message| std::str::from_utf8(message).ok()).unwrap_or_default()
    }
}

// === impl SpanError ===

impl From<WireError> for SpanError {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl fmt::Display for SpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire(error) => write!(f, "malformed span: {error}"),
            Self::TraceIdLength(len) => write!(f, "trace_id has {len} bytes, not 16"),
            Self::TraceIdZero => f.write_str("trace_id is missing or all zeros"),
            Self::SpanIdLength(len) => write!(f, "span_id has {len} bytes, not 8"),
            Self::SpanIdZero => f.write_str("span_id is missing or all zeros"),
            Self::ParentIdLength(len) => write!(f, "parent_span_id has {len} bytes, not 0 or 8"),
            Self::LinkTraceIdLength(len) => write!(f, "trace_id of a link has {len} bytes, not 0 or 16"),
            Self::LinkSpanIdLength(len) => write!(f, "span_id of a link has {len} bytes, not 0 or 8"),
        }
    }
}

impl std::error::Error for SpanError {}

// === parts ===

fn trace_id(bytes: &[u8]) -> Result<TraceId, SpanError> {
    match <[u8; 16]>::try_from(bytes) {
        Ok(id) if id != [0; 16] => Ok(TraceId(id)),
        Err(_) if !bytes.is_empty() => Err(SpanError::TraceIdLength(bytes.len())),
        _ => Err(SpanError::TraceIdZero),
    }
}

fn span_id(bytes: &[u8]) -> Result<SpanId, SpanError> {
    match <[u8; 8]>::try_from(bytes) {
        Ok(id) if id != [0; 8] => Ok(SpanId(id)),
        Err(_) if !bytes.is_empty() => Err(SpanError::SpanIdLength(bytes.len())),
        _ => Err(SpanError::SpanIdZero),
    }
}

fn parent_id(bytes: &[u8]) -> Result<SpanId, SpanError> {
    match bytes.len() {
        0 => Ok(SpanId::default()),
        len => bytes.try_into().map(SpanId).map_err(|_| SpanError::ParentIdLength(len)),
    }
}

/// The code of a status, or that of an earlier one when it has none, as merging has it.
fn status_code(bytes: &[u8], before: u32) -> Result<u32, WireError> {
    let mut code = before;
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next_field()? {
        let at = field.start;
        match field.number {
            status::CODE => code = field.value.varint(at)? as u32,
            status::MESSAGE => drop(checked(field.value.bytes(at)?, at)?),
            _ => {}
        }
    }
    Ok(code)
}

fn check_link(bytes: &[u8]) -> Result<(), SpanError> {
    let (mut trace_id, mut span_id) = (0, 0);
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next_field()? {
        let at = field.start;
        match field.number {
            link::TRACE_ID => trace_id = field.value.bytes(at)?.len(),
            link::SPAN_ID => span_id = field.value.bytes(at)?.len(),
            link::TRACE_STATE => drop(checked(field.value.bytes(at)?, at)?),
            link::ATTRIBUTES => drop(RawAttribute::parse(field.value.bytes(at)?, 0)?),
            link::DROPPED_ATTRIBUTES_COUNT => drop(field.value.varint(at)?),
            link::FLAGS => drop(field.value.fixed32(at)?),
            _ => {}
        }
    }
    match (trace_id, span_id) {
        (0 | 16, 0 | 8) => Ok(()),
        (0 | 16, len) => Err(SpanError::LinkSpanIdLength(len)),
        (len, _) => Err(SpanError::LinkTraceIdLength(len)),
    }
}
