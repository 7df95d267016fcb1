//! What the OTLP proofs share: the recordings, generated requests, and an encoder that writes them as oddly as Protocol
//! Buffers allows.
#![allow(dead_code, reason = "each proof uses a part of it")]

use std::path::{Path, PathBuf};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as Request;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tailsieve::otlp::join::Piece;
use tailsieve::otlp::put::{put_fixed32, put_fixed64, put_len, put_varint, varint_len};
use tailsieve::otlp::walk::Place;
use tailsieve::otlp::wire::{Reader, Value as Wire};

// === recordings ===

/// All recorded requests with their paths, in order.
pub fn recordings() -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    collect(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings")), &mut files);
    files.sort();
    assert!(files.len() > 300, "only {} recordings", files.len());
    files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "binpb") {
            files.push(path);
        }
    }
}

// === generated requests ===

/// Requests of every shape; their ids are mostly good.
pub fn request() -> impl Strategy<Value = Request> {
    vec(resource_spans(), 0..4).prop_map(|resource_spans| Request { resource_spans })
}

fn resource_spans() -> impl Strategy<Value = ResourceSpans> {
    (option::of(resource()), vec(scope_spans(), 0..3), text())
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url })
}

fn resource() -> impl Strategy<Value = Resource> {
    (attributes(), any::<u32>(), vec(entity_ref(), 0..2)).prop_map(
        |(attributes, dropped_attributes_count, entity_refs)| Resource {
            attributes,
            dropped_attributes_count,
            entity_refs,
        },
    )
}

