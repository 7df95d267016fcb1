//! Writes YAML that reads back as it was meant.

use std::fmt::{Display, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::config::units::format_duration;

/// Writes block mappings, two spaces a level.
pub(super) struct Yaml {
    /// What was written.
    pub(super) out: String,
    /// Levels of the mapping that is being written.
    pub(super) depth: usize,
}

impl Yaml {
    pub(super) fn line(&mut self, line: &str) {
        let _ = writeln!(self.out, "{:1$}{line}", "", self.depth * 2);
    }

    /// A mapping; `{}` where nothing is written into it.
    pub(super) fn section(&mut self, key: &str, write: impl FnOnce(&mut Self)) {
        let key = key_text(key);
        self.line(&format!("{key}:"));
        let before = self.out.len();
        self.depth += 1;
        write(self);
        self.depth -= 1;
        if self.out.len() == before {
            self.out.truncate(before - 1);
            self.out.push_str(" {}\n");
        }
    }

    pub(super) fn plain(&mut self, key: &str, value: impl Display) {
        let key = key_text(key);
        self.line(&format!("{key}: {value}"));
    }

    pub(super) fn option(&mut self, key: &str, value: Option<impl Display>) {
        value.into_iter().for_each(|value| self.plain(key, value));
    }

    pub(super) fn duration(&mut self, key: &str, duration: Duration) {
        self.plain(key, format_duration(duration));
    }

    pub(super) fn text(&mut self, key: &str, text: &str) {
        self.plain(key, quote(text));
    }

    pub(super) fn texts(&mut self, key: &str, texts: impl IntoIterator<Item = impl AsRef<str>>) {
        let texts: Vec<_> = texts.into_iter().map(|text| quote(text.as_ref())).collect();
        self.plain(key, format!("[{}]", texts.join(", ")));
    }

    pub(super) fn path(&mut self, key: &str, path: Option<&Path>) {
        self.option(key, path.map(|path| quote(&path.to_string_lossy())));
    }

    /// An endpoint that may be switched off.
    pub(super) fn switchable(&mut self, endpoint: Option<SocketAddr>) {
        self.text("endpoint", &endpoint.map(|endpoint| endpoint.to_string()).unwrap_or_default());
    }
}

/// A key, in quotes where it is not a plain name. Keys are not expanded.
fn key_text(key: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'/' | b'.');
    let name = key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.bytes().all(plain);
    if name { key.to_owned() } else { double_quote(key) }
}

/// A text in double quotes that expands to itself: a dollar that would begin something is doubled.
pub(super) fn quote(text: &str) -> String {
    let mut dollars = String::with_capacity(text.len() + 2);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        dollars.push(c);
        if c == '$' && (matches!(rest.peek(), Some('$' | '{')) || dollars.ends_with("$$")) {
            dollars.push('$');
        }
    }
    double_quote(&dollars)
}

/// A text as a double-quoted scalar.
fn double_quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
