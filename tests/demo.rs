//! `tailsieve demo` as a user runs it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test cannot read fails it")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

fn demo(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tailsieve"));
    command.arg("demo").args(arguments).env_remove("RUST_LOG").output().unwrap()
}

/// The numbers of a line, without their commas.
fn numbers(line: &str) -> Vec<u64> {
    let clean = line.replace(',', "");
    clean.split(|char: char| !char.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

#[test]
fn a_demo_balances_and_shows_what_it_kept() {
    let output = demo(&["--sessions", "200"]);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    let line = |start: &str| {
        out.lines().map(str::trim).find(|line| line.starts_with(start)).unwrap_or_else(|| {
            panic!("no line begins with {start:?} in\n{out}");
        })
    };

    let ledger = numbers(line("✓ received "));
    assert_eq!(ledger.len(), 7, "{ledger:?}");
    assert_eq!(ledger[0], ledger[1..].iter().sum::<u64>(), "{ledger:?}");
    let (received, kept) = (ledger[0], ledger[1]);
    assert!(received > 200 && kept > 0 && kept < received, "{ledger:?}");
    assert_eq!(numbers(line("in "))[1], received);
    assert_eq!(numbers(line("out "))[1], kept);
    assert_eq!(numbers(line("✓ file/kept: ")), [kept, kept]);
    assert_eq!(numbers(line("✓ read back from file/kept: ")), [kept]);

    // Every session was judged: one that came too slowly, twice.
    let all = numbers(line("all sessions "));
    assert!(all[0] + all[1] >= 200, "{all:?}");
    assert_eq!(numbers(line("in "))[0], all[0] + all[1]);
    let broken = numbers(line("mid-stream "));
    assert!(broken[0] > 0 && broken[1] == 0, "{broken:?}");
    assert_eq!(numbers(line("embeddings "))[0], 0);

    // What the sessions tell.
    assert!(line("cost ").contains(" together, median $"), "{out}");
    assert!(line("first token ").contains(" at the slowest ("), "{out}");
    let streams = numbers(line("broken  "));
    assert!(streams[0] >= broken[0] && streams[1] >= broken[0], "{streams:?} {broken:?}");
    assert!(out.contains(" of them although their span has no error\n"), "{out}");
    assert!(out.contains("  broken: "), "the drawn session says why\n{out}");

    // The drawn session says itself why it was kept.
    assert!(line("decision ").contains("rule ") && line("session ").contains("id "), "{out}");
    assert!(line("tracestate ").contains("ot=th:"), "{out}");
    assert!(out.contains('█') && !out.contains('\x1b') && !err.contains('\x1b'), "{out}\n{err}");
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
}

/// A backend over HTTP/1.1 that answers every request with `status`; what it got is handed on by the channel.
fn backend(status: &'static str) -> (String, Receiver<(String, ExportTraceServiceRequest)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let sender = sender.clone();
            std::thread::spawn(move || serve(stream.unwrap(), status, &sender));
        }
    });
    (address, receiver)
}

fn serve(stream: TcpStream, status: &str, sender: &Sender<(String, ExportTraceServiceRequest)>) {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() <= 2 {
            break;
        }
        lines.push(line.trim().to_lowercase());
    }
    let Some(first) = lines.first().cloned() else { return };
    let length = lines.iter().find_map(|line| line.strip_prefix("content-length:")).unwrap();
    let mut body = vec![0; length.trim().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let mut request = Vec::new();
    GzDecoder::new(&*body).read_to_end(&mut request).unwrap();
    // Whether the test still wants to know is its own affair.
    let _ = sender.send((first, ExportTraceServiceRequest::decode(&*request).unwrap()));
    write!(reader.get_mut(), "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
}

#[test]
fn kept_sessions_reach_a_backend_with_the_documented_attributes() {
    let (address, requests) = backend("200 OK");
    let output = demo(&["--sessions", "200", "--export-to", &format!("http://{address}/some/where")]);
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{out}");
    let line = out.lines().find(|line| line.contains("✓ otlp_http/export-to: ")).unwrap();
    let kept = numbers(line)[0];

    let (mut spans, mut names) = (0, BTreeSet::new());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    for (first, request) in requests.try_iter() {
        assert_eq!(first, "post /some/where/v1/traces http/1.1");
        let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        for span in scopes.flat_map(|scope| &scope.spans) {
            spans += 1;
            assert!(span.end_time_unix_nano <= now && span.end_time_unix_nano > now - 60_000_000_000);
            assert!(span.trace_state.contains("ot=th:"), "{span:?}");
            let own = span.attributes.iter().filter(|attribute| attribute.key.starts_with("tailsieve."));
            names.extend(own.map(|attribute| attribute.key.clone()));
        }
    }
    assert_eq!(spans, kept);
    let documented = |table: String| -> BTreeSet<String> {
        table.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.into())).collect()
    };
    let of_roots = documented(tailsieve::enrich::attributes::documentation());
    let of_calls = documented(tailsieve::enrich::call::documentation());
    let all: BTreeSet<_> = of_roots.union(&of_calls).cloned().collect();
    assert!(names.is_superset(&of_roots) && names.is_subset(&all), "{names:?}");
    for name in ["stream.outcome", "time_to_completion", "cost.usd", "cost.status", "prompt.version"] {
        assert!(names.contains(&format!("tailsieve.{name}")), "{name}");
    }
}

#[test]
fn a_backend_that_refuses_is_no_success() {
    let (address, requests) = backend("400 Bad Request");
    let output = demo(&["--sessions", "150", "--export-to", &format!("http://{address}/x")]);
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(requests.try_iter().next().is_some());
    assert_eq!(output.status.code(), Some(3), "{out}");
    assert!(out.contains("✗ otlp_http/export-to: ") && out.contains("✓ file/kept: "), "{out}");
}

#[test]
fn wrong_usage_is_told_before_anything_starts() {
    let output = demo(&["--export-to", "ftp://host"]);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err.starts_with("tailsieve demo: --export-to: ") && err.lines().count() == 1, "{err}");
    assert_eq!(demo(&["--sessions", "0"]).status.code(), Some(2));
}
