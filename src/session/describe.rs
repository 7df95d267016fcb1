//! One span as a shard wants it: what is kept of it, and what is folded at once.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::naming::Naming;
use crate::config;
use crate::expr::Predicates;
use crate::expr::fields::Asks;
use crate::flow::{ArrivedCall, ArrivedSpan, Name, SpanRef, Text};
use crate::genai::account::{Call, NO_NAME, NameKind};
use crate::genai::conventions::Conventions;
use crate::genai::ends::Ends;
use crate::genai::fact_keys::FactKeys;
use crate::genai::facts::{Facts, Operation, PromptVersion};
use crate::genai::price::{PriceBook, Priced, Prices};
use crate::genai::session_keys::SessionKeys;
use crate::genai::usage::{price_by_attributes, price_facts};
use crate::otlp::keys::KeyTable;
use crate::otlp::revisit::Revisit;
use crate::otlp::span::STATUS_ERROR;
use crate::otlp::tracestate;
use crate::otlp::walk::Visit;

/// What spans are read by: compiled once, shared by all threads.
#[derive(Debug)]
pub struct Lens {
    /// The attribute keys that anybody asked for.
    pub keys: KeyTable,
    /// Which of them name sessions.
    pub session_keys: SessionKeys,
    /// Which of them speak of models.
    pub fact_keys: Arc<FactKeys>,
    /// What says how a session ended.
    pub ends: Ends,
    /// What calls cost.
    pub prices: Arc<Prices>,
    /// What rules ask of spans.
    pub predicates: Predicates,
}

/// The bytes that a span's offsets count from.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Bytes that were walked.
    pub bytes: &'a [u8],
    /// Where they begin in their segment.
    pub offset: u32,
}

// === impl Lens ===

impl Lens {
    /// A lens that asks nothing for rules yet: their keys and predicates are to be added.
    pub fn new(conventions: &Conventions, config: &config::Sessions, prices: Arc<Prices>) -> Self {
        let mut keys = KeyTable::default();
        Self {
            session_keys: SessionKeys::compile(conventions, &mut keys),
            fact_keys: Arc::new(FactKeys::compile(conventions, &mut keys)),
            ends: Ends::compile(config, &mut keys),
            prices,
            keys,
            predicates: Predicates::default(),
        }
    }

    /// Describes a span that is being walked. `turn` and `segment` are left for the shard to fill in.
    pub fn describe(&self, visit: &Visit<'_, '_>, frame: Frame<'_>) -> ArrivedSpan {
        let span = &visit.span;
        let error_type = if span.status == STATUS_ERROR { self.session_keys.error_type(visit) } else { "" };
        let randomness = if span.trace_state.is_empty() { None } else { tracestate::randomness(span.trace_state) };
        ArrivedSpan {
            span: SpanRef {
                span_id: span.span_id,
                parent_id: span.parent_id,
                turn: 0,
                segment: 0,
                resource_spans: frame.offset + visit.place.resource_spans.start,
                scope_spans: frame.offset + visit.place.scope_spans.start,
                start: frame.offset + visit.place.span.start,
                len: visit.place.span.len,
                spans_last: visit.place.spans_last,
                failed: span.status == STATUS_ERROR,
                predicates: self.predicates.evaluate(visit),
            },
            call: ArrivedSpan::NO_CALL,
            start: span.start,
            end: span.end,
            status: span.status,
            remote_parent: span.has_remote_parent(),
            ends_session: self.session_keys.ends_session(visit),
            doubtful: self.predicates.asks == Asks::LastCall && self.fact_keys.may_have_failed(visit),
            name: frame.text(span.name),
            service: frame.text(self.session_keys.service(visit)),
            error_type: frame.text(error_type),
            incoming_rv: randomness.unwrap_or(u64::MAX),
        }
    }

    /// Whether rules ask for what spans say of models. Where they do not, it is only read of sessions that need it.
    pub fn reads_calls(&self) -> bool {
        self.predicates.asks == Asks::Calls
    }

