//! What is written onto kept spans. Each is walked a second time:
//!
//! 1. All get their `ot=th`.
//! 2. Calls of models get what is known of them, and what else has a price its cost ([`call`]); others have region and
//!    prompt from their session ([`inherit`]).
//! 3. The roots get the summary of their session ([`attributes`]).
//! 4. All are joined into parcels. What a span said itself is not touched, but for attributes of ours.

pub mod attributes;
pub mod call;
mod inherit;
mod name;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;

use crate::config;
use crate::flow::{Kept, Parcel, SpanRef};
use crate::genai::calls::{self, Billing, CallReader, CoOccurrence};
use crate::genai::extract::facts::SpanFacts;
use crate::genai::usage;
use crate::genai::vocabulary::Outcome;
use crate::otlp::append::put_trace_state;
use crate::otlp::join::{Piece, Unjoined, join};
use crate::otlp::keys::KeyTable;
use crate::otlp::probability::{compose, trace_randomness};
use crate::otlp::revisit::Revisit;
use crate::otlp::span::SpanView;
use crate::otlp::tracestate;
use crate::otlp::walk::{Header, Visit};
use crate::pricing::{PriceBook, Priced, Prices};
use attributes::Summary;
use call::Call;
use inherit::Common;

/// Writes kept spans. Shared by all workers.
#[derive(Debug)]
pub struct Enricher {
    /// The keys that `reader` reads, and those of what is written.
    keys: KeyTable,
    reader: Arc<CallReader>,
    prices: Arc<Prices>,
    of_roots: attributes::Attributes,
    of_calls: call::Attributes,
    /// Most bytes of a parcel, but for one span that is larger.
    parcel_bytes: usize,
}

/// What is appended to the spans of one session: one buffer, and for each span its part of it.
#[derive(Default)]
struct Appended<'e> {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Of each span, the attributes of ours that it had already: they are written anew.
    without: Vec<Vec<&'e str>>,
}

/// What the spans of one session have in common.
struct Around<'k> {
    book: &'k PriceBook,
    common: Common<'k>,
    /// Their records, in their order; none of late ones.
    calls: &'k [calls::Call],
    /// The spans that carry the summary, in order.
    roots: Vec<u32>,
}

// === impl Enricher ===

impl Enricher {
    /// An enricher that writes parcels of at most `parcel_bytes`. `keys` are those that `reader` was compiled into.
    pub fn new(
        config: &config::Enrich,
        parcel_bytes: usize,
        mut keys: KeyTable,
        reader: Arc<CallReader>,
        prices: Arc<Prices>,
    ) -> Self {
        let of_roots = attributes::Attributes::new(&config.prefix, &mut keys);
        let of_calls = call::Attributes::new(&config.prefix, &config.also, &mut keys);
        Self { keys, reader, prices, of_roots, of_calls, parcel_bytes }
    }

    /// Writes kept spans into parcels. Returns those that do not read back from the log, which is a fault of ours.
    pub fn write(&self, kept: &Kept, mut emit: impl FnMut(Parcel)) -> Unjoined {
        let appended = self.append(kept);
        let mut begin = 0;
        let mut pieces = Vec::with_capacity(kept.spans.len());
        for ((span, end), without) in kept.spans.iter().zip(appended.ends).zip(&appended.without) {
            let append = appended.bytes.get(begin..end).unwrap_or_default();
            begin = end;
            pieces.push(Piece { append, without, ..span.piece(segment(kept, span), header(kept, span)) });
        }
        join(&pieces, self.parcel_bytes, &mut |joined| {
            emit(Parcel { bytes: Bytes::from(joined.bytes), spans: joined.spans, span_bytes: joined.span_bytes });
        })
    }

