//! A whole `ExportTraceServiceRequest`: framing checked, each span visited with its resource and scope.
//!
//! 1. The outer levels are checked strictly: where request, `ResourceSpans` or `ScopeSpans` are broken, the request is.
//! 2. A span that is broken inside is counted as refused, with the first reason; its neighbours go through.
//! 3. So is every span of a broken resource or scope.
//! 4. The [`Header`] of each span is located before the span is visited, wherever its fields stand.

mod place;

pub use place::{Header, HeaderBytes, HeaderFields, Place, Range};

use super::fields::{entity_ref, request, resource, resource_spans, scope, scope_spans};
use super::keys::{KeyTable, Picked};
use super::span::{SpanError, SpanView};
use super::value::{Attribute, string};
use super::wire::{Reader, WireError, fields};
use place::Members;

/// An `InstrumentationScope`, as far as it tells producers apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeView<'a> {
    /// `name`
    pub name: &'a str,
    /// `version`
    pub version: &'a str,
}

/// One span on its way past.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a, 'p> {
    /// The `Span` message, without tag and length, in the bytes that are walked.
    pub range: Range,
    /// The location of its header in the same bytes.
    pub header: &'p Header,
    /// The number of headers whose spans were visited before, in this walk. Tables of a request's headers have no gaps.
    /// 0 when the span is visited again.
    pub header_index: u32,
    /// The known attributes of its resource.
    pub resource: &'p Picked<'a>,
    /// Its scope.
    pub scope: ScopeView<'a>,
    /// The span.
    pub span: SpanView<'a>,
    /// Its known attributes.
    pub attributes: &'p Picked<'a>,
}

/// What a walk counted. Bytes are those of `Span` messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Spans visited.
    pub spans: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Spans refused.
    pub refused: u64,
    /// Their bytes.
    pub refused_bytes: u64,
    /// Why the first of them was refused.
    pub reason: Option<String>,
    /// `ResourceSpans` and `ScopeSpans` with header fields between their members. The [`Header`]s of their spans lack these
    /// fields: such a request must be [put in order](super::order) before its spans are read by their headers.
    pub scattered: u64,
}

struct Walk<'a, 'k, F> {
    keys: &'k KeyTable,
    base: usize,
    /// The header of the `ScopeSpans` that is being walked.
    header: Header,
    header_index: u32,
    resource: Picked<'a>,
    attributes: Picked<'a>,
    tally: Tally,
    visit: F,
}

/// Walks `request`, calling `visit` for each good span in the order of the wire.
///
/// # Errors
/// When the request is broken outside of spans. `visit` may have been called for spans before that place.
pub fn walk<'a, F>(request: &'a [u8], keys: &KeyTable, visit: F) -> Result<Tally, WireError>
where
    F: FnMut(&Visit<'a, '_>),
{
    let mut walk = Walk {
        keys,
        base: request.as_ptr() as usize,
        header: Header::EMPTY,
        header_index: 0,
        resource: Picked::new(keys),
        attributes: Picked::new(keys),
        tally: Tally::default(),
        visit,
    };
    let mut reader = Reader::new(request);
    while let Some(field) = reader.next_field()? {
        if field.number == request::RESOURCE_SPANS {
            let message = field.value.bytes(field.start)?;
            walk.resource_spans(message).map_err(|error| at(error, field.end - message.len()))?;
        }
    }
    Ok(walk.tally)
}

/// The `ResourceSpans` messages of a request whose framing was checked.
pub fn resource_spans_of(request: &[u8]) -> impl Iterator<Item = &[u8]> + use<'_> {
    fields(request, request::RESOURCE_SPANS)
}

// === impl Walk ===

