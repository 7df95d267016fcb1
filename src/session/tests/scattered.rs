//! Requests whose headers stand behind their members or between them.

use super::*;
use crate::otlp::join::join;
use crate::otlp::put::{put_len, put_message};
use crate::otlp::walk::Header;

/// `traces` traces of one span each, in scopes of `each`, with the addresses of schemas behind spans and scopes, where every
/// encoder writes them.
fn headers_behind(traces: u64, each: usize) -> ExportTraceServiceRequest {
    let failed = Spec { error: true, ..span(1, 1, 0) }.to_span();
    let spans: Vec<Span> =
        (0..traces).map(|trace| Span { trace_id: [trace.to_be_bytes(), [7; 8]].concat(), ..failed.clone() }).collect();
    let scope = |spans: &[Span]| ScopeSpans {
        spans: spans.to_vec(),
        schema_url: format!("https://scope.example/{:?}", spans[0].trace_id),
        ..Default::default()
    };
    let mut request = request(&[]);
    request.resource_spans[0].scope_spans = spans.chunks(each).map(scope).collect();
    request.resource_spans[0].schema_url = "https://resource.example".into();
    request
}

/// The request with the header of each message behind the first of its members, and so between them where there are more.
fn scattered(request: &ExportTraceServiceRequest) -> Vec<u8> {
    let mut bytes = Vec::new();
    for resource_spans in &request.resource_spans {
        put_message(&mut bytes, 1, |out| {
            let header = ResourceSpans { scope_spans: Vec::new(), ..resource_spans.clone() }.encode_to_vec();
            for (at, scope_spans) in resource_spans.scope_spans.iter().enumerate() {
                put_message(out, 2, |out| {
                    let header = ScopeSpans { spans: Vec::new(), ..scope_spans.clone() }.encode_to_vec();
                    for (at, span) in scope_spans.spans.iter().enumerate() {
                        put_len(out, 2, &span.encode_to_vec());
                        out.extend_from_slice(if at == 0 { &header } else { &[] });
                    }
                });
                out.extend_from_slice(if at == 0 { &header } else { &[] });
            }
        });
    }
    bytes
}

/// All that was kept, as it would go out.
fn joined(world: &World) -> Vec<ExportTraceServiceRequest> {
    let kept = world.kept.lock().unwrap();
    let mut out = Vec::new();
    for kept in kept.iter() {
        let piece = |span: &crate::flow::SpanRef| {
            span.piece(kept.segments[span.segment as usize].bytes_from(0), kept.headers[span.header as usize])
        };
        let pieces: Vec<_> = kept.spans.iter().map(piece).collect();
        let left = join(&pieces, usize::MAX, &mut |joined| {
            out.push(ExportTraceServiceRequest::decode(&joined.bytes[..]).unwrap());
        });
        assert_eq!(left.spans, 0);
    }
    out
}

#[test]
fn a_request_is_held_with_its_headers_in_front_if_they_came_between_and_as_it_came_otherwise() {
    for (traces, each) in [(3000, 3000), (3000, 1), (20, 20), (20, 1), (20, 2), (1, 1)] {
        let sent = headers_behind(traces, each);
        for between in [false, true] {
            let bytes = if between { scattered(&sent) } else { sent.encode_to_vec() };
            assert_eq!(ExportTraceServiceRequest::decode(&bytes[..]).unwrap(), sent);
            let mut world = world();
            assert!(matches!(world.put_bytes(&bytes), Receipt::Accepted { refused: 0, .. }));
            world.pump();
            world.wait(12);
            assert_eq!(world.total().kept.spans, traces);
            let in_front = |header: &Header| {
                let back = (header.resource.back.len, header.scope.back.len);
                assert!(back == (0, 0) || back.0 > 0 && back.1 > 0);
                back == (0, 0)
            };
            // Behind the only member is not between any.
            let rewritten = between && traces > 1;
            let kept = world.kept.lock().unwrap();
            let all = kept.iter().flat_map(|kept| &kept.headers).all(|header| in_front(header) == rewritten);
            assert!(all, "{traces} {each} {between}");
            drop(kept);
            check_joined(&world, &sent);
        }
    }
}

#[test]
fn refused_spans_of_a_scattered_request_are_counted_once() {
    let mut sent = headers_behind(20, 10);
    let broken = &mut sent.resource_spans[0].scope_spans[1].spans[3];
    broken.span_id.clear();
    let bytes = broken.encoded_len() as u64;
    let receipt = world().put_bytes(&scattered(&sent));
    let Receipt::Accepted { accepted, refused, refused_bytes, reason } = receipt else { panic!("{receipt:?}") };
    assert_eq!((accepted, refused, refused_bytes, reason.is_some()), (19, 1, bytes, true));
}

/// Every span of `sent`, each a trace and kept, goes out under its own resource and scope.
fn check_joined(world: &World, sent: &ExportTraceServiceRequest) {
    let mut seen = BTreeMap::new();
    for request in joined(world) {
        let [resource] = &request.resource_spans[..] else { panic!("{request:?}") };
        let [scope] = &resource.scope_spans[..] else { panic!("{request:?}") };
        let [span] = &scope.spans[..] else { panic!("{request:?}") };
        assert_eq!(resource.schema_url, "https://resource.example");
        assert_eq!(resource.resource, sent.resource_spans[0].resource);
        seen.insert(span.trace_id.clone(), (scope.schema_url.clone(), span.clone()));
    }
    let wanted = sent.resource_spans[0].scope_spans.iter().flat_map(|scope| {
        scope.spans.iter().map(|span| (span.trace_id.clone(), (scope.schema_url.clone(), span.clone())))
    });
    assert!(seen == wanted.collect(), "{} spans", seen.len());
}
