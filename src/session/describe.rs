//! One span as a shard wants it: what is kept of it, and what is folded at once.

use crate::expr::Predicates;
use crate::flow::{ArrivedSpan, SpanRef, Text};
use crate::genai::session_keys::SessionKeys;
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
    /// Describes a span that is being walked. `turn` and `segment` are left for the shard to fill in.
    pub fn describe(&self, visit: &Visit<'_, '_>, frame: Frame<'_>) -> ArrivedSpan {
        let span = &visit.span;
        let error_type = if span.status == STATUS_ERROR { self.session_keys.error_type(visit) } else { "" };
        let randomness = if span.trace_state.is_empty() { None } else { tracestate::randomness(span.trace_state) };
        ArrivedSpan {
            span: SpanRef {
                span_id: span.span_id,
                turn: 0,
                segment: 0,
                resource_spans: frame.offset + visit.place.resource_spans.start,
                scope_spans: frame.offset + visit.place.scope_spans.start,
                start: frame.offset + visit.place.span.start,
                len: visit.place.span.len,
                spans_last: visit.place.spans_last,
                predicates: self.predicates.evaluate(visit),
            },
            parent_id: span.parent_id,
            start: span.start,
            end: span.end,
            status: span.status,
            remote_parent: span.has_remote_parent(),
            ends_session: self.session_keys.ends_session(visit),
            name: frame.text(span.name),
            service: frame.text(self.session_keys.service(visit)),
            error_type: frame.text(error_type),
            incoming_rv: randomness.unwrap_or(u64::MAX),
        }
    }

    /// Describes a span that is already held, from its bytes in `segment`.
    pub fn describe_again(&self, span: &SpanRef, segment: &[u8]) -> Option<ArrivedSpan> {
        let frame = Frame { bytes: segment, offset: 0 };
        let described = Revisit::new(&self.keys).visit(segment, span.place(), |visit| self.describe(visit, frame))?;
        let (turn, segment) = (span.turn, span.segment);
        Some(ArrivedSpan { span: SpanRef { turn, segment, ..described.span }, ..described })
    }
}

// === impl Frame ===

impl Frame<'_> {
    fn text(self, text: &str) -> Text {
        if text.is_empty() {
            return Text::default();
        }
        let start = (text.as_ptr() as usize).saturating_sub(self.bytes.as_ptr() as usize);
        let cut = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Text { start: self.offset.saturating_add(cut(start)), len: cut(text.len()) }
    }
}
