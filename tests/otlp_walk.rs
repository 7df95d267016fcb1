//! The walker against prost: it sees what prost decodes, takes what prost takes, and nothing that prost does not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]

mod otlp_common;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as Request;
use opentelemetry_proto::tonic::common::v1 as proto;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use otlp_common::{Dice, Kind, has_good_ids, nested, oddly, piece, recordings, request};
use proptest::prelude::*;
use prost::Message;
use tailsieve::otlp::join::join;
use tailsieve::otlp::keys::{KeyTable, Picked, Slot};
use tailsieve::otlp::put::{put_len, put_varint};
use tailsieve::otlp::span::SpanView;
use tailsieve::otlp::value::{AnyValue, Attribute};
use tailsieve::otlp::walk::{Header, HeaderFields, ScopeView, Tally, Visit, walk};

const KEYS: [&str; 4] = ["service.name", "gen_ai.a", "gen_ai.b", ""];

/// Keys and values.
type Pairs = Vec<(String, Option<Value>)>;

/// All that the walker tells of a span, as prost has it.
#[derive(Debug, PartialEq)]
struct Seen {
    resource: Vec<Option<Option<Value>>>,
    picked: Vec<Option<Option<Value>>>,
    scope: (String, String),
    ids: (Vec<u8>, Vec<u8>, Vec<u8>),
    names: (String, String, String),
    numbers: (u64, u64, u32, u32, u32),
    attributes: Pairs,
    events: Vec<(u64, String, Pairs)>,
    linked: Vec<Vec<u8>>,
    links: usize,
}

fn keys() -> (KeyTable, Vec<Slot>) {
    let mut table = KeyTable::default();
    let slots = KEYS.iter().map(|key| table.add(key).unwrap()).collect();
    (table, slots)
}

// === what the walker says ===

fn walked(bytes: &[u8]) -> Result<(Vec<Seen>, Tally), String> {
    let (table, slots) = keys();
    let (mut all, mut headers) = (Vec::new(), Vec::new());
    let tally = walk(bytes, &table, |visit| {
        assert_eq!(visit.range.of(bytes), Some(visit.span.bytes));
        match headers.len() - visit.header_index as usize {
            0 => headers.push(*visit.header),
            known => assert_eq!((known, headers.last()), (1, Some(visit.header)), "headers are numbered without gaps"),
        }
        all.push((*visit.header, seen(visit, &slots)));
    });
    if tally.as_ref().is_ok_and(|tally| tally.scattered == 0) {
        all.iter().for_each(|(header, seen)| check_header(bytes, header, seen, &table, &slots));
    }
    let all = all.into_iter().map(|(_, seen)| seen).collect();
    tally.map(|tally| (all, tally)).map_err(|error| error.to_string())
}

/// What stands at `header` is all of the span's resource and scope.
fn check_header(bytes: &[u8], header: &Header, seen: &Seen, keys: &KeyTable, slots: &[Slot]) {
    let fields = |at: HeaderFields| at.of(bytes).unwrap().parts().concat();
    let span = Span { trace_id: vec![1; 16], span_id: vec![1; 8], ..Span::default() }.encode_to_vec();
    let (mut scope, mut resource, mut request) = (fields(header.scope), fields(header.resource), Vec::new());
    put_len(&mut scope, 2, &span);
    put_len(&mut resource, 2, &scope);
    put_len(&mut request, 1, &resource);
    let mut visited = 0;
    let check = |visit: &Visit<'_, '_>| {
        visited += 1;
        assert_eq!(picked(visit.resource, slots), seen.resource);
        assert_eq!((visit.scope.name, visit.scope.version), (&*seen.scope.0, &*seen.scope.1));
    };
    assert_eq!(walk(&request, keys, check).unwrap().scattered, 0);
    assert_eq!(visited, 1);
}

