//! `/metrics`: the ledger and its surroundings in Prometheus' text format 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! 1. A [`Scrape`] reads every source once, so that figures which must balance come from one reading.
//! 2. The [`table`] says of each metric what it is, and how its rows are read from the scrape.
//! 3. [`exposition`] writes the scrape out by the table; [`documentation`] writes the table itself.
//!
//! Names are otelcol's where it has the metric, with `tailsieve_` for `otelcol_`, and like its default without the
//! suffixes that OpenMetrics would have.

mod table;

use std::fmt::{Display, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::ledger::{LaneCounts, Ledger, ShardCounts, Spans, Verdicts};
use super::machine;
use super::pressure::Pressure;
use crate::clock::{Clock, Nanos};
use crate::log::{Log, LogUsage};
use crate::pricing::{PriceBook, Prices, Source};
use table::{METRICS, Metric};

/// In front of every name.
const PREFIX: &str = "tailsieve_";

/// `Content-Type` of an exposition.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where a scrape reads from. Made once, by the pipeline.
#[derive(Clone)]
pub struct Sources {
    /// What became of spans.
    pub ledger: Arc<Ledger>,
    /// What the log holds.
    pub log: Arc<Log>,
    /// How full the memory is.
    pub pressure: Arc<Pressure>,
    /// The prices in use.
    pub prices: Arc<Prices>,
    /// The time.
    pub clock: Clock,
    /// When the process started.
    pub started: Nanos,
}

/// All figures, read once.
#[derive(Clone, Debug, Default)]
struct Scrape {
    doors: [Door; 2],
    total: ShardCounts,
    lanes: Vec<(String, LaneCounts)>,
    verdicts: Verdicts,
    log: LogUsage,
    memory: Memory,
    /// Editions of prices: the book, whose it is, its version.
    editions: Vec<[String; 3]>,
    /// Reloads of prices that were taken and refused.
    reloads: (u64, u64),
    uptime: Duration,
    cpu: Option<Duration>,
    resident: Option<u64>,
}

/// What one transport took and refused.
#[derive(Clone, Copy, Debug, Default)]
struct Door {
    transport: &'static str,
    accepted_spans: u64,
    refused: Spans,
    accepted_requests: u64,
    full_requests: u64,
    bad_requests: u64,
    request_bytes: u64,
    in_flight_bytes: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Memory {
    limit: u64,
    used: u64,
    level: u8,
}

/// Where the rows of one metric are written to.
struct Rows<'a> {
    text: &'a mut String,
    metric: &'a Metric,
    begun: bool,
}

/// The metrics now, as text.
pub fn exposition(sources: &Sources) -> String {
    render(&Scrape::take(sources))
}

fn render(scrape: &Scrape) -> String {
    let mut text = String::with_capacity(16 << 10);
    for metric in METRICS {
        (metric.read)(scrape, &mut Rows { text: &mut text, metric, begun: false });
    }
    text
}

/// The table of all metrics, in Markdown.
pub fn documentation() -> String {
    let mut text = String::from("| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n");
    for metric in METRICS {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, labels) = (metric.name, metric.kind.name(), labels.join(", "));
        // Writing to a string does not fail.
        let _ = writeln!(text, "| `{PREFIX}{name}` | {kind} | {} | {labels} | {} |", metric.unit, metric.help);
    }
    text
}

// === impl Scrape ===

impl Scrape {
    fn take(sources: &Sources) -> Self {
        let ledger = &sources.ledger;
        let pressure = &sources.pressure;
        Self {
            doors: Door::read(ledger),
            total: ledger.total(),
            lanes: ledger.lanes.iter().map(|lane| (lane.name.clone(), lane.read())).collect(),
            verdicts: ledger.verdicts.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            log: sources.log.usage(),
            memory: Memory { limit: pressure.limit(), used: pressure.used(), level: pressure.level() as u8 },
            editions: editions(&sources.prices.current()),
            reloads: sources.prices.reloads(),
            uptime: Duration::from_nanos(sources.clock.now().saturating_sub(sources.started)),
            cpu: machine::cpu_time(),
            resident: machine::resident(),
        }
    }

    /// Refused at the doors.
    fn refused(&self) -> Spans {
        let mut refused = Spans::default();
        self.doors.iter().for_each(|door| refused += door.refused);
        refused
    }

    /// All that came: taken by the shards, or refused at the doors.
    fn received(&self) -> Spans {
        let mut received = self.refused();
        received += self.total.taken;
        received
    }
}

fn editions(book: &PriceBook) -> Vec<[String; 3]> {
    let books = book.editions().iter().map(|edition| [edition.name(), edition.source().name(), edition.version()]);
    let own = Some(["own prices", Source::Override.name(), book.own_version()]);
    let own = own.filter(|[.., version]| !version.is_empty());
    books.chain(own).map(|edition| edition.map(str::to_owned)).collect()
}

impl Door {
    fn read(ledger: &Ledger) -> [Self; 2] {
        let [grpc, http] = &ledger.doors;
        [("grpc", grpc), ("http", http)].map(|(transport, door)| Self {
            transport,
            accepted_spans: door.accepted_spans.load(Ordering::Relaxed),
            refused: Spans::new(door.refused_spans.load(Ordering::Relaxed), door.refused_bytes.load(Ordering::Relaxed)),
            accepted_requests: door.accepted_requests.load(Ordering::Relaxed),
            full_requests: door.full_requests.load(Ordering::Relaxed),
            bad_requests: door.bad_requests.load(Ordering::Relaxed),
            request_bytes: door.request_bytes.load(Ordering::Relaxed),
            in_flight_bytes: door.in_flight_bytes.load(Ordering::Relaxed),
        })
    }
}

// === impl Rows ===

impl Rows<'_> {
    /// A row without labels.
    fn one(&mut self, value: impl Display) {
        self.put(&[], value);
    }

    /// A row with the metric's labels, in their order.
    fn put(&mut self, labels: &[&str], value: impl Display) {
        let (name, help, kind) = (self.metric.name, self.metric.help, self.metric.kind.name());
        let text = &mut *self.text;
        if !std::mem::replace(&mut self.begun, true) {
            // Writing to a string does not fail; no help text holds a backslash or a line break.
            let _ = writeln!(text, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}");
        }
        let _ = write!(text, "{PREFIX}{name}");
        for (at, (label, value)) in self.metric.labels.iter().zip(labels).enumerate() {
            let _ = write!(text, "{}{label}=\"", if at == 0 { '{' } else { ',' });
            escape(value, text);
            text.push('"');
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(text, "{close} {value}");
    }
}

/// A label's value: backslashes, quotes and line breaks are escaped.
fn escape(value: &str, text: &mut String) {
    for char in value.chars() {
        match char {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests;
