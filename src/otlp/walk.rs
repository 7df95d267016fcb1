//! A whole `ExportTraceServiceRequest`: framing checked, each span visited with its resource and scope.
//!
//! 1. The outer levels are checked strictly: where request, `ResourceSpans` or `ScopeSpans` are broken, the request is.
//! 2. A span that is broken inside is counted as refused, with the first reason; its neighbours go through.
//! 3. So is every span of a broken resource or scope.

use super::fields::{entity_ref, request, resource, resource_spans, scope, scope_spans};
use super::keys::{KeyTable, Picked};
use super::span::{SpanError, SpanView};
use super::value::{Attribute, string};
use super::wire::{Reader, WireError, fields};

/// Where in the request a span stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The `resource_spans` field, its tag and length with it.
    pub resource_spans: Range,
    /// The `scope_spans` field, its tag and length with it.
    pub scope_spans: Range,
    /// The `Span` message, without tag and length.
    pub span: Range,
    /// Nothing stands behind the scopes in its `ResourceSpans` nor behind the spans in its `ScopeSpans`: what is in front of
    /// the first is all of their headers.
    pub headers_first: bool,
}

/// A byte range of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Offset of the first byte.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

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
    /// Where it stands.
    pub place: Place,
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
    /// The most scopes or spans of one message that have to be passed over to find all of a header.
    pub scattered: u32,
}

/// What a message says of its own header.
#[derive(Clone, Copy, Debug, Default)]
struct Layout {
    /// How many scopes or spans it has.
    members: u32,
    /// Something stands behind the first of them.
    behind: bool,
}

struct Walk<'a, 'k, F> {
    keys: &'k KeyTable,
    base: usize,
    /// The `resource_spans` and `scope_spans` fields that are being walked.
    outer: (Range, Range),
    /// Of the same.
    layouts: (Layout, Layout),
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
        outer: (Range::default(), Range::default()),
        layouts: (Layout::default(), Layout::default()),
        resource: Picked::new(keys),
        attributes: Picked::new(keys),
        tally: Tally::default(),
        visit,
    };
    let mut reader = Reader::new(request);
    while let Some(field) = reader.next_field()? {
        if field.number == request::RESOURCE_SPANS {
            let message = field.value.bytes(field.start)?;
            walk.outer.0 = whole(field.start, field.end);
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
        self.layouts.0 = Layout::default();
        let mut fault = None;
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.next_field()? {
            self.layouts.0.add(field.number == resource_spans::SCOPE_SPANS);
            match field.number {
                resource_spans::RESOURCE => {
                    let message = field.value.bytes(field.start)?;
                    fault = fault.or(self.resource(message).err());
                }
                resource_spans::SCOPE_SPANS => drop(field.value.bytes(field.start)?),
                resource_spans::SCHEMA_URL => {
                    let bytes = field.value.bytes(field.start)?;
                    fault = fault.or(string(bytes, field.start).err());
                }
                _ => {}
            }
        }
        let fault = fault.map(|error| format!("malformed resource: {error}"));
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.next_field()? {
            if field.number == resource_spans::SCOPE_SPANS {
                let message = field.value.bytes(field.start)?;
                let base = range(self.base, bytes).start as usize;
                self.outer.1 = whole(base + field.start, base + field.end);
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
        let mut own = None;
        self.layouts.1 = Layout::default();
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.next_field()? {
            self.layouts.1.add(field.number == scope_spans::SPANS);
            match field.number {
                scope_spans::SCOPE => own = own.or(view.merge(field.value.bytes(field.start)?).err()),
                scope_spans::SPANS => drop(field.value.bytes(field.start)?),
                scope_spans::SCHEMA_URL => {
                    let bytes = field.value.bytes(field.start)?;
                    own = own.or(string(bytes, field.start).err());
                }
                _ => {}
            }
        }
        if !self.headers_first() {
            let (resource, scope) = self.layouts;
            self.tally.scattered = self.tally.scattered.max(resource.members).max(scope.members);
        }
        let own = own.map(|error| format!("malformed scope: {error}"));
        let fault = fault.or(own.as_deref());
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.next_field()? {
            if field.number == scope_spans::SPANS {
                self.span(field.value.bytes(field.start)?, view, fault);
            }
        }
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
                let (resource_spans, scope_spans) = self.outer;
                let (at, headers_first) = (range(self.base, bytes), self.headers_first());
                let place = Place { resource_spans, scope_spans, span: at, headers_first };
                let visit = Visit { place, resource: &self.resource, scope: view, span, attributes: &self.attributes };
                (self.visit)(&visit);
            }
            Err(error) => self.refuse(bytes, || reason(error, bytes)),
        }
    }

    /// [`Place::headers_first`] of the spans that are being walked.
    fn headers_first(&self) -> bool {
        !self.layouts.0.behind && !self.layouts.1.behind
    }

    #[cold]
    fn refuse(&mut self, bytes: &[u8], reason: impl FnOnce() -> String) {
        self.tally.refused += 1;
        self.tally.refused_bytes += bytes.len() as u64;
        self.tally.reason.get_or_insert_with(reason);
    }
}

// === impl Layout ===

impl Layout {
    /// Takes a field in, in the order of the wire.
    fn add(&mut self, is_member: bool) {
        self.members += u32::from(is_member);
        self.behind |= !is_member && self.members > 0;
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

fn whole(start: usize, end: usize) -> Range {
    let cut = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Range { start: cut(start), len: cut(end.saturating_sub(start)) }
}

fn range(base: usize, bytes: &[u8]) -> Range {
    let start = (bytes.as_ptr() as usize).saturating_sub(base);
    Range { start: u32::try_from(start).unwrap_or(u32::MAX), len: u32::try_from(bytes.len()).unwrap_or(u32::MAX) }
}

fn reason(error: SpanError, bytes: &[u8]) -> String {
    use super::fields::span::NAME;
    let name = fields(bytes, NAME).next().and_then(|name| std::str::from_utf8(name).ok());
    match name {
        Some(name) => format!("{error} (span {:?})", name.chars().take(64).collect::<String>()),
        None => error.to_string(),
    }
}