fn seen(visit: &Visit<'_, '_>, slots: &[Slot]) -> Seen {
    let Visit { span, scope: ScopeView { name, version }, .. } = *visit;
    let SpanView { trace_id, span_id, parent_id, start, end, kind, status, flags, .. } = span;
    let parent_id = if parent_id.is_zero() { Vec::new() } else { parent_id.0.to_vec() };
    let events: Vec<_> =
        span.events().map(|event| (event.time, event.name().into(), pairs(event.attributes()))).collect();
    assert_eq!(events.len(), span.events as usize);
    Seen {
        resource: picked(visit.resource, slots),
        picked: picked(visit.attributes, slots),
        scope: (name.into(), version.into()),
        ids: (trace_id.0.to_vec(), span_id.0.to_vec(), parent_id),
        names: (span.name.into(), span.trace_state.into(), span.status_message().into()),
        numbers: (start, end, kind, status, flags),
        attributes: pairs(span.attributes()),
        events,
        linked: span.linked_traces().map(|id| id.0.to_vec()).collect(),
        links: span.links as usize,
    }
}

fn picked(picked: &Picked<'_>, slots: &[Slot]) -> Vec<Option<Option<Value>>> {
    slots.iter().map(|slot| picked.get(*slot).map(value)).collect()
}

fn pairs<'a>(attributes: impl Iterator<Item = Attribute<'a>>) -> Pairs {
    attributes.map(|attribute| (attribute.key.into(), value(attribute.value))).collect()
}

fn value(given: AnyValue<'_>) -> Option<Value> {
    Some(match given {
        AnyValue::Empty => return None,
        AnyValue::Str(text) => Value::StringValue(text.into()),
        AnyValue::Bool(flag) => Value::BoolValue(flag),
        AnyValue::Int(number) => Value::IntValue(number),
        AnyValue::Double(number) => Value::DoubleValue(number),
        AnyValue::Bytes(bytes) => Value::BytesValue(bytes.into()),
        AnyValue::Array(_) => {
            let values = given.items().map(|item| proto::AnyValue { value: value(item) }).collect();
            Value::ArrayValue(proto::ArrayValue { values })
        }
        AnyValue::KvList(_) => {
            let entry =
                |entry: Attribute<'_>| key_value(entry.key, Some(proto::AnyValue { value: value(entry.value) }));
            Value::KvlistValue(proto::KeyValueList { values: given.entries().map(entry).collect() })
        }
    })
}

fn key_value(key: &str, value: Option<proto::AnyValue>) -> KeyValue {
    KeyValue { key: key.into(), value, ..KeyValue::default() }
}

// === what prost says ===

fn expected(request: &Request) -> Vec<Seen> {
    let mut all = Vec::new();
    for ResourceSpans { resource, scope_spans, .. } in &request.resource_spans {
        let resource = resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        for ScopeSpans { scope, spans, .. } in scope_spans {
            let spans = spans.iter().filter(|span| has_good_ids(span));
            all.extend(spans.map(|span| expected_span(span, resource, scope.clone().unwrap_or_default())));
        }
    }
    all
}

fn expected_span(span: &Span, resource: &[KeyValue], scope: InstrumentationScope) -> Seen {
    let events = &span.events;
    let status = span.status.clone().unwrap_or_default();
    let parent_id = if span.parent_span_id == [0; 8] { Vec::new() } else { span.parent_span_id.clone() };
    Seen {
        resource: expected_picked(resource),
        picked: expected_picked(&span.attributes),
        scope: (scope.name, scope.version),
        ids: (span.trace_id.clone(), span.span_id.clone(), parent_id),
        names: (span.name.clone(), span.trace_state.clone(), status.message),
        numbers: (span.start_time_unix_nano, span.end_time_unix_nano, span.kind as u32, status.code as u32, span.flags),
        attributes: expected_pairs(&span.attributes),
        events: events.iter().map(|e| (e.time_unix_nano, e.name.clone(), expected_pairs(&e.attributes))).collect(),
        linked: span.links.iter().map(|link| link.trace_id.clone()).filter(|id| id.len() == 16).collect(),
        links: span.links.len(),
    }
}

fn expected_picked(attributes: &[KeyValue]) -> Vec<Option<Option<Value>>> {
    let first = |key: &&str| attributes.iter().find(|attribute| attribute.key == **key).map(expected_value);
    KEYS.iter().map(first).collect()
}

