//! `tests/recordings`: one session a scenario.

use std::path::Path;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde_json::Value;

/// What one application run sent.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The instrumentation: `langfuse5`.
    pub framework: String,
    /// What was run: `session3`.
    pub name: String,
    /// Its entry in `labels.json`.
    pub label: Value,
    /// The requests as they came, in order.
    pub requests: Vec<Bytes>,
}

/// All scenarios that sent anything.
pub fn all() -> Vec<Scenario> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings"));
    let labels: Vec<Value> = serde_json::from_slice(&std::fs::read(folder.join("labels.json")).unwrap()).unwrap();
    let text = |label: &Value, key: &str| label[key].as_str().unwrap().to_owned();
    let mut scenarios = Vec::new();
    for label in labels {
        let (framework, name) = (text(&label, "framework"), text(&label, "scenario"));
        let requests = requests(&folder.join(&framework).join(&name));
        if !requests.is_empty() {
            scenarios.push(Scenario { framework, name, label, requests });
        }
    }
    assert_eq!(scenarios.len(), 415);
    scenarios
}

/// The scenarios of this name, one a framework.
pub fn named(name: &str) -> Vec<Scenario> {
    let found: Vec<_> = all().into_iter().filter(|scenario| scenario.name == name).collect();
    assert!(!found.is_empty(), "no scenario {name}");
    found
}

fn requests(folder: &Path) -> Vec<Bytes> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "binpb"));
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap().into()).collect()
}

// === impl Scenario ===

impl Scenario {
    /// The requests decoded.
    pub fn decoded(&self) -> Vec<ExportTraceServiceRequest> {
        self.requests.iter().map(|request| ExportTraceServiceRequest::decode(request.clone()).unwrap()).collect()
    }

    /// How many spans it sent.
    pub fn spans(&self) -> usize {
        self.requests.iter().map(|request| super::raw::spans(request).len()).sum()
    }
}
