use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as Request;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use super::*;
use crate::otlp::keys::KeyTable;
use crate::otlp::order::in_order;
use crate::otlp::put::{put_len, put_varint_field};
use crate::otlp::walk::{HeaderFields, walk};

fn attribute(key: &str, text: &str) -> KeyValue {
    let value = Some(any_value::Value::StringValue(text.into()));
    KeyValue { key: key.into(), value: Some(AnyValue { value }), ..Default::default() }
}

fn span(id: u8, attributes: &[(&str, &str)]) -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![id; 8],
        name: format!("span {id}"),
        attributes: attributes.iter().map(|(key, text)| attribute(key, text)).collect(),
        ..Default::default()
    }
}

fn scope_spans(scope: &str, spans: Vec<Span>) -> ScopeSpans {
    let scope = Some(InstrumentationScope { name: scope.into(), ..Default::default() });
    ScopeSpans { scope, spans, schema_url: "scope-schema".into() }
}

fn resource_spans(service: &str, scope_spans: Vec<ScopeSpans>) -> ResourceSpans {
    let resource = Some(Resource { attributes: vec![attribute("service.name", service)], ..Default::default() });
    ResourceSpans { resource, scope_spans, schema_url: "schema".into() }
}

fn request(resource_spans: Vec<ResourceSpans>) -> Vec<u8> {
    Request { resource_spans }.encode_to_vec()
}

fn pieces(segment: &[u8]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    walk(segment, &KeyTable::default(), |visit| {
        let Range { start, len } = visit.range;
        pieces.push(Piece { segment, header: *visit.header, start, len, append: &[], without: &[] });
    })
    .unwrap();
    pieces
}