fn expected_pairs(attributes: &[KeyValue]) -> Pairs {
    attributes.iter().map(|attribute| (attribute.key.clone(), expected_value(attribute))).collect()
}

/// An entry without a value is the same to us as one with an empty value.
fn expected_value(attribute: &KeyValue) -> Option<Value> {
    fn plain(value: proto::AnyValue) -> proto::AnyValue {
        let value = value.value.map(|value| match value {
            Value::ArrayValue(array) => {
                Value::ArrayValue(proto::ArrayValue { values: array.values.into_iter().map(plain).collect() })
            }
            Value::KvlistValue(list) => {
                let entry = |entry: KeyValue| key_value(&entry.key, Some(plain(entry.value.unwrap_or_default())));
                Value::KvlistValue(proto::KeyValueList { values: list.values.into_iter().map(entry).collect() })
            }
            value => value,
        });
        proto::AnyValue { value }
    }
    attribute.value.clone().and_then(|value| plain(value).value)
}

fn spans_of(request: &Request) -> u64 {
    let scopes = request.resource_spans.iter().flat_map(|resource_spans| &resource_spans.scope_spans);
    scopes.map(|scope_spans| scope_spans.spans.len() as u64).sum()
}

/// Both ways of what must hold for any bytes at all.
fn check_any(bytes: &[u8]) {
    match (Request::decode(bytes), walked(bytes)) {
        (Ok(request), Ok((seen, tally))) => {
            let ids = |all: &[Seen]| all.iter().map(|seen| seen.ids.clone()).collect::<Vec<_>>();
            assert_eq!(ids(&seen), ids(&expected(&request)));
            assert_eq!(tally.spans + tally.refused, spans_of(&request));
            assert_eq!(tally.reason.is_some(), tally.refused > 0);
        }
        (Ok(_), Err(error)) => panic!("prost decodes it, the walker says {error}"),
        // What is broken has refused spans in it, or none at all.
        (Err(_), _) => {}
    }
    let mut all = Vec::new();
    let walked = walk(bytes, &KeyTable::default(), |visit| all.push(piece(bytes, visit.place())));
    let mut joined = Vec::new();
    // Of a scattered request headers are incomplete, and spans are not.
    let unjoined = join(&all, usize::MAX, &mut |chunk| joined.extend(chunk.bytes));
    assert_eq!(unjoined.spans, 0);
    match Request::decode(joined.as_slice()) {
        Ok(request) => assert_eq!(spans_of(&request), all.len() as u64),
        Err(error) => panic!("{walked:?}, but of what is taken prost says {error}"),
    }
}

// === proofs ===

#[test]
fn every_recorded_span_is_seen_as_prost_sees_it() {
    let mut spans = 0;
    for (path, bytes) in recordings() {
        let request = Request::decode(bytes.as_slice()).unwrap();
        let (seen, tally) = walked(&bytes).unwrap();
        assert_eq!(seen, expected(&request), "{}", path.display());
        assert_eq!((tally.spans, tally.refused, tally.reason), (spans_of(&request), 0, None));
        spans += tally.spans;
    }
    assert!(spans > 1000, "{spans} spans");
}

#[test]
fn a_recording_cut_anywhere_is_refused_or_walked_in_part() {
    let mut folders = std::collections::HashSet::new();
    for (path, bytes) in recordings() {
        // One of each framework, and not a large one: each is walked and decoded once a byte.
        let framework = path.ancestors().nth(2).unwrap().to_owned();
        if bytes.len() > 8_000 || !folders.insert(framework) {
            continue;
        }
        let (_, whole) = walked(&bytes).unwrap();
        for cut in 0..bytes.len() {
            check_any(&bytes[..cut]);
            if let Ok((_, tally)) = walked(&bytes[..cut]) {
                assert!(tally.spans + tally.refused <= whole.spans, "cut at {cut}");
            }
        }
    }
    assert!(folders.len() >= 10, "{folders:?}");
}