fn entity_ref() -> impl Strategy<Value = EntityRef> {
    (text(), text(), vec(text(), 0..3), vec(text(), 0..3)).prop_map(
        |(schema_url, r#type, id_keys, description_keys)| EntityRef { schema_url, r#type, id_keys, description_keys },
    )
}

fn scope_spans() -> impl Strategy<Value = ScopeSpans> {
    (option::of(scope()), vec(span(), 0..4), text()).prop_map(|(scope, spans, schema_url)| ScopeSpans {
        scope,
        spans,
        schema_url,
    })
}

fn scope() -> impl Strategy<Value = InstrumentationScope> {
    (text(), text(), attributes(), 0..3_u32).prop_map(|(name, version, attributes, dropped_attributes_count)| {
        InstrumentationScope { name, version, attributes, dropped_attributes_count }
    })
}

fn span() -> impl Strategy<Value = Span> {
    let ids = (id(16), id(8), prop_oneof![id(8), Just(Vec::new())]);
    let times = (any::<u64>(), any::<u64>(), any::<u32>(), 0..7_i32);
    let counts = (any::<u32>(), any::<u32>(), any::<u32>());
    let parts = (attributes(), vec(event(), 0..3), vec(link(), 0..3), option::of(status()));
    (ids, text(), text(), times, counts, parts).prop_map(|(ids, name, trace_state, times, counts, parts)| Span {
        trace_id: ids.0,
        span_id: ids.1,
        parent_span_id: ids.2,
        trace_state,
        name,
        start_time_unix_nano: times.0,
        end_time_unix_nano: times.1,
        flags: times.2,
        kind: times.3,
        dropped_attributes_count: counts.0,
        dropped_events_count: counts.1,
        dropped_links_count: counts.2,
        attributes: parts.0,
        events: parts.1,
        links: parts.2,
        status: parts.3,
    })
}

fn id(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![40 => vec(any::<u8>(), len), 1 => vec(0..1_u8, len), 1 => vec(any::<u8>(), 0..20)]
}

fn status() -> impl Strategy<Value = Status> {
    (text(), 0..4_i32).prop_map(|(message, code)| Status { message, code })
}

fn event() -> impl Strategy<Value = Event> {
    (any::<u64>(), text(), attributes(), any::<u32>()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    (id(16), id(8), text(), attributes(), any::<u32>()).prop_map(
        |(trace_id, span_id, trace_state, attributes, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count: 0,
            flags,
        },
    )
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec(key_value(option::of(any_value()).boxed()), 0..4)
}

fn key_value(value: BoxedStrategy<Option<AnyValue>>) -> impl Strategy<Value = KeyValue> {
    let key = prop_oneof![text(), "service\\.name|gen_ai\\.[a-c]"];
    (key, value).prop_map(|(key, value)| KeyValue { key, value, ..KeyValue::default() })
}

/// Values nested a little. Numbers are finite: there is no equality on `NaN`.
fn any_value() -> impl Strategy<Value = AnyValue> {
    let number = any::<f64>().prop_map(|number| if number.is_finite() { number } else { -0.0 });
    let leaf = prop_oneof![
        Just(None),
        text().prop_map(|text| Some(Value::StringValue(text))),
        any::<bool>().prop_map(|flag| Some(Value::BoolValue(flag))),
        any::<i64>().prop_map(|number| Some(Value::IntValue(number))),
        number.prop_map(|number| Some(Value::DoubleValue(number))),
        vec(any::<u8>(), 0..20).prop_map(|bytes| Some(Value::BytesValue(bytes))),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(5, 24, 4, |inner| {
        let entries = vec(key_value(option::of(inner.clone()).boxed()), 0..4);
        prop_oneof![
            vec(inner, 0..4).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            entries.prop_map(|values| Value::KvlistValue(KeyValueList { values })),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z.]{1,12}", ".{0,20}", "[ -~]{60,90}"]
}

/// A value of `levels` arrays or key-value lists in each other.
pub fn nested(levels: u32, lists: bool) -> AnyValue {
    let mut value = AnyValue { value: Some(Value::IntValue(1)) };
    for _ in 0..levels {
        let inner = match lists {
            true => Value::KvlistValue(KeyValueList {
                values: vec![KeyValue { key: "k".into(), value: Some(value), ..KeyValue::default() }],
            }),
            false => Value::ArrayValue(ArrayValue { values: vec![value] }),
        };
        value = AnyValue { value: Some(inner) };
    }
    value
}

/// Ids that OTLP readers take.
pub fn has_good_ids(span: &Span) -> bool {
    let good = |id: &[u8], len: usize| id.len() == len && id.iter().any(|byte| *byte != 0);
    good(&span.trace_id, 16)
        && good(&span.span_id, 8)
        && matches!(span.parent_span_id.len(), 0 | 8)
        && span.links.iter().all(|link| matches!(link.trace_id.len(), 0 | 16) && matches!(link.span_id.len(), 0 | 8))
}

/// The piece of a segment that a walk saw at `place`, with nothing changed.
pub fn piece(segment: &[u8], place: Place) -> Piece<'_> {
    let Place { header, span } = place;
    Piece { segment, header, start: span.start, len: span.len, append: &[], without: &[] }
}

// === odd encodings ===

/// A small random number generator (SplitMix64), so that an odd encoding is told by one number.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % sides
    }
}

/// The messages, as far as an odd encoder must know them.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Request,
    ResourceSpans,
    Resource,
    ScopeSpans,
    Scope,
    Span,
    Event,
    Link,
    Status,
    KeyValue,
    AnyValue,
    ArrayValue,
    KeyValueList,
    Other,
}

impl Kind {
    /// The message in field `number`.
    fn inner(self, number: u32) -> Option<Kind> {
        match (self, number) {
            (Self::Request, 1) => Some(Self::ResourceSpans),
            (Self::ResourceSpans, 1) => Some(Self::Resource),
            (Self::ResourceSpans, 2) => Some(Self::ScopeSpans),
            (Self::Resource, 1) | (Self::Scope, 3) | (Self::Span, 9) | (Self::Event, 3) | (Self::Link, 4) => {
                Some(Self::KeyValue)
            }
            (Self::Resource, 3) => Some(Self::Other),
            (Self::ScopeSpans, 1) => Some(Self::Scope),
            (Self::ScopeSpans, 2) => Some(Self::Span),
            (Self::Span, 11) => Some(Self::Event),
            (Self::Span, 13) => Some(Self::Link),
            (Self::Span, 15) => Some(Self::Status),
            (Self::KeyValue, 2) | (Self::ArrayValue, 1) => Some(Self::AnyValue),
            (Self::AnyValue, 5) => Some(Self::ArrayValue),
            (Self::AnyValue, 6) => Some(Self::KeyValueList),
            (Self::KeyValueList, 1) => Some(Self::KeyValue),
            _ => None,
        }
    }

    /// Singular message fields, which may be there a second time, empty.
    fn singular(self) -> &'static [u32] {
        match self {
            Self::ResourceSpans | Self::ScopeSpans => &[1],
            Self::Span => &[15],
            Self::KeyValue => &[2],
            _ => &[],
        }
    }
}

