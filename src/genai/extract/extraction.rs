//! What was extracted from one span, before it becomes the record of a held span or the facts of a kept one.

use xxhash_rust::xxh3::xxh3_64;

use super::facts::{Charge, Prompt, PromptVersion, SpanFacts, Tool};
use super::field_values::{FieldValue, FieldValues};
use super::fingerprint::request;
use super::identity::{Identities, Identity, Spelling};
use super::outcome::Ending;
use super::providers::host;
use super::tokens::Tokens;
use crate::genai::conventions::Field;
use crate::genai::vocabulary::{FinishReasons, Operation};
use crate::otlp::walk::Visit;

/// What one span says of a model call, a tool call, or what contains them. Texts are bytes that the walk has checked.
#[derive(Debug)]
pub(in crate::genai) struct Extraction<'a, 'v> {
    pub(super) values: &'v FieldValues<'a>,
    pub(super) identities: &'a Identities,
    pub(super) spelling: Spelling<'a>,
    /// Kind of operation.
    pub(in crate::genai) operation: Operation,
    /// Whether it sums up the calls that it contains.
    pub(in crate::genai) wrapper: bool,
    /// Whether the provider's own SDK wrote it.
    pub(in crate::genai) native: bool,
    /// Whether a call of a tool loop tells of the sums over those before as well.
    pub(in crate::genai) accumulates: bool,
    /// Who was called.
    pub(in crate::genai) identity: Identity,
    /// What was used, in buckets that do not overlap.
    pub(in crate::genai) tokens: Option<Tokens>,
    /// Whether the answer was streamed, if known.
    pub(in crate::genai) streaming: Option<bool>,
    /// How a model call ended.
    pub(in crate::genai) ending: Option<Ending<'a>>,
    /// The type of its error, if it failed.
    pub(in crate::genai) failure: Option<&'a str>,
    /// Whether the provider rejected it because of a rate limit.
    pub(in crate::genai) rate_limited: bool,
    /// Whether it was sent before it was over.
    pub(in crate::genai) unfinished: bool,
    /// Version of the prompt.
    pub(in crate::genai) prompt_version: Option<PromptVersion<'a>>,
    /// End minus start of the span, nanoseconds.
    pub(super) duration: u64,
}

/// The currency of costs, by its code in ISO 4217.
const DOLLARS: &str = "USD";

// === impl Extraction ===

