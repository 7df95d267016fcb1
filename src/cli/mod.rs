//! One file a command. A command is an [`Args`](clap::Args) with what may be given to it, and a `run` that says with
//! which code the process exits.

mod books;
mod check;
mod configuration;
mod demo;
mod exit;
mod inspect;
mod price;
mod run;
mod show;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Exit;

/// Tail-based sampling of whole LLM and agent sessions: OTLP in, OTLP out.
///
/// Spans are assembled into sessions, each session is kept or dropped as one by your rules, and what is kept is enriched
/// and sent on.
#[derive(Debug, Parser)]
#[command(name = "tailsieve", version, propagate_version = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Check(check::Args),
    Demo(demo::Args),
    Inspect(inspect::Args),
    Price(price::Args),
}

const AFTER_HELP: &str = "\
Examples:
  See what it does, with nothing else to install:
      tailsieve demo
  Check a configuration and see what it comes to:
      tailsieve check tailsieve.yaml
  Receive, decide and send on, until SIGTERM or Ctrl-C:
      tailsieve run --config tailsieve.yaml
  Sessions out of files of spans, as they would be judged:
      tailsieve inspect kept.jsonl
  What calls of models cost, one JSON record a line:
      tailsieve price < usage.jsonl
  The second file on top of the first:
      tailsieve run --config base.yaml --config production.yaml

Exit codes:
  0  fine
  1  the configuration or the input is wrong, or the start failed
  2  the command line is wrong, or a file to be inspected is
  3  stopped, with something left undecided or undelivered

The README that comes with tailsieve explains the configuration, the rules and the metrics.
'tailsieve help COMMAND' tells more about a command.";

/// Does what the command line says.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let exit = match Cli::try_parse_from(args) {
        Ok(Cli { command: Command::Run(args) }) => args.run(),
        Ok(Cli { command: Command::Check(args) }) => args.run(),
        Ok(Cli { command: Command::Demo(args) }) => args.run(),
        Ok(Cli { command: Command::Inspect(args) }) => args.run(),
        Ok(Cli { command: Command::Price(args) }) => args.run(),
        Err(answer) => {
            // Help and version come this way as well; that nobody reads them is no failure.
            let _ = answer.print();
            if answer.use_stderr() { Exit::Usage } else { Exit::Fine }
        }
    };
    ExitCode::from(exit as u8)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Cli::try_parse_from(line.split(' ')).map(|cli| cli.command)
    }

    fn exit(line: &str) -> ExitCode {
        main(line.split(' ').map(OsString::from))
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn files_are_given_as_to_otelcol() {
        let Command::Run(args) = parse("tailsieve run --config a.yaml --config=b.yaml").unwrap() else { panic!() };
        assert_eq!(args.config, ["a.yaml", "b.yaml"].map(std::path::PathBuf::from));
        let Command::Check(args) = parse("tailsieve check a.yaml b.yaml").unwrap() else { panic!() };
        assert_eq!(args.files, ["a.yaml", "b.yaml"].map(std::path::PathBuf::from));
    }

    #[test]
    fn a_command_without_a_file_is_wrong_usage() {
        for line in ["tailsieve", "tailsieve run", "tailsieve check", "tailsieve sing", "tailsieve run a.yaml"] {
            assert!(parse(line).is_err(), "{line}");
            assert_eq!(exit(line), ExitCode::from(2), "{line}");
        }
    }

    #[test]
    fn help_tells_the_exit_codes_and_is_no_failure() {
        for line in ["tailsieve --help", "tailsieve run --help", "tailsieve help check", "tailsieve --version"] {
            assert_eq!(exit(line), ExitCode::SUCCESS, "{line}");
        }
        let help = Cli::command().render_long_help().to_string();
        for exit in [Exit::Fine, Exit::Failed, Exit::Usage, Exit::Left] {
            assert!(help.contains(&format!("\n  {}  ", exit as u8)), "{help}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_exit_1() {
        assert_eq!(exit("tailsieve check /nonexistent/tailsieve.yaml"), ExitCode::from(1));
        assert_eq!(exit("tailsieve run --config /nonexistent/tailsieve.yaml"), ExitCode::from(1));
    }
}
