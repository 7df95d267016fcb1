//! `tailsieve demo`: the main job on what is embedded in the binary.
//!
//! 1. The pipeline starts with `config/demo.yaml` on free ports.
//! 2. Recordings of real instrumentations are told again as thousands of sessions (`multiply`), mixed (`mix`) and sent by
//!    OTLP clients (`client`).
//! 3. When every session is judged, the pipeline stops, what it exported is read back (`readback`), and the ledger and one
//!    kept session are shown (`report`), with what the sessions cost and how
//!    their streams ended (`story`).

mod backend;
mod client;
mod mix;
mod multiply;
mod progress;
mod readback;
mod recordings;
mod report;
mod story;

use std::fs::{DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::books::books;
use super::configuration::variable;
use super::exit::{Exit, complain};
use super::show::paint::{Paint, bytes, number};
use crate::clock::Clock;
use crate::config::{self, Config, LogEncoding, LogLevel};
use crate::genai::conventions::Conventions;
use crate::observe::ledger::Ledger;
use crate::observe::logs;
use crate::pipeline::Pipeline;
use crate::pricing::Prices;
use crate::session::Lens;
use client::{Clients, Sent};
use mix::Mix;
use multiply::Ids;
use progress::Progress;
use readback::Exported;
use report::{Counts, Outcome};

/// The configuration.
const CONFIG: &str = include_str!("../../../config/demo.yaml");
/// Longest wait for the last verdicts.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Show on real agent traffic what tailsieve does, with nothing else to install
///
/// Starts the real pipeline with an embedded configuration (config/demo.yaml) on free loopback ports, and sends it agent
/// sessions over OTLP/gRPC and OTLP/HTTP: recordings of 14 instrumentations (OpenTelemetry GenAI, OpenInference, OpenLLMetry,
/// OpenAI Agents, Pydantic AI, LangGraph, Vercel AI SDK, Langfuse, ...), moved to now and told again thousands of times
/// with fresh ids. Most are routine; a few fail, run in circles or are slow.
///
/// In the end it shows which rules kept and dropped how many sessions, that every span is accounted for, and one kept
/// session as it was exported. Nothing stays behind, and nothing leaves this machine unless --export-to is given.
///
/// Exit code 0 when the ledger balances and everything kept was exported, else 3.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tailsieve demo
  tailsieve demo --sessions 1000      # a short one
  tailsieve demo --export-to localhost:4317          # Jaeger, Tempo or a collector, OTLP/gRPC
  tailsieve demo --export-to http://localhost:4318   # the same, OTLP/HTTP")]
pub(super) struct Args {
    /// How many sessions to send
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    sessions: u64,
    /// Send the kept sessions to this backend as well: HOST:PORT or http(s)://HOST:PORT for OTLP/gRPC; with port 4318 or
    /// a path, OTLP/HTTP
    #[arg(long, value_name = "URL")]
    export_to: Option<String>,
}

// === impl Args ===

impl Args {
    pub(super) fn run(self) -> Exit {
        match self.demo() {
            Ok(true) => Exit::Fine,
            Ok(false) => Exit::Left,
            Err(problem) => {
                complain(format_args!("tailsieve demo: {problem}"));
                Exit::Failed
            }
        }
    }

    /// Whether all went well.
    fn demo(&self) -> Result<bool, String> {
        // Before anything is started, so that a wrong URL is told at once.
        let backend = self.export_to.as_deref().map(backend::exporter).transpose()?;
        logs::init(LogLevel::Warn, LogEncoding::Console, variable("RUST_LOG").as_deref()).map_err(text)?;
        let mut mix = Mix::new(recordings::RECORDINGS, self.sessions, Ids::random(), Clock::system())?;
        let scratch = Scratch::new().map_err(text)?;
        let mut config = configuration(&scratch.file())?;
        config.exporters.extend(backend);
        let rules = config.sampling.rules.iter().map(|rule| rule.name.clone()).collect();
        let prefix = config.enrich.prefix.clone();
        let prices = Arc::new(Prices::new(books(&[], None)?));
        let lens = Lens::new(&Conventions::embedded(), &config.sessions, prices);

        let pipeline = Pipeline::start(config).map_err(text)?;
        let exported = File::open(scratch.file()).map_err(text)?;
        // The open file is enough, for us and for the exporter: nothing stays behind, however this ends.
        drop(scratch);
        let (Some(grpc), Some(http)) = (pipeline.grpc_addr(), pipeline.http_addr()) else {
            return Err("the embedded configuration has no receivers".into());
        };
        let mut progress = Progress::new();
        progress.say(&format!("listening on {grpc} (OTLP/gRPC) and {http} (OTLP/HTTP){}", pages(&pipeline)));
        let mut clients = Clients::start(grpc, http)?;
        let started = Instant::now();
        self.send(&mut mix, &mut clients, pipeline.ledger(), &mut progress);
        let sent = clients.finish();
        let sending = started.elapsed();
        progress.say(&sent_line(self.sessions, &sent, sending));
        wait_for_verdicts(pipeline.ledger(), &mut progress);
        let judging = started.elapsed();

        let ledger = pipeline.ledger().clone();
        let left = pipeline.stop();
        let exported = Exported::read(exported, &prefix, &lens)?;
        progress.say("all sessions are judged, what was exported is read back");
        let counts = Counts::read(&ledger);
        let outcome = Outcome { sent, counts, left, read_back: exported.spans, sending, judging, rules };
        print(&outcome.lines(&exported.sessions(), &prefix, Paint::of(&std::io::stdout())));
        Ok(outcome.is_fine())
    }

    fn send(&self, mix: &mut Mix, clients: &mut Clients, ledger: &Ledger, progress: &mut Progress) {
        progress.say(&format!("sending {} sessions", number(self.sessions)));
        let (mut spans, mut size) = (0, 0);
        while let Some(request) = mix.next_request() {
            clients.send(&request);
            spans += request.spans;
            size += request.span_bytes;
            progress.show("sending", mix.begun(), self.sessions, || {
                let held = number(ledger.total().sessions);
                format!("{} sessions, {} spans, {}; {held} open", number(mix.begun()), number(spans), bytes(size))
            });
        }
    }
}

fn pages(pipeline: &Pipeline) -> String {
    pipeline.metrics_addr().map(|address| format!(", http://{address}/metrics")).unwrap_or_default()
}

fn sent_line(sessions: u64, sent: &Sent, time: Duration) -> String {
    let (spans, size) = (number(sent.spans), bytes(sent.bytes));
    format!("sent {} sessions, {spans} spans, {size} in {:.1} s", number(sessions), time.as_secs_f64())
}

/// Waits until nothing is held any more. Sessions end by themselves, by the times of the configuration.
fn wait_for_verdicts(ledger: &Ledger, progress: &mut Progress) {
    progress.say("waiting for the last sessions to be over");
    let until = Instant::now() + PATIENCE;
    let all = ledger.total().held.spans;
    while Instant::now() < until {
        let now = ledger.total();
        if now.held.spans == 0 {
            return;
        }
        progress.show("judging", all.saturating_sub(now.held.spans), all, || {
            format!("{} sessions open", number(now.sessions))
        });
        std::thread::sleep(LOOK_EVERY);
    }
}

fn configuration(file: &Path) -> Result<Config, String> {
    let file = file.to_string_lossy();
    let variable = |name: &str| (name == "TAILSIEVE_DEMO_FILE").then(|| file.to_string());
    config::parse(CONFIG, "config/demo.yaml", &variable).map_err(text)
}

fn print(lines: &[String]) {
    let mut out = lines.join("\n");
    out.push('\n');
    // Whoever has closed the pipe has read enough.
    let _ = std::io::stdout().write_all(out.as_bytes());
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A directory of our own, for as long as it is needed.
struct Scratch(PathBuf);

// === impl Scratch ===

impl Scratch {
    fn new() -> std::io::Result<Self> {
        let name = format!("tailsieve-demo-{}-{:016x}", std::process::id(), Ids::random().number());
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    fn file(&self) -> PathBuf {
        self.0.join("kept.jsonl")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to the system, as all temporary files are.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_configuration_is_sound() {
        let config = configuration(Path::new("/tmp/kept.jsonl")).unwrap();
        assert!(crate::pipeline::check(&config).is_empty());
        assert_eq!(config.exporters.len(), 1);
    }

    #[test]
    fn scratch_is_private_and_removed() {
        use std::os::unix::fs::PermissionsExt;
        let scratch = Scratch::new().unwrap();
        std::fs::write(scratch.file(), "x").unwrap();
        let path = scratch.0.clone();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        drop(scratch);
        assert!(!path.exists());
    }
}
