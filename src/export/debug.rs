//! What goes out, into the log of the process, in the manner of otelcol's debug exporter.

use std::fmt::{self, Write};

use tracing::info;

use super::outcome::Outcome;
use crate::config::Verbosity;
use crate::flow::Signal;
use crate::otlp::keys::KeyTable;
use crate::otlp::span::SpanView;
use crate::otlp::value::AnyValue;
use crate::otlp::walk::{ScopeView, resource_spans_of, walk};

/// A `debug` exporter.
pub(super) struct Debug {
    verbosity: Verbosity,
}

/// An attribute value as text.
struct Shown<'a>(AnyValue<'a>);

// === impl Debug ===

impl Debug {
    pub(super) fn new(verbosity: Verbosity) -> Self {
        Self { verbosity }
    }

    /// Logs a request.
    pub(super) fn send(&self, signal: Signal, request: &[u8]) -> Outcome {
        if signal != Signal::Traces {
            info!(bytes = request.len(), "{signal:?}");
            return Outcome::taken();
        }
        let (spans, text) = self.describe(request);
        info!(resource_spans = resource_spans_of(request).count(), spans, bytes = request.len(), "Traces{text}");
        Outcome::taken()
    }

    /// How many spans there are, and what is said of them.
    fn describe(&self, request: &[u8]) -> (u64, String) {
        let (mut spans, mut text) = (0, String::new());
        let keys = KeyTable::default();
        let walked = walk(request, &keys, |visit| {
            spans += 1;
            // Writing to a string does not fail.
            let _ = match self.verbosity {
                Verbosity::Basic => Ok(()),
                Verbosity::Normal => line(&mut text, &visit.span),
                Verbosity::Detailed => paragraph(&mut text, spans - 1, visit.scope, &visit.span),
            };
        });
        if let Err(error) = walked {
            let _ = write!(text, "\nmalformed: {error}");
        }
        (spans, text)
    }
}

fn line(text: &mut String, span: &SpanView<'_>) -> fmt::Result {
    write!(text, "\n{:?} {} {}", span.name, span.trace_id, span.span_id)?;
    span.attributes()
        .try_for_each(|attribute| write!(text, " {}={}", attribute.key.escape_debug(), Shown(attribute.value)))
}

fn paragraph(text: &mut String, number: u64, scope: ScopeView<'_>, span: &SpanView<'_>) -> fmt::Result {
    write!(text, "\nSpan #{number}")?;
    write!(text, "\n    Scope          : {:?} {:?}", scope.name, scope.version)?;
    write!(text, "\n    Trace ID       : {}", span.trace_id)?;
    let parent = if span.parent_id.is_zero() { String::new() } else { span.parent_id.to_string() };
    write!(text, "\n    Parent ID      : {parent}")?;
    write!(text, "\n    ID             : {}", span.span_id)?;
    write!(text, "\n    Name           : {:?}", span.name)?;
    write!(text, "\n    Kind           : {}", kind(span.kind))?;
    write!(text, "\n    Trace state    : {:?}", span.trace_state)?;
    write!(text, "\n    Start time     : {}", span.start)?;
    write!(text, "\n    End time       : {}", span.end)?;
    write!(text, "\n    Status code    : {}", status(span.status))?;
    write!(text, "\n    Status message : {:?}", span.status_message())?;
    write!(text, "\n    Links          : {}", span.links)?;
    write!(text, "\nAttributes:")?;
    for attribute in span.attributes() {
        write!(text, "\n     -> {}: {}", attribute.key.escape_debug(), Shown(attribute.value))?;
    }
    for (number, event) in span.events().enumerate() {
        write!(text, "\nSpanEvent #{number}\n     -> Name: {:?}\n     -> Timestamp: {}", event.name(), event.time)?;
        for attribute in event.attributes() {
            write!(text, "\n          -> {}: {}", attribute.key.escape_debug(), Shown(attribute.value))?;
        }
    }
    Ok(())
}

fn kind(kind: u32) -> &'static str {
    match kind {
        1 => "Internal",
        2 => "Server",
        3 => "Client",
        4 => "Producer",
        5 => "Consumer",
        _ => "Unspecified",
    }
}

fn status(code: u32) -> &'static str {
    match code {
        1 => "Ok",
        2 => "Error",
        _ => "Unset",
    }
}

// === impl Shown ===

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            AnyValue::Empty => f.write_str("Empty()"),
            AnyValue::Str(text) => write!(f, "Str({})", text.escape_debug()),
            AnyValue::Bool(value) => write!(f, "Bool({value})"),
            AnyValue::Int(number) => write!(f, "Int({number})"),
            AnyValue::Double(number) => write!(f, "Double({number})"),
            AnyValue::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            AnyValue::Array(_) => {
                f.write_str("Slice([")?;
                for (index, item) in self.0.items().enumerate() {
                    write!(f, "{}{}", if index > 0 { ", " } else { "" }, Shown(item))?;
                }
                f.write_str("])")
            }
            AnyValue::KvList(_) => {
                f.write_str("Map({")?;
                for (index, entry) in self.0.entries().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(f, "{comma}{}: {}", entry.key.escape_debug(), Shown(entry.value))?;
                }
                f.write_str("})")
            }
        }
    }
}

#[cfg(test)]
mod tests;
