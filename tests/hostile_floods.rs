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
