//! `tailsieve run`: the processor, until a signal stops it.

use std::io;
use std::path::PathBuf;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::configuration::{configuration, variable};
use super::exit::{Exit, complain};
use crate::config::Purpose;
use crate::observe::{allocator, logs};
use crate::pipeline;

/// Receive, decide and send on until SIGTERM or Ctrl-C
///
/// A first SIGTERM or SIGINT stops the intake, judges the open sessions and sends off what is kept, for at most
/// `service.shutdown_timeout`. A second one ends the process at once. What could not be decided or delivered is told on
/// standard error and makes the exit code 3.
///
/// SIGHUP has the files of prices read anew.
///
/// `RUST_LOG` overrides `service.telemetry.logs.level`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Configuration file; may be repeated: later files add to and override earlier ones, lists are replaced whole
    #[arg(long, required = true, value_name = "FILE")]
    pub(super) config: Vec<PathBuf>,
}

/// The signals that the process knows, caught from when this is made.
struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

// === impl Args ===

impl Args {
    pub(super) fn run(self) -> Exit {
        let config = match configuration(&self.config, Purpose::Run) {
            Ok(config) => config,
            Err(problems) => return failed(problems),
        };
        let service = &config.service;
        if let Err(error) = logs::init(service.log_level, service.log_encoding, variable("RUST_LOG").as_deref()) {
            return failed(error);
        }
        allocator::keep_freed();
        // Before the start, so that a signal that comes during it stops in order what has been started.
        let mut signals = match Signals::catch() {
            Ok(signals) => signals,
            Err(error) => return failed(format_args!("cannot catch signals: {error}")),
        };
        let pipeline = match pipeline::Pipeline::start(config) {
            Ok(pipeline) => pipeline,
            Err(error) => return failed(error),
        };
        tracing::info!(signal = signals.wait(|| pipeline.reload()), "stopping");
        std::thread::spawn(move || {
            signals.wait(|| ());
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
    if *left == pipeline::Left::default() {
        return Exit::Fine;
    }
    let pipeline::Left { undecided_spans, undelivered_spans, undelivered_requests } = left;
    complain(format_args!(
        "tailsieve: stopped with {undecided_spans} spans undecided, {undelivered_spans} spans undelivered and \
         {undelivered_requests} requests of logs and metrics undelivered"
    ));
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
        let hangup = catch(SignalKind::hangup())?;
        Ok(Self { runtime, terminate, interrupt, hangup })
    }

    /// Waits for the next one that stops the process and names it; `reload` is called for each that does not.
    fn wait(&mut self, reload: impl Fn()) -> &'static str {
        let Self { runtime, terminate, interrupt, hangup } = self;
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = terminate.recv() => return "SIGTERM",
                    _ = interrupt.recv() => return "SIGINT",
                    _ = hangup.recv() => reload(),
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_left_is_exit_3() {
        let exit = |undecided_spans, undelivered_spans, undelivered_requests| {
            report(&pipeline::Left { undecided_spans, undelivered_spans, undelivered_requests })
        };
        assert_eq!(exit(0, 0, 0), Exit::Fine);
        assert_eq!(exit(1, 0, 0), Exit::Left);
        assert_eq!(exit(0, 1, 0), Exit::Left);
        assert_eq!(exit(0, 0, 1), Exit::Left);
    }
}
