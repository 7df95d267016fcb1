//! The types of the convention table.

use super::source::{Field, Source};
use crate::genai::vocabulary::{FinishReason, Operation, Outcome};
use crate::glob::Glob;

/// The convention table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conventions {
    /// `session.id`: where a session's id stands, the highest rank first.
    pub ids: Vec<IdSource>,
    /// `session.resource_id`
    pub resource_ids: Vec<String>,
    /// `session.tenant`
    pub tenants: Vec<String>,
    /// `session.environment`
    pub environments: Vec<String>,
    /// `session.placeholders`
    pub placeholders: Vec<String>,
    /// `session.previous_response`
    pub previous_responses: Vec<String>,
    /// `session.response_prefixes`
    pub response_prefixes: Vec<String>,
    /// `session.inner_scopes`
    pub inner_scopes: Vec<Glob>,
    /// `session.end_attributes`
    pub end_attributes: Vec<String>,
    /// `session.end_events`
    pub end_events: Vec<String>,
    /// `error_type.attributes`
    pub error_attributes: Vec<String>,
    /// `error_type.exception_attribute`
    pub exception_attribute: String,
    /// `fields`: where each field stands, the highest rank first.
    pub fields: Vec<(Field, Source)>,
    /// `nothing`: texts that stand for nothing.
    pub nothing: Vec<String>,
    /// `unfinished`: attributes that say that a span stands for one that is not over, and what they say then.
    pub pending: Vec<(String, Vec<String>)>,
    /// `operations.kinds`
    pub operations: Vec<(Operation, String)>,
    /// `operations.wrappers`
    pub wrappers: Vec<String>,
    /// `operations.span_names`
    pub span_names: Vec<(Glob, Operation)>,
    /// `operations.no_calls`
    pub no_calls: Vec<Glob>,
    /// `operations.pseudo_tools`
    pub pseudo_tools: Vec<String>,
    /// `finish_reasons`
    pub finish_reasons: Vec<(FinishReason, String)>,
    /// `providers`
    pub providers: Providers,
    /// `regions`: patterns of hosts, each with its region where the pattern does not hold it.
    pub regions: Vec<(Glob, Option<String>)>,
    /// `errors`
    pub errors: ErrorWords,
    /// `producers`, the first that fits counts.
    pub producers: Vec<Producer>,
}

/// An attribute that may hold a session's id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdSource {
    /// The attribute's key.
    pub key: String,
    /// Keys to look for in the JSON object or the key-value list that it holds; empty when it holds the id itself.
    pub json: Vec<String>,
}

/// What providers are called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Providers {
    /// `names`: canonical name and alias.
    pub names: Vec<(String, String)>,
    /// `suffixes`: what may follow a name behind a dot.
    pub suffixes: Vec<String>,
    /// `exclude_cached`: those whose own input tokens leave out the cached ones, by canonical name.
    pub exclude_cached: Vec<String>,
    /// `reasoning_beside`: those that may not count reasoning among the output, by canonical name.
    pub reasoning_beside: Vec<String>,
    /// `frameworks`: names that stand for no provider.
    pub frameworks: Vec<String>,
    /// `models`: patterns of models and whose they are.
    pub models: Vec<(Glob, String)>,
}

/// What errors say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorWords {
    /// `left`: types that mean that the client left.
    pub left: Vec<String>,
    /// `*_messages`: what is in a status message, and the outcome that it means.
    pub messages: Vec<(String, Outcome)>,
    /// `rate_limit`: types that mean that the provider had no room.
    pub rate_limit: Vec<String>,
}

/// How an instrumentation says how a call ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Producer {
    /// What it is called here.
    pub name: String,
    /// Patterns of its scopes; empty for any.
    pub scopes: Vec<Glob>,
    /// Patterns of its spans' names; empty for any.
    pub spans: Vec<Glob>,
    /// An attribute that its spans have, and a text in it.
    pub attribute: Option<(String, String)>,
    /// It is the provider's own SDK: its counts are believed before those of others, and its own traces follow theirs.
    pub native: bool,
    /// How it tells streams from other calls.
    pub streams: Streams,
    /// A stream whose first token came says so.
    pub tells_first_token: bool,
    /// Usage is there from the first event on.
    pub seeds_usage: bool,
    /// Providers, by canonical name or `all`, whose input tokens leave out the cached ones.
    pub exclusive: Vec<String>,
    /// It passes on the provider's total, and either way of counting: the total is asked before `exclusive`.
    pub total_decides: bool,
    /// Of a tool loop each call tells of the sums over those before as well.
    pub accumulates: bool,
    /// What it writes to a cache without a word on for how long is kept for an hour, but for spans with one of these
    /// attributes; `None` where that is not known of it.
    pub writes_1h: Option<Vec<String>>,
    /// A finish reason `error` without an error means that the client left.
    pub error_reason_is_abandoned: bool,
    /// What keeping quiet means: the first that fits.
    pub silent: Vec<Silence>,
}

/// How an instrumentation tells streams from other calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Streams {
    /// It may not.
    #[default]
    Untold,
    /// A call without a mark is no stream.
    Marked,
    /// A finished call without the time of its first token is no stream.
    Timed,
}

/// What neither an error nor a finish reason means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Silence {
    /// Only with this `status.code`.
    pub status: Option<u32>,
    /// Only with (without) usage that is no seed.
    pub usage: Option<bool>,
    /// Only with (without) output.
    pub output: Option<bool>,
    /// Only for streams (other calls).
    pub streaming: Option<bool>,
    /// The outcome.
    pub says: Outcome,
    /// Or the stream broke: an ancestor that failed tells.
    pub or_broken: bool,
    /// Why, in words.
    pub why: String,
}

// === impl Conventions ===

impl Conventions {
    /// Appends all entries of `other` behind the own ones, so that the own entries have priority.
    pub(super) fn put_in_front_of(&mut self, other: Self) {
        self.ids.extend(other.ids);
        self.resource_ids.extend(other.resource_ids);
        self.previous_responses.extend(other.previous_responses);
        self.response_prefixes.extend(other.response_prefixes);
        self.inner_scopes.extend(other.inner_scopes);
        self.tenants.extend(other.tenants);
        self.environments.extend(other.environments);
        self.placeholders.extend(other.placeholders);
        self.end_attributes.extend(other.end_attributes);
        self.end_events.extend(other.end_events);
        self.error_attributes.extend(other.error_attributes);
        if self.exception_attribute.is_empty() {
            self.exception_attribute = other.exception_attribute;
        }
        self.fields.extend(other.fields);
        self.nothing.extend(other.nothing);
        self.operations.extend(other.operations);
        self.wrappers.extend(other.wrappers);
        self.span_names.extend(other.span_names);
        self.no_calls.extend(other.no_calls);
        self.pseudo_tools.extend(other.pseudo_tools);
        self.pending.extend(other.pending);
        self.finish_reasons.extend(other.finish_reasons);
        self.providers.names.extend(other.providers.names);
        self.providers.suffixes.extend(other.providers.suffixes);
        self.providers.exclude_cached.extend(other.providers.exclude_cached);
        self.providers.reasoning_beside.extend(other.providers.reasoning_beside);
        self.providers.frameworks.extend(other.providers.frameworks);
        self.providers.models.extend(other.providers.models);
        self.regions.extend(other.regions);
        self.errors.left.extend(other.errors.left);
        self.errors.messages.extend(other.errors.messages);
        self.errors.rate_limit.extend(other.errors.rate_limit);
        self.producers.extend(other.producers);
    }
}
