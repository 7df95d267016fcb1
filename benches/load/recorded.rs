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
use tailsieve::genai::conventions::Conventions;

use super::Args;
use super::spans::{Template, mark, round};

/// A span of the round, and where it was recorded.
struct Sent<'a> {
    resource: &'a ResourceSpans,
    scope: &'a ScopeSpans,
    span: &'a Span,
    session: usize,
    last: bool,
}

/// Attributes that name a session.
struct Naming {
    span: HashSet<String>,
    resource: HashSet<String>,
}

/// What was recorded below `folder`, scenario after scenario as often as it takes to fill a round. Requests have as many
/// spans as asked for, whatever they had when they were recorded; the last one has what is left.
pub fn templates(args: &Args, folder: &Path) -> Vec<Template> {
    let naming = Naming::new();
    let scenarios: Vec<_> = scenarios(folder).into_iter().map(|files| read(&files, &naming)).collect();
    let (mut sent, mut sessions) = (Vec::new(), 0);
    while sent.len() < round(args) {
        let before = sent.len();
        for scenario in &scenarios {
            sessions += send(scenario, sessions, &mut sent);
        }
        assert!(sent.len() > before, "no recorded spans in {}/*/*/req*.binpb", folder.display());
    }
    sent.chunks(args.spans).map(template).collect()
}

/// The requests of each scenario, in the order of their names.
fn scenarios(folder: &Path) -> Vec<Vec<PathBuf>> {
    let requests = |scenario: PathBuf| {
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let is_request = |path: &PathBuf| name(path).starts_with("req") && name(path).ends_with(".binpb");
        entries(&scenario).into_iter().filter(is_request).collect()
    };
    entries(folder).iter().flat_map(|framework| entries(framework)).map(requests).collect()
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
    Template::new(&request, chunk.iter().map(|sent| (sent.session, sent.last)))
}

// === impl Naming ===

impl Naming {
    /// What the convention table has.
    fn new() -> Self {
        let Conventions { ids, resource_ids, .. } = Conventions::embedded();
        Self { span: ids.into_iter().map(|source| source.key).collect(), resource: resource_ids.into_iter().collect() }
    }
}
