//! The convention table compiled into slots of the walker's key table: what a span says is read from the values that the
//! walk has picked. Nothing is allocated; JSON is scanned and instructions are hashed only where their key is there.

use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::account::{Ceiling, Share};
use super::conventions::{Conventions, Field, InputCounts, Producer};
use super::errors::{self, ErrorMeanings, ErrorTypes};
use super::facts::{Facts, FinishReason, Operation, Prompt, PromptVersion, Tool};
use super::gathered::{Found, Gathered};
use super::glance::Glance;
use super::hashed::{bytes, instructions, request};
use super::names::{self, Names};
use super::sources::{EVIDENCE, Sources};
use super::spent::Spent;
use super::stream::{Ending, Evidence, Outcome};
use super::tokens::{Tokens, Told};
use crate::glob::Glob;
use crate::otlp::keys::{KeyTable, Slot};
use crate::otlp::span::STATUS_ERROR;
use crate::otlp::value::AnyValue;
use crate::otlp::walk::Visit;

/// The compiled table.
#[derive(Clone, Debug, Default)]
pub struct FactKeys {
    sources: Sources,
    /// Of those, the ones of fields on which usage hangs, what it costs and how long it took.
    of_usage: Sources,
    /// The ones of fields on which hangs how a call ended.
    of_ending: Sources,
    names: Names,
    error_types: ErrorTypes,
    errors: ErrorMeanings,
    span_names: Vec<(Glob, Operation)>,
    pseudo_tools: Vec<String>,
    /// Each with the attribute that its spans have.
    producers: Vec<(Producer, Option<(Slot, String)>)>,
    /// Places of producers whose scopes are whole names, by those; and of all others.
    by_scope: HashMap<Box<str>, Vec<u16>, foldhash::fast::RandomState>,
    of_any_scope: Vec<u16>,
}

/// Fields on which no number of a call hangs.
const BESIDE_USAGE: [Field; 12] = [
    Field::Agent,
    Field::ToolArguments,
    Field::Input,
    Field::PromptName,
    Field::PromptVersion,
    Field::Instructions,
    Field::CallerRegion,
    Field::ResponseId,
    Field::RequestId,
    Field::User,
    Field::Tenant,
    Field::Environment,
];

/// Fields on which hangs how a call ended, beside [`EVIDENCE`].
const OF_ENDING: [Field; 7] = [
    Field::FinishReasons,
    Field::Failed,
    Field::FirstToken,
    Field::Streaming,
    Field::Began,
    Field::HttpStatus,
    Field::Output,
];

// === impl FactKeys ===

impl FactKeys {
    /// Compiles the table, adding its keys to `keys`.
    pub fn compile(conventions: &Conventions, keys: &mut KeyTable) -> Self {
        let attribute = |producer: &Producer, keys: &mut KeyTable| {
            producer.attribute.as_ref().and_then(|(key, text)| Some((keys.add(key)?, text.clone())))
        };
        let names = Names::compile(conventions);
        let mut by_scope: HashMap<Box<str>, Vec<u16>, foldhash::fast::RandomState> = HashMap::default();
        let mut of_any_scope = Vec::new();
        for (at, producer) in conventions.producers.iter().take(usize::from(u16::MAX)).enumerate() {
            let whole: Option<Vec<&str>> = producer.scopes.iter().map(Glob::whole).collect();
            match whole.filter(|scopes| !scopes.is_empty()) {
                Some(scopes) => {
                    scopes.into_iter().for_each(|scope| by_scope.entry(scope.into()).or_default().push(at as u16));
                }
                None => of_any_scope.push(at as u16),
            }
        }
        Self {
            sources: Sources::compile(conventions, keys, |_| true),
            of_usage: Sources::compile(conventions, keys, |field| !BESIDE_USAGE.contains(&field)),
            of_ending: Sources::compile(conventions, keys, |field| {
                EVIDENCE.contains(&field) || OF_ENDING.contains(&field)
            }),
            names,
            by_scope,
            of_any_scope,
            error_types: ErrorTypes::compile(conventions, keys),
            errors: ErrorMeanings::compile(&conventions.errors),
            span_names: conventions.span_names.clone(),
            pseudo_tools: conventions.pseudo_tools.clone(),
            producers: conventions.producers.iter().map(|it| (it.clone(), attribute(it, keys))).collect(),
        }
    }

