//! Floods of connections: claims without bodies, answers that nobody reads, headers that do not end. Memory stays below
//! `memory.limit`, others are served, and all is as before soon after the end.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]
#![allow(clippy::print_stdout, reason = "figures are worth a look")]

mod hostile;
mod process;
mod support;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hostile::Victim;
use hostile::attacks::{self, Attack};
use process::{MIB, Watch};
use support::client;
use support::spans::{request, span};
use tokio::io::AsyncWriteExt;

const LIMIT: u64 = 256 * MIB;
/// Good requests during an attack, and how long each may take; one in a hundred may take longer.
const REQUESTS: usize = 100;
const PROMPT: Duration = Duration::from_secs(1);

/// Attacks both ports from one address while another sends good requests.
async fn withstands(attack: Attack, connections: usize) {
    let mut victim = hostile::start_with("memory: {limit: 256MiB}").await;
    let watch = Watch::start(victim.sieve.pid());
    let attackers = [victim.sieve.grpc, victim.sieve.http]
        .map(|address| attacks::start(attack, [127, 0, 0, 2].into(), address, connections / 2));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut late = 0;
    for number in 0..REQUESTS {
        let started = Instant::now();
        let good = good(&victim, number).await;
        let took = started.elapsed();
        if !good || took > PROMPT {
            late += 1;
            println!("request {number}: answered well: {good}, after {took:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let scrape = victim.sieve.scrape().await;
    let count = |name| ["grpc", "http"].map(|transport| scrape.count(name, &[("transport", transport)]));
    let opened: u64 = attackers.iter().map(|attackers| attackers.opened.load(Ordering::Relaxed)).sum();
    let cut: u64 = attackers.iter().map(|attackers| attackers.cut.load(Ordering::Relaxed)).sum();
    println!(
        "{attack:?}: {opened} connections opened, {cut} cut; open {:?}, bytes {:?}",
        count("receiver_connections"),
        count("receiver_connection_bytes")
    );
    assert!(scrape.ledger().balances(), "{scrape:#?}");
    drop(attackers);
    let ended = Instant::now();
    let calm = |scrape: &support::metrics::Metrics| {
        ["grpc", "http"].iter().all(|transport| scrape.count("receiver_connections", &[("transport", transport)]) < 5)
    };
    victim.sieve.scrape_when("the connections are gone", calm).await;
    victim.serves().await;
    assert!(ended.elapsed() < Duration::from_secs(5), "{:?}", ended.elapsed());
    let peak = watch.stop();
    println!("peak RSS {} MiB in {} samples, {late} late", peak.bytes / MIB, peak.samples);
    assert!(peak.bytes < LIMIT && peak.samples > 20, "{peak:?}");
    assert!(late <= REQUESTS / 100, "{late} good requests were late or refused");
    let told = victim.sieve.stderr();
    let lines = told.lines().filter(|line| line.contains("connection cut")).count();
    println!("{lines} lines told of it");
    if cut > 0 {
        assert!((1..=8).contains(&lines), "{told}");
    }
    victim.stays_well().await;
}

/// Whether a good request on a connection of its own is accepted.
async fn good(victim: &Victim, number: usize) -> bool {
    let name = format!("during {number}");
    let request = request(vec![span(&name, &name)]);
    let sent = async {
        match number % 2 {
            0 => {
                let reply = client::grpc(victim.sieve.grpc).await.traces(&request).await;
                (reply.code == tonic::Code::Ok, reply.message)
            }
            _ => {
                let reply = client::http(victim.sieve.http).await.traces(&request).await;
                (reply.status == 200, format!("{:?}", reply.body))
            }
        }
    };
    let (good, message) = tokio::time::timeout(PROMPT * 5, sent).await.unwrap_or_default();
    if !good {
        println!("request {number}: {message:?}");
    }
    good
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_of_bodies_that_never_come_shut_nobody_out() {
    withstands(Attack::Claims, 44).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lengths_of_bodies_that_never_come_shut_nobody_out() {
    withstands(Attack::Lengths, 44).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_reads_stay_within_the_limit() {
    withstands(Attack::Unread, 1000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_do_not_end_stay_within_the_limit() {
    withstands(Attack::Headers, 1000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn continuations_that_do_not_end_stay_within_the_limit() {
    withstands(Attack::Continuations, 2000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_do_not_end_stay_within_the_limit() {
    withstands(Attack::Frames, 1000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_connections_than_descriptors_leave_health_and_metrics_reachable() {
    let backend = support::backend::start().await;
    let mut sieve = support::sieve::new().descriptors(64).exporter("otlp_grpc/a", &backend);
    sieve = sieve.with("memory: {limit: 256MiB}");
    let sieve = sieve.run().await;
    let _attackers =
        [sieve.grpc, sieve.http].map(|address| attacks::start(Attack::Silence, [127, 0, 0, 2].into(), address, 100));
    tokio::time::sleep(Duration::from_millis(300)).await;
    for number in 0..20 {
        let started = Instant::now();
        let health = client::http(sieve.health).await.get("/healthz").await;
        assert_eq!(health.status, 200);
        sieve.scrape().await;
        let name = format!("good {number}");
        client::http(sieve.http).await.traces(&request(vec![span(&name, &name)])).await.accepted();
        backend.spans_when(&name, |spans| spans.iter().any(|known| known.span.name == name)).await;
        assert!(started.elapsed() < PROMPT * 3, "{:?}", started.elapsed());
    }
    assert!(sieve.stderr().contains("the limit of open files allows fewer connections"), "{}", sieve.stderr());
    assert!(!sieve.stderr().contains("cannot accept"), "{}", sieve.stderr());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_fills_what_may_be_in_flight_does_not_keep_a_neighbor_out() {
    let victim = hostile::start_with("memory: {limit: 256MiB}").await;
    let flooder = |number: usize| {
        let address = victim.sieve.http;
        tokio::spawn(async move {
            // Bodies of which all but the end comes.
            let mut stream = attacks::connect([127, 0, 0, 2].into(), address).await.unwrap();
            let body = hostile::post("/v1/traces", "content-type: application/x-protobuf\r\n", &vec![0; 4_000_000]);
            let _ = stream.write_all(&body[..3_900_000]).await;
            tokio::time::sleep(Duration::from_secs(30)).await;
            number
        })
    };
    let flood: Vec<_> = (0..30).map(flooder).collect();
    let full = |scrape: &support::metrics::Metrics| scrape.count("receiver_in_flight_bytes", &[]) > 18 * MIB;
    victim.sieve.scrape_when("the flood is in flight", full).await;
    for number in 0..REQUESTS {
        assert!(good(&victim, number).await, "request {number}");
    }
    let stderr = victim.sieve.stderr();
    assert!(stderr.contains("too many bytes of requests are in flight"), "{stderr}");
    flood.iter().for_each(tokio::task::JoinHandle::abort);
    victim.stays_well().await;
}
