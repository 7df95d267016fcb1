//! What is written onto kept spans: each is walked a second time, gets its `ot=th`, the roots get the summary of their
//! session, and all are joined into parcels. What a span said is not touched; see [`attributes`] for what is added.

pub mod attributes;

use bytes::Bytes;

use crate::flow::{Kept, Parcel, SpanRef};
use crate::otlp::append::put_trace_state;
use crate::otlp::join::{Piece, Unjoined, join};
use crate::otlp::keys::{KeyTable, Picked};
use crate::otlp::probability::{compose, trace_randomness};
use crate::otlp::span::SpanView;
use crate::otlp::tracestate;
use attributes::Attributes;

/// Writes kept spans. Shared by all workers.
#[derive(Debug)]
pub struct Enricher {
    attributes: Attributes,
    /// Most bytes of a parcel, but for one span that is larger.
    parcel_bytes: usize,
}

/// What is appended to the spans of one session: one buffer, and for each span its part of it.
#[derive(Default)]
struct Appended {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Spans that already had an attribute of ours, which is written anew.
    rewritten: Vec<bool>,
}

// === impl Enricher ===

impl Enricher {
    /// An enricher that writes attributes under `prefix`, into parcels of at most `parcel_bytes`.
    pub fn new(prefix: &str, parcel_bytes: usize) -> Self {
        Self { attributes: Attributes::new(prefix), parcel_bytes }
    }

    /// Writes kept spans into parcels. Returns those that do not read back from the log, which is a fault of ours.
    pub fn write(&self, kept: &Kept, mut emit: impl FnMut(Parcel)) -> Unjoined {
        let appended = self.append(kept);
        let names: Vec<&str> = self.attributes.names().collect();
        let mut begin = 0;
        let mut pieces = Vec::with_capacity(kept.spans.len());
        for ((span, end), rewritten) in kept.spans.iter().zip(appended.ends).zip(&appended.rewritten) {
            let append = appended.bytes.get(begin..end).unwrap_or_default();
            begin = end;
            let without: &[&str] = if *rewritten { &names } else { &[] };
            pieces.push(Piece { append, without, ..span.piece(segment(kept, span)) });
        }
        join(&pieces, self.parcel_bytes, &mut |joined| {
            emit(Parcel { bytes: Bytes::from(joined.bytes), spans: joined.spans, span_bytes: joined.span_bytes });
        })
    }

    fn append(&self, kept: &Kept) -> Appended {
        let mut appended = Appended::default();
        let roots = summed_up(kept);
        let keys = KeyTable::default();
        let mut state = String::new();
        for (place, span) in kept.spans.iter().enumerate() {
            let start = span.start as usize;
            let bytes = segment(kept, span).get(start..start + span.len as usize).unwrap_or_default();
            let mut rewritten = false;
            if let Ok(view) = SpanView::parse(bytes, &keys, &mut Picked::new(&keys)) {
                trace_state(kept, &view, &mut state);
                if state != view.trace_state {
                    put_trace_state(&mut appended.bytes, &state);
                }
                if let (true, Some(session)) = (roots.contains(&(place as u32)), &kept.session) {
                    rewritten = view.attributes().any(|attribute| self.attributes.is_ours(attribute.key));
                    self.attributes.put(&mut appended.bytes, session, &kept.verdict);
                }
            }
            appended.ends.push(appended.bytes.len());
            appended.rewritten.push(rewritten);
        }
        appended
    }
}

/// The span of each turn that carries the summary: its root, or else its earliest span.
fn summed_up(kept: &Kept) -> Vec<u32> {
    let turns = kept.session.iter().flat_map(|session| &session.turns);
    turns.map(|turn| turn.root.as_ref().map_or(turn.earliest.1, |root| root.span)).collect()
}

/// The tracestate that the span goes out with: as it came, with the threshold that it passed.
fn trace_state(kept: &Kept, view: &SpanView<'_>, out: &mut String) {
    let (verdict, state) = (&kept.verdict, view.trace_state);
    let randomness = tracestate::randomness(state).unwrap_or_else(|| trace_randomness(view.trace_id));
    let incoming = tracestate::threshold(state);
    let (th, rv) = compose(kept.by_trace, verdict.threshold, verdict.randomness, randomness, incoming);
    out.clear();
    tracestate::merge(state, Some(th), rv, out);
}

fn segment<'a>(kept: &'a Kept, span: &SpanRef) -> &'a [u8] {
    kept.segments.get(span.segment as usize).map(|segment| segment.bytes_from(0)).unwrap_or_default()
}
