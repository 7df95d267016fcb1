//! `tailsieve inspect`: what the processor makes of files of spans, session by session.
//!
//! 1. Files are found and taken apart into requests (`files`).
//! 2. The real session stage assembles them (`assemble`).
//! 3. Each session is read again span by span (`inspected`), and told as a tree (`text`) or as JSON (`json`).

mod assemble;
mod files;
mod inspected;
mod json;
mod text;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::books::books;
use super::configuration::configuration;
use super::exit::{Exit, complain};
use super::show::paint::Paint;
use crate::config::{Config, Purpose};
use crate::genai::conventions::Conventions;
use crate::observe::machine;
use crate::pricing::Prices;
use crate::session::Lens;
use assemble::Assembly;
use inspected::Inspected;

/// Show what files of spans come to: sessions, costs, times, and how streams ended
///
/// Files hold OTLP trace requests: protobuf, OTLP/JSON, or one OTLP/JSON request a line as file exporters write it, each as
/// it is or compressed by gzip or zstd. Of directories, all files below that end in .pb, .binpb, .bin, .otlp, .protobuf,
/// .json, .jsonl or .ndjson are read, in the order of their names.
///
/// The spans are assembled into sessions as `run` would, all files together, and nothing is sent anywhere. Each session is
/// drawn as a tree: calls of models with their tokens, cost, time to the first token, and how they ended and why that is
/// said; calls of tools that failed or were made again; spans whose tokens are not billed, and why.
///
/// With --json, one object a session and line: `session_id`, every field that a rule can ask of a session (`span_count` for
/// `spans`), and `spans`: for each span that speaks of models its provider, models, tokens, cost, times and outcome. Money is in
/// US dollars, times are in seconds.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tailsieve inspect kept.jsonl
  tailsieve inspect --json recordings/ | jq 'select(.streams_broken > 0).session_id'

Exit code 2 when a file cannot be read or something in it is wrong; everything else is shown all the same.")]
pub(super) struct Args {
    /// File or directory
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Configuration file, for how sessions are told apart, with or without exporters; may be repeated
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Price book, or own prices, as for `price`; may be repeated
    #[arg(long, value_name = "FILE")]
    book: Vec<PathBuf>,
    /// Show this session only, by its id or, without one, its trace id
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// One JSON object a session, one a line
    #[arg(long)]
    json: bool,
}

/// Where the machine does not tell how much memory it has.
const MEMORY: u64 = 1 << 30;

// === impl Args ===

impl Args {
    pub(super) fn run(self) -> Exit {
        let (config, lens) = match self.lens() {
            Ok(read) => read,
            Err(problem) => {
                complain(problem);
                return Exit::Failed;
            }
        };
        let memory = config.memory.limit.or_else(machine::default_limit).unwrap_or(MEMORY);
        let assembly = match Assembly::start(&config.sessions, lens.clone(), memory) {
            Ok(assembly) => assembly,
            Err(error) => {
                complain(format_args!("tailsieve inspect: {error}"));
                return Exit::Failed;
            }
        };
        let fine = self.take(&assembly);
        match self.show(assembly, &lens) {
            Ok(true) if fine => Exit::Fine,
            Ok(true) => Exit::Usage,
            Ok(false) => Exit::Failed,
            // Whoever has closed the pipe has read enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
            Err(error) => {
                complain(format_args!("tailsieve inspect: {error}"));
                Exit::Failed
            }
        }
    }

    /// What spans are read by, as configured.
    fn lens(&self) -> Result<(Config, Arc<Lens>), String> {
        let config = match self.config.is_empty() {
            true => Config::default(),
            false => configuration(&self.config, Purpose::Inspect).map_err(|problems| problems.to_string())?,
        };
        let conventions = Conventions::load(config.sessions.conventions.as_ref());
        let conventions = conventions.map_err(|problems| problems.to_string())?;
        let prices = Arc::new(self.prices(&config)?);
        let lens = Lens::new(&conventions, &config.sessions, prices);
        Ok((config, Arc::new(lens)))
    }

    /// The books of the command line, else those of the configuration.
    fn prices(&self, config: &Config) -> Result<Prices, String> {
        match self.book.is_empty() {
            true => Prices::open(&config.prices).map_err(|problems| problems.to_string()),
            false => books(&self.book, None).map(Prices::new),
        }
    }

    /// Takes all files in. Whether nothing is wrong with them.
    fn take(&self, assembly: &Assembly) -> bool {
        let mut files = Vec::new();
        let mut problems: Vec<String> = self.files.iter().flat_map(|path| files::find(path, &mut files)).collect();
        let mut fine = problems.is_empty();
        problems.drain(..).for_each(complain);
        for file in &files {
            for problem in files::read(file, |request| assembly.take(request)) {
                fine = false;
                complain(problem);
            }
        }
        fine
    }

    /// Shows what was taken in. Whether there was anything to show.
    fn show(&self, assembly: Assembly, lens: &Lens) -> io::Result<bool> {
        let stdout = io::stdout();
        let paint = Paint::of(&stdout);
        let mut out = BufWriter::new(stdout.lock());
        let book = lens.prices.current();
        let (mut all, mut shown) = (0_u64, 0_u64);
        for kept in assembly.finish() {
            let id = kept.session.as_ref().map(|session| session.key.to_string());
            all += 1;
            if self.session.is_some() && self.session != id {
                continue;
            }
            let Some(inspected) = Inspected::read(kept, lens, &book) else { continue };
            if self.json {
                writeln!(out, "{}", inspected.json())?;
            } else {
                let gap = if shown > 0 { "\n" } else { "" };
                writeln!(out, "{gap}{}", inspected.lines(paint).join("\n"))?;
            }
            shown += 1;
        }
        out.flush()?;
        if let (Some(id), 0) = (&self.session, shown) {
            complain(format_args!("tailsieve inspect: no session {id:?} among {all}"));
            return Ok(false);
        }
        Ok(true)
    }
}