/// Writes a message anew with the same meaning: fields in another order, scalars twice, singular messages in parts,
/// varints longer than they need be, unknown fields and groups in between.
pub fn oddly(bytes: &[u8], kind: Kind, dice: &mut Dice) -> Vec<u8> {
    let mut fields: Vec<(u32, Vec<u8>)> = Vec::new();
    let mut present = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.next_field().unwrap() {
        let mut out = Vec::new();
        put_odd_field(&mut out, field.number, field.value, kind.inner(field.number), dice);
        present.push(field.number);
        let scalar = !matches!(field.value, Wire::Len(_)) || kind == Kind::Span && matches!(field.number, 1..=5);
        if scalar && dice.roll(8) == 0 {
            fields.push((field.number, out.clone()));
        }
        fields.push((field.number, out));
    }
    for number in kind.singular() {
        if present.contains(number) && dice.roll(4) == 0 {
            let mut out = Vec::new();
            put_len(&mut out, *number, &[]);
            fields.insert(dice.roll(fields.len() as u64 + 1) as usize, (*number, out));
        }
    }
    if dice.roll(3) == 0 {
        let number = [17, 99, 100_000, 0x1fff_ffff][dice.roll(4) as usize];
        fields.push((number, unknown(number, dice, 0)));
    }
    // Fields of equal number keep their order, all others may change places.
    for at in (1..fields.len()).rev() {
        let other = dice.roll(at as u64 + 1) as usize;
        if (other..=at).all(|between| between == at || fields[between].0 != fields[at].0)
            && (other..=at).all(|between| between == other || fields[between].0 != fields[other].0)
        {
            fields.swap(at, other);
        }
    }
    fields.into_iter().flat_map(|(_, bytes)| bytes).collect()
}

fn put_odd_field(out: &mut Vec<u8>, number: u32, value: Wire<'_>, inner: Option<Kind>, dice: &mut Dice) {
    let tag = |wire_type: u64| u64::from(number) << 3 | wire_type;
    match value {
        Wire::Varint(value) => {
            put_long_varint(out, tag(0), 5, dice);
            put_long_varint(out, value, 10, dice);
        }
        Wire::Len(bytes) => {
            let bytes = inner.map_or_else(|| bytes.to_vec(), |inner| oddly(bytes, inner, dice));
            put_long_varint(out, tag(2), 5, dice);
            put_long_varint(out, bytes.len() as u64, 10, dice);
            out.extend_from_slice(&bytes);
        }
        Wire::Fixed64(value) => put_fixed64(out, number, value),
        Wire::Fixed32(value) => put_fixed32(out, number, value),
        Wire::Group => unreachable!("nobody writes groups"),
    }
}

/// A varint of up to `most` bytes, however few it needs.
fn put_long_varint(out: &mut Vec<u8>, value: u64, most: usize, dice: &mut Dice) {
    let needed = varint_len(value);
    if needed == most || dice.roll(6) > 0 {
        return put_varint(out, value);
    }
    put_varint(out, value);
    if let Some(last) = out.last_mut() {
        *last |= 0x80;
    }
    let more = dice.roll((most - needed) as u64) as usize;
    out.extend(std::iter::repeat_n(0x80, more));
    out.push(0);
}

fn unknown(number: u32, dice: &mut Dice, depth: u32) -> Vec<u8> {
    let mut out = Vec::new();
    match dice.roll(if depth < 8 { 5 } else { 4 }) {
        0 => put_odd_field(&mut out, number, Wire::Varint(dice.roll(u64::MAX)), None, dice),
        1 => put_fixed64(&mut out, number, dice.roll(u64::MAX)),
        2 => put_len(&mut out, number, b"\xff\x00 not of us"),
        3 => put_fixed32(&mut out, number, 7),
        _ => {
            put_varint(&mut out, u64::from(number) << 3 | 3);
            for _ in 0..dice.roll(4) {
                let inner = 1 + dice.roll(30) as u32;
                out.extend(unknown(inner, dice, depth + 1));
            }
            put_varint(&mut out, u64::from(number) << 3 | 4);
        }
    }
    out
}
