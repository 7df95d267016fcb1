//! `tailsieve run`: the processor, until a signal stops it.

use std::io;
use std::path::PathBuf;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Exit, complain, variable};
use crate::observe::logs;
use crate::{config, pipeline};

/// Receive, decide and send on until SIGTERM or Ctrl-C
///
/// A first SIGTERM or SIGINT stops the intake, judges the open sessions and sends off what is kept, for at most
/// `service.shutdown_timeout`. A second one ends the process at once. What could not be decided or delivered is told on
/// standard error and makes the exit code 3.
///
/// `RUST_LOG` overrides `service.telemetry.logs.level`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Configuration file; may be repeated: later files add to and override earlier ones
    #[arg(long, required = true, value_name = "FILE")]
    pub(super) config: Vec<PathBuf>,
}

/// The signals that stop the process, caught from when this is made.
struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
}

// === impl Args ===

impl Args {
    pub(super) fn run(self) -> Exit {
        let config = match config::load_and(&self.config, &variable, pipeline::check) {
            Ok(config) => config,
            Err(problems) => return failed(problems),
        };
        let service = &config.service;
        if let Err(error) = logs::init(service.log_level, service.log_encoding, variable("RUST_LOG").as_deref()) {
            return failed(error);
        }
        // Before the start, so that a signal that comes during it stops in order what has been started.
        let mut signals = match Signals::catch() {
            Ok(signals) => signals,
            Err(error) => return failed(format_args!("cannot catch signals: {error}")),
        };
        let pipeline = match pipeline::Pipeline::start(config) {
            Ok(pipeline) => pipeline,
            Err(error) => return failed(error),
        };
        tracing::info!(signal = signals.wait(), "stopping");
        std::thread::spawn(move || {
            signals.wait();
            complain("tailsieve: stopped at once by a second signal; what was not yet decided or delivered is lost");
            std::process::exit(Exit::Left as i32);
        });
        report(&pipeline.stop())
    }
}

fn failed(problem: impl std::fmt::Display) -> Exit {
    complain(problem);
    Exit::Failed
}

/// Tells what the stop has left.
fn report(left: &pipeline::Left) -> Exit {
    let (undecided, undelivered) = (left.undecided_spans, left.undelivered_spans);
    if undecided == 0 && undelivered == 0 {
        return Exit::Fine;
    }
    complain(format_args!("tailsieve: stopped with {undecided} spans undecided and {undelivered} spans undelivered"));
    Exit::Left
}

// === impl Signals ===

impl Signals {
    fn catch() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let catch = |kind| {
            let _inside = runtime.enter();
            signal(kind)
        };
        let (terminate, interrupt) = (catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?);
        Ok(Self { runtime, terminate, interrupt })
    }

    /// Waits for the next one and names it.
    fn wait(&mut self) -> &'static str {
        let Self { runtime, terminate, interrupt } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_left_is_exit_3() {
        let exit = |undecided_spans, undelivered_spans| report(&pipeline::Left { undecided_spans, undelivered_spans });
        assert_eq!(exit(0, 0), Exit::Fine);
        assert_eq!(exit(1, 0), Exit::Left);
        assert_eq!(exit(0, 1), Exit::Left);
    }
}