impl<'a, F: FnMut(&Visit<'a, '_>)> Walk<'a, '_, F> {
    fn resource_spans(&mut self, bytes: &'a [u8]) -> Result<(), WireError> {
        // The resource may stand behind its spans: it is read first, in a pass that skips them.
        self.resource.clear();
        let (mut fault, mut scopes) = (None, Members::default());
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.next_field()? {
            match field.number {
                resource_spans::RESOURCE => {
                    let message = field.value.bytes(field.start)?;
                    fault = fault.or(self.resource(message).err());
                }
                resource_spans::SCOPE_SPANS => {
                    field.value.bytes(field.start)?;
                    scopes.add(&field);
                }
                resource_spans::SCHEMA_URL => {
                    let bytes = field.value.bytes(field.start)?;
                    fault = fault.or(string(bytes, field.start).err());
                }
                _ => {}
            }
        }
        self.header.resource = scopes.enclosing(Range::in_base(self.base, bytes));
        self.tally.scattered += u64::from(scopes.scattered);
        let fault = fault.map(|error| format!("malformed resource: {error}"));
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.next_field()? {
            if field.number == resource_spans::SCOPE_SPANS {
                let message = field.value.bytes(field.start)?;
                let inner = field.end - message.len();
                self.scope_spans(message, fault.as_deref()).map_err(|error| at(error, inner))?;
            }
        }
        Ok(())
    }

    fn resource(&mut self, bytes: &'a [u8]) -> Result<(), WireError> {
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.next_field()? {
            match field.number {
                resource::ATTRIBUTES => {
                    self.resource.take(self.keys, field.value.bytes(field.start)?)?;
                }
                resource::DROPPED_ATTRIBUTES_COUNT => drop(field.value.varint(field.start)?),
                resource::ENTITY_REFS => check_entity_ref(field.value.bytes(field.start)?)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn scope_spans(&mut self, bytes: &'a [u8], fault: Option<&str>) -> Result<(), WireError> {
        let mut view = ScopeView::default();
        let (mut own, mut spans) = (None, Members::default());
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.next_field()? {
            match field.number {
                scope_spans::SCOPE => own = own.or(view.merge(field.value.bytes(field.start)?).err()),
                scope_spans::SPANS => {
                    field.value.bytes(field.start)?;
                    spans.add(&field);
                }
                scope_spans::SCHEMA_URL => {
                    let bytes = field.value.bytes(field.start)?;
                    own = own.or(string(bytes, field.start).err());
                }
                _ => {}
            }
        }
        self.header.scope = spans.enclosing(Range::in_base(self.base, bytes));
        self.tally.scattered += u64::from(spans.scattered);
        let own = own.map(|error| format!("malformed scope: {error}"));
        let fault = fault.or(own.as_deref());
        let visited = self.tally.spans;
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.next_field()? {
            if field.number == scope_spans::SPANS {
                self.span(field.value.bytes(field.start)?, view, fault);
            }
        }
        self.header_index += u32::from(self.tally.spans > visited);
        Ok(())
    }

    fn span(&mut self, bytes: &'a [u8], view: ScopeView<'a>, fault: Option<&str>) {
        if let Some(fault) = fault {
            return self.refuse(bytes, || fault.to_owned());
        }
        match SpanView::parse(bytes, self.keys, &mut self.attributes) {
            Ok(span) => {
                self.tally.spans += 1;
                self.tally.bytes += bytes.len() as u64;
                (self.visit)(&Visit {
                    range: Range::in_base(self.base, bytes),
                    header: &self.header,
                    header_index: self.header_index,
                    resource: &self.resource,
                    scope: view,
                    span,
                    attributes: &self.attributes,
                });
            }
            Err(error) => self.refuse(bytes, || reason(error, bytes)),
        }
    }

    #[cold]
    fn refuse(&mut self, bytes: &[u8], reason: impl FnOnce() -> String) {
        self.tally.refused += 1;
        self.tally.refused_bytes += bytes.len() as u64;
        self.tally.reason.get_or_insert_with(reason);
    }
}

// === impl Visit ===

impl Visit<'_, '_> {
    /// Where [`Revisit`](super::revisit::Revisit) finds the span again.
    pub fn place(&self) -> Place {
        Place { header: *self.header, span: self.range }
    }
}

// === impl ScopeView ===

impl<'a> ScopeView<'a> {
    /// Reads a scope over what is known of it: one that is there twice is one message.
    pub(super) fn merge(&mut self, bytes: &'a [u8]) -> Result<(), WireError> {
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.next_field()? {
            let at = field.start;
            match field.number {
                scope::NAME => self.name = string(field.value.bytes(at)?, at)?,
                scope::VERSION => self.version = string(field.value.bytes(at)?, at)?,
                scope::ATTRIBUTES => drop(Attribute::parse(field.value.bytes(at)?)?),
                scope::DROPPED_ATTRIBUTES_COUNT => drop(field.value.varint(at)?),
                _ => {}
            }
        }
        Ok(())
    }
}

fn check_entity_ref(bytes: &[u8]) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next_field()? {
        let at = field.start;
        match field.number {
            entity_ref::SCHEMA_URL | entity_ref::TYPE | entity_ref::ID_KEYS | entity_ref::DESCRIPTION_KEYS => {
                string(field.value.bytes(at)?, at)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn at(error: WireError, base: usize) -> WireError {
    WireError { offset: error.offset.saturating_add(base), ..error }
}

fn reason(error: SpanError, bytes: &[u8]) -> String {
    use super::fields::span::NAME;
    let name = fields(bytes, NAME).next().and_then(|name| std::str::from_utf8(name).ok());
    match name {
        Some(name) => format!("{error} (span {:?})", name.chars().take(64).collect::<String>()),
        None => error.to_string(),
    }
}
