//! OTLP/JSON requests as protobuf.

use crate::flow::Signal;
use crate::otlp::json::{from_json, logs_from_json, metrics_from_json};

/// Bytes of a request for a byte of metrics in JSON, at most: `0,` in a histogram's counts is a fixed64 on the wire.
const PACKED_RATIO: usize = 4;

/// Bytes needed to convert `len` bytes of text: what the request may take.
pub(super) fn working_memory(signal: Signal, len: usize) -> usize {
    match signal {
        Signal::Traces | Signal::Logs => len,
        Signal::Metrics => len.saturating_mul(PACKED_RATIO),
    }
}

/// The request as protobuf, or why it is none.
pub(super) fn to_protobuf(signal: Signal, text: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(working_memory(signal, text.len()));
    let converted = match signal {
        Signal::Traces => from_json(text, &mut out),
        Signal::Logs => logs_from_json(text, &mut out),
        Signal::Metrics => metrics_from_json(text, &mut out),
    };
    converted.map_err(|error| error.to_string())?;
    // Traces are copied to the log at once; the others wait for their exporters as they are.
    if signal != Signal::Traces {
        out.shrink_to_fit();
    }
    Ok(out)
}
