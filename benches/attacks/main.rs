//! Attacks on a running receiver: floods of connections from one peer, while another sends good requests.
//!
//! ```text
//! cargo run --release --example attacks -- --grpc 127.0.0.1:4317 --http 127.0.0.1:4318 --pid $(pgrep tailsieve) unread
//! ```
//!
//! Prints one line of JSON: the connections that were opened and cut, the peak of the server's resident bytes, and the
//! latencies of the good requests and how many failed. Exits with 1 where memory passed `--limit`, or where more than one
//! good request in a hundred failed or took longer than a second.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a tool that stops where it stumbles"
)]

#[path = "../../tests/hostile/attacks.rs"]
mod attacks;

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use attacks::Attack;

/// How long a good request may take.
const PROMPT: Duration = Duration::from_secs(1);
const PERIOD: Duration = Duration::from_millis(50);

#[derive(Parser)]
struct Options {
    /// The attack: claims, lengths, unread, headers, continuations, frames or silence.
    #[arg(value_parser = attack)]
    attack: Attack,
    /// Where OTLP/gRPC is listened for.
    #[arg(long, default_value = "127.0.0.1:4317")]
    grpc: SocketAddr,
    /// Where OTLP/HTTP is listened for. Good requests go there.
    #[arg(long, default_value = "127.0.0.1:4318")]
    http: SocketAddr,
    /// The server's process, to read its memory.
    #[arg(long)]
    pid: u32,
    /// Connections at once, over both ports.
    #[arg(long, default_value_t = 2000)]
    connections: usize,
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// The most resident bytes that the server may have, in MiB.
    #[arg(long, default_value_t = 256)]
    limit: u64,
    /// The address of the attacker.
    #[arg(long, default_value = "127.0.0.2")]
    source: IpAddr,
}

fn attack(name: &str) -> Result<Attack, String> {
    Ok(match name {
        "claims" => Attack::Claims,
        "lengths" => Attack::Lengths,
        "unread" => Attack::Unread,
        "headers" => Attack::Headers,
        "continuations" => Attack::Continuations,
        "frames" => Attack::Frames,
        "silence" => Attack::Silence,
        _ => return Err("unknown attack".into()),
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let half = options.connections / 2;
    let targets = [(options.grpc, half), (options.http, options.connections - half)];
    let attackers = targets.map(|(address, number)| attacks::start(options.attack, options.source, address, number));
    let (mut peak, mut last, mut failed) = (0, 0, 0);
    let mut delays = Vec::new();
    let end = Instant::now() + Duration::from_secs(options.seconds);
    while Instant::now() < end {
        let started = Instant::now();
        let good = tokio::time::timeout(PROMPT * 5, good(options.http)).await;
        failed += usize::from(!matches!(good, Ok(Ok(true))) || started.elapsed() > PROMPT);
        delays.push(started.elapsed());
        last = resident(options.pid);
        peak = peak.max(last);
        tokio::time::sleep(PERIOD).await;
    }
    delays.sort();
    let at = |part: usize| delays[(delays.len() - 1) * part / 100].as_millis();
    let sum = |of: fn(&attacks::Attackers) -> u64| attackers.iter().map(of).sum::<u64>();
    let (opened, cut) = (sum(|a| a.opened.load(Ordering::Relaxed)), sum(|a| a.cut.load(Ordering::Relaxed)));
    let (median, p99, worst) = (at(50), at(99), at(100));
    println!(
        "{{\"attack\":\"{:?}\",\"connections\":{},\"opened\":{opened},\"cut\":{cut},\"peak_rss_mib\":{},\
         \"last_rss_mib\":{},\"requests\":{},\"failed_or_late\":{failed},\"median_ms\":{median},\"p99_ms\":{p99},\
         \"worst_ms\":{worst}}}",
        options.attack,
        options.connections,
        peak >> 20,
        last >> 20,
        delays.len(),
    );
    ExitCode::from(u8::from(peak > options.limit << 20 || failed * 100 > delays.len()))
}

/// Whether a good request on a connection of its own is accepted.
async fn good(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = attacks::connect([127, 0, 0, 1].into(), address).await?;
    let body = r#"{"resourceSpans":[]}"#;
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}

/// Resident bytes of a process; zero when it has ended.
fn resident(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    text.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096
}
