//! The requests that real instrumentations sent, as a load: spans whose attributes, events and scopes nobody has chosen
//! with a server in mind.
//!
//! Spans that are made up speak of models in one vocabulary, in one order, and every third is a call. What it costs to read
//! what spans say depends on all of that, and a shortcut that fits the made-up ones alone would not show. Of what was
//! recorded, only what ties sessions together is changed: each trace is a session of its own, for else those of all
//! repetitions would be one that never ends.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::ptr;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde_json::Value;
use tailsieve::genai::conventions::Conventions;

use super::Args;
use super::spans::{Ids, Template, mark, round};

/// A span of the round, and where it was recorded.
struct Sent<'a> {
    resource: &'a ResourceSpans,
    scope: &'a ScopeSpans,
    span: &'a Span,
    session: usize,
    last: bool,
}

/// Labels of what goes wrong in a scenario.
const WRONG: [&str; 6] =
    ["mid_stream_failure", "abandoned_by_client", "request_error", "retried_429", "tool_failure", "runaway_loop"];

/// What goes wrong is sent once for so many times that all else is: nearly half of what was recorded does, as is not so of
/// what is in use.
const SELDOM: usize = 20;

/// Attributes that name a session.
struct Naming {
    span: HashSet<String>,
    resource: HashSet<String>,
}

/// What was recorded below `folder`, scenario after scenario as often as it takes to fill a round. Requests have as many
/// spans as asked for, whatever they had when they were recorded; the last one has what is left.
pub fn templates(args: &Args, folder: &Path) -> Vec<Template> {
    let naming = Naming::new();
    let well = well(folder);
    let scenarios: Vec<_> =
        scenarios(folder).into_iter().map(|path| (well.contains(&path), read(&requests(&path), &naming))).collect();
    let (mut sent, mut sessions) = (Vec::new(), 0);
    for time in 0.. {
        if time % SELDOM == 0 && sent.len() >= round(args) {
            break;
        }
        let before = sent.len();
        for (_, scenario) in scenarios.iter().filter(|(well, _)| *well || time % SELDOM == 0) {
            sessions += send(scenario, sessions, &mut sent);
        }
        assert!(sent.len() > before, "no recorded spans in {}/*/*/req*.binpb", folder.display());
    }
    sent.chunks(args.spans).map(template).collect()
}

/// The folder of each scenario, in the order of their names.
fn scenarios(folder: &Path) -> Vec<PathBuf> {
    entries(folder).iter().flat_map(|framework| entries(framework)).collect()
}

/// The requests of a scenario, in the order of their names.
fn requests(scenario: &Path) -> Vec<PathBuf> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let is_request = |path: &PathBuf| name(path).starts_with("req") && name(path).ends_with(".binpb");
    entries(scenario).into_iter().filter(is_request).collect()
}

/// The scenarios in which nothing went wrong, as they are labelled.
fn well(folder: &Path) -> HashSet<PathBuf> {
    let labels: Value = serde_json::from_slice(&fs::read(folder.join("labels.json")).unwrap()).unwrap();
    let wrong = |label: &&Value| WRONG.iter().any(|what| label[what] == true) || !label["truncated"].is_null();
    let well = labels.as_array().unwrap().iter().filter(|label| !wrong(label));
    let place = |label: &Value| ["framework", "scenario"].map(|what| label[what].as_str().unwrap().to_owned());
    well.map(place).map(|[framework, scenario]| folder.join(framework).join(scenario)).collect()
}

/// What is in a folder, in the order of the names; nothing where there is no folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(found) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = found.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The requests of a scenario, without what ties its traces to others.
fn read(files: &[PathBuf], naming: &Naming) -> Vec<ExportTraceServiceRequest> {
    let decode = |file: &PathBuf| ExportTraceServiceRequest::decode(&fs::read(file).unwrap()[..]).unwrap();
    let mut requests: Vec<_> = files.iter().map(decode).collect();
    for resource in requests.iter_mut().flat_map(|request| &mut request.resource_spans) {
        if let Some(resource) = &mut resource.resource {
            resource.attributes.retain(|attribute| !naming.resource.contains(&attribute.key));
        }
        for span in resource.scope_spans.iter_mut().flat_map(|scope| &mut scope.spans) {
            span.attributes.retain(|attribute| !naming.span.contains(&attribute.key));
            span.links.clear();
        }
    }
    requests
}

/// Puts the spans of a scenario at the end of a round, whose sessions so far are `sessions`; how many there are more.
fn send<'a>(scenario: &'a [ExportTraceServiceRequest], sessions: usize, into: &mut Vec<Sent<'a>>) -> usize {
    let mut traces = HashMap::new();
    let first = into.len();
    for resource in scenario.iter().flat_map(|request| &request.resource_spans) {
        for scope in &resource.scope_spans {
            for span in &scope.spans {
                let next = sessions + traces.len();
                let session = *traces.entry(&span.trace_id).or_insert(next);
                into.push(Sent { resource, scope, span, session, last: false });
            }
        }
    }
    let mut ended = HashSet::new();
    for sent in into[first..].iter_mut().rev() {
        sent.last = ended.insert(sent.session);
    }
    traces.len()
}

/// A request, with spans that were recorded together under one resource and scope.
fn template(chunk: &[Sent<'_>]) -> Template {
    let scope_spans = |spans: &[Sent<'_>]| ScopeSpans {
        scope: spans[0].scope.scope.clone(),
        spans: spans.iter().map(|sent| Span { trace_id: mark(sent.session), ..sent.span.clone() }).collect(),
        schema_url: spans[0].scope.schema_url.clone(),
    };
    let resource_spans = |spans: &[Sent<'_>]| ResourceSpans {
        resource: spans[0].resource.resource.clone(),
        scope_spans: spans.chunk_by(|one, next| ptr::eq(one.scope, next.scope)).map(scope_spans).collect(),
        schema_url: spans[0].resource.schema_url.clone(),
    };
    let of_resources = chunk.chunk_by(|one, next| ptr::eq(one.resource, next.resource));
    let request = ExportTraceServiceRequest { resource_spans: of_resources.map(resource_spans).collect() };
    let ids = |sent: &Sent<'_>| Ids { trace: sent.session, conversation: None, last: sent.last };
    Template::new(&request, chunk.iter().map(ids))
}

// === impl Naming ===

impl Naming {
    /// What the convention table has.
    fn new() -> Self {
        let Conventions { ids, resource_ids, .. } = Conventions::embedded();
        Self { span: ids.into_iter().map(|source| source.key).collect(), resource: resource_ids.into_iter().collect() }
    }
}