#[test]
fn nesting_is_taken_as_deep_as_prost_takes_it_and_refused_before() {
    for lists in [false, true] {
        let (mut taken, mut decoded) = (0, 0);
        for levels in 0..60 {
            let attributes = vec![key_value("deep", Some(nested(levels, lists)))];
            let event = opentelemetry_proto::tonic::trace::v1::span::Event { attributes, ..Default::default() };
            let span = Span { trace_id: vec![1; 16], span_id: vec![1; 8], events: vec![event], ..Span::default() };
            let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
            let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
            let bytes = Request { resource_spans }.encode_to_vec();
            let (_, tally) = walked(&bytes).unwrap();
            taken += tally.spans;
            decoded += u64::from(Request::decode(bytes.as_slice()).is_ok());
            assert!(tally.spans == 0 || Request::decode(bytes.as_slice()).is_ok(), "{levels} levels");
            assert!(tally.reason.is_none_or(|reason| reason.contains("nested too deep")));
        }
        let least = if lists { 25 } else { 38 };
        assert!(taken > least && decoded >= taken, "{taken} taken, {decoded} decoded");
    }
}

#[test]
fn fields_of_a_wrong_type_are_refused_wherever_prost_refuses_them() {
    let good = Span { trace_id: vec![1; 16], span_id: vec![1; 8], name: "n".into(), ..Span::default() };
    let wrap = |number: u32, bytes: &[u8]| {
        let mut out = Vec::new();
        put_len(&mut out, number, bytes);
        out
    };
    // Each known field and some unknown ones, in each message, with each wire type.
    let values: [(u64, &[u8]); 7] = [
        (0, &[1]),
        (0, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]),
        (1, &[0; 8]),
        (2, &[1, 0xff]),
        (2, &[0]),
        (3, &[]),
        (5, &[0; 4]),
    ];
    for number in 1..20_u32 {
        for (wire_type, body) in values {
            let mut field = Vec::new();
            put_varint(&mut field, u64::from(number) << 3 | wire_type);
            field.extend_from_slice(body);
            if wire_type == 3 {
                put_varint(&mut field, u64::from(number) << 3 | 4);
            }
            let in_span = |inner: &[u8]| wrap(1, &wrap(2, &wrap(2, &[&good.encode_to_vec()[..], inner].concat())));
            let with_span = |outer: &[u8]| wrap(1, &[outer, &wrap(2, &wrap(2, &good.encode_to_vec()))].concat());
            let in_scope = |inner: &[u8]| wrap(1, &wrap(2, &[inner, &wrap(2, &good.encode_to_vec())].concat()));
            let in_value = |inner: &[u8]| in_span(&wrap(9, &wrap(2, inner)));
            for bytes in [
                field.clone(),
                with_span(&field),
                with_span(&wrap(1, &field)),
                with_span(&wrap(1, &wrap(3, &field))),
                in_scope(&field),
                in_scope(&wrap(1, &field)),
                in_span(&field),
                in_span(&wrap(9, &field)),
                in_span(&wrap(11, &field)),
                in_span(&wrap(13, &field)),
                in_span(&wrap(15, &field)),
                in_value(&field),
                in_value(&wrap(5, &field)),
                in_value(&wrap(6, &field)),
                in_value(&wrap(5, &wrap(1, &field))),
                in_value(&wrap(6, &wrap(1, &field))),
            ] {
                check_any(&bytes);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn generated_requests_are_seen_as_prost_sees_them(request in request(), seed in any::<u64>()) {
        let bytes = oddly(&request.encode_to_vec(), Kind::Request, &mut Dice(seed));
        let decoded = Request::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(&decoded, &Request::decode(request.encode_to_vec().as_slice()).unwrap(), "the encoder is at fault");
        let (seen, tally) = walked(&bytes).unwrap();
        prop_assert_eq!(seen, expected(&decoded));
        prop_assert_eq!(tally.spans + tally.refused, spans_of(&decoded));
    }

    #[test]
    fn mutated_requests_are_taken_only_where_prost_takes_them(
        request in request(),
        seed in any::<u64>(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..4),
    ) {
        let mut bytes = oddly(&request.encode_to_vec(), Kind::Request, &mut Dice(seed));
        for (at, byte, edit) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => bytes[at] ^= 1 << (byte & 7),
                2 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        check_any(&bytes);
    }
}
