//! Spans of a request that was walked before, one by one: where each stands is known.

use super::fields::{resource, resource_spans, scope_spans};
use super::keys::{KeyTable, Picked};
use super::span::SpanView;
use super::walk::{Place, ScopeView, Visit};
use super::wire::{Reader, fields};

/// Walks spans again, with their resources and scopes. Neighbours mostly have those in common, which are then read once.
#[derive(Debug)]
pub struct Revisit<'a, 'k> {
    keys: &'k KeyTable,
    resource: Picked<'a>,
    scope: ScopeView<'a>,
    attributes: Picked<'a>,
    /// Where `resource` was read: the address of the bytes, and the offset there.
    resource_at: Option<(usize, u32)>,
    /// The same of `scope`.
    scope_at: Option<(usize, u32)>,
}

// === impl Revisit ===

impl<'a, 'k> Revisit<'a, 'k> {
    /// Nothing was read yet.
    pub fn new(keys: &'k KeyTable) -> Self {
        let (resource, attributes) = (Picked::new(keys), Picked::new(keys));
        Self { keys, resource, scope: ScopeView::default(), attributes, resource_at: None, scope_at: None }
    }

    /// Walks one span: `bytes` is what its request was walked in, `place` where its fields begin there. `None` where no
    /// good span stands at that place.
    pub fn visit<T>(&mut self, bytes: &'a [u8], place: Place, visit: impl FnOnce(&Visit<'a, '_>) -> T) -> Option<T> {
        let at = |start: u32| Some((bytes.as_ptr() as usize, start));
        let (resource_at, scope_at) = (at(place.resource_spans.start), at(place.scope_spans.start));
        if self.resource_at != resource_at {
            self.resource_at = None;
            self.read_resource(bytes, place)?;
            self.resource_at = resource_at;
        }
        if self.scope_at != scope_at {
            self.scope_at = None;
            self.read_scope(bytes, place)?;
            self.scope_at = scope_at;
        }
        let start = place.span.start as usize;
        let span = bytes.get(start..start.checked_add(place.span.len as usize)?)?;
        let span = SpanView::parse_again(span, self.keys, &mut self.attributes).ok()?;
        Some(visit(&Visit { place, resource: &self.resource, scope: self.scope, span, attributes: &self.attributes }))
    }

    fn read_resource(&mut self, bytes: &'a [u8], place: Place) -> Option<()> {
        self.resource.clear();
        let mut reader = Reader::new(message(bytes, place.resource_spans.start)?);
        while let Some(field) = reader.next_field().ok()? {
            match field.number {
                resource_spans::RESOURCE => {
                    for attribute in fields(field.value.bytes(0).ok()?, resource::ATTRIBUTES) {
                        self.resource.take_again(self.keys, attribute).ok()?;
                    }
                }
                // There may be a thousand scopes, and nothing behind them.
                resource_spans::SCOPE_SPANS if place.headers_first => break,
                _ => {}
            }
        }
        Some(())
    }

    fn read_scope(&mut self, bytes: &'a [u8], place: Place) -> Option<()> {
        self.scope = ScopeView::default();
        let mut reader = Reader::new(message(bytes, place.scope_spans.start)?);
        while let Some(field) = reader.next_field().ok()? {
            match field.number {
                scope_spans::SCOPE => self.scope.merge(field.value.bytes(0).ok()?).ok()?,
                // There may be a thousand spans, and nothing behind them.
                scope_spans::SPANS if place.headers_first => break,
                _ => {}
            }
        }
        Some(())
    }
}