    /// What a span says; `None` where it does not speak of models.
    pub fn facts<'a>(&'a self, visit: &Visit<'a, '_>) -> Option<Facts<'a>> {
        self.facts_by(&self.sources, visit)
    }

    /// The same without who and what it was about: for what was used, what that costs and how long it took.
    pub fn usage<'a>(&'a self, visit: &Visit<'a, '_>) -> Option<Facts<'a>> {
        self.facts_by(&self.of_usage, visit)
    }

    /// How a call of a language model ended; `None` where the span does not tell of one.
    pub fn ending<'a>(&'a self, visit: &Visit<'a, '_>) -> Option<Ending<'a>> {
        self.facts_by(&self.of_ending, visit)?.ending_of_language_model()
    }

    fn facts_by<'a>(&'a self, sources: &'a Sources, visit: &Visit<'a, '_>) -> Option<Facts<'a>> {
        if !sources.may_speak(visit) {
            return None;
        }
        let mut gathered = Gathered::nothing();
        if !sources.gather(visit, &mut gathered) {
            return None;
        }
        let (operation, wrapper) = self.operation(visit, &gathered);
        sources.gather_rest(visit, operation, &mut gathered);
        let producer = self.producer(visit, operation);
        let raw_model = first(gathered.text(Field::RequestModel), gathered.text(Field::ResponseModel));
        let provider = self.names.provider(gathered.text(Field::Provider), raw_model);
        let finish = gathered.reasons;
        let mut failed = visit.span.status == STATUS_ERROR || gathered.flag(Field::Failed) == Some(true);
        let open = operation.is_model_call() && finish.gravest().is_none();
        failed |= open && self.error_types.exception(visit).is_some();
        if failed || finish.gravest() == Some(FinishReason::Error) {
            sources.gather_failure(visit, &mut gathered);
        }
        let error_type = if failed { self.error_type(visit, &gathered) } else { "" };
        let usage = gathered.count(Field::OutputTokens).is_some_and(|output| output > 0);
        let seeds = producer.is_some_and(|it| it.seeds_usage);
        let streaming = self.streaming(producer, operation, &gathered, open, usage && !seeds);
        let evidence = Evidence {
            streaming,
            failed,
            error_says: if failed { self.errors.outcome(error_type, visit) } else { None },
            finish: finish.gravest(),
            foreign: finish.has_foreign(),
            began: gathered.timed || gathered.has(Field::Began) || seeds && gathered.has(Field::OutputTokens),
            refused: gathered.count(Field::HttpStatus).is_some_and(|status| status >= 400),
            usage: usage && !seeds,
            output: gathered.has(Field::Output),
            status: visit.span.status,
        };
        let ending = operation.is_model_call().then(|| ending(operation, &evidence, producer));
        let mut tokens = self.tokens(&gathered, producer, provider);
        if let (Some(tokens), Some(ending), true) = (&mut tokens, ending, seeds)
            && ending.outcome.did_not_end()
        {
            // What a stream begins with is no count of what came.
            tokens.output_visible = None;
        }
        let server = names::host(gathered.text(Field::Server));
        let region = match gathered.text(Field::Region) {
            "" => self.names.region(server, raw_model),
            told => told,
        };
        Some(Facts {
            scope: visit.scope.name,
            native: producer.is_some_and(|it| it.native),
            operation,
            wrapper,
            start: visit.span.start,
            end: visit.span.end,
            agent: gathered.text(Field::Agent),
            tool: (operation == Operation::Tool).then(|| tool(&gathered)),
            provider,
            request_model: self.names.model(gathered.text(Field::RequestModel), provider),
            response_model: self.names.model(gathered.text(Field::ResponseModel), provider),
            told_models: [gathered.text(Field::ResponseModel), gathered.text(Field::RequestModel)],
            tokens,
            cost: cost(&gathered, tokens.is_some()),
            streaming,
            ttft: gathered.real(Field::FirstToken).filter(|_| operation.is_model_call()),
            ttc: ending.filter(|it| it.outcome.ended()).and_then(|_| completion(visit, &gathered)),
            finish,
            ending,
            failed,
            error_type,
            rate_limited: self.errors.is_rate_limit(error_type),
            prompt: prompt(&gathered, |found| {
                instructions(found, sources.source(found), || sources.whole(found, visit))
            }),
            service_tier: gathered.text(Field::ServiceTier),
            server,
            region,
            caller_region: gathered.text(Field::CallerRegion),
            request: gathered.get(Field::Input).filter(|_| operation == Operation::Llm).map_or(0, request),
            response_id: gathered.text(Field::ResponseId),
            request_id: gathered.text(Field::RequestId),
            attempt: gathered.count(Field::Attempt).and_then(|attempt| u32::try_from(attempt).ok()),
            environment: gathered.text(Field::Environment),
            user: gathered.text(Field::User),
            tenant: gathered.text(Field::Tenant),
        })
    }

    /// What is seen of a span at first sight.
    pub fn glance(&self, visit: &Visit<'_, '_>) -> Glance {
        self.sources.glance(visit)
    }

    /// What a span may add to the ceilings of its session, but for what it spent. `least` is from where on somebody asks for
    /// a ceiling, `irreversible` are the tools whose calls cannot be undone.
    pub fn share(
        &self,
        visit: &Visit<'_, '_>,
        glance: &Glance,
        least: impl Fn(Ceiling) -> f64,
        irreversible: &[Glob],
    ) -> Share {
        self.sources.share(visit, glance, least, irreversible)
    }

    /// What a span spent; the hash of its model begins with `seed`.
    pub fn spent(&self, visit: &Visit<'_, '_>, glance: &Glance, seed: u64) -> Spent {
        self.sources.spent(visit, glance, seed)
    }

    /// What kind of operation it is, and whether it stands around others.
    fn operation(&self, visit: &Visit<'_, '_>, gathered: &Gathered<'_>) -> (Operation, bool) {
        let pseudo = gathered.get(Field::Tool).and_then(|found| found.value.as_str());
        if pseudo.is_some_and(|name| self.pseudo_tools.iter().any(|known| known == name)) {
            return (Operation::Other, false);
        }
        if let Some(told) = gathered.operation {
            return told;
        }
        let by_name = self.span_names.iter().find(|(glob, _)| glob.fits(visit.span.name)).map(|(_, kind)| *kind);
        let of_a_model = [Field::RequestModel, Field::ResponseModel, Field::InputTokens, Field::OutputTokens];
        let kind = match by_name {
            Some(kind) => kind,
            None if gathered.has(Field::Tool) || gathered.has(Field::ToolCallId) => Operation::Tool,
            None if of_a_model.into_iter().any(|field| gathered.has(field)) => Operation::Llm,
            None => Operation::Other,
        };
        (kind, kind.is_wrapper())
    }

    fn producer(&self, visit: &Visit<'_, '_>, operation: Operation) -> Option<&Producer> {
        if !operation.is_model_call() {
            return None;
        }
        let fits = |globs: &[Glob], text: &str| globs.is_empty() || globs.iter().any(|glob| glob.fits(text));
        let has = |(slot, text): &(Slot, String)| {
            visit.attributes.get(*slot).and_then(AnyValue::as_str).is_some_and(|value| value.contains(text.as_str()))
        };
        let is = |at: &&u16| {
            self.producers.get(usize::from(**at)).is_some_and(|(producer, attribute)| {
                fits(&producer.scopes, visit.scope.name)
                    && fits(&producer.spans, visit.span.name)
                    && attribute.as_ref().is_none_or(has)
            })
        };
        let named = self.by_scope.get(visit.scope.name).and_then(|places| places.iter().find(is));
        let other = self.of_any_scope.iter().take_while(|at| named.is_none_or(|named| *at < named)).find(is);
        let place = other.or(named)?;
        self.producers.get(usize::from(*place)).map(|(producer, _)| producer)
    }

    fn streaming(
        &self,
        producer: Option<&Producer>,
        operation: Operation,
        gathered: &Gathered<'_>,
        open: bool,
        usage: bool,
    ) -> Option<bool> {
        if operation != Operation::Llm {
            return None;
        }
        // The time of a first token proves a stream, whatever a flag says.
        let told = if gathered.timed { Some(true) } else { gathered.flag(Field::Streaming) };
        match producer {
            Some(producer) => producer.streaming(told, gathered.timed, !open || usage),
            None => told,
        }
    }

    /// What kind of error it had: [`errors::OTHER`] where nothing tells.
    fn error_type<'a>(&self, visit: &Visit<'a, '_>, gathered: &Gathered<'a>) -> &'a str {
        let told = self.error_types.of(visit);
        let status = || gathered.count(Field::HttpStatus).map_or("", errors::of_http_status);
        first(first(told, status()), errors::OTHER)
    }

    fn tokens(&self, gathered: &Gathered<'_>, producer: Option<&Producer>, provider: &str) -> Option<Tokens> {
        let source = |field| gathered.get(field).and_then(|found| self.sources.source(found));
        let keys = [Field::InputTokens, Field::CacheRead, Field::CacheWrite];
        let said = keys.into_iter().filter_map(source).map(|it| it.input).find(|it| *it != InputCounts::Untold);
        let excludes = |names: &[String]| names.iter().any(|name| name == "all" || name == provider);
        let split = (gathered.count(Field::CacheWrite5m), gathered.count(Field::CacheWrite1h));
        let outgrown = gathered.count(Field::ReasoningTokens) > gathered.count(Field::OutputTokens)
            && self.names.has_reasoning_beside(provider);
        let told = Told {
            input: gathered.count(Field::InputTokens),
            output: gathered.count(Field::OutputTokens),
            total: gathered.count(Field::TotalTokens),
            cache_read: gathered.count(Field::CacheRead).unwrap_or(0),
            cache_write: gathered.count(Field::CacheWrite),
            cache_write_split: (split != (None, None)).then(|| (split.0.unwrap_or(0), split.1.unwrap_or(0))),
            reasoning: gathered.count(Field::ReasoningTokens).unwrap_or(0),
            reasoning_beside: source(Field::ReasoningTokens).is_some_and(|it| it.beside) || outgrown,
            counts: said.unwrap_or_default(),
            exclusive: producer.is_some_and(|it| excludes(&it.exclusive)),
            provider_excludes: self.names.excludes_cached(provider),
        };
        let mut tokens = told.normalise()?;
        let extra = |field| gathered.count(field).unwrap_or(0);
        tokens.input_uncached = tokens.input_uncached.map(|it| it.saturating_add(extra(Field::ExtraInput)));
        tokens.output_visible = tokens.output_visible.map(|it| it.saturating_add(extra(Field::ExtraOutput)));
        tokens.audio_input = extra(Field::AudioInput);
        tokens.audio_output = extra(Field::AudioOutput);
        tokens.image_input = extra(Field::ImageInput);
        tokens.image_output = extra(Field::ImageOutput);
        Some(tokens)
    }
}