    fn append(&self, kept: &Kept) -> Appended<'_> {
        let session = kept.session.as_deref();
        // The prices of the sums, so that these agree with the costs on the spans.
        let book = session.and_then(|session| session.book.clone()).unwrap_or_else(|| self.prices.current());
        let calls = session.map_or(&[][..], |session| &session.calls);
        let pairs = CoOccurrence::of(calls);
        let around = Around { book: &book, common: Common::of(&pairs), calls, roots: summed_up(kept) };
        let mut appended = Appended::default();
        let mut spans = Revisit::new(&self.keys);
        let mut state = String::new();
        for (number, span) in (0_u32..).zip(&kept.spans) {
            let mut without = Vec::new();
            spans.visit(segment(kept, span), span.place(header(kept, span)), |visit| {
                let out = &mut appended.bytes;
                trace_state(kept, &visit.span, &mut state);
                if state != visit.span.trace_state {
                    put_trace_state(out, &state);
                }
                self.append_call(out, visit, number, &around, &mut without);
                if let (Ok(_), Some(session)) = (around.roots.binary_search(&number), &kept.session) {
                    let summary = Summary { session, verdict: &kept.verdict, turn: span.turn };
                    self.of_roots.put(out, &summary, visit.attributes, &mut without);
                }
            });
            appended.ends.push(appended.bytes.len());
            appended.without.push(without);
        }
        appended
    }

    fn append_call<'e>(
        &'e self,
        out: &mut Vec<u8>,
        visit: &Visit<'_, '_>,
        number: u32,
        around: &Around<'_>,
        without: &mut Vec<&'e str>,
    ) {
        let facts = self.reader.facts.facts(visit);
        let facts = facts.as_ref();
        let of_model = facts.filter(|facts| facts.operation.is_model_call());
        let told = around.call(number);
        let wrapper = of_model.is_some() && told.is_some_and(|call| call.billing == Billing::Wrapper);
        let call = Call {
            facts: of_model,
            outcome: of_model.and_then(|facts| outcome(facts, told)),
            priced: if wrapper { None } else { price(around.book, of_model, visit) },
            wrapper,
            origin: around.common.origin(facts),
        };
        if !call.is_empty() {
            self.of_calls.put(out, &call, visit.attributes, without);
        }
    }
}

// === impl Around ===

impl Around<'_> {
    /// The record of the span of that number.
    fn call(&self, number: u32) -> Option<&calls::Call> {
        let place = self.calls.binary_search_by_key(&number, |call| call.span);
        place.ok().and_then(|place| self.calls.get(place))
    }
}

// === parts ===

/// How a call ended, the spans around it considered where all are known; of language models only, others have no stream.
fn outcome(facts: &SpanFacts<'_>, told: Option<&calls::Call>) -> Option<Outcome> {
    let ending = facts.ending_of_language_model()?;
    Some(told.map_or(ending.outcome, |call| call.outcome))
}

/// What a span costs. What stands around the calls whose tokens it counts has no cost of its own.
fn price<'b>(book: &'b PriceBook, of_model: Option<&SpanFacts<'_>>, visit: &Visit<'_, '_>) -> Option<Priced<'b>> {
    let sums_up = of_model.is_some_and(|facts| !facts.is_leaf_call());
    if sums_up { None } else { usage::price(book, &visit.span, of_model.map(SpanFacts::charge).as_ref()) }
}

/// The span of each turn that carries the summary, in order: its root, or else its earliest span.
fn summed_up(kept: &Kept) -> Vec<u32> {
    let turns = kept.session.iter().flat_map(|session| &session.turns);
    let mut spans: Vec<u32> = turns.map(|turn| turn.root.as_ref().map_or(turn.earliest.1, |root| root.span)).collect();
    spans.sort_unstable();
    spans
}

/// The tracestate that the span goes out with: as it came, with the threshold that it passed.
fn trace_state(kept: &Kept, view: &SpanView<'_>, out: &mut String) {
    let (verdict, state) = (&kept.verdict, view.trace_state);
    let randomness = tracestate::randomness(state).unwrap_or_else(|| trace_randomness(view.trace_id));
    let incoming = tracestate::threshold(state);
    // A trace that follows another was judged by the randomness of that.
    let by_trace = kept.by_trace && kept.session.as_ref().is_none_or(|session| session.key.is_of(view.trace_id));
    let (th, rv) = compose(by_trace, verdict.threshold, verdict.randomness, randomness, incoming);
    out.clear();
    tracestate::merge(state, Some(th), rv, out);
}

fn segment<'a>(kept: &'a Kept, span: &SpanRef) -> &'a [u8] {
    kept.segments.get(span.segment as usize).map(|segment| segment.bytes_from(0)).unwrap_or_default()
}

fn header(kept: &Kept, span: &SpanRef) -> Header {
    kept.headers.get(span.header as usize).copied().unwrap_or_default()
}
