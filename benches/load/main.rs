//! Load for an OTLP/gRPC receiver: agent spans, made up or recorded, encoded beforehand, with ids that never repeat.
//!
//! ```text
//! cargo run --release --example load -- --endpoint 127.0.0.1:4317 --pid $(pgrep tailsieve) --seconds 20
//! ```
//!
//! Prints one line of JSON: spans per second, and of the server the CPU seconds per million spans by the operating
//! system's accounting, its resident bytes and their peak; and the CPU seconds of all other processes, so that a disturbed
//! measurement shows.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a tool that stops where it stumbles"
)]

mod client;
mod delay;
mod recorded;
mod server;
mod spans;
#[cfg(test)]
mod tests;
mod traffic;
mod usage;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};

use delay::Delays;
use spans::Form;
use traffic::Traffic;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Sends agent spans to an OTLP/gRPC receiver
#[derive(Clone, Debug, Parser)]
pub struct Args {
    /// Where to send to
    #[arg(long, default_value = "127.0.0.1:4317")]
    endpoint: SocketAddr,
    /// Process whose CPU and memory are reported
    #[arg(long)]
    pid: Option<u32>,
    /// How long to send
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds at the beginning that are sent but not counted
    #[arg(long, default_value_t = 0.0)]
    warmup: f64,
    /// Connections
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Requests under way on each connection
    #[arg(long, default_value_t = 2)]
    in_flight: usize,
    /// Spans of a request
    #[arg(long, default_value_t = 512)]
    spans: usize,
    /// Sessions whose spans are interleaved in a request
    #[arg(long, default_value_t = 64)]
    interleaved: usize,
    /// Spans of a session: between half and one and a half times as many
    #[arg(long, default_value_t = 40)]
    session: usize,
    /// Sessions that are open at once, each sent a span at a time, so that their spans are far apart; `--session` is
    /// then exactly how many each has, and `--interleaved` says nothing
    #[arg(long)]
    open: Option<usize>,
    /// Send what was recorded below this folder, as `<framework>/<scenario>/req*.binpb`, instead of made-up spans: each
    /// trace is a session, and `--interleaved` and `--session` say nothing
    #[arg(long, conflicts_with = "open")]
    recordings: Option<PathBuf>,
    /// Who sends the requests
    #[arg(long, value_enum, default_value_t = Form::Sdk, conflicts_with = "recordings")]
    form: Form,
    /// Spans per second over all connections; as many as are taken when absent
    #[arg(long)]
    rate: Option<f64>,
    /// Stop after so many spans
    #[arg(long)]
    total: Option<u64>,
    /// Compression of requests
    #[arg(long, value_enum, default_value_t = Compression::None)]
    compression: Compression,
    /// Make so many requests before the start and send them in turn: compressing as they are sent is slower than what
    /// takes them. Ids repeat after that
    #[arg(long, default_value_t = 0)]
    prepared: usize,
    /// Keep them in this file for the next time that the same are asked for; `--seconds 0` makes them and nothing else
    #[arg(long)]
    prepared_file: Option<PathBuf>,
    /// Take what is exported here, and drop it
    #[arg(long)]
    sink: Option<SocketAddr>,
    /// Only take what is exported
    #[arg(long)]
    only_sink: bool,
    /// Report how long it takes from a session's last span, sent after the warm-up, to the sink
    #[arg(long, requires = "sink", conflicts_with = "prepared")]
    delays: bool,
}

/// Compression of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// As they are
    None,
    /// gzip, level 6
    Gzip,
    /// zstd, level 1
    Zstd,
}

/// What was sent, by all connections.
#[derive(Debug, Default)]
pub struct Sent {
    spans: AtomicU64,
    bytes: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

fn main() {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(run(args));
}

async fn run(args: Args) {
    let taken = Arc::new(AtomicU64::new(0));
    let delays = args.delays.then(Arc::<Delays>::default);
    if let Some(sink) = args.sink {
        tokio::spawn(server::serve(sink, taken.clone(), delays.clone()));
    }
    if args.only_sink {
        return tokio::time::sleep(Duration::from_secs_f64(args.seconds)).await;
    }
    let sent = Arc::new(Sent::default());
    let traffic = Arc::new(Traffic::new(&args));
    if args.seconds == 0.0 {
        return;
    }
    let mut senders = Vec::new();
    for number in 0..args.connections {
        let send = client::send(args.clone(), number as u64, traffic.clone(), sent.clone(), delays.clone());
        senders.push(tokio::spawn(send));
    }
    tokio::time::sleep(Duration::from_secs_f64(args.warmup)).await;
    let own = Some(std::process::id());
    let others = || usage::machine() - usage::read(args.pid).cpu - usage::read(own).cpu;
    let (began, before, others_before) = (Instant::now(), usage::read(args.pid), others());
    let spans_before = sent.spans.load(Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }
    let (elapsed, after) = (began.elapsed().as_secs_f64(), usage::read(args.pid));
    let others = others() - others_before;
    let spans = sent.spans.load(Ordering::Relaxed) - spans_before;
    let cpu = after.cpu - before.cpu;
    let (delayed, [median, p99, longest]) = delays.unwrap_or_default().quantiles([0.5, 0.99, 1.0]);
    println!(
        "{{\"spans\": {spans}, \"seconds\": {elapsed:.2}, \"spans_per_second\": {:.0}, \"bytes\": {}, \"refused_requests\": {}, \
         \"failed_requests\": {}, \"other_cpu_seconds\": {others:.2}, \"server_cpu_seconds\": {cpu:.2}, \"server_cpu_seconds_per_million_spans\": {:.3}, \
         \"server_rss_bytes\": {}, \"server_peak_rss_bytes\": {}, \"exported_bytes\": {}, \"delayed_sessions\": {delayed}, \
         \"delay_median\": {median:.4}, \"delay_p99\": {p99:.4}, \"delay_longest\": {longest:.4}}}",
        spans as f64 / elapsed,
        sent.bytes.load(Ordering::Relaxed),
        sent.refused.load(Ordering::Relaxed),
        sent.failed.load(Ordering::Relaxed),
        cpu / (spans as f64 / 1e6),
        after.resident,
        after.peak,
        taken.load(Ordering::Relaxed),
    );
}
