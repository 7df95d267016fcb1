//! Requests whose headers stand behind what they are the headers of.

use super::*;
use crate::otlp::join::join;

/// `traces` traces of one span each, in scopes of `each`, with the addresses of schemas behind spans and scopes, where every
/// encoder writes them.
fn scattered(traces: u64, each: usize) -> ExportTraceServiceRequest {
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

/// All that was kept, as it would go out.
fn joined(world: &World) -> Vec<ExportTraceServiceRequest> {
    let kept = world.kept.lock().unwrap();
    let mut out = Vec::new();
    for kept in kept.iter() {
        let piece = |span: &crate::flow::SpanRef| span.piece(kept.segments[span.segment as usize].bytes_from(0));
        let pieces: Vec<_> = kept.spans.iter().map(piece).collect();
        let left = join(&pieces, usize::MAX, &mut |joined| {
            out.push(ExportTraceServiceRequest::decode(&joined.bytes[..]).unwrap());
        });
        assert_eq!(left.spans, 0);
    }
    out
}

#[test]
fn a_large_request_whose_headers_stand_behind_is_held_with_all_of_them_in_front() {
    // In front or behind: of few spans that makes no difference, and they stay as they came.
    for (traces, each, in_front) in [(3000, 3000, true), (3000, 1, true), (1000, 1000, false), (1000, 1, false)] {
        let mut world = world();
        let sent = scattered(traces, each);
        world.put(&sent);
        world.pump();
        world.wait(12);
        assert_eq!(world.total().kept.spans, traces);
        let first = |kept: &Kept| kept.spans.iter().all(|span| span.headers_first == in_front);
        assert!(world.kept.lock().unwrap().iter().all(first), "{traces} {each}");
        let mut seen = BTreeMap::new();
        for request in joined(&world) {
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
        assert!(seen == wanted.collect(), "{traces} {each}");
    }
}
