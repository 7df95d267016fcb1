//! How long it takes from the last span of a session that was sent to its first that is exported.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

/// Sessions by trace id, and what was seen of them.
#[derive(Debug, Default)]
pub struct Delays {
    sent: Mutex<HashMap<[u8; 16], Instant>>,
    seen: Mutex<Vec<f64>>,
}

// === impl Delays ===

impl Delays {
    /// The last span of each of these traces is sent now.
    pub fn sent(&self, traces: impl Iterator<Item = [u8; 16]>) {
        let now = Instant::now();
        self.sent.lock().unwrap().extend(traces.map(|trace| (trace, now)));
    }

    /// An uncompressed, framed request has come to the backend.
    pub fn came(&self, framed: &[u8]) {
        let now = Instant::now();
        assert_eq!(framed[0], 0, "what is exported has to be uncompressed to be looked at");
        let request = ExportTraceServiceRequest::decode(&framed[5..]).unwrap();
        let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        let mut sent = self.sent.lock().unwrap();
        for span in scopes.flat_map(|scope| &scope.spans) {
            if let Some(at) = sent.remove(span.trace_id.as_slice()) {
                self.seen.lock().unwrap().push((now - at).as_secs_f64());
            }
        }
    }

    /// How many were seen, and the quantiles of their delays, in seconds.
    pub fn quantiles<const N: usize>(&self, of: [f64; N]) -> (usize, [f64; N]) {
        let mut seen = self.seen.lock().unwrap();
        seen.sort_by(f64::total_cmp);
        let last = seen.len().saturating_sub(1) as f64;
        (seen.len(), of.map(|share| seen.get((share * last).round() as usize).copied().unwrap_or(0.0)))
    }
}