// === parts ===

fn first<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

fn ending<'a>(operation: Operation, evidence: &Evidence, producer: Option<&'a Producer>) -> Ending<'a> {
    match operation {
        Operation::Llm => evidence.judge(producer),
        _ if evidence.failed => Ending::of(Outcome::Failed, "not a stream, and it ended with an error"),
        _ => Ending::of(Outcome::NotStreaming, "not a stream, and no error"),
    }
}

fn tool<'a>(gathered: &Gathered<'a>) -> Tool<'a> {
    Tool {
        name: gathered.text(Field::Tool),
        call_id: gathered.text(Field::ToolCallId),
        raw: gathered.get(Field::ToolArguments).map(bytes).unwrap_or_default(),
        arguments: gathered.get(Field::ToolArguments).map(|found| xxh3_64(bytes(found))),
    }
}

/// The cost that was told, else the sum of its parts. Nothing is no cost where nothing is known to be used.
fn cost(gathered: &Gathered<'_>, used: bool) -> Option<f64> {
    let parts = [gathered.real(Field::CostInput), gathered.real(Field::CostOutput)];
    let sum = parts.iter().flatten().copied().reduce(|sum, part| sum + part);
    gathered.real(Field::Cost).or(sum).filter(|cost| used || *cost > 0.0)
}

fn completion(visit: &Visit<'_, '_>, gathered: &Gathered<'_>) -> Option<f64> {
    let span = Some(visit.span.duration()).filter(|nanos| *nanos > 0).map(|nanos| nanos as f64 / 1e9);
    gathered.real(Field::LastToken).or(span)
}

fn prompt<'a>(gathered: &Gathered<'a>, hash: impl FnOnce(Found<'a>) -> u64) -> Prompt<'a> {
    let told = gathered.get(Field::PromptVersion).and_then(|found| match found.value {
        AnyValue::Str(text) => Some(PromptVersion::Text(text)),
        AnyValue::Int(number) => Some(PromptVersion::Number(number)),
        _ => None,
    });
    let hashed = || gathered.get(Field::Instructions).map(|found| PromptVersion::Hash(hash(found)));
    Prompt { name: gathered.text(Field::PromptName), version: told.or_else(hashed) }
}
