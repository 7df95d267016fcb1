//! How far a demo is: a line that is written over on a terminal, else a line now and then.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::cli::show::paint::{Paint, share_bar};

/// How often the line is written anew.
const EVERY: Duration = Duration::from_millis(80);

/// The line.
pub(super) struct Progress {
    live: bool,
    paint: Paint,
    shown: Option<Instant>,
    shows: bool,
}

// === impl Progress ===

impl Progress {
    /// On standard error.
    pub(super) fn new() -> Self {
        let stream = std::io::stderr();
        Self { live: stream.is_terminal(), paint: Paint::of(&stream), shown: None, shows: false }
    }

    /// Shows how much of the whole is done, when it is time to and there is a terminal.
    pub(super) fn show(&mut self, what: &str, done: u64, whole: u64, detail: impl FnOnce() -> String) {
        if !self.live || self.shown.is_some_and(|shown| shown.elapsed() < EVERY) {
            return;
        }
        self.shown = Some(Instant::now());
        self.shows = true;
        let bar = self.paint.cyan(&share_bar(done, whole, 24));
        write(&format!("\r\x1b[2K  {what:<9} {bar} {}", detail()));
    }

    /// A line that stays.
    pub(super) fn say(&mut self, line: &str) {
        let clear = if std::mem::take(&mut self.shows) { "\r\x1b[2K" } else { "" };
        write(&format!("{clear}  {}\n", self.paint.dim(line)));
    }
}

fn write(text: &str) {
    let mut stream = std::io::stderr();
    // Where standard error is closed there is nobody to tell.
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}
