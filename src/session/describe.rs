//! One span as a shard wants it: what is kept of it, and what is folded at once.

use std::sync::Arc;

use crate::config;
use crate::expr::Predicates;
use crate::flow::{ArrivedSpan, SpanRef, Text};
use crate::genai::calls::CallReader;
use crate::genai::conventions::Conventions;
use crate::genai::extract::session_id::SessionKeys;
use crate::genai::extract::unfinished::UnfinishedMarks;
use crate::genai::vocabulary::OutcomeSource;
use crate::intern::{Kind, Name};
use crate::otlp::keys::KeyTable;
use crate::otlp::span::STATUS_ERROR;
use crate::otlp::tracestate;
use crate::otlp::walk::Visit;
use crate::pricing::Prices;

/// What spans are read by: compiled once, shared by all threads.
#[derive(Debug)]
pub struct Lens {
    /// The attribute keys that anybody asked for.
    pub keys: KeyTable,
    /// Which of them name sessions.
    pub session_keys: SessionKeys,
    /// How they say that they are not over.
    pub unfinished: UnfinishedMarks,
    /// Reads records.
    pub calls: Arc<CallReader>,
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
            unfinished: UnfinishedMarks::compile(conventions, &mut keys),
            calls: Arc::new(CallReader::compile(conventions, config, &mut keys)),
            prices,
            keys,
            predicates: Predicates::default(),
        }
    }

    /// Describes a span that is being walked. `outcome` is what it says of its session. Turn, segment and header are left for
    /// others to fill in, as is its record.
    pub fn describe(
        &self,
        visit: &Visit<'_, '_>,
        frame: Frame<'_>,
        outcome: Option<(OutcomeSource, Name)>,
    ) -> ArrivedSpan {
        let span = &visit.span;
        let failed = span.status == STATUS_ERROR;
        let error_type = if failed { self.session_keys.error_type(visit) } else { "" };
        let randomness = if span.trace_state.is_empty() { None } else { tracestate::randomness(span.trace_state) };
        ArrivedSpan {
            span: SpanRef {
                span_id: span.span_id,
                parent_id: span.parent_id,
                turn: 0,
                segment: 0,
                header: 0,
                start: frame.offset + visit.range.start,
                len: visit.range.len,
                failed,
                remote_parent: span.has_remote_parent(),
                progress: self.unfinished.progress(visit),
                predicates: self.predicates.evaluate(visit),
            },
            start: span.start,
            end: span.end,
            status: span.status,
            call: ArrivedSpan::NO_CALL,
            ends_session: self.session_keys.ends_session(visit),
            outcome,
            name: frame.text(span.name.as_bytes()),
            service: Name::NONE,
            error_type: Name::new(Kind::ErrorType, error_type),
            incoming_rv: randomness.unwrap_or(u64::MAX),
        }
    }

    /// The service of the span's resource.
    pub(super) fn service(&self, visit: &Visit<'_, '_>) -> Name {
        Name::new(Kind::Service, std::str::from_utf8(self.session_keys.service(visit)).unwrap_or_default())
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
