//! Joining: whatever came in goes out, span by span, under its own resource and scope, and as the bytes that it was.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]

mod otlp_common;

use std::collections::HashMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as Request;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use otlp_common::{Dice, Kind, oddly, piece, recordings, request};
use proptest::prelude::*;
use prost::Message;
use tailsieve::otlp::append::{put_attribute, put_trace_state};
use tailsieve::otlp::join::{Joined, Piece, Unjoined, copy_forward, join};
use tailsieve::otlp::keys::KeyTable;
use tailsieve::otlp::order::in_order;
use tailsieve::otlp::value::AnyValue;
use tailsieve::otlp::walk::{Header, HeaderFields, Range, walk};

/// A span with all that stands around it.
type Whole = (ResourceSpans, ScopeSpans, Span);

fn pieces(segment: &[u8]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let tally = walk(segment, &KeyTable::default(), |visit| pieces.push(piece(segment, visit.place()))).unwrap();
    assert_eq!(tally.scattered, 0, "the intake lets no such request through");
    pieces
}

/// The request as the intake holds it, written oddly.
fn oddly_in_order(request: &[u8], dice: &mut Dice) -> Vec<u8> {
    let odd = oddly(request, Kind::Request, dice);
    let scattered = walk(&odd, &KeyTable::default(), |_| ()).unwrap().scattered > 0;
    if scattered { in_order(&odd).unwrap() } else { odd }
}

fn joined(pieces: &[Piece<'_>], max_bytes: usize) -> Vec<Joined> {
    let mut chunks = Vec::new();
    assert_eq!(join(pieces, max_bytes, &mut |chunk| chunks.push(chunk)), Unjoined::default());
    chunks
}

/// The spans of requests as prost decodes them, in an order that depends on nothing but themselves.
fn wholes<'a>(requests: impl IntoIterator<Item = &'a [u8]>) -> Vec<Whole> {
    let mut wholes = Vec::new();
    for request in requests {
        for mut resource_spans in Request::decode(request).unwrap().resource_spans {
            for mut scope_spans in std::mem::take(&mut resource_spans.scope_spans) {
                for span in std::mem::take(&mut scope_spans.spans) {
                    wholes.push((resource_spans.clone(), scope_spans.clone(), span));
                }
            }
        }
    }
    wholes.sort_by_cached_key(|(resource, scope, span)| {
        (span.encode_to_vec(), resource.encode_to_vec(), scope.encode_to_vec())
    });
    wholes
}

/// How often each span is there, as bytes.
fn spans<'a>(requests: impl IntoIterator<Item = &'a [u8]>, append: &[u8]) -> HashMap<Vec<u8>, u32> {
    let mut spans = HashMap::new();
    for request in requests {
        let visit = |bytes: &[u8]| *spans.entry([bytes, append].concat()).or_insert(0) += 1;
        let mut visit = visit;
        walk(request, &KeyTable::default(), |seen| visit(seen.span.bytes)).unwrap();
    }
    spans
}

fn check_keep_all(segments: &[&[u8]], max_bytes: usize) {
    let all: Vec<_> = segments.iter().flat_map(|segment| pieces(segment)).collect();
    let chunks = joined(&all, max_bytes);
    let out = || chunks.iter().map(|chunk| chunk.bytes.as_slice());
    assert_eq!(wholes(out()), wholes(segments.iter().copied()), "every span, field by field");
    assert_eq!(spans(out(), &[]), spans(segments.iter().copied(), &[]), "every span, byte by byte");
    assert_eq!(chunks.iter().map(|chunk| chunk.spans).sum::<u64>(), all.len() as u64);
    assert_eq!(
        chunks.iter().map(|chunk| chunk.span_bytes).sum::<u64>(),
        all.iter().map(|piece| u64::from(piece.len)).sum::<u64>(),
    );
}

#[test]
fn all_recordings_joined_are_the_recordings() {
    let recordings = recordings();
    let segments: Vec<_> = recordings.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    for max_bytes in [4 << 20, 64 << 10] {
        check_keep_all(&segments, max_bytes);
        let all: Vec<_> = segments.iter().flat_map(|segment| pieces(segment)).collect();
        for chunk in joined(&all, max_bytes) {
            assert!(chunk.bytes.len() <= max_bytes || chunk.spans == 1, "{} of {max_bytes}", chunk.bytes.len());
        }
    }
}

#[test]
fn recordings_of_one_process_share_one_resource() {
    let recordings = recordings();
    let of =
        |part: &str| recordings.iter().filter(|(path, _)| path.to_string_lossy().contains(part)).collect::<Vec<_>>();
    let split = of("oi_openai/session3");
    assert!(!split.is_empty());
    let all: Vec<_> = split.iter().flat_map(|(_, bytes)| pieces(bytes)).collect();
    let chunks = joined(&all, usize::MAX);
    let [chunk] = chunks.as_slice() else { panic!("{} chunks", chunks.len()) };
    let resources = Request::decode(chunk.bytes.as_slice()).unwrap().resource_spans;
    assert_eq!(resources.len(), 1);
    assert!(resources[0].scope_spans.len() > 1, "scopes stay apart");
}

