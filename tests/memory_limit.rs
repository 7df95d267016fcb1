//! `memory.limit` holds: under traffic that wants eight times as much, resident memory stays below it, whoever is refused
//! is told when to come back, and every span that was accepted gets its verdict.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "what a test cannot read fails it")]

mod load;
mod process;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message;
use support::client::{self, Grpc, GrpcReply, TRACES};
use support::{backend, sieve};

use load::{Dice, Load, Session, Templates};
use process::{MIB, Watch};

const LIMIT: u64 = 256 * MIB;
/// What is offered in all.
const OFFERED: u64 = 8 * LIMIT;
/// When to give up offering: the machine may be slow.
const TIME: Duration = Duration::from_secs(50);

/// What the clients did.
#[derive(Default)]
struct Tally {
    offered_bytes: AtomicU64,
    accepted_bytes: AtomicU64,
    accepted_spans: AtomicU64,
    refusals: AtomicU64,
}

/// `google.rpc.Status`
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`
#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resident_memory_stays_below_the_limit_and_every_accepted_span_gets_a_verdict() {
    let backend = backend::start().await;
    let sieve = sieve::new()
        .with(format!("memory: {{limit: {}MiB}}", LIMIT / MIB))
        .with("sessions: {settle: 5m, idle_timeout: 10m, trace_timeout: 10m}")
        .with("sampling: {rules: [{name: routine, probability: 0.01}]}")
        .exporter("otlp_grpc/sink", &backend)
        .run()
        .await;
    let watch = Watch::start(sieve.pid());
    let tally = Arc::new(Tally::default());
    let templates = Arc::new(Templates::new(2_000..10_000));
    let started = Instant::now();
    let clients: Vec<_> = (0..6)
        .map(|seed| tokio::spawn(offer(sieve.grpc, templates.clone(), Dice::new(seed), tally.clone(), started)))
        .collect();
    let mut scrapes = 0;
    let mut early = 0;
    while !clients.iter().all(|client| client.is_finished()) {
        let scrape = sieve.scrape().await;
        assert!(scrape.ledger().balances() && scrape.ledger_of("bytes").balances(), "{scrape:#?}");
        early = scrape.count("verdicts", &[("reason", "memory")]);
        scrapes += 1;
        println!(
            "{:5.1}s rss {} log {}+{} live? tables {} inflight {} queue {} used {} level {} held {}MiB refused {}",
            started.elapsed().as_secs_f32(),
            scrape.count("process_memory_rss", &[]) >> 20,
            scrape.count("log_held_bytes", &[]) >> 20,
            scrape.count("log_free_bytes", &[]) >> 20,
            scrape.count("table_bytes", &[]) >> 20,
            scrape.count("receiver_in_flight_bytes", &[]) >> 20,
            scrape.count("exporter_queue_size", &[]) >> 20,
            scrape.count("memory_used_bytes", &[]) >> 20,
            scrape.count("memory_level", &[]),
            scrape.ledger_of("bytes").held >> 20,
            scrape.count("receiver_full_requests", &[])
        );
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    for client in clients {
        client.await.unwrap();
    }
    let taken = started.elapsed();
    let scrape = sieve.scrape().await;
    let ledger = scrape.ledger();
    let stopped = sieve.stop().await;
    let peak = watch.stop();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "offered {} MiB, accepted {} MiB = {} spans in {taken:.1?}, refused {} requests; peak RSS {:.1} MiB in {} samples; \
         {early} early verdicts, {scrapes} scrapes",
        count(&tally.offered_bytes) / MIB,
        count(&tally.accepted_bytes) / MIB,
        count(&tally.accepted_spans),
        count(&tally.refusals),
        peak.bytes as f64 / MIB as f64,
        peak.samples,
    );
    assert!(peak.bytes < LIMIT, "{peak:?}");
    assert!(peak.samples > 100 && scrapes > 10, "{peak:?} {scrapes}");
    assert!(count(&tally.accepted_bytes) > 2 * LIMIT, "too little to prove anything");
    assert!(early > 0 && ledger.lost == 0 && ledger.refused == 0 && ledger.duplicate == 0, "{scrape:#?}");
    assert_eq!(ledger.received, count(&tally.accepted_spans));
    // What was still held is judged by the stop, which would tell if anything were left.
    assert_eq!(stopped.code, Some(0), "{stopped}");
    let [last] = &stopped.logged("stopped")[..] else { panic!("{stopped}") };
    assert_eq!((&last["undecided_spans"], &last["undelivered_spans"]), (&0.into(), &0.into()), "{stopped}");
    let kept = backend.span_count() as u64;
    assert!(kept >= ledger.kept && kept < ledger.received / 20, "{kept} spans came out of {ledger:?}");
}

/// Sends sessions, some at a time and mixed, as fast as they are taken, until enough was offered.
async fn offer(
    address: std::net::SocketAddr,
    templates: Arc<Templates>,
    mut dice: Dice,
    tally: Arc<Tally>,
    started: Instant,
) {
    let client = client::grpc(address).await;
    let mut open: Vec<Session> = (0..8).map(|_| session(&templates, &mut dice)).collect();
    while tally.offered_bytes.load(Ordering::Relaxed) < OFFERED && started.elapsed() < TIME {
        let mut chosen: Vec<&mut Session> = open.iter_mut().filter(|_| dice.roll().is_multiple_of(2)).collect();
        if chosen.is_empty() {
            continue;
        }
        let load = templates.request(&mut chosen, 5, &mut dice);
        tally.offered_bytes.fetch_add(load.span_bytes, Ordering::Relaxed);
        send(&client, &load, &tally).await;
        for session in open.iter_mut().filter(|session| session.is_done()) {
            *session = self::session(&templates, &mut dice);
        }
    }
}

fn session(templates: &Templates, dice: &mut Dice) -> Session {
    let spans = dice.within(20..61);
    templates.session(spans, dice)
}

/// Sends one request, again and again when it is refused, each time after as long as it was told.
async fn send(client: &Grpc, load: &Load, tally: &Tally) {
    let body = client::framed(0, &load.body);
    loop {
        let reply = client.call(TRACES, &[], body.clone()).await;
        if reply.code == tonic::Code::Ok {
            reply.accepted();
            tally.accepted_bytes.fetch_add(load.span_bytes, Ordering::Relaxed);
            tally.accepted_spans.fetch_add(load.spans, Ordering::Relaxed);
            return;
        }
        assert_eq!(reply.code, tonic::Code::ResourceExhausted, "{reply:?}");
        tally.refusals.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(retry_delay(&reply)).await;
    }
}

/// What the reply's `RetryInfo` says.
fn retry_delay(reply: &GrpcReply) -> Duration {
    let status = Status::decode(Bytes::copy_from_slice(reply.status.details())).unwrap();
    let [detail] = &status.details[..] else { panic!("{reply:?}") };
    assert_eq!(detail.type_url, "type.googleapis.com/google.rpc.RetryInfo");
    let delay = RetryInfo::decode(&detail.value[..]).unwrap().retry_delay.unwrap();
    let delay = Duration::new(delay.seconds as u64, delay.nanos as u32);
    assert!(delay > Duration::ZERO && delay < Duration::from_secs(10), "{delay:?}");
    delay
}
