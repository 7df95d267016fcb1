//! `tailsieve check`: is this configuration right, and what does it come to?

use std::io::Write;
use std::path::PathBuf;

use super::configuration::configuration;
use super::exit::{Exit, complain};
use crate::config::{self, Purpose};
use crate::genai::conventions::Conventions;

/// Check configuration files and print what they come to
///
/// The files are read as `run` reads them, the rules are compiled, and nothing is started. The effective configuration,
/// with every default filled in and secrets left out, goes to standard output; problems go to standard error, one a line,
/// and make the exit code 1. A table of conventions that leaves out what the embedded one has is fine, and warned of.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Configuration file; of several, later ones add to and override earlier ones
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
}

// === impl Args ===

impl Args {
    pub(super) fn run(self) -> Exit {
        let config = match configuration(&self.files, Purpose::Run) {
            Ok(config) => config,
            Err(problems) => {
                complain(problems);
                return Exit::Failed;
            }
        };
        let conventions = &config.sessions.conventions;
        let lacks = Conventions::load(conventions.as_ref()).ok().and_then(|table| table.lacks());
        if let (Some(file), Some(lacks)) = (conventions, lacks) {
            complain(file.problem("sessions.conventions", 1, 1, format!("warning: {:?} {lacks}", file.text)));
        }
        // Whoever has closed the pipe has read enough.
        let _ = std::io::stdout().write_all(config::effective(&config).as_bytes());
        Exit::Fine
    }
}
