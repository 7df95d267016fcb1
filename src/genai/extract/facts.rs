//! What one span says, borrowed from its bytes.

use std::fmt;

use super::outcome::Ending;
use super::tokens::Tokens;
use crate::genai::vocabulary::{FinishReasons, Operation};

/// What one span says of a model call, a tool call, or what stands around them.
#[derive(Clone, Copy, Debug)]
pub struct SpanFacts<'a> {
    /// Name of its instrumentation scope, or empty.
    pub scope: &'a str,
    /// The provider's own SDK wrote it.
    pub native: bool,
    /// What kind of operation it is.
    pub operation: Operation,
    /// It stands around the calls whose tokens it counts: it is billed only where none of them is seen.
    pub wrapper: bool,
    /// `start_time_unix_nano`
    pub start: u64,
    /// `end_time_unix_nano`
    pub end: u64,
    /// Name of the agent, or empty.
    pub agent: &'a str,
    /// The tool, for tool calls.
    pub tool: Option<Tool<'a>>,
    /// The provider by its canonical name, else as it was given, or empty.
    pub provider: &'a str,
    /// Whose the model is by its name, of a provider that nobody knows, or empty.
    pub vendor: &'a str,
    /// The model that was asked for, without the name of its own provider in front, or empty.
    pub request_model: &'a str,
    /// The model that answered, likewise.
    pub response_model: &'a str,
    /// Where the provider ran the call, or empty.
    pub region: &'a str,
    /// [`Identity::key`](super::identity::Identity::key)
    pub identity: u64,
    /// The model that answered and the one that was asked for, as they were given: prices depend on the whole name.
    pub told_models: [&'a str; 2],
    /// What was used, in buckets that do not overlap.
    pub tokens: Option<Tokens>,
    /// What it cost as the sender says, US dollars.
    pub cost: Option<f64>,
    /// Whether the answer was streamed, where that is told.
    pub streaming: Option<bool>,
    /// Seconds from the start of the span to the first output.
    pub ttft: Option<f64>,
    /// Seconds from the start of the span to the end of the answer; only of answers that came to an end.
    pub ttc: Option<f64>,
    /// Why the model stopped.
    pub finish: FinishReasons,
    /// How a model call ended; `None` for what is no model call.
    pub ending: Option<Ending<'a>>,
    /// The span says that it failed.
    pub failed: bool,
    /// What kind of error it had, or empty.
    pub error_type: &'a str,
    /// The provider had no room.
    pub rate_limited: bool,
    /// The prompt.
    pub prompt: Prompt<'a>,
    /// The provider's service tier, or empty.
    pub service_tier: &'a str,
    /// Host that was called, or empty.
    pub server: &'a str,
    /// Where the caller runs, or empty.
    pub caller_region: &'a str,
    /// XXH3 of what the model was asked, 0 where that is not told.
    pub request: u64,
    /// The provider's id of the answer, or empty.
    pub response_id: &'a str,
    /// The provider's id of the request, or empty.
    pub request_id: &'a str,
    /// Which attempt it is, from 1.
    pub attempt: Option<u32>,
    /// Deployment environment, or empty.
    pub environment: &'a str,
    /// The user, or empty.
    pub user: &'a str,
    /// The tenant, or empty.
    pub tenant: &'a str,
}

/// A tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool<'a> {
    /// The tool, or empty.
    pub name: &'a str,
    /// The model's id of the call, or empty.
    pub call_id: &'a str,
    /// Its arguments as they were written.
    pub raw: &'a [u8],
    /// XXH3 of its arguments.
    pub arguments: Option<u64>,
}

/// The prompt of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt<'a> {
    /// Its name, or empty.
    pub name: &'a str,
    /// Its version.
    pub version: Option<PromptVersion<'a>>,
}

/// The version of a prompt; shown as it is written on spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptVersion<'a> {
    /// As it was given.
    Text(&'a str),
    /// A number that was given.
    Number(i64),
    /// None was given: 48 bits of the hash of what the model was told to be, shown as `h:` and 12 hexadecimal digits.
    Hash(u64),
}

/// What pricing asks for.
#[derive(Clone, Copy, Debug)]
pub struct Charge<'a> {
    /// Kind of operation.
    pub operation: Operation,
    /// The provider by its canonical name, else as it was given, or empty.
    pub provider: &'a str,
    /// Whose the model is by its name, of a provider that nobody knows, or empty.
    pub vendor: &'a str,
    /// Host that was called, or empty.
    pub server: &'a str,
    /// The model that answered and the one that was asked for, as they were given.
    pub told_models: [&'a str; 2],
    /// The provider's service tier, or empty.
    pub service_tier: &'a str,
    /// Where the provider ran the call, or empty.
    pub region: &'a str,
    /// [`Identity::key`](super::identity::Identity::key)
    pub identity: u64,
    /// `start_time_unix_nano`
    pub start: u64,
    /// What was used.
    pub tokens: Option<Tokens>,
    /// What it cost as the sender says, US dollars.
    pub cost: Option<f64>,
}

// === impl SpanFacts ===

impl<'a> SpanFacts<'a> {
    /// Of a span that says nothing.
    #[cfg(test)]
    pub(crate) const NOTHING: Self = Self {
        scope: "",
        native: false,
        request: 0,
        operation: Operation::Other,
        wrapper: false,
        start: 0,
        end: 0,
        agent: "",
        tool: None,
        provider: "",
        vendor: "",
        request_model: "",
        response_model: "",
        told_models: ["", ""],
        identity: 0,
        tokens: None,
        cost: None,
        streaming: None,
        ttft: None,
        ttc: None,
        finish: FinishReasons::NONE,
        ending: None,
        failed: false,
        error_type: "",
        rate_limited: false,
        prompt: Prompt { name: "", version: None },
        service_tier: "",
        server: "",
        region: "",
        caller_region: "",
        response_id: "",
        request_id: "",
        attempt: None,
        environment: "",
        user: "",
        tenant: "",
    };

    /// What pricing asks for.
    pub fn charge(&self) -> Charge<'a> {
        Charge {
            operation: self.operation,
            provider: self.provider,
            vendor: self.vendor,
            server: self.server,
            told_models: self.told_models,
            service_tier: self.service_tier,
            region: self.region,
            identity: self.identity,
            start: self.start,
            tokens: self.tokens,
            cost: self.cost,
        }
    }

    /// Whether it may be billed: a call of a model that stands around no other.
    pub fn is_leaf_call(&self) -> bool {
        self.operation.is_model_call() && !self.wrapper
    }

    /// How it ended, of a call of a language model.
    pub fn ending_of_language_model(&self) -> Option<Ending<'a>> {
        self.ending.filter(|_| self.operation == Operation::Llm)
    }
}

// === impl PromptVersion ===

impl PromptVersion<'_> {
    /// Where it comes from: `attribute`, or `hash` of the instructions.
    pub fn source(self) -> &'static str {
        if matches!(self, Self::Hash(_)) { "hash" } else { "attribute" }
    }
}

impl fmt::Display for PromptVersion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Hash(hash) => write!(f, "h:{:012x}", hash & 0xffff_ffff_ffff),
        }
    }
}
