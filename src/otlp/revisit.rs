//! Spans of a request that was walked before, one by one. Their places lead to headers and spans without a search.

use super::fields::{resource, resource_spans, scope_spans};
use super::keys::{KeyTable, Picked};
use super::span::SpanView;
use super::walk::{HeaderFields, Place, ScopeView, Visit};
use super::wire::fields;

/// Walks spans again, with their resources and scopes. Neighbours mostly have those in common, which are then read once.
#[derive(Debug)]
pub struct Revisit<'a, 'k> {
    keys: &'k KeyTable,
    resource: Picked<'a>,
    scope: ScopeView<'a>,
    attributes: Picked<'a>,
    /// Where `resource` was read: the address of the bytes, and the fields in them.
    resource_at: Option<(usize, HeaderFields)>,
    /// Where `scope` was read.
    scope_at: Option<(usize, HeaderFields)>,
}

// === impl Revisit ===

impl<'a, 'k> Revisit<'a, 'k> {
    /// Nothing was read yet.
    pub fn new(keys: &'k KeyTable) -> Self {
        let (resource, attributes) = (Picked::new(keys), Picked::new(keys));
        Self { keys, resource, scope: ScopeView::default(), attributes, resource_at: None, scope_at: None }
    }

    /// Walks one span. `bytes` are those from which the offsets of `place` count, and the header there must be complete: see
    /// [`Tally::scattered`](super::walk::Tally::scattered). Returns `None` if no valid span stands at `place`.
    pub fn visit<T>(&mut self, bytes: &'a [u8], place: Place, visit: impl FnOnce(&Visit<'a, '_>) -> T) -> Option<T> {
        let at = |fields| Some((bytes.as_ptr() as usize, fields));
        let Place { header, span: range } = place;
        if self.resource_at != at(header.resource) {
            self.resource_at = None;
            self.read_resource(bytes, header.resource)?;
            self.resource_at = at(header.resource);
        }
        if self.scope_at != at(header.scope) {
            self.scope_at = None;
            self.read_scope(bytes, header.scope)?;
            self.scope_at = at(header.scope);
        }
        let span = SpanView::parse_again(range.of(bytes)?, self.keys, &mut self.attributes).ok()?;
        Some(visit(&Visit {
            range,
            header: &header,
            header_index: 0,
            resource: &self.resource,
            scope: self.scope,
            span,
            attributes: &self.attributes,
        }))
    }

    fn read_resource(&mut self, bytes: &'a [u8], at: HeaderFields) -> Option<()> {
        self.resource.clear();
        for part in at.of(bytes)?.parts() {
            for resource in fields(part, resource_spans::RESOURCE) {
                for attribute in fields(resource, resource::ATTRIBUTES) {
                    self.resource.take_again(self.keys, attribute).ok()?;
                }
            }
        }
        Some(())
    }

    fn read_scope(&mut self, bytes: &'a [u8], at: HeaderFields) -> Option<()> {
        self.scope = ScopeView::default();
        for part in at.of(bytes)?.parts() {
            for scope in fields(part, scope_spans::SCOPE) {
                self.scope.merge(scope).ok()?;
            }
        }
        Some(())
    }
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
    use crate::otlp::put::{put_len, put_message};
    use crate::otlp::walk::{Header, Range, walk};

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
            format!("{} {} {texts:?} {:?}", visit.span.name, visit.scope.name, visit.place())
        };
        let mut seen = Vec::new();
        assert_eq!(walk(&bytes, &keys, |visit| seen.push((visit.place(), shown(visit)))).unwrap().refused, 0);
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
        walk(&bytes, &keys, |visit| seen.push((visit.place(), shown(visit)))).unwrap();
        let (place, said) = &seen[0];
        assert_eq!(Revisit::new(&keys).visit(&bytes, *place, shown).as_ref(), Some(said));
    }

    #[test]
    fn a_place_without_a_span_is_none_and_spoils_nothing() {
        let (bytes, keys) = (request(), KeyTable::default());
        let mut places = Vec::new();
        walk(&bytes, &keys, |visit| places.push(visit.place())).unwrap();
        let fields_at = |start| HeaderFields { front: Range { start, len: 9 }, back: Range { start, len: 9 } };
        let mut again = Revisit::new(&keys);
        for offset in [3, bytes.len() as u32, u32::MAX] {
            let mut wrong = places[1];
            wrong.span.start = offset;
            assert!(again.visit(&bytes, wrong, |_| ()).is_none());
            wrong = places[1];
            wrong.header = Header { resource: fields_at(offset), scope: fields_at(offset) };
            again.visit(&bytes, wrong, |_| ());
            let name = again.visit(&bytes, places[1], |visit| visit.scope.name.to_owned());
            assert_eq!(name.as_deref(), Some("scope 1"));
        }
    }

    #[test]
    fn headers_are_read_without_the_spans_between_front_and_back() {
        let span = |id: u16| Span {
            trace_id: vec![1; 16],
            span_id: [[9; 6].as_slice(), &id.to_be_bytes()].concat(),
            ..Span::default()
        };
        let resource = |key: &str| Resource { attributes: attribute(key, key.into()), ..Resource::default() };
        let scope = |name: &str, version: &str| InstrumentationScope {
            name: name.into(),
            version: version.into(),
            ..InstrumentationScope::default()
        };
        let mut bytes = Vec::new();
        put_message(&mut bytes, 1, |resource_spans| {
            put_len(resource_spans, 1, &resource("front").encode_to_vec());
            put_message(resource_spans, 2, |scope_spans| {
                put_len(scope_spans, 1, &scope("front", "").encode_to_vec());
                (1..=1002).for_each(|id| put_len(scope_spans, 2, &span(id).encode_to_vec()));
                put_len(scope_spans, 3, b"https://schema.example/behind");
                put_len(scope_spans, 1, &scope("", "behind").encode_to_vec());
            });
            put_len(resource_spans, 3, b"https://schema.example/behind");
            put_len(resource_spans, 1, &resource("behind").encode_to_vec());
        });
        let mut keys = KeyTable::default();
        let slots = ["front", "behind"].map(|key| keys.add(key).unwrap());
        let shown = |visit: &Visit<'_, '_>| {
            let texts = slots.map(|slot| visit.resource.get(slot));
            format!("{} {texts:?} {} {}", visit.span.span_id, visit.scope.name, visit.scope.version)
        };
        let mut seen = Vec::new();
        assert_eq!(walk(&bytes, &keys, |visit| seen.push((visit.place(), shown(visit)))).unwrap().scattered, 0);
        let (first, last) = (&seen[0], &seen[1001]);
        assert!(last.1.ends_with(r#"[Some(Str("front")), Some(Str("behind"))] front behind"#), "{}", last.1);
        let behind_first = (first.0.span.start + first.0.span.len) as usize;
        bytes[behind_first..last.0.span.start as usize].fill(0xff);
        for (place, said) in [first, last] {
            assert_eq!(Revisit::new(&keys).visit(&bytes, *place, shown).as_ref(), Some(said));
        }
        assert!(Revisit::new(&keys).visit(&bytes, seen[500].0, shown).is_none());
    }
}