impl<'a> Extraction<'a, '_> {
    /// Name of the agent.
    pub(in crate::genai) fn agent(&self) -> &'a [u8] {
        self.values.bytes(Field::Agent)
    }

    /// Name of the tool, of tool calls.
    pub(in crate::genai) fn tool(&self) -> Option<&'a [u8]> {
        (self.operation == Operation::Tool).then(|| self.values.bytes(Field::Tool))
    }

    /// Name of the prompt.
    pub(in crate::genai) fn prompt(&self) -> &'a [u8] {
        self.values.bytes(Field::PromptName)
    }

    /// Arguments of the tool, as they were written.
    pub(in crate::genai) fn arguments(&self) -> Option<&'a [u8]> {
        self.values.get(Field::ToolArguments).map(FieldValue::bytes)
    }

    /// The model's id of a tool call; of other operations the provider's id of the response.
    pub(in crate::genai) fn call_id(&self) -> &'a [u8] {
        let tool = self.operation == Operation::Tool;
        self.values.bytes(if tool { Field::ToolCallId } else { Field::ResponseId })
    }

    /// XXH3 of what the model was asked, 0 if unknown.
    pub(in crate::genai) fn request(&self) -> u64 {
        let input = self.values.get(Field::Input).filter(|_| self.operation == Operation::Llm);
        input.map_or(0, request)
    }

    /// Whether the service tier is told.
    pub(in crate::genai) fn has_tier(&self) -> bool {
        self.values.has(Field::ServiceTier)
    }

    /// The finish reasons.
    pub(in crate::genai) fn finish(&self) -> FinishReasons {
        self.values.reasons
    }

    /// Number of the attempt, from 1.
    pub(in crate::genai) fn attempt(&self) -> Option<u32> {
        self.values.count(Field::Attempt).and_then(|attempt| u32::try_from(attempt).ok())
    }

    /// Seconds from the start of the span to the first output.
    pub(in crate::genai) fn ttft(&self) -> Option<f64> {
        self.values.real(Field::FirstToken).filter(|_| self.operation.is_model_call())
    }

    /// Seconds from the start of the span to the end of an answer that came to its own end.
    pub(in crate::genai) fn ttc(&self) -> Option<f64> {
        self.ending.filter(|ending| ending.outcome.ended())?;
        let duration = self.duration.max(self.values.outlasts);
        let whole = || (duration > 0).then(|| duration as f64 / 1e9);
        self.values.real(Field::LastToken).or_else(whole)
    }

    /// What pricing asks for, if there may be a price. `start` is that of the span, nanoseconds since the epoch.
    pub(in crate::genai) fn charge(&self, start: u64) -> Option<Charge<'a>> {
        if !self.operation.is_model_call() && self.tokens.is_none() {
            return None;
        }
        let identity = self.identities.texts(&self.identity, &self.spelling);
        Some(Charge {
            operation: self.operation,
            provider: identity.provider,
            vendor: identity.vendor,
            server: host(self.values.text(Field::Server)),
            told_models: [self.values.text(Field::ResponseModel), self.values.text(Field::RequestModel)],
            service_tier: self.values.text(Field::ServiceTier),
            region: identity.region,
            identity: self.identity.key,
            start,
            tokens: self.tokens,
            cost: self.cost(),
        })
    }

    /// The cost that the span reports, else the sum of its parts. Zero is no cost if no usage is known, nor is a sum in
    /// another currency than dollars.
    fn cost(&self) -> Option<f64> {
        let currency = self.values.text(Field::CostCurrency).trim();
        if !currency.is_empty() && !currency.eq_ignore_ascii_case(DOLLARS) {
            return None;
        }
        let parts = [self.values.real(Field::CostInput), self.values.real(Field::CostOutput)];
        let sum = parts.iter().flatten().copied().reduce(|sum, part| sum + part);
        self.values.real(Field::Cost).or(sum).filter(|cost| self.tokens.is_some() || *cost > 0.0)
    }

    /// All that the span says, as texts.
    pub(super) fn facts(&self, visit: &Visit<'a, '_>) -> SpanFacts<'a> {
        let values = self.values;
        let identity = self.identities.texts(&self.identity, &self.spelling);
        let tool = Tool {
            name: values.text(Field::Tool),
            call_id: values.text(Field::ToolCallId),
            raw: self.arguments().unwrap_or_default(),
            arguments: self.arguments().map(xxh3_64),
        };
        SpanFacts {
            scope: visit.scope.name,
            native: self.native,
            operation: self.operation,
            wrapper: self.wrapper,
            start: visit.span.start,
            end: visit.span.end,
            agent: values.text(Field::Agent),
            tool: (self.operation == Operation::Tool).then_some(tool),
            provider: identity.provider,
            vendor: identity.vendor,
            request_model: identity.request_model,
            response_model: identity.response_model,
            region: identity.region,
            identity: self.identity.key,
            told_models: [values.text(Field::ResponseModel), values.text(Field::RequestModel)],
            tokens: self.tokens,
            cost: self.cost(),
            streaming: self.streaming,
            ttft: self.ttft(),
            ttc: self.ttc(),
            finish: self.finish(),
            ending: self.ending,
            failed: self.failure.is_some(),
            error_type: self.failure.unwrap_or_default(),
            rate_limited: self.rate_limited,
            prompt: Prompt { name: values.text(Field::PromptName), version: self.prompt_version },
            service_tier: values.text(Field::ServiceTier),
            server: host(values.text(Field::Server)),
            caller_region: values.text(Field::CallerRegion),
            request: self.request(),
            response_id: values.text(Field::ResponseId),
            request_id: values.text(Field::RequestId),
            attempt: self.attempt(),
            environment: values.text(Field::Environment),
            user: values.text(Field::User),
            tenant: values.text(Field::Tenant),
        }
    }
}
