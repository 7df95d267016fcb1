//! Spans of a request that was walked before, one by one: where each stands is known.

use super::fields::{resource, resource_spans, scope_spans};
use super::keys::{KeyTable, Picked};
use super::span::{SpanView, fields};
use super::walk::{Place, ScopeView, Visit};
use super::wire::Reader;

/// Walks spans again, with their resources and scopes. Neighbours mostly have those in common, which are then read once.
#[derive(Debug)]
pub struct Revisit<'a, 'k> {
    keys: &'k KeyTable,
    resource: Picked<'a>,
    scope: ScopeView<'a>,
    attributes: Picked<'a>,
    /// Whose `resource` and `scope` those are: the address of the bytes, and the offsets of the two fields there.
    read: Option<(usize, u32, u32)>,
}

// === impl Revisit ===

impl<'a, 'k> Revisit<'a, 'k> {
    /// Nothing was read yet.
    pub fn new(keys: &'k KeyTable) -> Self {
        let (resource, attributes) = (Picked::new(keys), Picked::new(keys));
        Self { keys, resource, scope: ScopeView::default(), attributes, read: None }
    }

    /// Walks one span: `bytes` is what its request was walked in, `place` where its fields begin there. `None` where no
    /// good span stands at that place.
    pub fn visit<T>(&mut self, bytes: &'a [u8], place: Place, visit: impl FnOnce(&Visit<'a, '_>) -> T) -> Option<T> {
        let outer = (bytes.as_ptr() as usize, place.resource_spans.start, place.scope_spans.start);
        if self.read != Some(outer) {
            self.read = None;
            self.headers(bytes, place)?;
            self.read = Some(outer);
        }
        let start = place.span.start as usize;
        let span = bytes.get(start..start.checked_add(place.span.len as usize)?)?;
        let span = SpanView::parse(span, self.keys, &mut self.attributes).ok()?;
        Some(visit(&Visit { place, resource: &self.resource, scope: self.scope, span, attributes: &self.attributes }))
    }

    fn headers(&mut self, bytes: &'a [u8], place: Place) -> Option<()> {
        self.resource.clear();
        let resources = fields(message(bytes, place.resource_spans.start)?, resource_spans::RESOURCE);
        for attribute in resources.flat_map(|resource| fields(resource, resource::ATTRIBUTES)) {
            self.resource.take(self.keys, attribute).ok()?;
        }
        self.scope = ScopeView::default();
        for scope in fields(message(bytes, place.scope_spans.start)?, scope_spans::SCOPE) {
            self.scope.merge(scope).ok()?;
        }
        Some(())
    }
}

/// The body of the field that begins at `start`.
fn message(bytes: &[u8], start: u32) -> Option<&[u8]> {
    let mut reader = Reader::new(bytes.get(start as usize..)?);
    reader.next_field().ok()??.value.bytes(0).ok()
}
