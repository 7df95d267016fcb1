//! From a span to its record: what the span says, what it costs, and how its session ended according to it.

use std::io::Write as _;

use super::call::{Call, Counting, Used, VersionRef};
use crate::config;
use crate::genai::conventions::Conventions;
use crate::genai::extract::extraction::Extraction;
use crate::genai::extract::extractor::FactExtractor;
use crate::genai::extract::facts::PromptVersion;
use crate::genai::extract::field_values::FieldValues;
use crate::genai::extract::session_end::SessionEnd;
use crate::genai::extract::tokens::Tokens;
use crate::genai::usage;
use crate::genai::vocabulary::OutcomeSource;
use crate::intern::{Kind, Name};
use crate::otlp::keys::KeyTable;
use crate::otlp::walk::Visit;
use crate::pricing::PriceBook;

/// Reads spans into records. Shared by all threads.
#[derive(Debug)]
pub struct CallReader {
    /// Reads what a span says.
    pub facts: FactExtractor,
    /// Reads how a session ended.
    pub end: SessionEnd,
}

/// What a span says beyond its own structure.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// The record of the span, if there is anything to record. Its `span` is left for the session to fill in.
    pub call: Option<Call>,
    /// The outcome of the session, and the source that says so.
    pub outcome: Option<(OutcomeSource, Name)>,
}

/// Longest number in decimal, in bytes: that of `i64::MIN`.
const MAX_DIGITS: usize = 20;

// === impl CallReader ===

impl CallReader {
    /// Compiles the conventions and the user's words for the end of a session, adding their keys to `keys`.
    pub fn compile(conventions: &Conventions, config: &config::Sessions, keys: &mut KeyTable) -> Self {
        Self { facts: FactExtractor::compile(conventions, keys), end: SessionEnd::compile(config, keys) }
    }

    /// Reads a span at the prices of `book`. `scope` is the name of its instrumentation scope.
    pub fn read(&self, visit: &Visit<'_, '_>, scope: Name, book: &PriceBook) -> Reading {
        let mut values = FieldValues::nothing();
        let extraction = self.facts.extract(visit, &mut values);
        let charge = extraction.as_ref().and_then(|extraction| extraction.charge(visit.span.start));
        let priced = usage::price(book, &visit.span, charge.as_ref());
        let outcome = self.end.outcome(visit, extraction.as_ref()).filter(|(_, outcome)| !outcome.is_empty());
        let outcome = outcome.map(|(source, outcome)| (source, Name::new(Kind::Outcome, outcome)));
        if extraction.is_none() && priced.is_none() {
            return Reading { call: None, outcome };
        }
        let mut call = extraction.as_ref().map_or(Call::NOTHING, Call::from);
        (call.start, call.end, call.scope) = (visit.span.start, visit.span.end, scope);
        if extraction.as_ref().is_some_and(|extraction| extraction.unfinished) {
            call.end = 0;
        }
        call.price(priced.as_ref());
        Reading { call: Some(call), outcome }
    }
}

// === impl Call ===

impl From<&Extraction<'_, '_>> for Call {
    /// The record of what a span says. Its span, times, scope and price are left to be filled in.
    fn from(extraction: &Extraction<'_, '_>) -> Self {
        let (tool, ending, names) = (extraction.tool(), extraction.ending, extraction.identity);
        let tool_name = tool.map_or(Name::NONE, |tool| Name::of_bytes(Kind::Tool, tool));
        Self {
            operation: extraction.operation,
            wrapper: extraction.wrapper,
            failed: extraction.failure.is_some(),
            rate_limited: extraction.rate_limited,
            streaming: extraction.streaming == Some(true),
            counting: counting(extraction),
            outcome: ending.map(|ending| ending.outcome).unwrap_or_default(),
            or_broken: ending.is_some_and(|ending| ending.or_broken),
            finish: extraction.finish().gravest().unwrap_or_default(),
            attempt: extraction.attempt().map_or(0, |attempt| u8::try_from(attempt).unwrap_or(u8::MAX)),
            used: extraction.tokens.as_ref().map(Used::from).unwrap_or_default(),
            has_usage: extraction.tokens.is_some(),
            response_id: hash(extraction.call_id()),
            request: match tool.map(|tool| (tool, extraction.arguments())) {
                None => extraction.request(),
                // Tools whose names found no room are told apart by what they were asked.
                Some((tool, Some(arguments))) if tool_name == Name::OVERFLOW => hash(arguments) ^ hash(tool),
                Some((_, arguments)) => arguments.map_or(0, hash),
            },
            ttft: extraction.ttft().unwrap_or(f64::NAN),
            ttc: extraction.ttc().unwrap_or(f64::NAN),
            prompt_version: extraction.prompt_version.map(VersionRef::from).unwrap_or_default(),
            model: names.model(),
            bare_model: names.bare_model,
            requested_model: names.bare_request_model,
            provider: names.provider,
            region: names.region,
            prompt: Name::of_bytes(Kind::Prompt, extraction.prompt()),
            agent: Name::of_bytes(Kind::Agent, extraction.agent()),
            tool: tool_name,
            ..Self::NOTHING
        }
    }
}

impl From<&Tokens> for Used {
    fn from(tokens: &Tokens) -> Self {
        let cut = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            input: cut(tokens.input_or_cached()),
            cache_read: cut(tokens.cache_read),
            cache_write: cut(tokens.cache_written()),
            output: cut(tokens.output().unwrap_or(0)),
            reasoning: cut(tokens.reasoning),
        }
    }
}

impl From<PromptVersion<'_>> for VersionRef {
    fn from(version: PromptVersion<'_>) -> Self {
        match version {
            PromptVersion::Text(text) => Self::of_text(Name::new(Kind::PromptVersion, text)),
            PromptVersion::Hash(hash) => Self::of_hash(hash),
            PromptVersion::Number(number) => {
                let mut digits = [0; MAX_DIGITS];
                let mut rest = digits.as_mut_slice();
                // There is room for every number.
                let _ = write!(rest, "{number}");
                let len = MAX_DIGITS - rest.len();
                Self::of_text(Name::of_bytes(Kind::PromptVersion, digits.get(..len).unwrap_or_default()))
            }
        }
    }
}

impl VersionRef {
    /// The version as spans have it.
    pub fn version(self) -> PromptVersion<'static> {
        match self.hash() {
            Some(hash) => PromptVersion::Hash(hash),
            None => PromptVersion::Text(self.name().text()),
        }
    }
}

fn counting(extraction: &Extraction<'_, '_>) -> Counting {
    let told = |of: fn(&Tokens) -> bool| extraction.tokens.as_ref().is_some_and(of);
    Counting::default()
        .and(Counting::NATIVE, extraction.native)
        .and(Counting::ACCUMULATES, extraction.accumulates)
        .and(Counting::TIER, extraction.has_tier())
        .and(Counting::MODALITIES, told(Tokens::has_modalities))
        .and(Counting::LIFETIME, told(|it| it.cache_write_1h > 0 && !it.lifetime_assumed))
}

fn hash(bytes: &[u8]) -> u64 {
    if bytes.is_empty() { 0 } else { xxhash_rust::xxh3::xxh3_64(bytes) }
}
