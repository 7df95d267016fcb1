//! One recorded session told again: ids made fresh, times moved, nothing else changed.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use crate::clock::Nanos;
use crate::genai::conventions::Conventions;
use crate::genai::extract::session_id::SessionKeys;
use crate::otlp::keys::KeyTable;
use crate::otlp::walk::walk;

/// A recorded session, decoded once.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// Its resources and scopes, without spans, each pair with its place in here.
    pub(super) headers: Vec<(ResourceSpans, ScopeSpans)>,
    /// Its spans in the order in which they were sent, each with its header.
    spans: Vec<(usize, Span)>,
    /// The session ids that its spans give.
    session_ids: BTreeSet<String>,
    /// End of its latest span.
    end: Nanos,
}

/// How session ids are found, as the processor itself does.
pub(super) struct Reader {
    keys: KeyTable,
    session_keys: SessionKeys,
}

/// Ids that nobody has had.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    state: u64,
}

/// What one telling replaces.
struct Fresh<'a> {
    ids: &'a mut Ids,
    known: HashMap<Vec<u8>, Vec<u8>>,
    /// Behind every session id.
    suffix: String,
    /// Added to every time.
    shift: u64,
}

// === impl Reader ===

impl Reader {
    /// A reader that knows the embedded conventions.
    pub(super) fn new() -> Self {
        let mut keys = KeyTable::default();
        let session_keys = SessionKeys::compile(&Conventions::embedded(), &mut keys);
        Self { keys, session_keys }
    }

    /// Reads a recorded request.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub(super) fn read(&self, request: &[u8]) -> Result<Template, String> {
        let mut session_ids = BTreeSet::new();
        walk(request, &self.keys, |visit| {
            session_ids.extend(self.session_keys.candidate(visit).map(|found| found.id.into_owned()));
        })
        .map_err(|error| error.to_string())?;
        let request = ExportTraceServiceRequest::decode(request).map_err(|error| error.to_string())?;
        let (mut headers, mut spans) = (Vec::new(), Vec::new());
        for mut resource in request.resource_spans {
            for mut scope in std::mem::take(&mut resource.scope_spans) {
                let own = std::mem::take(&mut scope.spans);
                let header = (resource.clone(), scope);
                let place = headers.iter().position(|known| *known == header).unwrap_or_else(|| {
                    headers.push(header);
                    headers.len() - 1
                });
                spans.extend(own.into_iter().map(|span| (place, span)));
            }
        }
        let end = spans.iter().map(|(_, span)| span.end_time_unix_nano).max().unwrap_or_default();
        Ok(Template { headers, spans, session_ids, end })
    }
}

// === impl Template ===

impl Template {
    /// Tells the session again so that its latest span ends at `now`: each span with its header.
    pub(super) fn again(&self, ids: &mut Ids, now: Nanos) -> Vec<(usize, Span)> {
        let suffix = format!("-{:08x}", ids.number() >> 32);
        let mut fresh = Fresh { ids, known: HashMap::new(), suffix, shift: now.wrapping_sub(self.end) };
        let mut spans = self.spans.clone();
        for (_, span) in &mut spans {
            fresh.span(span, &self.session_ids);
        }
        spans
    }
}

// === impl Fresh ===

impl Fresh<'_> {
    fn span(&mut self, span: &mut Span, session_ids: &BTreeSet<String>) {
        for id in [&mut span.trace_id, &mut span.span_id, &mut span.parent_span_id] {
            self.id(id);
        }
        for time in [&mut span.start_time_unix_nano, &mut span.end_time_unix_nano] {
            self.time(time);
        }
        for event in &mut span.events {
            self.time(&mut event.time_unix_nano);
            self.attributes(&mut event.attributes, session_ids);
        }
        for link in &mut span.links {
            self.id(&mut link.trace_id);
            self.id(&mut link.span_id);
            self.attributes(&mut link.attributes, session_ids);
        }
        self.attributes(&mut span.attributes, session_ids);
    }

    /// The same id for the same id; none where there is none.
    fn id(&mut self, id: &mut Vec<u8>) {
        if !id.is_empty() {
            let ids = &mut *self.ids;
            *id = self.known.entry(id.clone()).or_insert_with(|| ids.bytes(id.len())).clone();
        }
    }

    fn time(&self, time: &mut u64) {
        if *time > 0 {
            *time = time.wrapping_add(self.shift);
        }
    }

    /// Session ids get the suffix wherever they stand, in JSON as well.
    fn attributes(&self, attributes: &mut [KeyValue], session_ids: &BTreeSet<String>) {
        for attribute in attributes {
            let Some(AnyValue { value: Some(Value::StringValue(text)) }) = &mut attribute.value else { continue };
            for id in session_ids.iter().filter(|id| !id.is_empty()) {
                if text.contains(id.as_str()) {
                    *text = text.replace(id.as_str(), &format!("{id}{}", self.suffix));
                }
            }
        }
    }
}

// === impl Ids ===

impl Ids {
    /// Other ids than any other process has.
    pub(super) fn random() -> Self {
        Self::seeded(RandomState::new().hash_one(0_u8))
    }

    /// The same ids for the same seed.
    pub(super) fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    /// 64 bits (SplitMix64, <https://prng.di.unimi.it/splitmix64.c>).
    pub(super) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| self.number().to_be_bytes()).collect();
        bytes.truncate(len);
        bytes
    }
}

#[cfg(test)]
mod tests;
