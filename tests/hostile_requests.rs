//! Requests that are wrong in themselves: each is answered with the right code and with what is wrong with it, nothing of it
//! stays behind, and others are served.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]
#![allow(clippy::print_stdout, reason = "figures are worth a look")]

mod hostile;
mod process;
mod support;

use std::time::{Duration, Instant};

use http::Method;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tailsieve::otlp::put::{put_len, put_message};
use tonic::Code;

use hostile::{gzip, partial, refused, refused_http};
use support::client::{self, Encoding, JSON, LOGS, PROTOBUF, TRACES, framed};
use support::spans::{request, span, span_id, trace_id};
use support::{eventually, recordings};

#[tokio::test]
async fn a_request_that_is_cut_anywhere_is_told_so() {
    let victim = hostile::start().await;
    let recording = recordings::named("fail_tool").into_iter().flat_map(|scenario| scenario.requests);
    let recording = recording.min_by_key(|request| request.len().abs_diff(3000)).unwrap();
    let (grpc, mut http) = (client::grpc(victim.sieve.grpc).await, client::http(victim.sieve.http).await);
    let whole = framed(0, &recording);
    for cut in 0..recording.len() {
        let body = &recording[..cut];
        let replies = (
            grpc.export(TRACES, body, Encoding::Plain).await,
            http.export("/v1/traces", PROTOBUF, body, Encoding::Plain).await,
        );
        if ExportTraceServiceRequest::decode(body).is_ok() {
            replies.0.accepted();
            replies.1.accepted();
            continue;
        }
        let what = format!("cut at {cut}");
        refused(&what, &replies.0, Code::InvalidArgument, "at byte ");
        refused_http(&what, &replies.1, 400, "at byte ");
        // The message ends before its prefix says.
        if cut % 16 == 0 {
            let reply = grpc.call(TRACES, &[], whole.slice(..cut)).await;
            refused(&what, &reply, Code::InvalidArgument, if cut < 5 { "shorter than" } else { "message ends after" });
        }
    }
    grpc.export(TRACES, &recording, Encoding::Plain).await.accepted();
    victim.stays_well().await;
}

