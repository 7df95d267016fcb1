//! The shape of the load: what the README says of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use clap::Parser;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::Args;
use super::traffic::{Traffic, new_compressor};

const FORMS: [&str; 2] = ["sdk", "collector"];

fn traffic(arguments: &[&str]) -> Traffic {
    Traffic::new(&Args::parse_from([&["load"], arguments].concat()))
}

/// The first `count` requests of a connection.
fn requests(traffic: &Traffic, connection: u64, count: u64) -> Vec<ExportTraceServiceRequest> {
    let body = |nth| traffic.next(connection, nth, &mut new_compressor()).body;
    (0..count).map(|nth| ExportTraceServiceRequest::decode(&body(nth)[5..]).unwrap()).collect()
}

fn spans(requests: &[ExportTraceServiceRequest]) -> impl Iterator<Item = &Span> {
    let resources = requests.iter().flat_map(|request| &request.resource_spans);
    resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans)
}

fn text<'a>(span: &'a Span, key: &str) -> &'a str {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text,
        _ => "",
    }
}

#[test]
fn spans_have_1600_bytes_and_a_third_of_them_calls_models() {
    for form in FORMS {
        let requests = requests(&traffic(&["--form", form]), 0, 20);
        let bytes: usize = requests.iter().map(Message::encoded_len).sum();
        let count = spans(&requests).count();
        let calls = spans(&requests).filter(|span| text(span, "gen_ai.operation.name") == "chat").count();
        let (mean, share) = (bytes as f64 / count as f64, calls as f64 / count as f64);
        println!("{form}: {count} spans of {mean:.0} bytes, {share:.3} of them calls of models");
        assert!((1500.0..1700.0).contains(&mean), "{mean}");
        assert!((0.29..0.36).contains(&share), "{share}");
    }
}

#[test]
fn an_sdk_sends_three_scopes_and_a_collector_forty_resources() {
    for request in requests(&traffic(&[]), 0, 20) {
        let [resource] = &request.resource_spans[..] else { panic!("not one resource") };
        assert_eq!(resource.scope_spans.len(), 3);
    }
    let requests = requests(&traffic(&["--form", "collector"]), 0, 20);
    let resources: Vec<_> = requests.iter().flat_map(|request| &request.resource_spans).collect();
    let mean = resources.len() as f64 / requests.len() as f64;
    println!("{mean:.1} resources a request");
    assert!((36.0..=40.0).contains(&mean), "{mean}");
    assert!(resources.iter().all(|resource| (1..=2).contains(&resource.scope_spans.len())));
    let distinct = resources.iter().map(|resource| resource.resource.clone().unwrap().encode_to_vec());
    assert_eq!(distinct.collect::<HashSet<_>>().len(), 40);
}

#[test]
fn spans_of_a_session_share_an_id_that_no_other_session_has() {
    for arguments in [&["--form", "sdk"][..], &["--form", "collector"], &["--open", "2048", "--session", "4"]] {
        let traffic = traffic(arguments);
        let mut traces = HashMap::new();
        let mut sessions = 0;
        for connection in 0..2 {
            // Two rounds.
            let requests = requests(&traffic, connection, 40);
            for span in spans(&requests) {
                let id = text(span, "gen_ai.conversation.id").to_owned();
                assert!(id.len() == 32 && !id.starts_with("deadbeef"), "{id}");
                assert_eq!(*traces.entry(span.trace_id.clone()).or_insert(id.clone()), id);
            }
            let named = traces.values().collect::<HashSet<_>>().len();
            assert!(named > sessions, "ids of another connection");
            sessions = named;
        }
        let mut by_traces = BTreeMap::<usize, usize>::new();
        let ids: HashSet<_> = traces.values().collect();
        for id in &ids {
            *by_traces.entry(traces.values().filter(|other| other == id).count()).or_default() += 1;
        }
        println!("{arguments:?}: {} sessions, by their traces {by_traces:?}", ids.len());
        match arguments.contains(&"--open") {
            true => assert_eq!(by_traces.keys().collect::<Vec<_>>(), [&1]),
            false => assert!(by_traces[&3] > by_traces[&1] * 3 / 2, "{by_traces:?}"),
        }
    }
}

#[test]
fn every_trace_has_a_root_and_ended_names_the_last_one_of_each_session() {
    let traffic = traffic(&[]);
    let round = requests(&traffic, 0, 20);
    let traces: HashSet<_> = spans(&round).map(|span| &span.trace_id).collect();
    let roots: Vec<_> =
        spans(&round).filter(|span| span.parent_span_id.is_empty()).map(|span| &span.trace_id).collect();
    assert_eq!(roots.len(), traces.len());
    assert_eq!(roots.into_iter().collect::<HashSet<_>>(), traces);
    let mut sessions = 0;
    for nth in 0..20 {
        let next = traffic.next(0, nth, &mut new_compressor());
        let request = ExportTraceServiceRequest::decode(&next.body[5..]).unwrap();
        let roots: HashSet<_> = spans(std::slice::from_ref(&request))
            .filter(|span| span.parent_span_id.is_empty())
            .map(|span| span.trace_id.clone())
            .collect();
        let ended: Vec<_> = next.ended().collect();
        assert!(ended.iter().all(|trace| roots.contains(&trace[..])));
        sessions += ended.len();
    }
    assert!((246..266).contains(&sessions), "{sessions}");
}

#[test]
fn there_are_five_models_of_three_providers_eight_tools_and_two_agents() {
    let requests = requests(&traffic(&[]), 0, 20);
    let distinct =
        |key| spans(&requests).map(|span| text(span, key)).filter(|text| !text.is_empty()).collect::<HashSet<_>>();
    let counts =
        ["gen_ai.response.model", "gen_ai.provider.name", "gen_ai.tool.name", "gen_ai.agent.name"].map(distinct);
    assert_eq!(counts.map(|names| names.len()), [5, 3, 8, 2]);
    let errors = spans(&requests).filter(|span| span.status.is_some());
    let roots: Vec<_> = errors.map(|span| (span.parent_span_id.is_empty(), span.events.len())).collect();
    assert_eq!(roots.iter().filter(|error| **error == (true, 1)).count(), 2);
    assert_eq!(roots.iter().filter(|error| **error == (false, 0)).count(), 1);
}