#[test]
fn recorded_spans_copied_forward_are_found_and_copied_again() {
    for (path, bytes) in recordings() {
        let all = pieces(&bytes);
        let kept: Vec<_> = all.iter().rev().step_by(2).copied().collect();
        let copied = copy_forward(&kept);
        let again: Vec<_> = (0..kept.len()).map(|at| piece(&copied.bytes, copied.place(at).unwrap())).collect();
        for (new, old) in again.iter().zip(&kept) {
            let bytes = |piece: &Piece<'_>| piece.segment[piece.start as usize..][..piece.len as usize].to_vec();
            assert_eq!(bytes(new), bytes(old), "{}", path.display());
        }
        let (first, second) = (joined(&kept, usize::MAX), joined(&again, usize::MAX));
        assert_eq!(first, second, "{}", path.display());
        assert!(copied.bytes.len() <= bytes.len(), "{}", path.display());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn keep_all_keeps_all(requests in proptest::collection::vec(request(), 1..4), seed in any::<u64>(), max in 0..4000_usize) {
        let dice = &mut Dice(seed);
        // Spans with bad ids are none of joining's business.
        let good = |request: &Request| {
            let mut request = request.clone();
            for scope_spans in request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans) {
                scope_spans.spans.retain(otlp_common::has_good_ids);
            }
            request.encode_to_vec()
        };
        let segments: Vec<_> = requests.iter().map(|request| oddly_in_order(&good(request), dice)).collect();
        let segments: Vec<_> = segments.iter().map(Vec::as_slice).collect();
        check_keep_all(&segments, max);
    }

    #[test]
    fn what_is_appended_stands_behind_each_span(request in request(), seed in any::<u64>(), text in ".{0,20}") {
        let bytes = oddly_in_order(&request.encode_to_vec(), &mut Dice(seed));
        let mut append = Vec::new();
        put_attribute(&mut append, "added", AnyValue::Str(&text));
        put_trace_state(&mut append, "ot=th:8");
        let all: Vec<_> = pieces(&bytes).into_iter().map(|piece| Piece { append: &append, ..piece }).collect();
        let chunks = joined(&all, 1000);
        let out = || chunks.iter().map(|chunk| chunk.bytes.as_slice());
        prop_assert_eq!(spans(out(), &[]), spans([bytes.as_slice()], &append));
        for (_, _, span) in wholes(out()) {
            prop_assert_eq!(span.trace_state, "ot=th:8");
            prop_assert_eq!(&span.attributes.last().unwrap().key, "added");
        }
    }

    #[test]
    fn a_request_put_in_order_is_the_same_request_and_no_longer(request in request(), seed in any::<u64>()) {
        let odd = oddly(&request.encode_to_vec(), Kind::Request, &mut Dice(seed));
        let ordered = in_order(&odd).unwrap();
        prop_assert_eq!(Request::decode(ordered.as_slice()).unwrap(), Request::decode(odd.as_slice()).unwrap());
        prop_assert!(ordered.len() <= odd.len());
        prop_assert_eq!(spans([ordered.as_slice()], &[]), spans([odd.as_slice()], &[]));
        for piece in pieces(&ordered) {
            prop_assert_eq!((piece.header.resource.back.len, piece.header.scope.back.len), (0, 0));
        }
    }

    #[test]
    fn any_offsets_are_joined_or_counted(
        request in request(),
        offsets in proptest::collection::vec(((0..600_u32, 0..99_u32), (0..600_u32, 0..99_u32), 0..600_u32, 0..300_u32), 1..20),
        without in any::<bool>(),
    ) {
        let segment = request.encode_to_vec();
        let keys: &[&str] = if without { &["service.name", ""] } else { &[] };
        let range = |(start, len): (u32, u32)| Range { start, len };
        // Empty ranges are the likeliest to be taken for a header.
        let around = |front: (u32, u32), back: (u32, u32)| {
            let empty = |(start, len): (u32, u32)| (start, if len % 2 == 0 { 0 } else { len });
            HeaderFields { front: range(empty(front)), back: range(empty(back)) }
        };
        let wild = offsets.iter().map(|(one, other, start, len)| Piece {
            segment: &segment,
            header: Header { resource: around(*one, *other), scope: around(*other, *one) },
            start: *start,
            len: *len,
            append: &[],
            without: keys,
        });
        let near = pieces(&segment).into_iter().zip(&offsets).map(|(piece, offsets)| {
            let Header { resource, scope } = piece.header;
            match offsets.3 % 4 {
                0 => Piece { start: offsets.2, ..piece },
                1 => Piece { header: Header { resource, scope: around(offsets.0, offsets.1) }, ..piece },
                2 => Piece { header: Header { resource: around(offsets.0, offsets.1), scope }, ..piece },
                _ => Piece { len: offsets.3, without: keys, ..piece },
            }
        });
        let all: Vec<_> = near.chain(wild).collect();
        let mut spans = 0;
        let unjoined = join(&all, 500, &mut |chunk| {
            spans += chunk.spans;
            assert!(in_order(&chunk.bytes).is_ok(), "framing holds");
        });
        prop_assert_eq!(spans + unjoined.spans, all.len() as u64);
        let copied = copy_forward(&all);
        prop_assert_eq!(copied.spans.iter().flatten().count() as u64, spans);
    }
}
