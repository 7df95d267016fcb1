//! What is kept stands for what was sent: counts restored from `ot=th` come to the truth, whatever sampled before.
//!
//! Ids are made from a seed, so that a run that once came out right always does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a proof fails by panicking"
)]

mod support;

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::trace::v1::Span;
use support::metrics::Metrics;
use support::spans::{Made, request, span, text, trace_id, value};
use support::{backend, client, sieve};

/// Sessions of each population.
const SESSIONS: usize = 25_000;
/// Spans in a request.
const BATCH: usize = 1000;
/// One in so many sessions is rare.
const RARE: usize = 10;

const RULES: &str = "
sampling:
  rules:
    - {name: rare, when: 'spans.exists(s, s.attributes[\"tier\"] == \"rare\")', probability: 0.5}
    - {name: routine, probability: 0.1}
";

/// How a population is keyed, and how it was sampled before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Population {
    name: &'static str,
    /// Its sessions have ids of their own.
    ids: bool,
    /// Half of its traces were sampled with `th:8`, which is one half.
    head: bool,
    /// Its traces have randomness of their own.
    rv: bool,
}

const POPULATIONS: [Population; 6] = [
    Population { name: "traces", ids: false, head: false, rv: false },
    Population { name: "traces of which half were sampled", ids: false, head: true, rv: false },
    Population { name: "traces with randomness", ids: false, head: true, rv: true },
    Population { name: "ids", ids: true, head: false, rv: false },
    Population { name: "ids of which half were sampled", ids: true, head: true, rv: false },
    Population { name: "ids with randomness", ids: true, head: true, rv: true },
];

/// What came of one tier of a population.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    kept: usize,
    /// Sum of `1 / p`.
    restored: f64,
    /// Sum of `(1 - p) / p` over all that was there: the variance of `restored`.
    variance: f64,
    truth: usize,
}

// === impl Population ===

impl Population {
    fn tier(number: usize) -> &'static str {
        if number.is_multiple_of(RARE) { "rare" } else { "routine" }
    }

    fn sampled_before(self, number: usize) -> bool {
        self.head && number % 4 >= 2
    }

    /// The one span of a session, unless it was sampled away before.
    fn span(self, number: usize) -> Option<Span> {
        let name = format!("{} {number}", self.name);
        let mut span = span(&name, "root").with("tier", Self::tier(number)).with("population", self.name);
        if self.ids {
            let id = u128::from_be_bytes(trace_id(&format!("session {name}")).try_into().unwrap());
            span = span.with("session.id", format!("{id:032x}").as_str());
        }
        let mut state = Vec::new();
        let mut randomness = low56(&span.trace_id);
        if self.rv {
            randomness = low56(&trace_id(&format!("randomness of {name}")));
            state.push(format!("rv:{randomness:014x}"));
        }
        if self.sampled_before(number) {
            if randomness < 8 << 52 {
                return None;
            }
            state.insert(0, "th:8".into());
        }
        if !state.is_empty() {
            span.trace_state = format!("ot={},vendor=x", state.join(";"));
        }
        Some(span)
    }

    /// The probability that a session of this number comes out with.
    fn probability(self, number: usize) -> f64 {
        let ours = if Self::tier(number) == "rare" { 0.5 } else { 0.1 };
        match (self.sampled_before(number), self.ids) {
            (false, _) => ours,
            // The same random number passed both.
            (true, false) => f64::min(ours, 0.5),
            (true, true) => ours * 0.5,
        }
    }
}

/// The low 56 bits of a trace id.
fn low56(id: &[u8]) -> u64 {
    u64::from_be_bytes(id[8..].try_into().unwrap()) & ((1 << 56) - 1)
}

/// A key of `ot` in a tracestate: up to 14 hexadecimal digits, of which the last zeros may be left out.
fn ot(state: &str, key: &str) -> Option<u64> {
    let ot = state.split(',').find_map(|member| member.trim().strip_prefix("ot="))?;
    let digits = ot.split(';').find_map(|part| part.strip_prefix(key)?.strip_prefix(':'))?;
    Some(u64::from_str_radix(&format!("{digits:0<14}"), 16).unwrap())
}

/// Asserts that a span says itself why it was kept; the probability that it stands for.
fn probability_of(span: &Span, population: Population, number: usize) -> f64 {
    let th = ot(&span.trace_state, "th").unwrap_or_else(|| panic!("no th: {span:?}"));
    let rv = ot(&span.trace_state, "rv");
    assert!(rv.unwrap_or_else(|| low56(&span.trace_id)) >= th, "it passes its threshold: {}", span.trace_state);
    assert_eq!(rv.is_some(), population.ids || population.rv, "{}", span.trace_state);
    assert_eq!(span.trace_state.ends_with(",vendor=x"), population.rv || population.sampled_before(number));
    let probability = ((1_u64 << 56) - th) as f64 / (1_u64 << 56) as f64;
    let expected = population.probability(number);
    assert!((probability / expected - 1.0).abs() < 1e-9, "{probability} is not {expected}: {}", span.trace_state);
    assert!(value(span, "tailsieve.decision.probability").is_some());
    probability
}

#[tokio::test]
async fn counts_restored_from_thresholds_come_to_what_was_sent() {
    let backend = backend::start().await;
    let sessions = "sessions: {settle: 100ms, idle_timeout: 200ms, trace_timeout: 10s, shards: 2}";
    let sieve = sieve::new().with(RULES).with(sessions).exporter("otlp_grpc/a", &backend).run().await;
    let client = client::grpc(sieve.grpc).await;
    let mut numbers: BTreeMap<Vec<u8>, (usize, usize)> = BTreeMap::new();
    let mut tallies: BTreeMap<(&str, &str), Tally> = BTreeMap::new();
    for (place, population) in POPULATIONS.into_iter().enumerate() {
        let mut spans = Vec::new();
        for number in 0..SESSIONS {
            let (tally, p) = (
                tallies.entry((population.name, Population::tier(number))).or_default(),
                population.probability(number),
            );
            tally.truth += 1;
            tally.variance += (1.0 - p) / p;
            if let Some(span) = population.span(number) {
                numbers.insert(span.trace_id.clone(), (place, number));
                spans.push(span);
            }
        }
        for batch in spans.chunks(BATCH) {
            client.traces(&request(batch.to_vec())).await.accepted();
        }
    }
    let sent = numbers.len() as u64;
    let all = |now: &Metrics| now.count("verdicts", &[]) == sent && now.ledger().held == 0;
    let judged = sieve.scrape_when("all are judged", all).await;
    let stopped = sieve.stop().await;
    assert_eq!(stopped.code, Some(0), "{stopped}");
    assert_eq!(backend.span_count() as u64, judged.ledger().kept);
    for received in backend.spans() {
        let (place, number) = numbers.remove(&received.span.trace_id).expect("it was sent and comes out once");
        let population = POPULATIONS[place];
        assert_eq!(text(&received.span, "population"), Some(population.name));
        let probability = probability_of(&received.span, population, number);
        let tally = tallies.get_mut(&(population.name, Population::tier(number))).unwrap();
        tally.kept += 1;
        tally.restored += 1.0 / probability;
    }
    assert_eq!(tallies.len(), 2 * POPULATIONS.len());
    for (what, tally) in tallies {
        let off = (tally.restored - tally.truth as f64) / tally.variance.sqrt();
        println!("{what:?}: {} kept stand for {:.0} of {}, {off:+.2} sigma", tally.kept, tally.restored, tally.truth);
        assert!(off.abs() < 3.0, "{what:?}: {off} sigma, {tally:?}");
    }
}
