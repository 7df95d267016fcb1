//! The convention table compiled into slots of the walker's key table: what a span says is read from the values that the
//! walk has picked. Nothing is allocated; JSON is scanned and instructions are hashed only where their key is there.

use hashbrown::HashMap;

use super::errors::{self, ErrorMeanings, ErrorTypes};
use super::extraction::Extraction;
use super::facts::{PromptVersion, SpanFacts};
use super::field_values::FieldValues;
use super::fingerprint::instructions;
use super::identity::{Identities, Identity, Spelling};
use super::outcome::{Ending, Evidence};
use super::plan::ExtractionPlan;
use super::tokens::{Parts, ReportedTokens, Tokens};
use super::unfinished::UnfinishedMarks;
use crate::genai::conventions::{Conventions, Field, Producer};
use crate::genai::vocabulary::{FinishReason, InputCounts, Operation, Outcome};
use crate::glob::Glob;
use crate::otlp::keys::{KeyTable, Slot};
use crate::otlp::span::STATUS_ERROR;
use crate::otlp::value::AnyValue;
use crate::otlp::walk::Visit;

/// The compiled table.
#[derive(Debug)]
pub struct FactExtractor {
    plan: ExtractionPlan,
    identities: Identities,
    error_types: ErrorTypes,
    errors: ErrorMeanings,
    span_names: Vec<(Glob, Operation)>,
    no_calls: Vec<Glob>,
    pseudo_tools: Vec<String>,
    unfinished: UnfinishedMarks,
    /// Each with the attribute that its spans have.
    producers: Vec<(Producer, Option<(Slot, String)>)>,
    /// By producer: the attributes with which what it writes to a cache is kept for five minutes.
    writes_5m: Vec<Vec<Slot>>,
    /// Places of producers whose scopes are whole names, by those; and of all others.
    by_scope: HashMap<Box<str>, Vec<u16>, foldhash::fast::RandomState>,
    of_any_scope: Vec<u16>,
}

// === impl FactExtractor ===

