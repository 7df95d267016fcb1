//! The exit codes of the process, and messages on standard error.

use std::fmt::Display;
use std::io::Write;

/// The exit code of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// The command succeeded.
    Fine = 0,
    /// The configuration or the input is invalid, or the start failed.
    Failed = 1,
    /// The command line is invalid, or a file that it names cannot be read.
    Usage = 2,
    /// The process stopped with undecided or undelivered data.
    Left = 3,
}

/// Writes a line to standard error, for messages before logging starts or after it ends.
pub(super) fn complain(line: impl Display) {
    // A closed standard error is no failure of the command.
    let _ = writeln!(std::io::stderr(), "{line}");
}
