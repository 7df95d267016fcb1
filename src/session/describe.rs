//! One span as a shard wants it: what is kept of it, and what is folded at once.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::config;
use crate::expr::Predicates;
use crate::flow::{Answer, ArrivedSpan, SpanRef, Text};
use crate::genai::answer_keys::AnswerKeys;
use crate::genai::conventions::Conventions;
use crate::genai::ends::Ends;
use crate::genai::fact_keys::FactKeys;
use crate::genai::session_keys::SessionKeys;
use crate::otlp::keys::KeyTable;
use crate::otlp::revisit::Revisit;
use crate::otlp::span::STATUS_ERROR;
use crate::otlp::tracestate;
use crate::otlp::walk::Visit;
use crate::pricing::{PriceBook, Prices};

/// What spans are read by: compiled once, shared by all threads.
#[derive(Debug)]
pub struct Lens {
    /// The attribute keys that anybody asked for.
    pub keys: KeyTable,
    /// Which of them name sessions.
    pub session_keys: SessionKeys,
    /// Which of them speak of models.
    pub fact_keys: Arc<FactKeys>,
    /// Which of them tell of a model's answer.
    pub answer_keys: AnswerKeys,
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
            answer_keys: AnswerKeys::compile(conventions, &mut keys),
            ends: Ends::compile(config, &mut keys),
            prices,
            keys,
            predicates: Predicates::default(),
        }
    }

    /// Describes a span that is being walked, at the prices of `book`. `turn` and `segment` are left for the shard to fill in.
    pub fn describe(&self, visit: &Visit<'_, '_>, frame: Frame<'_>, book: &PriceBook) -> ArrivedSpan {
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
                headers_first: visit.place.headers_first,
                failed: span.status == STATUS_ERROR,
                predicates: self.predicates.evaluate(visit),
            },
            start: span.start,
            end: span.end,
            status: span.status,
            remote_parent: span.has_remote_parent(),
            ends_session: self.session_keys.ends_session(visit),
            share: self.share(visit, book),
            name: frame.text(span.name.as_bytes()),
            service: frame.text(self.session_keys.service(visit)),
            error_type: frame.text(error_type.as_bytes()),
            incoming_rv: randomness.unwrap_or(u64::MAX),
        }
    }

    /// The answer of a model that the span tells of.
    pub(super) fn answer(&self, visit: &Visit<'_, '_>) -> Option<Answer> {
        let id = self.answer_keys.id(visit, || self.fact_keys.glance(visit));
        let (start, end) = (visit.span.start, visit.span.end);
        (!id.is_empty()).then(|| Answer { id: xxh3_64(id), start, end })
    }

    /// Describes a span that is already held, from its bytes in `segment`.
    pub fn describe_again<'a>(
        &self,
        reader: &mut Revisit<'a, '_>,
        span: &SpanRef,
        segment: &'a [u8],
        book: &PriceBook,
    ) -> Option<ArrivedSpan> {
        let frame = Frame { bytes: segment, offset: 0 };
        let described = reader.visit(segment, span.place(), |visit| self.describe(visit, frame, book))?;
        let (turn, segment) = (span.turn, span.segment);
        Some(ArrivedSpan { span: SpanRef { turn, segment, ..described.span }, ..described })
    }
}

// === impl Frame ===

impl Frame<'_> {
    fn text(self, text: &[u8]) -> Text {
        if text.is_empty() {
            return Text::default();
        }
        let start = (text.as_ptr() as usize).saturating_sub(self.bytes.as_ptr() as usize);
        let cut = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Text { start: self.offset.saturating_add(cut(start)), len: cut(text.len()) }
    }
}