fn joined(pieces: &[Piece<'_>], max_bytes: usize) -> Vec<Joined> {
    let mut chunks = Vec::new();
    assert_eq!(join(pieces, max_bytes, &mut |chunk| chunks.push(chunk)), Unjoined::default());
    for chunk in &chunks {
        assert_eq!(chunk.bytes.len(), chunk.bytes.capacity(), "one allocation of the right size");
    }
    chunks
}

fn decoded(chunks: &[Joined]) -> Vec<ResourceSpans> {
    chunks.iter().flat_map(|chunk| Request::decode(chunk.bytes.as_slice()).unwrap().resource_spans).collect()
}

fn sample() -> Vec<u8> {
    request(vec![
        resource_spans(
            "a",
            vec![scope_spans("x", vec![span(1, &[]), span(2, &[])]), scope_spans("y", vec![span(3, &[])])],
        ),
        resource_spans("b", vec![scope_spans("x", vec![span(4, &[])])]),
        resource_spans("a", vec![scope_spans("x", vec![span(5, &[])])]),
    ])
}

#[test]
fn equal_resources_and_scopes_are_merged_and_unlike_ones_are_not() {
    let (first, second) = (sample(), sample());
    let mut all = pieces(&first);
    all.extend(pieces(&second));
    let chunks = joined(&all, usize::MAX);
    let spans = |ids: &[u8]| ids.iter().map(|id| span(*id, &[])).collect::<Vec<_>>();
    let expected = [
        resource_spans("a", vec![scope_spans("x", spans(&[1, 2, 5, 1, 2, 5])), scope_spans("y", spans(&[3, 3]))]),
        resource_spans("b", vec![scope_spans("x", spans(&[4, 4]))]),
    ];
    assert_eq!(decoded(&chunks), expected);
    assert_eq!(chunks[0].spans, 10);
    assert_eq!(chunks[0].span_bytes, all.iter().map(|piece| u64::from(piece.len)).sum::<u64>());
}

#[test]
fn only_the_pieces_given_go_out() {
    let segment = sample();
    let all = pieces(&segment);
    let expected = [resource_spans("b", vec![scope_spans("x", vec![span(4, &[])])])];
    assert_eq!(decoded(&joined(&all[3..4], 0)), expected);
    assert!(joined(&[], 100).is_empty());
}

#[test]
fn chunks_are_as_full_as_the_limit_lets_them_be() {
    let spans = (0..200).map(|id| span(id + 1, &[("k", "some text")])).collect();
    let segment = request(vec![resource_spans("a", vec![scope_spans("x", spans)])]);
    let all = pieces(&segment);
    let whole = joined(&all, usize::MAX);
    let [Joined { bytes, .. }] = whole.as_slice() else { panic!("{} chunks", whole.len()) };
    assert_eq!(bytes.len(), segment.len(), "framing is no longer than it was");
    let most = joined(&all[..1], usize::MAX)[0].bytes.len();
    for max in [300, 1000, segment.len() - 1, segment.len()] {
        let chunks = joined(&all, max);
        assert!(chunks.iter().all(|chunk| chunk.bytes.len() <= max));
        assert!(chunks.windows(2).all(|pair| pair[0].bytes.len() + most > max), "room was left");
        assert_eq!(chunks.iter().map(|chunk| chunk.spans).sum::<u64>(), 200);
        assert_eq!(chunks.len() == 1, max == segment.len());
    }
    assert_eq!(joined(&all, most).len(), 200);
}

#[test]
fn huge_headers_are_not_repeated_for_every_small_span() {
    let spans = (0..200).map(|id| span(id + 1, &[])).collect();
    let segment = request(vec![
        resource_spans(&"a".repeat(5_000), vec![scope_spans("x", spans)]),
        resource_spans("b", vec![scope_spans("x", vec![span(1, &[])])]),
    ]);
    let chunks = joined(&pieces(&segment), 6_000);
    assert!(chunks.iter().map(|chunk| chunk.bytes.len()).sum::<usize>() < 3 * segment.len());
    assert_eq!(decoded(&chunks).len(), chunks.len(), "a resource that keeps to the limit is not made to pay");
    assert!(chunks.last().unwrap().bytes.len() < 6_000);
}

#[test]
fn what_is_appended_stands_behind_the_span_as_it_came() {
    let segment = request(vec![resource_spans("a", vec![scope_spans("x", vec![span(1, &[("k", "old")])])])]);
    let mut append = Vec::new();
    put_len(&mut append, 9, &attribute("new", "text").encode_to_vec());
    put_len(&mut append, 3, b"ot=th:8");
    let mut all = pieces(&segment);
    all[0].append = &append;
    let out = &decoded(&joined(&all, 0))[0].scope_spans[0].spans[0];
    assert_eq!(out.attributes, [attribute("k", "old"), attribute("new", "text")]);
    assert_eq!(out.trace_state, "ot=th:8");
    let bytes = &joined(&all, 0)[0].bytes;
    let came = [span(1, &[("k", "old")]).encode_to_vec(), append.clone()].concat();
    assert!(bytes.windows(came.len()).any(|window| window == came));
}

#[test]
fn attributes_that_are_written_anew_are_left_out() {
    let attributes = [("a", "1"), ("k", "old"), ("b", "2"), ("k", "older"), ("kk", "3")];
    let mut bytes = span(1, &attributes).encode_to_vec();
    // An event is no attribute, and the last key of a KeyValue is its key.
    let event = Event { attributes: vec![attribute("k", "event")], ..Default::default() };
    put_len(&mut bytes, 11, &event.encode_to_vec());
    let twice = [attribute("x", "").encode_to_vec(), attribute("k", "").encode_to_vec()].concat();
    put_len(&mut bytes, 9, &twice);
    let (mut inner, mut outer, mut segment) = (Vec::new(), Vec::new(), Vec::new());
    put_len(&mut inner, 2, &bytes);
    put_len(&mut outer, 2, &inner);
    put_len(&mut segment, 1, &outer);
    let piece = Piece { without: &["k", "absent"], ..pieces(&segment)[0] };
    let out = &decoded(&joined(&[piece], 0))[0].scope_spans[0].spans[0];
    assert_eq!(out.attributes, [attribute("a", "1"), attribute("b", "2"), attribute("kk", "3")]);
    assert_eq!(out.events, [event]);
}

/// A request of two scopes of two spans each, with header fields in front of the members of each message, behind them and,
/// if `scattered`, between them. Beside it, one with all of them in front, and only one scope: both are alike.
fn header_fields_everywhere(scattered: bool) -> [Vec<u8>; 2] {
    let mut scope_spans = Vec::new();
    put_varint_field(&mut scope_spans, 900, 7);
    put_len(&mut scope_spans, 2, &span(1, &[]).encode_to_vec());
    if scattered {
        put_len(&mut scope_spans, 3, b"first");
    }
    put_len(&mut scope_spans, 2, &span(2, &[]).encode_to_vec());
    put_len(&mut scope_spans, 3, b"second");
    let mut resource_spans = Vec::new();
    put_len(&mut resource_spans, 2, &scope_spans);
    if scattered {
        put_varint_field(&mut resource_spans, 901, 8);
    }
    put_len(&mut resource_spans, 2, &scope_spans);
    put_len(&mut resource_spans, 3, b"schema");
    let mut segment = Vec::new();
    put_len(&mut segment, 1, &resource_spans);

    let (mut scope, mut resource, mut expected) = (Vec::new(), Vec::new(), Vec::new());
    put_varint_field(&mut scope, 900, 7);
    if scattered {
        put_len(&mut scope, 3, b"first");
    }
    put_len(&mut scope, 3, b"second");
    for id in [1, 2, 1, 2] {
        put_len(&mut scope, 2, &span(id, &[]).encode_to_vec());
    }
    if scattered {
        put_varint_field(&mut resource, 901, 8);
    }
    put_len(&mut resource, 3, b"schema");
    put_len(&mut resource, 2, &scope);
    put_len(&mut expected, 1, &resource);
    [segment, expected]
}

#[test]
fn fields_of_resource_and_scope_are_copied_wherever_they_stand() {
    let [segment, expected] = header_fields_everywhere(false);
    assert_eq!(joined(&pieces(&segment), usize::MAX)[0].bytes, expected);
    let [segment, expected] = header_fields_everywhere(true);
    let ordered = in_order(&segment).unwrap();
    assert_eq!(joined(&pieces(&ordered), usize::MAX)[0].bytes, expected);
}

#[test]
fn headers_are_merged_that_differ_only_in_where_their_members_stand() {
    let [segment, expected] = header_fields_everywhere(false);
    let forward = copy_forward(&pieces(&segment));
    assert_eq!(forward.bytes, expected);
    let both = [pieces(&segment), pieces(&forward.bytes)].concat();
    let [resource] = &decoded(&joined(&both, usize::MAX))[..] else { panic!() };
    let [scope] = &resource.scope_spans[..] else { panic!("{resource:?}") };
    assert_eq!((scope.spans.len(), &scope.schema_url[..], &resource.schema_url[..]), (8, "second", "schema"));
}

#[test]
fn offsets_that_name_no_span_are_counted_and_hurt_nobody() {
    let segment = sample();
    let all = pieces(&segment);
    let good = all[1];
    let Header { resource, scope } = good.header;
    let shifted = |range: Range| Range { start: range.start + 1, ..range };
    let longer = |range: Range| Range { len: range.len + 1, ..range };
    let in_resource = |resource| Piece { header: Header { resource, scope }, ..good };
    let in_scope = |scope| Piece { header: Header { resource, scope }, ..good };
    let wrong = [
        in_resource(HeaderFields { front: shifted(resource.front), ..resource }),
        in_resource(HeaderFields { back: shifted(resource.back), ..resource }),
        in_resource(HeaderFields { front: Range { start: u32::MAX, len: u32::MAX }, ..resource }),
        in_resource(HeaderFields { front: longer(resource.front), ..resource }),
        in_resource(HeaderFields { front: resource.back, back: resource.front }),
        in_resource(all[3].header.resource),
        in_scope(HeaderFields { front: shifted(scope.front), ..scope }),
        in_scope(HeaderFields { back: shifted(scope.back), ..scope }),
        in_scope(HeaderFields { back: Range { start: u32::MAX, len: 0 }, ..scope }),
        in_scope(HeaderFields { back: longer(scope.back), ..scope }),
        in_scope(HeaderFields { front: scope.back, back: scope.front }),
        in_scope(all[2].header.scope),
        in_scope(all[3].header.scope),
        Piece { start: 0, ..good },
        Piece { start: all[2].start, ..good },
        Piece { len: u32::MAX, ..good },
        Piece { start: u32::MAX, len: u32::MAX, ..good },
        Piece { segment: &segment[..good.start as usize], ..good },
        Piece { len: good.len - 1, without: &["k"], ..good },
    ];
    for piece in wrong {
        let mut chunks = Vec::new();
        let unjoined = join(&[piece, good], usize::MAX, &mut |chunk| chunks.push(chunk));
        assert_eq!(unjoined, Unjoined { spans: 1, span_bytes: u64::from(piece.len) }, "{piece:?}");
        assert_eq!(decoded(&chunks)[0].scope_spans[0].spans, [span(2, &[])]);
    }
}

#[test]
fn copied_spans_are_where_they_are_said_to_be() {
    let (first, second) = (sample(), sample());
    let (first, second) = (pieces(&first), pieces(&second));
    let wrong = Piece { len: u32::MAX, ..first[0] };
    let kept = [second[4], first[3], wrong, second[0], first[0]];
    let copied = copy_forward(&kept);
    assert_eq!(copied.bytes.len(), copied.bytes.capacity());
    let mut walked = Vec::new();
    let tally = walk(&copied.bytes, &KeyTable::default(), |visit| walked.push((visit.place(), visit.header_index)));
    assert_eq!(tally.unwrap().scattered, 0);
    let told = [0, 3, 4, 1].map(|at| (copied.place(at).unwrap(), copied.spans[at].unwrap().0));
    assert_eq!(walked, told);
    assert_eq!((copied.place(2), copied.place(5)), (None, None));
    for (at, piece) in kept.iter().enumerate() {
        let Some(place) = copied.place(at) else { continue };
        let at = |start: u32, len: u32| start as usize..(start + len) as usize;
        assert_eq!(copied.bytes[at(place.span.start, place.span.len)], piece.segment[at(piece.start, piece.len)]);
    }
}
