//! `memory.limit` holds: under traffic that wants eight times as much, resident memory stays below it, whoever is refused
//! is told when to come back, and every span that was accepted gets its verdict.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]
#![allow(clippy::print_stdout, reason = "figures are worth a look")]

mod load;
mod process;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message;
use support::backend::{self, Answer, Backend};
use support::client::{self, Grpc, GrpcReply, TRACES};
use support::metrics::Metrics;
use support::sieve::{self, Stopped};

use load::{Dice, Load, Session, Templates};
use process::{MIB, Watch};

const LIMIT: u64 = 256 * MIB;

/// What the clients are to do, and did.
struct Tally {
    /// Bytes of spans to offer in all.
    offer: u64,
    /// When to give up: the machine may be slow.
    end: Instant,
    offered_bytes: AtomicU64,
    accepted_bytes: AtomicU64,
    accepted_spans: AtomicU64,
    refusals: AtomicU64,
}

impl Tally {
    fn new(offer: u64, time: Duration) -> Self {
        let [offered_bytes, accepted_bytes, accepted_spans, refusals] = Default::default();
        Self { offer, end: Instant::now() + time, offered_bytes, accepted_bytes, accepted_spans, refusals }
    }
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

/// What is sent, and to what.
struct Scenario {
    /// What the clients send, by turns.
    traffic: Vec<Traffic>,
    rules: &'static str,
    answer: Answer,
    offered: u64,
    time: Duration,
}

/// What one client sends.
#[derive(Clone)]
struct Traffic {
    /// Bytes of a span's texts.
    span: std::ops::Range<u64>,
    /// Spans of a session.
    session: std::ops::Range<u64>,
    /// Sessions that are sent at the same time.
    open: usize,
    /// Spans of each session in a request.
    batch: u64,
}

const USUAL: Traffic = Traffic { span: 2_000..10_000, session: 20..61, open: 8, batch: 5 };

/// What came of it.
struct Outcome {
    accepted_bytes: u64,
    refusals: u64,
    last: Metrics,
    stopped: Stopped,
    backend: Backend,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_below_the_limit_and_every_accepted_span_gets_a_verdict() {
    let rules = "{name: routine, probability: 0.01}";
    let answer = Answer::Take;
    let time = Duration::from_secs(40);
    let outcome = run(Scenario { traffic: vec![USUAL], rules, answer, offered: 8 * LIMIT, time }).await;
    assert!(outcome.accepted_bytes > 2 * LIMIT, "too little to prove anything");
    let ledger = outcome.last.ledger();
    let kept = outcome.backend.span_count() as u64;
    assert!(kept >= ledger.kept && kept < ledger.received / 20, "{kept} spans came out of {ledger:?}");
    assert_eq!(outcome.stopped.code, Some(0), "{}", outcome.stopped);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_that_are_smaller_than_what_is_kept_of_them_do_not_pass_the_limit() {
    let rules = "{name: routine, probability: 0.001}";
    let answer = Answer::Take;
    let time = Duration::from_secs(15);
    let traffic = vec![Traffic { span: 0..1, batch: 60, ..USUAL }];
    let outcome = run(Scenario { traffic, rules, answer, offered: LIMIT / 2, time }).await;
    assert!(outcome.last.ledger().received > 300_000, "too little to prove anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_and_tiny_sessions_side_by_side_do_not_pass_the_limit() {
    let rules = "{name: routine, probability: 0.01}";
    let large = Traffic { span: 20_000..100_000, session: 200..1_000, open: 8, batch: 5 };
    let tiny = Traffic { span: 0..1, session: 1..2, open: 2_000, batch: 1 };
    let traffic = vec![large, tiny];
    let time = Duration::from_secs(30);
    let outcome = run(Scenario { traffic, rules, answer: Answer::Take, offered: 8 * LIMIT, time }).await;
    assert!(outcome.accepted_bytes > LIMIT, "too little to prove anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_that_takes_nothing_does_not_pass_the_limit() {
    let time = Duration::from_secs(30);
    let answer = Answer::Late(Duration::from_secs(3600));
    let outcome = run(Scenario { traffic: vec![USUAL], rules: "{name: all}", answer, offered: 3 * LIMIT, time }).await;
    assert!(outcome.accepted_bytes > LIMIT && outcome.refusals > 0, "too little to prove anything");
    // What did not fit into the queue was counted as failed; all that was kept was routed.
    let [routed, queued, sent, failed] = ["routed", "queued", "sent", "failed"]
        .map(|what| outcome.last.count(&format!("ledger_exporter_{what}_spans"), &[]));
    assert_eq!(routed, queued + sent + failed);
    assert!(failed > 0 && sent == 0, "{:#?}", outcome.last);
}

async fn run(scenario: Scenario) -> Outcome {
    let Scenario { traffic, rules, answer, offered, time } = scenario;
    let backend = backend::start().await;
    backend.answers(answer);
    let sieve = sieve::new()
        .with(format!("memory: {{limit: {}MiB}}", LIMIT / MIB))
        .with("sessions: {settle: 5m, idle_timeout: 10m, trace_timeout: 10m}")
        .with(format!("sampling: {{rules: [{rules}]}}"))
        .exporter_with("otlp_grpc/sink", backend.address, ", timeout: 1h")
        .run()
        .await;
    let watch = Watch::start(sieve.pid());
    let tally = Arc::new(Tally::new(offered, time));
    let started = Instant::now();
    let offer =
        |(seed, traffic)| tokio::spawn(offer(sieve.grpc, Traffic::clone(traffic), Dice::new(seed), tally.clone()));
    let clients: Vec<_> = (0..6).zip(traffic.iter().cycle()).map(offer).collect();
    while !clients.iter().all(|client| client.is_finished()) {
        let scrape = sieve.scrape().await;
        assert!(scrape.ledger().balances() && scrape.ledger_of("bytes").balances(), "{scrape:#?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    for client in clients {
        client.await.unwrap();
    }
    let taken = started.elapsed();
    // What was accepted last may still be on its way to its shard.
    let accepted = tally.accepted_spans.load(Ordering::Relaxed);
    let caught_up = Instant::now() + Duration::from_secs(60);
    let mut last = sieve.scrape().await;
    while last.ledger().received < accepted && Instant::now() < caught_up {
        tokio::time::sleep(Duration::from_millis(250)).await;
        last = sieve.scrape().await;
    }
    backend.answers(Answer::Take);
    let stopped = sieve.stop().await;
    let peak = watch.stop();
    let [accepted_bytes, accepted_spans, refusals] =
        [&tally.accepted_bytes, &tally.accepted_spans, &tally.refusals].map(|count| count.load(Ordering::Relaxed));
    let early = last.count("verdicts", &[("reason", "memory")]);
    println!(
        "accepted {} MiB = {accepted_spans} spans in {taken:.1?}, refused {refusals} requests, {early} early verdicts; \
         peak RSS {:.1} MiB in {} samples",
        accepted_bytes / MIB,
        peak.bytes as f64 / MIB as f64,
        peak.samples,
    );
    assert!(peak.bytes < LIMIT && peak.samples > 50, "{peak:?}");
    let ledger = last.ledger();
    assert!(ledger.balances() && last.ledger_of("bytes").balances(), "{last:#?}");
    assert_eq!((ledger.lost, ledger.refused, ledger.duplicate), (0, 0, 0));
    assert_eq!((ledger.received, last.ledger_of("bytes").received), (accepted_spans, accepted_bytes));
    assert!(early > 0, "memory was never short");
    // What was still held is judged by the stop, which would tell if anything were left.
    let [end] = &stopped.logged("stopped")[..] else { panic!("{stopped}") };
    assert_eq!(end["undecided_spans"], 0, "{stopped}");
    assert!(!stopped.stderr.contains("panicked"), "{stopped}");
    Outcome { accepted_bytes, refusals, last, stopped, backend }
}

/// Sends sessions, some at a time and mixed, as fast as they are taken, until enough was offered.
async fn offer(address: std::net::SocketAddr, traffic: Traffic, mut dice: Dice, tally: Arc<Tally>) {
    let Traffic { span, session, open, batch } = traffic;
    let client = client::grpc(address).await;
    let templates = Templates::new(span);
    let begin = |dice: &mut Dice| templates.session(dice.within(session.clone()), dice);
    let mut open: Vec<Session> = (0..open).map(|_| begin(&mut dice)).collect();
    while tally.offered_bytes.load(Ordering::Relaxed) < tally.offer && Instant::now() < tally.end {
        let mut chosen: Vec<&mut Session> = open.iter_mut().filter(|_| dice.roll().is_multiple_of(2)).collect();
        if chosen.is_empty() {
            continue;
        }
        let load = templates.request(&mut chosen, batch, &mut dice);
        tally.offered_bytes.fetch_add(load.span_bytes, Ordering::Relaxed);
        send(&client, &load, &tally).await;
        for session in open.iter_mut().filter(|session| session.is_done()) {
            *session = begin(&mut dice);
        }
    }
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
