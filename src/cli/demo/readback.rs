//! What was really exported, read back from the file that the exporter wrote.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::otlp::json::from_json;

/// All that was exported.
#[derive(Debug, Default)]
pub(super) struct Exported {
    /// Spans.
    pub(super) spans: u64,
    /// Their traces.
    traces: HashMap<Vec<u8>, Vec<Row>>,
}

/// What is shown of one span.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) span_id: Vec<u8>,
    pub(super) parent_id: Vec<u8>,
    pub(super) name: String,
    pub(super) service: String,
    /// Name of its kind.
    pub(super) kind: &'static str,
    /// Nanoseconds since the epoch.
    pub(super) start: u64,
    pub(super) end: u64,
    /// What its status says, where that is ERROR.
    pub(super) error: Option<String>,
    pub(super) trace_state: String,
    /// The attributes that were written onto it, without the prefix, in their order.
    pub(super) written: Vec<(String, String)>,
}

/// One session: its traces in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) turns: Vec<Vec<Row>>,
}

// === impl Exported ===

impl Exported {
    /// Reads one OTLP/JSON request a line; attributes under `prefix` are taken for those that were written.
    ///
    /// # Errors
    /// When the file cannot be read or a line is not OTLP.
    pub(super) fn read(file: File, prefix: &str) -> Result<Self, String> {
        let mut all = Self::default();
        let mut wire = Vec::new();
        let own = format!("{prefix}.");
        for (number, line) in BufReader::new(file).lines().enumerate() {
            let wrong = |error: String| format!("line {} of what was exported: {error}", number + 1);
            let line = line.map_err(|error| wrong(error.to_string()))?;
            wire.clear();
            from_json(line.as_bytes(), &mut wire).map_err(|error| wrong(error.to_string()))?;
            let request = ExportTraceServiceRequest::decode(&*wire).map_err(|error| wrong(error.to_string()))?;
            all.add(request, &own);
        }
        Ok(all)
    }

    fn add(&mut self, request: ExportTraceServiceRequest, own: &str) {
        for resource in request.resource_spans {
            let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
            let service = attributes.iter().find(|attribute| attribute.key == "service.name");
            let service = service.map(|attribute| text(attribute.value.as_ref())).unwrap_or_default();
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                self.spans += 1;
                self.traces.entry(span.trace_id.clone()).or_default().push(Row::new(&span, &service, own));
            }
        }
    }

    /// The session that tells most: with errors, and as many spans as are read at a glance.
    pub(super) fn most_telling(&self) -> Shown {
        let mut sessions: HashMap<(&str, &str), Vec<&Vec<Row>>> = HashMap::new();
        for rows in self.traces.values() {
            let of = |name| rows.iter().find_map(|row| row.written(name));
            if let (Some(id), Some(sequence)) = (of("session.id"), of("session.sequence")) {
                sessions.entry((id, sequence)).or_default().push(rows);
            }
        }
        let best = sessions.into_iter().max_by_key(|(id, turns)| (worth(turns), *id));
        let mut turns: Vec<Vec<Row>> = best.map(|(_, turns)| turns).unwrap_or_default().into_iter().cloned().collect();
        turns.sort_by_key(|rows| rows.iter().map(|row| row.start).min());
        Shown { turns }
    }
}

/// Most spans that are read at a glance.
const READABLE: usize = 16;

/// How much a session is worth showing.
fn worth(turns: &[&Vec<Row>]) -> (bool, bool, usize, usize) {
    let rows = || turns.iter().flat_map(|rows| rows.iter());
    let count = rows().count();
    let errors = rows().filter(|row| row.error.is_some()).count();
    (errors > 0, count <= READABLE, count.min(READABLE), errors)
}

// === impl Row ===

impl Row {
    fn new(span: &Span, service: &str, own: &str) -> Self {
        const KINDS: [&str; 6] = ["", "internal", "server", "client", "producer", "consumer"];
        let status = span.status.clone().unwrap_or_default();
        let of = |key: &str| span.attributes.iter().find(|attribute| attribute.key == key);
        let written = span
            .attributes
            .iter()
            .filter_map(|KeyValue { key, value, .. }| Some((key.strip_prefix(own)?.to_owned(), text(value.as_ref()))));
        let error_type = of("error.type").map(|attribute| text(attribute.value.as_ref())).unwrap_or_default();
        let said = [status.message, error_type].into_iter().find(|text| !text.is_empty());
        Self {
            span_id: span.span_id.clone(),
            parent_id: span.parent_span_id.clone(),
            name: span.name.clone(),
            service: service.to_owned(),
            kind: usize::try_from(span.kind).ok().and_then(|kind| KINDS.get(kind)).copied().unwrap_or_default(),
            start: span.start_time_unix_nano,
            end: span.end_time_unix_nano,
            error: (status.code == 2).then(|| said.unwrap_or_default()),
            trace_state: span.trace_state.clone(),
            written: written.collect(),
        }
    }

    /// The value of an attribute that was written onto the span.
    pub(super) fn written(&self, name: &str) -> Option<&str> {
        self.written.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::ArrayValue(list)) => {
            list.values.iter().map(|value| text(Some(value))).collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    }
}
