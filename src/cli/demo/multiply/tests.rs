use std::collections::HashSet;

use super::*;
use crate::cli::demo::recordings::RECORDINGS;

const NOW: Nanos = 1_800_000_000_000_000_000;

fn templates() -> Vec<Template> {
    let reader = Reader::new();
    RECORDINGS.iter().map(|recording| reader.read(recording.request).unwrap()).collect()
}

fn ids(span: &Span) -> Vec<&Vec<u8>> {
    let links = span.links.iter().flat_map(|link| [&link.trace_id, &link.span_id]);
    [&span.trace_id, &span.span_id, &span.parent_span_id].into_iter().chain(links).filter(|id| !id.is_empty()).collect()
}

/// The span with everything taken out that may differ.
fn bare(span: &Span, session_ids: &BTreeSet<String>, suffix: &str, shift: u64) -> Span {
    let mut span = span.clone();
    let put_back = |attributes: &mut Vec<KeyValue>| {
        for attribute in attributes {
            if let Some(AnyValue { value: Some(Value::StringValue(text)) }) = &mut attribute.value {
                for id in session_ids {
                    *text = text.replace(&format!("{id}{suffix}"), id);
                }
            }
        }
    };
    span.start_time_unix_nano = span.start_time_unix_nano.wrapping_sub(shift);
    span.end_time_unix_nano = span.end_time_unix_nano.wrapping_sub(shift);
    for event in &mut span.events {
        event.time_unix_nano = event.time_unix_nano.wrapping_sub(shift);
        put_back(&mut event.attributes);
    }
    for link in &mut span.links {
        (link.trace_id, link.span_id) = Default::default();
        put_back(&mut link.attributes);
    }
    put_back(&mut span.attributes);
    (span.trace_id, span.span_id, span.parent_span_id) = Default::default();
    span
}

#[test]
fn ids_are_fresh_and_map_one_to_one() {
    let mut source = Ids::seeded(1);
    let mut seen: HashSet<Vec<u8>> = HashSet::new();
    for template in templates() {
        for _ in 0..2 {
            let told = template.again(&mut source, NOW);
            let mut there: HashMap<&Vec<u8>, &Vec<u8>> = HashMap::new();
            for ((_, old), (_, new)) in template.spans.iter().zip(&told) {
                let (old, new) = (ids(old), ids(new));
                assert_eq!(old.len(), new.len());
                for (old, new) in old.into_iter().zip(new) {
                    assert_eq!(old.len(), new.len());
                    assert_eq!(*there.entry(old).or_insert(new), new, "one old id became two");
                }
            }
            for new in there.values() {
                assert!(seen.insert((*new).clone()), "an id was given twice");
            }
            assert!(there.keys().all(|old| !seen.contains(*old)));
        }
    }
}

#[test]
fn links_follow_the_ids_of_the_session() {
    let span = |trace: u8, id: u8, link: Option<u8>| {
        let links = link.map(|link| opentelemetry_proto::tonic::trace::v1::span::Link {
            trace_id: vec![link; 16],
            span_id: vec![link; 8],
            ..Default::default()
        });
        Span { trace_id: vec![trace; 16], span_id: vec![id; 8], links: links.into_iter().collect(), ..Span::default() }
    };
    let scope = ScopeSpans { spans: vec![span(1, 1, None), span(2, 2, Some(1))], ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    let request = ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec();
    let told = Reader::new().read(&request).unwrap().again(&mut Ids::seeded(5), NOW);
    let (first, second) = (&told[0].1, &told[1].1);
    assert_eq!((&second.links[0].trace_id, &second.links[0].span_id), (&first.trace_id, &first.span_id));
    assert_ne!(first.trace_id, [1; 16]);
}

#[test]
fn times_are_moved_to_now_and_nothing_else_changes() {
    for (template, recording) in templates().iter().zip(RECORDINGS) {
        let mut ids = Ids::seeded(7);
        let suffix = format!("-{:08x}", ids.clone().number() >> 32);
        let told = template.again(&mut ids, NOW);
        assert_eq!(told.iter().map(|(_, span)| span.end_time_unix_nano).max(), Some(NOW), "{}", recording.name);
        for ((header, old), (place, new)) in template.spans.iter().zip(&told) {
            assert_eq!(header, place);
            let shift = NOW - template.end;
            let (old, new) = (bare(old, &BTreeSet::new(), "", 0), bare(new, &template.session_ids, &suffix, shift));
            assert_eq!(old, new, "{}", recording.name);
        }
    }
}

#[test]
fn session_ids_are_new_everywhere_and_alike_within_a_session() {
    let reader = Reader::new();
    let mut with_ids = 0;
    for (template, recording) in templates().iter().zip(RECORDINGS) {
        // What is replaced as text must not stand in other words, nor on a resource, which sessions share.
        assert!(template.session_ids.iter().all(|id| id.len() >= 8), "{}", recording.name);
        let headers = format!("{:?}", template.headers);
        assert!(!template.session_ids.iter().any(|id| headers.contains(id.as_str())), "{}", recording.name);

        let mut ids = Ids::seeded(3);
        let mut told = || {
            let spans = template.again(&mut ids, NOW).into_iter().map(|(_, span)| span).collect();
            let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
            let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
            let request = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
            reader.read(&request).unwrap().session_ids
        };
        let (first, second) = (told(), told());
        assert_eq!(first.len(), template.session_ids.len(), "{}", recording.name);
        assert!(first.is_disjoint(&second) && first.is_disjoint(&template.session_ids), "{}", recording.name);
        with_ids += usize::from(!first.is_empty());
    }
    assert!(with_ids > 10, "{with_ids}");
}

#[test]
fn what_is_no_request_is_an_error() {
    assert!(Reader::new().read(b"\x0a\xff").is_err());
}