#[tokio::test]
async fn bad_spans_are_refused_by_partial_success_and_their_neighbours_come_through() {
    let victim = hostile::start().await;
    let id = |len| vec![7; len];
    type Bad = (&'static str, fn(&mut Span, Vec<u8>), Vec<u8>);
    let bad: [Bad; 9] = [
        ("trace_id has 15 bytes", |span, id| span.trace_id = id, id(15)),
        ("trace_id has 17 bytes", |span, id| span.trace_id = id, id(17)),
        ("trace_id has 0 bytes", |span, id| span.trace_id = id, id(0)),
        ("trace_id is all zeros", |span, id| span.trace_id = id, vec![0; 16]),
        ("span_id has 7 bytes", |span, id| span.span_id = id, id(7)),
        ("span_id has 0 bytes", |span, id| span.span_id = id, id(0)),
        ("span_id is all zeros", |span, id| span.span_id = id, vec![0; 8]),
        ("parent_span_id has 9 bytes", |span, id| span.parent_span_id = id, id(9)),
        ("trace_id has 4 MB", |span, id| span.trace_id = id, id(4_000_000)),
    ];
    let mut good = 0;
    for (what, spoil, id) in &bad {
        let mut spans: Vec<Span> = (0..10).map(|number| span(what, &format!("{what} {number}"))).collect();
        for number in [2, 3, 9] {
            spoil(&mut spans[number], id.clone());
        }
        let reply = client::grpc(victim.sieve.grpc).await.traces(&request(spans.clone())).await;
        let (count, message) = partial(&reply.body).unwrap_or_else(|| panic!("{what}: {reply:?}"));
        assert_eq!((reply.code, count), (Code::Ok, 3), "{what}");
        let field = what.split(' ').next().unwrap();
        assert!(message.contains(field) && message.contains(&format!("{what} 2")), "{what}: {message}");
        good += 7;
    }
    let names = victim.backend.spans_when("the neighbours come", |spans| spans.len() == good + 2).await;
    assert!(names.iter().all(|span| !["2", "3", "9"].iter().any(|end| span.span.name.ends_with(&format!(" {end}")))));
    let scrape = victim.sieve.scrape().await;
    assert_eq!(scrape.ledger().refused, 3 * bad.len() as u64);
    victim.stays_well().await;
}

#[tokio::test]
async fn sizes_that_are_claimed_are_refused_before_anything_is_read_or_reserved() {
    let victim = hostile::start().await;
    let grpc = client::grpc(victim.sieve.grpc).await;
    for len in [65 << 20, i32::MAX as u32, u32::MAX] {
        let body = [&[0], &len.to_be_bytes()[..], b"little"].concat();
        let reply = grpc.call(TRACES, &[], body.into()).await;
        refused("claimed", &reply, Code::ResourceExhausted, "larger than the limit of 67108864 bytes");
    }
    for len in ["67108865", "2147483648", "9223372036854775807"] {
        let head =
            format!("POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\ncontent-length: {len}\r\n\r\n");
        let answer = victim.raw(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("larger than the limit"), "{len}: {answer}");
    }
    for len in ["18446744073709551616", "-1", "1, 2", "ten"] {
        let head =
            format!("POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\ncontent-length: {len}\r\n\r\n");
        let answer = victim.raw(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{len}: {answer}");
    }
    victim.stays_well().await;
}

#[tokio::test]
async fn bombs_are_stopped_at_the_limit() {
    let victim = hostile::start().await;
    let zeros = vec![0; 1 << 30];
    let member = gzip(&zeros[..64 << 10]);
    let bombs = [
        ("one gzip member", Encoding::Gzip, gzip(&zeros)),
        ("many gzip members", Encoding::Gzip, member.repeat((1 << 30) / (64 << 10))),
        (
            "many empty gzip members, then a large one",
            Encoding::Gzip,
            [gzip(b"").repeat(50_000), gzip(&zeros)].concat(),
        ),
        ("zstd", Encoding::Zstd, zstd::encode_all(&zeros[..], 3).unwrap()),
        ("zstd that says how large it is", Encoding::Zstd, zstd::bulk::compress(&zeros, 3).unwrap()),
        ("many zstd frames", Encoding::Zstd, zstd::bulk::compress(&zeros[..1 << 20], 3).unwrap().repeat(1 << 10)),
    ];
    drop(zeros);
    for (what, encoding, bomb) in bombs {
        assert!(bomb.len() < 3 << 20, "{what}: {} bytes", bomb.len());
        let started = Instant::now();
        let name = encoding.name().unwrap();
        let grpc = client::grpc(victim.sieve.grpc).await;
        let reply = grpc.call(TRACES, &[("grpc-encoding", name)], framed(1, &bomb)).await;
        refused(what, &reply, Code::ResourceExhausted, "larger than the limit");
        let (mut http, headers) = (client::http(victim.sieve.http).await, [("content-encoding", name)]);
        for content in [PROTOBUF, JSON] {
            let headers = [&headers[..], &[("content-type", content)]].concat();
            let reply = http.call(Method::POST, "/v1/traces", &headers, bomb.clone().into()).await;
            refused_http(what, &reply, 413, "larger than the limit");
        }
        println!("{what}: {} bytes, {:?} for three", bomb.len(), started.elapsed());
        assert!(started.elapsed() < Duration::from_secs(15), "{what}: {:?}", started.elapsed());
    }
    victim.stays_well().await;
}

#[tokio::test]
async fn values_that_nest_without_end_and_text_that_is_none_are_refused_span_by_span() {
    let victim = hostile::start().await;
    let good = span("deep", "good").encode_to_vec();
    let mut spans = vec![("values nested too deep".to_owned(), nested(10_000)), ("nested too deep".into(), nested(39))];
    // The name, and the tracestate.
    for field in [5, 3] {
        let mut bytes = span("text", "").encode_to_vec();
        put_len(&mut bytes, field, b"not \xff UTF-8");
        spans.push(("UTF-8".into(), bytes));
    }
    for (key, value) in [(&b"k\xc0\x80"[..], &b"v"[..]), (b"k", b"v\xed\xa0\x80")] {
        let mut bytes = span("text", "").encode_to_vec();
        put_message(&mut bytes, 9, |attribute| {
            put_len(attribute, 1, key);
            put_message(attribute, 2, |any| put_len(any, 1, value));
        });
        spans.push(("UTF-8".into(), bytes));
    }
    let grpc = client::grpc(victim.sieve.grpc).await;
    let count = spans.len();
    for (says, bytes) in spans {
        let mut body = Vec::new();
        put_message(&mut body, 1, |body| {
            put_message(body, 2, |body| [&good, &bytes].into_iter().for_each(|span| put_len(body, 2, span)));
        });
        let reply = grpc.export(TRACES, &body, Encoding::Plain).await;
        let (refused, message) = partial(&reply.body).unwrap_or_else(|| panic!("{says}: {reply:?}"));
        assert!(refused == 1 && message.contains(&says), "{refused} {message}");
    }
    let scrape = victim.sieve.scrape().await;
    assert_eq!(scrape.ledger().refused, count as u64);
    victim.stays_well().await;
}

/// A span with a value of arrays in arrays.
fn nested(depth: usize) -> Vec<u8> {
    let mut value = Vec::new();
    for _ in 0..depth {
        let mut outer = Vec::new();
        put_message(&mut outer, 5, |array| put_len(array, 1, &value));
        value = outer;
    }
    let mut bytes = span("deep", "bad").encode_to_vec();
    put_message(&mut bytes, 9, |attribute| {
        put_len(attribute, 1, b"k");
        put_len(attribute, 2, &value);
    });
    bytes
}

#[tokio::test]
async fn whoever_asks_for_what_is_not_there_is_told_so() {
    let mut victim = hostile::start().await;
    let grpc = client::grpc(victim.sieve.grpc).await;
    let body = request(vec![span("a", "a")]).encode_to_vec();
    let one = framed(0, &body);
    type Call<'a> = (&'a str, &'a [(&'static str, &'static str)], Vec<u8>, Code, &'a str);
    let calls: [Call<'_>; 11] = [
        ("/", &[], one.to_vec(), Code::Unimplemented, "\"/\" is not served"),
        ("/a.b.C/Export", &[], one.to_vec(), Code::Unimplemented, "/a.b.C/Export"),
        (&TRACES.replace("Export", "Import"), &[], one.to_vec(), Code::Unimplemented, "Import"),
        (LOGS, &[], one.to_vec(), Code::Unimplemented, "LogsService"),
        (TRACES, &[("grpc-encoding", "snappy")], framed(1, &body).to_vec(), Code::Unimplemented, "snappy"),
        (TRACES, &[], framed(1, &body).to_vec(), Code::InvalidArgument, "no grpc-encoding"),
        (TRACES, &[("grpc-encoding", "gzip")], framed(1, &body).to_vec(), Code::InvalidArgument, "does not inflate"),
        (TRACES, &[], framed(7, &body).to_vec(), Code::InvalidArgument, "begins with 7"),
        (TRACES, &[], [one.clone(), one.clone()].concat(), Code::InvalidArgument, "an export is one message"),
        (TRACES, &[], Vec::new(), Code::InvalidArgument, "body of 0 bytes"),
        (TRACES, &[], vec![0, 0], Code::InvalidArgument, "body of 2 bytes"),
    ];
    for (path, headers, body, code, says) in calls {
        refused(path, &grpc.call(path, headers, body.into()).await, code, says);
    }
    let mut http = client::http(victim.sieve.http).await;
    let long = format!("/{}", "a".repeat(5000));
    let requests = [
        (Method::POST, "/", PROTOBUF, "", 404, "\"/\" is not served"),
        (Method::POST, "/v1/logs", PROTOBUF, "", 404, "/v1/logs"),
        (Method::POST, "/v1/traces/", PROTOBUF, "", 404, "/v1/traces/"),
        (Method::POST, "/v1/../v1/traces", PROTOBUF, "", 404, "not served"),
        (Method::POST, &long, PROTOBUF, "", 404, "not served"),
        (Method::GET, "/v1/traces", PROTOBUF, "", 405, "only POST"),
        (Method::DELETE, "/v1/traces", PROTOBUF, "", 405, "only POST"),
        (Method::POST, "/v1/traces", "text/plain", "", 415, "text/plain"),
        (Method::POST, "/v1/traces", "", "", 415, "content-type"),
        (Method::POST, "/v1/traces", "application/x-protobufs", "", 415, "x-protobufs"),
        (Method::POST, "/v1/traces", PROTOBUF, "br", 415, "br"),
        (Method::POST, "/v1/traces", PROTOBUF, "gzip, gzip", 415, "gzip, gzip"),
        (Method::POST, "/v1/traces", PROTOBUF, "gzip", 400, "does not inflate"),
        (Method::POST, "/v1/traces", PROTOBUF, "zstd", 400, "does not inflate"),
    ];
    for (method, path, content, encoding, status, says) in requests {
        let headers = [("content-type", content), ("content-encoding", encoding)];
        let reply = http.call(method, path, &headers, body.clone().into()).await;
        refused_http(path, &reply, status, says);
    }
    // Nothing at all is a request without spans, on the very connections that were refused before.
    grpc.call(TRACES, &[], framed(0, b"")).await.accepted();
    http.export("/v1/traces", PROTOBUF, b"", Encoding::Plain).await.accepted();
    http.export("/v1/traces", JSON, b"{}", Encoding::Plain).await.accepted();
    refused_http("empty", &http.export("/v1/traces", JSON, b"", Encoding::Plain).await, 400, "text ends");
    victim.serves().await;
    victim.stays_well().await;
}

#[tokio::test]
async fn a_request_of_more_spans_than_the_memory_allows_is_refused_whole() {
    let victim = hostile::start_with("memory: {limit: 64MiB}").await;
    let tiny = Span { trace_id: trace_id("many"), span_id: span_id("many", "one"), ..Span::default() }.encode_to_vec();
    let many = |count: usize| {
        let mut body = Vec::new();
        put_message(&mut body, 1, |body| {
            put_message(body, 2, |body| (0..count).for_each(|_| put_len(body, 2, &tiny)));
        });
        body
    };
    let grpc = client::grpc(victim.sieve.grpc).await;
    let reply = grpc.export(TRACES, &many(100_000), Encoding::Plain).await;
    refused("many", &reply, Code::ResourceExhausted, "request has 100000 spans, and the memory allows");
    assert!(reply.status.details().is_empty(), "it would be refused again");
    let reply =
        client::http(victim.sieve.http).await.export("/v1/traces", PROTOBUF, &many(100_000), Encoding::Plain).await;
    refused_http("many", &reply, 413, "send smaller batches");
    // What was walked of those two may fill so small a memory for a moment: whoever is told to come later does.
    let again =
        async || Some(grpc.export(TRACES, &many(10_000), Encoding::Plain).await).filter(|reply| reply.code == Code::Ok);
    eventually("fewer are taken in", again, async || format!("{:#?}", victim.sieve.scrape().await)).await.accepted();
    let look = async || Some(victim.sieve.scrape().await.ledger()).filter(|ledger| ledger.duplicate == 9_999);
    eventually("copies of one span are one", look, async || format!("{:#?}", victim.sieve.scrape().await)).await;
    let again =
        async || Some(grpc.export(TRACES, &many(1), Encoding::Plain).await).filter(|reply| reply.code == Code::Ok);
    eventually("there is room again", again, async || format!("{:#?}", victim.sieve.scrape().await)).await.accepted();
    victim.stays_well().await;
}