    /// What a span says of models, tools or money, at the prices of `book`.
    pub fn call(
        &self,
        visit: &Visit<'_, '_>,
        frame: Frame<'_>,
        book: &PriceBook,
        naming: &mut Naming,
    ) -> Option<ArrivedCall> {
        let facts = self.fact_keys.facts(visit);
        let priced = self.priced(visit, facts.as_ref(), book);
        let outcome = self.ends.told(visit, facts.as_ref());
        let outcome = outcome.map(|(source, text)| (source, self.name(text, frame)));
        let (start, end) = (visit.span.start, visit.span.end);
        let Some(facts) = facts else {
            let speaks = outcome.is_some() || priced.is_some();
            let mut call =
                Call { start, end, operation: Operation::Other, ttft: f32::NAN, ttc: f32::NAN, ..Call::default() };
            call.price(priced.as_ref());
            return speaks.then_some(ArrivedCall { call, names: [NO_NAME; NameKind::ALL.len()], outcome });
        };
        let texts = [
            facts.model(),
            facts.provider,
            facts.region,
            facts.prompt.name,
            "",
            facts.tool.map_or("", |tool| tool.name),
            facts.agent,
        ];
        let mut names = [NO_NAME; NameKind::ALL.len()];
        for ((place, text), kind) in names.iter_mut().zip(texts).zip(NameKind::ALL) {
            if !text.is_empty() {
                *place = naming.place(kind, xxh3_64(text.as_bytes()), || self.name(text, frame));
            } else if let (NameKind::PromptVersion, Some(version)) = (kind, facts.prompt.version) {
                let (hash, name) = match version {
                    PromptVersion::Text(text) => (xxh3_64(text.as_bytes()), self.name(text, frame)),
                    PromptVersion::Number(number) => (number as u64, Name::Number(number)),
                    PromptVersion::Hash(hash) => (hash, Name::Hash(hash)),
                };
                *place = naming.place(kind, hash, || name);
            }
        }
        let mut call = facts.call();
        call.price(priced.as_ref());
        Some(ArrivedCall { call, names, outcome })
    }

    /// What a span costs: a call of a model by what it used, anything else by the user's own prices of spans.
    fn priced<'b>(&self, visit: &Visit<'_, '_>, facts: Option<&Facts<'_>>, book: &'b PriceBook) -> Option<Priced<'b>> {
        match facts.filter(|facts| facts.operation.is_model_call() || facts.tokens.is_some()) {
            Some(facts) => Some(price_facts(book, facts)),
            None => price_by_attributes(book, &visit.span),
        }
    }

    /// Describes a span that is already held, from its bytes in `segment`, with the names that it gives.
    pub fn describe_again<'a>(
        &self,
        reader: &mut Revisit<'a, '_>,
        span: &SpanRef,
        segment: &'a [u8],
        book: &PriceBook,
        naming: &mut Naming,
    ) -> Option<(ArrivedSpan, Option<ArrivedCall>)> {
        let frame = Frame { bytes: segment, offset: 0 };
        naming.clear();
        let describe = |visit: &Visit<'_, '_>| {
            let call = self.reads_calls().then(|| self.call(visit, frame, book, naming));
            (self.describe(visit, frame), call.flatten())
        };
        let (described, call) = reader.visit(segment, span.place(), describe)?;
        let (turn, segment) = (span.turn, span.segment);
        Some((ArrivedSpan { span: SpanRef { turn, segment, ..described.span }, ..described }, call))
    }

    /// A name: a text of the span, or else a word of the table.
    fn name(&self, text: &str, frame: Frame<'_>) -> Name {
        if text.is_empty() {
            Name::None
        } else if frame.holds(text) {
            Name::Text(frame.text(text))
        } else {
            self.fact_keys.word(text).map_or(Name::None, Name::Word)
        }
    }
}

// === impl Frame ===

impl Frame<'_> {
    /// Whether the text stands in it.
    fn holds(self, text: &str) -> bool {
        self.bytes.as_ptr_range().contains(&text.as_ptr())
    }

    fn text(self, text: &str) -> Text {
        if text.is_empty() {
            return Text::default();
        }
        let start = (text.as_ptr() as usize).saturating_sub(self.bytes.as_ptr() as usize);
        let cut = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Text { start: self.offset.saturating_add(cut(start)), len: cut(text.len()) }
    }
}
