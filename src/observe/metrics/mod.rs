//! `/metrics`: the ledger and its surroundings in Prometheus' text format 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! 1. A [`Scrape`] reads every source once, so that figures which must balance come from one reading.
//! 2. The [`table`] says of each metric what it is, and how its rows are read from the scrape.
//! 3. [`exposition`] writes the scrape out by the table; [`documentation`] writes the table itself.
//!
//! Names are otelcol's where it has the metric, with `tailsieve_` for `otelcol_`, and like its default without the
//! suffixes that OpenMetrics would have.

mod metric;
mod scrape;
mod table;

use std::fmt::Write;

use metric::{PREFIX, Rows};
use scrape::Scrape;
pub use scrape::Sources;
use table::METRICS;

/// `Content-Type` of an exposition.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The metrics now, as text.
pub fn exposition(sources: &Sources) -> String {
    render(&Scrape::take(sources))
}

fn render(scrape: &Scrape) -> String {
    let mut text = String::with_capacity(16 << 10);
    for metric in METRICS {
        (metric.read)(scrape, &mut Rows::new(&mut text, metric));
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

#[cfg(test)]
mod tests;
