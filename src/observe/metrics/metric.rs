//! A metric family, and its rows in the text format.

use std::fmt::{Display, Write};

use super::scrape::Scrape;

/// The prefix of every metric name.
pub(super) const PREFIX: &str = "tailsieve_";

/// A metric family.
pub(super) struct Metric {
    /// The name, without the prefix.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// The UCUM unit, as OpenTelemetry writes it.
    pub unit: &'static str,
    /// The labels of each row, in the order in which `read` gives their values.
    pub labels: Labels,
    /// The help text, one line.
    pub help: &'static str,
    /// Writes the rows of a scrape.
    pub read: Read,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

/// Writes the rows of one metric from a scrape.
pub(super) type Read = fn(&Scrape, &mut Rows);
/// The names of labels.
pub(super) type Labels = &'static [&'static str];

/// Writes the rows of one metric.
pub(super) struct Rows<'a> {
    text: &'a mut String,
    metric: &'a Metric,
    begun: bool,
}

// === impl Kind ===

impl Kind {
    /// The type as an exposition names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

// === impl Rows ===

impl<'a> Rows<'a> {
    /// Appends rows of `metric` to `text`.
    pub(super) fn new(text: &'a mut String, metric: &'a Metric) -> Self {
        Self { text, metric, begun: false }
    }

    /// Writes a row without labels.
    pub(super) fn one(&mut self, value: impl Display) {
        self.put(&[], value);
    }

    /// Writes a row with the values of the metric's labels, in their order.
    pub(super) fn put(&mut self, labels: &[&str], value: impl Display) {
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

/// Appends the value of a label. Escapes backslashes, quotes and line breaks.
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
