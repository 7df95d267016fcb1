//! A held span costs little more than its bytes, and what is judged makes room for what comes next.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]
#![allow(clippy::print_stdout, reason = "figures are worth a look")]

mod load;
mod process;
mod support;

use load::{Dice, Session, Templates};
use process::{MIB, Watch, resident};
use support::backend;
use support::client::{self, Encoding, TRACES};
use support::sieve::{self, Sieve};

/// Sessions that are open at a time, and spans of each.
const SESSIONS: usize = 20_000;
const SPANS: u64 = 6;
/// Most resident bytes for a byte of held spans.
const RATIO: f64 = 1.6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_spans_take_little_more_than_their_bytes_and_their_room_is_used_again() {
    let backend = backend::start().await;
    let sieve = sieve::new()
        .with("memory: {limit: 1GiB}")
        .with("sessions: {settle: 7s, trace_timeout: 60s}")
        .with("sampling: {rules: [{name: routine, probability: 0.001}]}")
        .exporter("otlp_grpc/sink", &backend)
        .run()
        .await;
    let idle = resident(sieve.pid()).unwrap();
    let mut dice = Dice::new(3);
    let mut rounds = Vec::new();
    for _ in 0..4 {
        rounds.push(round(&sieve, &mut dice, idle).await);
    }
    let peaks: Vec<u64> = rounds.iter().map(|(_, peak)| peak / MIB).collect();
    println!("peak RSS of each round, MiB: {peaks:?}");
    assert!(rounds[0].0 <= RATIO, "{:.2} bytes are resident for a byte held", rounds[0].0);
    let (third, last) = (rounds[2].1, rounds[3].1);
    assert!(last <= third + third / 10, "{peaks:?}");
    assert!(!sieve.stop().await.stderr.contains("panicked"));
}

/// Sends all sessions, looks at the memory while they are held, and waits for their verdicts: resident bytes for each byte
/// held, and the most that was resident.
async fn round(sieve: &Sieve, dice: &mut Dice, idle: u64) -> (f64, u64) {
    let templates = Templates::new(1_000..2_000);
    let watch = Watch::start(sieve.pid());
    let client = client::grpc(sieve.grpc).await;
    let mut sessions: Vec<Session> = (0..SESSIONS).map(|_| templates.session(SPANS, dice)).collect();
    // Half of each session, then the other half, as spans come in when they end.
    for _ in 0..2 {
        for part in sessions.chunks_mut(50) {
            let mut part: Vec<&mut Session> = part.iter_mut().collect();
            let load = templates.request(&mut part, SPANS / 2, dice);
            client.export(TRACES, &load.body, Encoding::Plain).await.accepted();
        }
    }
    let all = SESSIONS as u64 * SPANS;
    let scrape = sieve.scrape_when("all is held", |scrape| scrape.ledger().held == all).await;
    let (held, now) = (scrape.ledger_of("bytes").held, resident(sieve.pid()).unwrap());
    let ratio = (now - idle) as f64 / held as f64;
    println!(
        "{SESSIONS} sessions of {SPANS} spans: {} MiB held, RSS {} MiB, log {} MiB, idle {} MiB: {ratio:.3} for a byte",
        held / MIB,
        now / MIB,
        (scrape.count("log_held_bytes", &[]) + scrape.count("log_free_bytes", &[])) / MIB,
        idle / MIB
    );
    let scrape = sieve.scrape_when("all is judged", |scrape| scrape.ledger().held == 0).await;
    assert_eq!(scrape.count("verdicts", &[("reason", "memory")]), 0, "memory was short");
    (ratio, watch.stop().bytes)
}
