//! Connections that are no conversation: garbage, wrong protocols, endless headers, bytes that drip. None of them brings the
//! process down or keeps others waiting.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]
#![allow(clippy::print_stdout, reason = "figures are worth a look")]

mod hostile;
mod process;
mod support;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use hostile::{post, raw};
use support::client::{JSON, PROTOBUF};

/// What a client of HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn noise(len: usize) -> Vec<u8> {
    (0..len as u64).map(|n| xxhash_rust::xxh3::xxh3_64(&n.to_le_bytes()) as u8).collect()
}

/// The beginning of a TLS handshake: a record with a ClientHello.
fn client_hello() -> Vec<u8> {
    let hello = [&[1, 0, 0, 50, 3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0, 0, 7, 0, 43, 0, 3, 2, 3, 4]].concat();
    [&[22, 3, 1][..], &(hello.len() as u16).to_be_bytes(), &hello].concat()
}

#[tokio::test]
async fn bytes_that_are_no_protocol_end_their_own_connection_only() {
    let mut victim = hostile::start().await;
    let settings = frame(4, 0, 0, &[]);
    let conversations = [
        noise(100_000),
        vec![0; 100_000],
        b"\r\n".repeat(10_000),
        client_hello(),
        b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
        PREFACE[..10].to_vec(),
        [PREFACE, &noise(100_000)].concat(),
        [PREFACE, &frame(4, 0, 0, &[0; 5])].concat(),
        [PREFACE, &settings, &frame(0, 0, 1, &[0; 16_384])].concat(),
        [PREFACE, &settings, &frame(1, 4, 1, &noise(16_000))].concat(),
        [PREFACE, &settings, &frame(8, 0, 0, &u32::MAX.to_be_bytes())].concat(),
        [PREFACE, &settings, &frame(0, 0, 0, b"x")].concat(),
        // A header that goes on and on.
        [PREFACE, &settings, &frame(1, 0, 1, &[0x82]), &frame(9, 0, 1, &[0; 16_384]).repeat(1000)].concat(),
        // Streams that are opened and reset at once.
        [PREFACE.to_vec(), settings.clone(), resets(5000)].concat(),
        // Pings and settings that want answers.
        [PREFACE, &settings, &frame(6, 0, 0, &[1; 8]).repeat(20_000)].concat(),
        [PREFACE, &settings, &settings.repeat(20_000)].concat(),
    ];
    for address in [victim.sieve.grpc, victim.sieve.http] {
        for bytes in &conversations {
            raw(address, bytes).await;
        }
        victim.serves().await;
    }
    victim.stays_well().await;
}

/// A request and its reset, on stream after stream.
fn resets(count: u32) -> Vec<u8> {
    // :method POST, :scheme http, :path /, of the static table.
    let headers = [0x83, 0x86, 0x84];
    (0..count)
        .flat_map(|n| [frame(1, 4, 2 * n + 1, &headers), frame(3, 0, 2 * n + 1, &[0, 0, 0, 8])].concat())
        .collect()
}

#[tokio::test]
async fn http_1_that_is_malformed_is_answered_or_cut() {
    let victim = hostile::start().await;
    let chunked = |chunks: &str| {
        format!(
            "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {PROTOBUF}\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"
        )
    };
    let header = format!("x-{}: {}\r\n", "a".repeat(100), "b".repeat(900));
    let requests: [(String, &str); 11] = [
        ("POST\r\n\r\n".into(), "400"),
        ("POST /v1/traces\r\n\r\n".into(), "400"),
        ("POST /v1/traces HTTP/9.9\r\n\r\n".into(), "400"),
        ("P@ST /v1/traces HTTP/1.1\r\n\r\n".into(), "400"),
        ("POST /v1/traces HTTP/1.1\r\nno colon\r\n\r\n".into(), "400"),
        ("POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef".into(), "400"),
        (format!("POST /v1/traces HTTP/1.1\r\n{}\r\n", header.repeat(2000)), "431"),
        (format!("POST /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20)), "4"),
        (chunked("zz\r\n"), "400"),
        (chunked("ffffffffffffffffff\r\n"), "400"),
        (chunked("5\r\nab"), ""),
    ];
    for (request, status) in &requests {
        let answer = victim.raw(request.as_bytes()).await;
        let line = answer.lines().next().unwrap_or_default();
        let what: String = request.chars().take(80).collect();
        assert!(
            line.is_empty() && status.is_empty() || line.starts_with(&format!("HTTP/1.1 {status}")),
            "{what}: {line}"
        );
    }
    // Whoever hangs up in the middle of a body leaves nothing behind; `stays_well` looks at what is in flight.
    for _ in 0..50 {
        let mut stream = TcpStream::connect(victim.sieve.http).await.unwrap();
        let whole = post("/v1/traces", &format!("content-type: {JSON}\r\n"), &[b'x'; 100_000]);
        stream.write_all(&whole[..50_000]).await.unwrap();
    }
    victim.stays_well().await;
}

#[tokio::test]
async fn clients_that_drip_keep_nobody_waiting() {
    let mut victim = hostile::start().await;
    let headers = format!("content-type: {PROTOBUF}\r\n");
    let http = post("/v1/traces", &headers, &[0; 100_000]);
    let body = http.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let mut drips = Vec::new();
    for number in 0..200 {
        let (address, bytes, at) = match number % 4 {
            0 => (victim.sieve.http, http.clone(), 0),
            1 => (victim.sieve.http, http.clone(), body),
            2 => (victim.sieve.grpc, PREFACE.to_vec(), 0),
            _ => (victim.sieve.grpc, [PREFACE, &frame(4, 0, 0, &[]).repeat(100)].concat(), PREFACE.len()),
        };
        drips.push(tokio::spawn(drip(address, bytes, at)));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..3 {
        let started = std::time::Instant::now();
        victim.serves().await;
        // Settling takes 200 ms for each transport; the rest is what the request took.
        assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(drips.iter().filter(|drip| !drip.is_finished()).count() > 150, "the connections are gone");
    let scrape = victim.sieve.scrape().await;
    assert!(
        scrape.count("receiver_in_flight_bytes", &[]) < 50 * 1000,
        "a claim takes nothing, and a byte no more than two"
    );
    drips.iter().for_each(tokio::task::JoinHandle::abort);
    victim.stays_well().await;
}

/// Sends the first `at` bytes at once, and one a second from there.
async fn drip(address: SocketAddr, bytes: Vec<u8>, at: usize) {
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    tokio::spawn(async move { reader.read_to_end(&mut Vec::new()).await });
    let (now, rest) = bytes.split_at(at);
    writer.write_all(now).await.unwrap();
    for byte in rest {
        if writer.write_all(&[*byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
