use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::clock::Clock;
use crate::log::{Log, LogUsage};
use crate::observe::ledger::Ledger;
use crate::observe::pressure::{Pressure, Reading};
use crate::pricing::{PriceBook, Prices};

const STARTED: Nanos = 1_700_000_000 * SECOND;

fn sources() -> Sources {
    Sources {
        ledger: Arc::new(Ledger::new(1, [])),
        log: Log::new(4 << 20, 1),
        pressure: Arc::new(Pressure::new(1_000_000)),
        prices: Arc::new(Prices::new(PriceBook::load(&[]).unwrap())),
        clock: Clock::manual(STARTED + 3_723 * SECOND),
        started: STARTED,
    }
}

fn get(sources: &Sources, path: &str) -> (u16, String) {
    let page = route(Pages::Health, &Method::GET, path, sources);
    (page.status.as_u16(), page.body)
}

fn fill(sources: &Sources, permille: u64) {
    let log = LogUsage { held: permille, limit: 1000, ..LogUsage::default() };
    sources.pressure.sample(&Reading { log, ..Reading::default() });
}

#[test]
fn a_process_is_ready_from_the_end_of_its_start_to_the_begin_of_its_stop() {
    let sources = sources();
    assert_eq!(get(&sources, "/readyz"), (503, "not ready: starting or stopping\n".into()));
    assert_eq!(get(&sources, "/").0, 503);
    sources.ledger.ready.store(true, Ordering::Release);
    assert_eq!(get(&sources, "/readyz"), (200, "ready\n".into()));
    sources.ledger.ready.store(false, Ordering::Release);
    assert_eq!(get(&sources, "/readyz").0, 503);
    assert_eq!(get(&sources, "/healthz"), (200, "alive\n".into()));
}

#[test]
fn a_process_that_refuses_requests_is_alive_and_not_ready() {
    let sources = sources();
    sources.ledger.ready.store(true, Ordering::Release);
    fill(&sources, 900);
    assert_eq!(get(&sources, "/readyz").0, 200);
    fill(&sources, 970);
    assert_eq!(get(&sources, "/readyz"), (503, "not ready: memory is 97 % full, requests are refused\n".into()));
    assert_eq!((get(&sources, "/").0, get(&sources, "/healthz").0), (200, 200));
}

#[test]
fn the_root_answers_as_otelcols_health_check() {
    let sources = sources();
    sources.ledger.ready.store(true, Ordering::Release);
    let (_, body) = get(&sources, "/");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["status"], "Server available");
    assert_eq!(body["upSince"], "2023-11-14T22:13:20Z");
    assert_eq!(body["uptime"], "1h2m3s");
    sources.ledger.ready.store(false, Ordering::Release);
    let body: serde_json::Value = serde_json::from_str(&get(&sources, "/").1).unwrap();
    assert_eq!(body["status"], "Server not available");
}

#[test]
fn times_are_written_right_over_leap_days_and_centuries() {
    let cases = [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (951_868_800, "2000-03-01T00:00:00Z"),
        (1_735_689_599, "2024-12-31T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
    ];
    for (seconds, text) in cases {
        assert_eq!(rfc3339(seconds * SECOND), text);
    }
}

/// Sends `request` over a socket and returns all of the answer.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn each_listener_answers_to_its_own_pages_only() {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let (metrics, _) = serve(any, Pages::Metrics, sources()).await.unwrap();
    let (health, task) = serve(any, Pages::Health, sources()).await.unwrap();

    let answer = ask(metrics, "GET /metrics?name=x HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(answer.contains("\ntailsieve_process_uptime 3723\n"), "{answer}");

    let answer = ask(metrics, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let answer = ask(health, "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let answer = ask(health, "POST /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nbody").await;
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: GET, HEAD\r\n"), "{answer}");
    let answer = ask(health, "HEAD /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert!(!task.is_finished());
}

#[tokio::test]
async fn nonsense_ends_the_connection_and_not_the_listener() {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let (address, _) = serve(any, Pages::Health, sources()).await.unwrap();
    assert!(ask(address, "\0\u{1}nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(64 << 10));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(long.as_bytes()).await;
    drop(stream);
    assert!(ask(address, "GET /healthz HTTP/1.0\r\n\r\n").await.contains("alive"));
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let (address, _) = serve(any, Pages::Health, sources()).await.unwrap();
    let error = serve(address, Pages::Metrics, sources()).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot listen on {address}: ")), "{error}");
}

#[test]
fn a_request_to_another_host_is_told_from_one_to_this_machine() {
    let is_loopback = |uri: &str, host: Option<&str>| {
        let request = Request::builder().uri(uri);
        let request = host.map_or(Request::builder().uri(uri), |host| request.header("host", host));
        is_loopback_host(&request.body(()).unwrap())
    };
    for host in ["localhost", "LocalHost:8888", "127.0.0.1", "127.0.0.1:13133", "127.8.9.1", "[::1]", "[::1]:80"] {
        assert!(is_loopback("/metrics", Some(host)), "{host}");
    }
    for host in
        ["evil.example", "localhost.evil.example:8888", "10.0.0.1", "[2001:db8::1]:80", "", "127.0.0.1@evil", "::1"]
    {
        assert!(!is_loopback("/metrics", Some(host)), "{host}");
    }
    assert!(is_loopback("/metrics", None));
    assert!(!is_loopback("http://evil.example/metrics", Some("localhost")));
}

#[tokio::test]
async fn only_requests_to_this_machine_are_answered_on_a_loopback_address() {
    let (address, _task) = serve("127.0.0.1:0".parse().unwrap(), Pages::Metrics, sources()).await.unwrap();
    let rebound = ask(address, "GET /metrics HTTP/1.1\r\nhost: evil.example:8888\r\n\r\n").await;
    assert!(rebound.starts_with("HTTP/1.1 421 ") && !rebound.contains("tailsieve_"), "{rebound}");
    let local = ask(address, "GET /metrics HTTP/1.1\r\nhost: localhost:8888\r\n\r\n").await;
    assert!(local.starts_with("HTTP/1.1 200 "), "{local}");
    let old = ask(address, "GET /metrics HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200 "), "{old}");
}

#[tokio::test]
async fn a_silent_connection_makes_room_for_one_that_asks() {
    let (address, _task) = serve("127.0.0.1:0".parse().unwrap(), Pages::Health, sources()).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..machine::page_descriptors() * 3 {
        silent.push(TcpStream::connect(address).await.unwrap());
        let asked = tokio::time::Instant::now();
        if silent.len() % 16 == 0 {
            let alive = ask(address, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
            assert!(alive.starts_with("HTTP/1.1 200 "), "{alive}");
            assert!(asked.elapsed() < REQUEST / 2, "{:?}", asked.elapsed());
        }
    }
}