impl FactExtractor {
    /// Compiles the table, adding its keys to `keys`.
    pub fn compile(conventions: &Conventions, keys: &mut KeyTable) -> Self {
        let attribute = |producer: &Producer, keys: &mut KeyTable| {
            producer.attribute.as_ref().and_then(|(key, text)| Some((keys.add(key)?, text.clone())))
        };
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
            plan: ExtractionPlan::compile(conventions, keys),
            identities: Identities::compile(conventions),
            by_scope,
            of_any_scope,
            error_types: ErrorTypes::compile(conventions, keys),
            errors: ErrorMeanings::compile(&conventions.errors),
            span_names: conventions.span_names.clone(),
            no_calls: conventions.no_calls.clone(),
            pseudo_tools: conventions.pseudo_tools.clone(),
            unfinished: UnfinishedMarks::compile(conventions, keys),
            producers: conventions.producers.iter().map(|it| (it.clone(), attribute(it, keys))).collect(),
            writes_5m: conventions
                .producers
                .iter()
                .map(|it| it.writes_1h.iter().flatten().filter_map(|key| keys.add(key)).collect())
                .collect(),
        }
    }

    /// Reads what a span says; `None` where it does not speak of models.
    pub fn facts<'a>(&'a self, visit: &Visit<'a, '_>) -> Option<SpanFacts<'a>> {
        let mut values = FieldValues::nothing();
        self.extract(visit, &mut values).map(|extraction| extraction.facts(visit))
    }

    /// Extracts what a span says into `values`, which has none yet; `None` where it does not speak of models.
    pub(in crate::genai) fn extract<'a, 'v>(
        &'a self,
        visit: &Visit<'a, '_>,
        values: &'v mut FieldValues<'a>,
    ) -> Option<Extraction<'a, 'v>> {
        if !self.plan.may_speak(visit) || !self.plan.gather(visit, values) {
            return None;
        }
        let (operation, wrapper) = self.operation(visit, values);
        self.plan.gather_rest(visit, operation, values);
        if !self.plan.speaks(values) && operation == Operation::Other {
            return None;
        }
        let producer_at = self.producer(visit, operation);
        let producer = producer_at.and_then(|at| self.producers.get(at)).map(|(producer, _)| producer);
        let failure = self.failure(visit, operation, values);
        let values = &*values;
        let evidence = self.evidence(visit, operation, producer, failure, values);
        let unfinished = self.is_unfinished(visit);
        let ending = operation.is_model_call().then(|| match unfinished {
            true => Ending::open(),
            false => ending(operation, &evidence, producer),
        });
        let spelling = Spelling::of(values);
        let identity = self.identities.resolve(&spelling);
        let tokens = || self.tokens(values, producer, &spelling, &identity);
        let mut tokens = if unfinished { None } else { tokens() };
        if let Some(tokens) = &mut tokens
            && let Some(at) = producer_at
        {
            self.assume_lifetime(visit, at, tokens, values);
        }
        if let (Some(tokens), Some(ending), Some(true)) = (&mut tokens, ending, producer.map(|it| it.seeds_usage))
            && ending.outcome.did_not_end()
        {
            // What a stream begins with is no count of what came.
            tokens.output_visible = None;
        }
        let rate_limited = failure.is_some_and(|error_type| self.errors.is_rate_limit(error_type));
        let (native, streaming) = (producer.is_some_and(|it| it.native), evidence.streaming);
        let accumulates = producer.is_some_and(|it| it.accumulates);
        let prompt_version = self.prompt_version(visit, values);
        Some(Extraction {
            values,
            identities: &self.identities,
            spelling,
            operation,
            wrapper,
            native,
            accumulates,
            identity,
            tokens,
            streaming,
            ending,
            failure,
            rate_limited,
            unfinished,
            prompt_version,
            duration: visit.span.duration(),
        })
    }

    /// Whether the span was sent before it was over: it has no end, or says so.
    fn is_unfinished(&self, visit: &Visit<'_, '_>) -> bool {
        visit.span.end == 0 || self.unfinished.is(visit)
    }

    /// The version of the prompt, be it given or by its instructions.
    fn prompt_version<'a>(&self, visit: &Visit<'a, '_>, values: &FieldValues<'a>) -> Option<PromptVersion<'a>> {
        if let Some(given) = values.get(Field::PromptVersion) {
            return Some(match given.value {
                AnyValue::Int(number) => PromptVersion::Number(number),
                _ => PromptVersion::Text(given.text()),
            });
        }
        let found = values.get(Field::Instructions)?;
        let hash = instructions(found, self.plan.source(found), || self.plan.whole(found, visit));
        Some(PromptVersion::Hash(hash))
    }

    /// The type of the span's error, if it failed. Then what says why is gathered, too.
    fn failure<'a>(
        &'a self,
        visit: &Visit<'a, '_>,
        operation: Operation,
        values: &mut FieldValues<'a>,
    ) -> Option<&'a str> {
        let open = operation.is_model_call() && values.reasons.gravest().is_none();
        let failed = visit.span.status == STATUS_ERROR
            || values.flag(Field::Failed) == Some(true)
            || open && self.error_types.exception(visit).is_some();
        if failed || values.reasons.gravest() == Some(FinishReason::Error) {
            self.plan.gather_failure(visit, values);
        }
        failed.then(|| self.error_type(visit, values))
    }

    /// What the span has to say of how the call ended.
    fn evidence(
        &self,
        visit: &Visit<'_, '_>,
        operation: Operation,
        producer: Option<&Producer>,
        failure: Option<&str>,
        values: &FieldValues<'_>,
    ) -> Evidence {
        let finish = values.reasons;
        let seeds = producer.is_some_and(|it| it.seeds_usage);
        let usage = !seeds && values.count(Field::OutputTokens).is_some_and(|output| output > 0);
        let open = operation.is_model_call() && finish.gravest().is_none();
        Evidence {
            streaming: self.streaming(producer, operation, values, open, usage),
            failed: failure.is_some(),
            error_says: failure.and_then(|error_type| self.errors.outcome(error_type, visit)),
            mute: values.flag(Field::Failed) == Some(true)
                && failure == Some(errors::OTHER)
                && visit.span.status_message().is_empty(),
            finish: finish.gravest(),
            foreign: finish.has_foreign(),
            began: values.timed || values.has(Field::Began) || seeds && values.has(Field::OutputTokens),
            refused: values.count(Field::HttpStatus).is_some_and(|status| status >= 400),
            usage,
            output: values.has(Field::Output),
            status: visit.span.status,
        }
    }

    /// What kind of operation it is, and whether it stands around others.
    fn operation(&self, visit: &Visit<'_, '_>, values: &FieldValues<'_>) -> (Operation, bool) {
        let tool = values.bytes(Field::Tool);
        if !tool.is_empty() && self.pseudo_tools.iter().any(|known| known.as_bytes() == tool) {
            return (Operation::Other, false);
        }
        if let Some(told) = values.operation {
            let no_call = told.0.is_model_call() && self.no_calls.iter().any(|glob| glob.fits(visit.span.name));
            return if no_call { (Operation::Other, false) } else { told };
        }
        let by_name = self.span_names.iter().find(|(glob, _)| glob.fits(visit.span.name)).map(|(_, kind)| *kind);
        let usage = [Field::InputTokens, Field::OutputTokens];
        let of_a_model = |values: &FieldValues<'_>| {
            let named = values.has(Field::RequestModel) || values.has(Field::ResponseModel);
            // An operation that is not known here and used nothing need not be a call.
            usage.into_iter().any(|field| values.has(field)) || named && !values.other_operation
        };
        let kind = match by_name {
            Some(kind) => kind,
            None if values.has(Field::Tool) || values.has(Field::ToolCallId) => Operation::Tool,
            None if of_a_model(values) => Operation::Llm,
            None => Operation::Other,
        };
        (kind, kind.is_wrapper())
    }

    /// The place of the producer of the span among all of them.
    fn producer(&self, visit: &Visit<'_, '_>, operation: Operation) -> Option<usize> {
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
        other.or(named).map(|place| usize::from(*place))
    }

    /// What was written to a cache without a word on for how long: for as long as its producer mostly asks for.
    fn assume_lifetime(&self, visit: &Visit<'_, '_>, at: usize, tokens: &mut Tokens, values: &FieldValues<'_>) {
        let told = values.has(Field::CacheWrite5m) || values.has(Field::CacheWrite1h);
        let writes_1h = self.producers.get(at).is_some_and(|(producer, _)| producer.writes_1h.is_some());
        if told || !writes_1h || tokens.cache_write == 0 {
            return;
        }
        tokens.lifetime_assumed = true;
        let mut of_5m = self.writes_5m.get(at).into_iter().flatten();
        if !of_5m.any(|slot| visit.attributes.get(*slot).is_some()) {
            tokens.cache_write_1h = tokens.cache_write_1h.saturating_add(tokens.cache_write);
            tokens.cache_write = 0;
        }
    }

    fn streaming(
        &self,
        producer: Option<&Producer>,
        operation: Operation,
        values: &FieldValues<'_>,
        open: bool,
        usage: bool,
    ) -> Option<bool> {
        if operation != Operation::Llm {
            return None;
        }
        // The time of a first token proves a stream, whatever a flag says.
        let told = if values.timed { Some(true) } else { values.flag(Field::Streaming) };
        match producer {
            Some(producer) => producer.streaming(told, values.timed, !open || usage),
            None => told,
        }
    }

    /// What kind of error it had: [`errors::OTHER`] where nothing tells.
    fn error_type<'a>(&self, visit: &Visit<'a, '_>, values: &FieldValues<'a>) -> &'a str {
        let told = self.error_types.of(visit);
        let status = || values.count(Field::HttpStatus).map_or("", errors::of_http_status);
        first(first(told, status()), errors::OTHER)
    }

    fn tokens(
        &self,
        values: &FieldValues<'_>,
        producer: Option<&Producer>,
        spelling: &Spelling<'_>,
        identity: &Identity,
    ) -> Option<Tokens> {
        let source = |field| values.get(field).and_then(|found| self.plan.source(found));
        let keys = [Field::InputTokens, Field::CacheRead, Field::CacheWrite];
        let said = keys.into_iter().filter_map(source).map(|it| it.input).find(|it| *it != InputCounts::Untold);
        // A name that nobody knows tells no more of how its tokens are counted than none.
        let provider = || {
            let texts = self.identities.texts(identity, spelling);
            if texts.vendor.is_empty() { texts.provider } else { texts.vendor }
        };
        let excludes = |names: &[String]| names.iter().any(|name| name == "all" || name == provider());
        let written = values.count(Field::CacheWrite);
        let split = match (values.count(Field::CacheWrite5m), values.count(Field::CacheWrite1h)) {
            // Of a whole with one part the other is the rest.
            (None, Some(long)) => (written.and_then(|all| all.checked_sub(long)), Some(long)),
            (Some(short), None) => (Some(short), written.and_then(|all| all.checked_sub(short))),
            both => both,
        };
        let reasoning = values.count(Field::ReasoningTokens);
        let outgrown = identity.has_reasoning_beside && reasoning > values.count(Field::OutputTokens);
        let count = |field| values.count(field);
        let parts = |[text, audio, image]: [Field; 3]| {
            let [text, audio, image] = [text, audio, image].map(count);
            Parts { text, audio, image }
        };
        let input_parts = parts([Field::TextInput, Field::AudioInput, Field::ImageInput]);
        let output_parts = parts([Field::TextOutput, Field::AudioOutput, Field::ImageOutput]);
        let read_parts = parts([Field::TextCacheRead, Field::AudioCacheRead, Field::ImageCacheRead]);
        let told = ReportedTokens {
            // The parts alone are all that is known where no whole is told.
            input: count(Field::InputTokens).or_else(|| input_parts.sum()),
            output: count(Field::OutputTokens).or_else(|| output_parts.sum()),
            total: count(Field::TotalTokens),
            cache_read: count(Field::CacheRead).or_else(|| read_parts.sum()).unwrap_or(0),
            cache_write: written,
            cache_write_split: (split != (None, None)).then(|| (split.0.unwrap_or(0), split.1.unwrap_or(0))),
            reasoning: reasoning.unwrap_or(0),
            reasoning_beside: source(Field::ReasoningTokens).is_some_and(|it| it.beside) || outgrown,
            counts: said.unwrap_or_default(),
            exclusive: producer.is_some_and(|it| excludes(&it.exclusive)),
            total_decides: producer.is_some_and(|it| it.total_decides),
            input_parts,
            output_parts,
            provider_excludes: identity.excludes_cached,
        };
        let mut tokens = told.normalise()?;
        let extra = |field| count(field).unwrap_or(0);
        tokens.input_uncached = tokens.input_uncached.map(|it| it.saturating_add(extra(Field::ExtraInput)));
        tokens.output_visible = tokens.output_visible.map(|it| it.saturating_add(extra(Field::ExtraOutput)));
        tokens.audio_input = input_parts.audio.unwrap_or(0);
        tokens.audio_output = output_parts.audio.unwrap_or(0);
        tokens.image_input = input_parts.image.unwrap_or(0);
        tokens.image_output = output_parts.image.unwrap_or(0);
        tokens.audio_cache_read = read_parts.audio.unwrap_or(0);
        tokens.image_cache_read = read_parts.image.unwrap_or(0);
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
