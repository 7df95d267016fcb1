//! Sessions into requests: many at once, a few spans of each to a request, as SDKs and gateways send them.

use std::collections::{BTreeMap, VecDeque};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::multiply::{Ids, Reader, Template};
use super::recordings::Recording;
use crate::clock::Clock;
use crate::flow::Parcel;

/// Sessions under way at once.
const ACTIVE: usize = 64;
/// Most spans that one session gives to a request at a time.
const MOST_AT_A_TIME: u64 = 4;
/// Bytes of a request, roughly.
const REQUEST_BYTES: usize = 128 << 10;

/// The traffic of a demo.
pub(super) struct Mix {
    templates: Vec<(u32, Template)>,
    weights: u64,
    ids: Ids,
    clock: Clock,
    /// Sessions that have not begun.
    left: u64,
    /// Sessions that have begun, so far.
    begun: u64,
    active: Vec<Active>,
}

/// A session that is being sent.
struct Active {
    template: usize,
    spans: VecDeque<(usize, Span)>,
}

/// Spans of one request by template and header: their place is where they belong.
type Grouped = BTreeMap<(usize, usize), Vec<Span>>;

// === impl Mix ===

impl Mix {
    /// `sessions` sessions out of `recordings`.
    ///
    /// # Errors
    /// Which recording is no request.
    pub(super) fn new(recordings: &[Recording], sessions: u64, ids: Ids, clock: Clock) -> Result<Self, String> {
        let reader = Reader::new();
        let mut templates = Vec::with_capacity(recordings.len());
        for recording in recordings {
            let template = reader.read(recording.request).map_err(|error| format!("{}: {error}", recording.name))?;
            templates.push((recording.weight, template));
        }
        let weights = templates.iter().map(|(weight, _)| u64::from(*weight)).sum();
        Ok(Self { templates, weights, ids, clock, left: sessions, begun: 0, active: Vec::new() })
    }

    /// Sessions that were sent or are being sent.
    pub(super) fn begun(&self) -> u64 {
        self.begun
    }

    /// The next request; `None` when all is sent.
    pub(super) fn next_request(&mut self) -> Option<Parcel> {
        let mut grouped = Grouped::new();
        let (mut spans, mut span_bytes) = (0, 0);
        while span_bytes < REQUEST_BYTES {
            while self.left > 0 && self.active.len() < ACTIVE {
                self.begin();
            }
            if self.active.is_empty() {
                break;
            }
            let turn = (self.ids.number() % self.active.len() as u64) as usize;
            let count = 1 + self.ids.number() % MOST_AT_A_TIME;
            let Some(active) = self.active.get_mut(turn) else { break };
            for (header, span) in active.spans.drain(..active.spans.len().min(count as usize)) {
                spans += 1;
                span_bytes += span.encoded_len();
                grouped.entry((active.template, header)).or_default().push(span);
            }
            if active.spans.is_empty() {
                self.active.swap_remove(turn);
            }
        }
        (spans > 0).then(|| Parcel { bytes: self.encode(grouped).into(), spans, span_bytes: span_bytes as u64 })
    }

    fn begin(&mut self) {
        self.left -= 1;
        let template = self.pick(self.begun);
        self.begun += 1;
        if let Some((_, told)) = self.templates.get(template) {
            let spans = told.again(&mut self.ids, self.clock.now()).into();
            self.active.push(Active { template, spans });
        }
    }

    /// The template of the `number`th session. Multiples of the golden ratio fall evenly, so that even a short demo has
    /// of everything what it should have.
    fn pick(&self, number: u64) -> usize {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        let part = number.wrapping_mul(GOLDEN);
        let mut at = ((u128::from(part) * u128::from(self.weights)) >> 64) as u64;
        for (place, (weight, _)) in self.templates.iter().enumerate() {
            match at.checked_sub(u64::from(*weight)) {
                Some(rest) => at = rest,
                None => return place,
            }
        }
        0
    }

    fn encode(&self, grouped: Grouped) -> Vec<u8> {
        let mut request = ExportTraceServiceRequest::default();
        for ((template, header), spans) in grouped {
            let headers = self.templates.get(template).and_then(|(_, template)| template.headers.get(header));
            let Some((resource, scope)) = headers.cloned() else { continue };
            let mut scope = scope;
            scope.spans = spans;
            match request.resource_spans.last_mut() {
                Some(last) if last.resource == resource.resource && last.schema_url == resource.schema_url => {
                    last.scope_spans.push(scope);
                }
                _ => {
                    let mut resource = resource;
                    resource.scope_spans = vec![scope];
                    request.resource_spans.push(resource);
                }
            }
        }
        request.encode_to_vec()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::cli::demo::recordings::RECORDINGS;

    fn requests(sessions: u64) -> Vec<Parcel> {
        let clock = Clock::manual(1_800_000_000_000_000_000);
        let mut mix = Mix::new(RECORDINGS, sessions, Ids::seeded(1), clock).unwrap();
        let requests = std::iter::from_fn(|| mix.next_request()).collect();
        assert_eq!(mix.begun(), sessions);
        requests
    }

    fn decode(parcel: &Parcel) -> ExportTraceServiceRequest {
        ExportTraceServiceRequest::decode(&*parcel.bytes).unwrap()
    }

    #[test]
    fn requests_hold_the_spans_they_claim() {
        for parcel in requests(300) {
            let request = decode(&parcel);
            let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
            let spans: Vec<_> = scopes.flat_map(|scope| &scope.spans).collect();
            assert_eq!(spans.len() as u64, parcel.spans);
            assert_eq!(spans.iter().map(|span| span.encoded_len() as u64).sum::<u64>(), parcel.span_bytes);
        }
    }

    #[test]
    fn sessions_are_spread_over_requests_and_requests_hold_many() {
        let mut requests_of: HashMap<Vec<u8>, HashSet<usize>> = HashMap::new();
        let requests = requests(500);
        for (number, parcel) in requests.iter().enumerate() {
            let request = decode(parcel);
            for scope in request.resource_spans.iter().flat_map(|resource| &resource.scope_spans) {
                for span in &scope.spans {
                    requests_of.entry(span.trace_id.clone()).or_default().insert(number);
                }
            }
        }
        assert!(requests_of.len() > 500, "{}", requests_of.len());
        assert!(requests_of.values().filter(|of| of.len() > 1).count() > 10);
        assert!(requests.len() * 10 < requests_of.len());
    }

    #[test]
    fn a_short_demo_has_its_share_of_everything() {
        let mix = Mix::new(RECORDINGS, 0, Ids::seeded(1), Clock::manual(0)).unwrap();
        let mut counts: HashMap<&str, u64> = HashMap::new();
        (0..1000).for_each(|number| *counts.entry(RECORDINGS[mix.pick(number)].name).or_default() += 1);
        for recording in RECORDINGS {
            let expected = u64::from(recording.weight) * 1000 / mix.weights;
            let count = counts.get(recording.name).copied().unwrap_or_default();
            assert!(count.abs_diff(expected) <= 2 + expected / 10, "{}: {count}, not {expected}", recording.name);
        }
    }
}
