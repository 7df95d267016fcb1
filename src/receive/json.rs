//! OTLP/JSON requests as protobuf.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;
use serde::de::DeserializeOwned;

use crate::flow::Signal;
use crate::otlp::json::from_json;

/// Longest text of logs and metrics: they are converted as a tree, which takes many times their length.
const TREE_LIMIT: usize = 4 << 20;
/// Bytes of tree for a byte of text, about.
const TREE_RATIO: usize = 16;

/// Longest text of a signal, beside the limit of the door.
pub(super) fn limit(signal: Signal) -> Option<usize> {
    (signal != Signal::Traces).then_some(TREE_LIMIT)
}

/// Bytes needed to convert `len` bytes of text.
pub(super) fn working_memory(signal: Signal, len: usize) -> u64 {
    match signal {
        Signal::Traces => len as u64,
        Signal::Logs | Signal::Metrics => len.saturating_mul(TREE_RATIO) as u64,
    }
}

/// The request as protobuf, or why it is none.
pub(super) fn to_protobuf(signal: Signal, text: &[u8]) -> Result<Vec<u8>, String> {
    match signal {
        Signal::Traces => {
            let mut out = Vec::with_capacity(text.len());
            from_json(text, &mut out).map_err(|error| error.to_string())?;
            Ok(out)
        }
        Signal::Logs => encode::<ExportLogsServiceRequest>(text),
        Signal::Metrics => encode::<ExportMetricsServiceRequest>(text),
    }
}

fn encode<M: Message + DeserializeOwned>(text: &[u8]) -> Result<Vec<u8>, String> {
    serde_json::from_slice::<M>(text).map(|message| message.encode_to_vec()).map_err(|error| error.to_string())
}
