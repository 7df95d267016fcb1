//! Whatever instrumentations really send comes out whole, whichever way it came in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a proof fails by panicking"
)]

mod support;

use std::collections::HashMap;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use support::backend::{self, Received};
use support::client::{self, Encoding, JSON, PROTOBUF, TRACES};
use support::raw::{self, RawSpan};
use support::recordings;
use support::sieve;
use support::spans::value;

/// A span by its ids.
type Key = (Vec<u8>, Vec<u8>);

/// All recorded requests, and the spans in them by their ids.
fn recorded() -> (Vec<Bytes>, HashMap<Key, RawSpan>) {
    let requests: Vec<_> = recordings::all().into_iter().flat_map(|scenario| scenario.requests).collect();
    let spans = requests.iter().flat_map(|request| raw::spans(request));
    let spans: HashMap<_, _> = spans.map(|raw| (key(&Span::decode(raw.span.clone()).unwrap()), raw)).collect();
    assert_eq!((requests.len(), spans.len()), (571, 2162));
    (requests, spans)
}

fn key(span: &Span) -> Key {
    (span.trace_id.clone(), span.span_id.clone())
}

/// Asserts that a span is the one that went in, but for what is meant to be added to it.
fn assert_same(out: &Received, into: &RawSpan) {
    let sent = Span::decode(into.span.clone()).unwrap();
    let mut span = out.span.clone();
    let added = span.attributes.split_off(sent.attributes.len());
    let is = |prefix: &str| added.iter().filter(|attribute| attribute.key.starts_with(prefix)).count();
    let first_chunk = "gen_ai.response.time_to_first_chunk";
    assert_eq!(is("tailsieve.") + is(first_chunk), added.len(), "{added:?}");
    assert!(is(first_chunk) == 0 || value(&sent, first_chunk).is_none(), "{sent:?}");
    let summary = is("tailsieve.session.") + is("tailsieve.decision.");
    // What is not known of a session is not written.
    assert!(summary == 0 || (18..=25).contains(&summary), "{added:?}");
    assert!(summary > 0 || !sent.parent_span_id.is_empty(), "a root without summary: {sent:?}");
    // Kept for certain; where an id named the session, its randomness is told.
    assert_eq!(sent.trace_state, "", "no recorded span was sampled");
    let randomness = span.trace_state.strip_prefix("ot=th:0").unwrap_or_else(|| panic!("{}", span.trace_state));
    let rv = randomness.strip_prefix(";rv:");
    assert!(randomness.is_empty() || rv.is_some_and(|rv| rv.len() == 14), "{randomness}");
    span.trace_state = sent.trace_state.clone();
    assert_eq!(span, sent);
    assert_eq!(out.resource, Resource::decode(into.resource.clone()).unwrap());
    assert_eq!(out.scope, InstrumentationScope::decode(into.scope.clone()).unwrap());
    assert_eq!(out.raw.resource_schema, into.resource_schema);
    assert_eq!(out.raw.scope_schema, into.scope_schema);
}

/// Sends all recordings in a way, and holds what comes out against what went in; whether bytes are kept, too.
async fn proves(exporter: &str, same_bytes: bool, send: impl AsyncFnOnce(&sieve::Sieve, &[Bytes])) {
    let backend = backend::start().await;
    let sieve = sieve::new().exporter(exporter, &backend).run().await;
    let (requests, sent) = recorded();
    send(&sieve, &requests).await;
    let received = backend.received(sent.len()).await;
    let stopped = sieve.stop().await;
    assert_eq!(stopped.code, Some(0), "{stopped}");
    assert_eq!(backend.span_count(), sent.len(), "each once");
    let mut left = sent;
    for out in &received {
        let into = left.remove(&key(&out.span)).expect("a span comes out once");
        assert_same(out, &into);
        if same_bytes {
            assert!(out.raw.span.starts_with(&into.span), "{:?}", out.span);
            assert_eq!((&out.raw.resource, &out.raw.scope), (&into.resource, &into.scope));
        }
    }
}

async fn by_grpc(sieve: &sieve::Sieve, requests: &[Bytes], encoding: Encoding) {
    let client = client::grpc(sieve.grpc).await;
    for request in requests {
        client.export(TRACES, request, encoding).await.accepted();
    }
}

async fn by_http(sieve: &sieve::Sieve, requests: &[Bytes], encoding: Encoding) {
    let mut client = client::http(sieve.http).await;
    for request in requests {
        client.export("/v1/traces", PROTOBUF, request, encoding).await.accepted();
    }
}

#[tokio::test]
async fn grpc_comes_out_whole() {
    proves("otlp_grpc/a", true, async |sieve, requests| by_grpc(sieve, requests, Encoding::Plain).await).await;
}

#[tokio::test]
async fn grpc_with_gzip_comes_out_whole() {
    proves("otlp_grpc/a", true, async |sieve, requests| by_grpc(sieve, requests, Encoding::Gzip).await).await;
}

#[tokio::test]
async fn grpc_with_zstd_comes_out_whole_and_goes_out_by_http() {
    proves("otlp_http/a", true, async |sieve, requests| by_grpc(sieve, requests, Encoding::Zstd).await).await;
}

#[tokio::test]
async fn http_comes_out_whole() {
    proves("otlp_http/a", true, async |sieve, requests| by_http(sieve, requests, Encoding::Plain).await).await;
}

#[tokio::test]
async fn http_with_gzip_comes_out_whole() {
    proves("otlp_grpc/a", true, async |sieve, requests| by_http(sieve, requests, Encoding::Gzip).await).await;
}

#[tokio::test]
async fn http_with_zstd_comes_out_whole() {
    proves("otlp_http/a", true, async |sieve, requests| by_http(sieve, requests, Encoding::Zstd).await).await;
}

/// The JSON is made by the encoder of opentelemetry-proto.
#[tokio::test]
async fn json_comes_out_whole() {
    let send = async |sieve: &sieve::Sieve, requests: &[Bytes]| {
        let mut client = client::http(sieve.http).await;
        for (number, request) in requests.iter().enumerate() {
            let request = ExportTraceServiceRequest::decode(request.clone()).unwrap();
            let json = serde_json::to_vec(&request).unwrap();
            let encoding = [Encoding::Plain, Encoding::Gzip, Encoding::Zstd][number % 3];
            client.export("/v1/traces", JSON, &json, encoding).await.accepted();
        }
    };
    proves("otlp_grpc/a", false, send).await;
}