/// The body of the field that begins at `start`.
fn message(bytes: &[u8], start: u32) -> Option<&[u8]> {
    let mut reader = Reader::new(bytes.get(start as usize..)?);
    reader.next_field().ok()??.value.bytes(0).ok()
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
    use prost::Message;

    use super::*;
    use crate::otlp::event::EventNames;
    use crate::otlp::walk::walk;

    fn attribute(key: &str, text: String) -> Vec<KeyValue> {
        let value = Some(AnyValue { value: Some(Value::StringValue(text)) });
        vec![KeyValue { key: key.into(), value, ..KeyValue::default() }]
    }

    /// Two resources with two scopes of two spans each; the second resource has no attributes.
    fn request() -> Vec<u8> {
        let span = |id: u8| Span {
            trace_id: vec![1; 16],
            span_id: vec![id; 8],
            name: format!("span {id}"),
            attributes: if id.is_multiple_of(2) { attribute("own", id.to_string()) } else { Vec::new() },
            ..Span::default()
        };
        let scope = |id: u8| ScopeSpans {
            scope: Some(InstrumentationScope { name: format!("scope {id}"), ..InstrumentationScope::default() }),
            spans: vec![span(id), span(id + 1)],
            ..ScopeSpans::default()
        };
        let resource = |id: u8| ResourceSpans {
            resource: (id < 5).then(|| Resource { attributes: attribute("of", id.to_string()), ..Resource::default() }),
            scope_spans: vec![scope(id), scope(id + 2)],
            ..ResourceSpans::default()
        };
        ExportTraceServiceRequest { resource_spans: vec![resource(1), resource(5)] }.encode_to_vec()
    }

    #[test]
    fn a_span_is_seen_again_as_it_was_whatever_was_seen_before() {
        let (bytes, mut keys) = (request(), KeyTable::default());
        let [own, of] = ["own", "of"].map(|key| keys.add(key).unwrap());
        let shown = |visit: &Visit<'_, '_>| {
            let texts = (visit.attributes.get(own), visit.resource.get(of));
            format!("{} {} {texts:?} {:?}", visit.span.name, visit.scope.name, visit.place)
        };
        let mut seen = Vec::new();
        assert_eq!(walk(&bytes, &keys, |visit| seen.push((visit.place, shown(visit)))).unwrap().refused, 0);
        assert_eq!(seen.len(), 8);
        let mut again = Revisit::new(&keys);
        for at in [0, 1, 2, 3, 4, 5, 6, 7, 0, 4, 1, 7, 7, 2] {
            let (place, said) = &seen[at];
            assert_eq!(again.visit(&bytes, *place, shown).as_ref(), Some(said));
        }
    }

    #[test]
    fn values_of_every_kind_and_length_are_seen_again() {
        let text = |len: usize| Value::StringValue("ä".repeat(len));
        let list = ArrayValue { values: vec![AnyValue { value: Some(text(3)) }; 300] };
        let entries = KeyValueList { values: attribute("inner", "value".into()) };
        let values = [
            text(0),
            text(50),
            text(5_000),
            text(500_000),
            Value::BoolValue(true),
            Value::IntValue(-1),
            Value::IntValue(70_000),
            Value::DoubleValue(-0.5),
            Value::BytesValue(vec![0xff; 200]),
            Value::ArrayValue(list),
            Value::KvlistValue(entries),
        ];
        let named = |(n, value): (usize, &Value)| KeyValue {
            key: format!("key {n}"),
            value: Some(AnyValue { value: Some(value.clone()) }),
            ..KeyValue::default()
        };
        let event = Event { name: "exception".into(), attributes: attribute("k", "v".into()), ..Event::default() };
        let span = Span {
            trace_id: vec![1; 16],
            span_id: vec![1; 8],
            attributes: values.iter().enumerate().map(named).chain(attribute("not asked for", "x".into())).collect(),
            events: vec![event],
            links: vec![Link { trace_id: vec![2; 16], ..Link::default() }],
            status: Some(Status { code: 2, message: "broken".into() }),
            ..Span::default()
        };
        let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        let (bytes, mut keys) = (ExportTraceServiceRequest { resource_spans }.encode_to_vec(), KeyTable::default());
        let slots: Vec<_> = (0..values.len()).map(|n| keys.add(&format!("key {n}")).unwrap()).collect();
        let shown = |visit: &Visit<'_, '_>| {
            let values: Vec<_> = slots.iter().map(|slot| visit.attributes.get(*slot)).collect();
            let events: Vec<_> = visit.span.events().map(|event| (event.name(), event.attribute("k"))).collect();
            let links = visit.span.linked_traces().count();
            let met = visit.span.event_names.meet(EventNames::of(["exception"]));
            format!("{values:?} {events:?} {links} {met} {} {:?}", visit.span.status, visit.attributes.present())
        };
        let mut seen = Vec::new();
        walk(&bytes, &keys, |visit| seen.push((visit.place, shown(visit)))).unwrap();
        let (place, said) = &seen[0];
        assert_eq!(Revisit::new(&keys).visit(&bytes, *place, shown).as_ref(), Some(said));
    }

    #[test]
    fn a_place_without_a_span_is_none_and_spoils_nothing() {
        let (bytes, keys) = (request(), KeyTable::default());
        let mut places = Vec::new();
        walk(&bytes, &keys, |visit| places.push(visit.place)).unwrap();
        let mut again = Revisit::new(&keys);
        for offset in [3, bytes.len() as u32, u32::MAX] {
            let mut wrong = places[1];
            wrong.span.start = offset;
            assert!(again.visit(&bytes, wrong, |_| ()).is_none());
            wrong = places[1];
            (wrong.resource_spans.start, wrong.scope_spans.start) = (offset, offset);
            again.visit(&bytes, wrong, |_| ());
            let name = again.visit(&bytes, places[1], |visit| visit.scope.name.to_owned());
            assert_eq!(name.as_deref(), Some("scope 1"));
        }
    }
}
