//! Every span that comes in goes through the walk and the intake: what they allocate is counted a request and a trace,
//! never a span or an attribute.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what a test cannot read fails it"
)]

mod allocations;
#[path = "../benches/load/spans.rs"]
#[allow(dead_code, reason = "the load generator uses all of it")]
mod spans;

use allocations::ALLOCATIONS;
use std::sync::Arc;

use crossbeam_channel::{Receiver, unbounded};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use tailsieve::config::Sessions;
use tailsieve::expr::Compiler;
use tailsieve::flow::Receipt;
use tailsieve::genai::conventions::Conventions;
use tailsieve::log::{Log, RecordKind};
use tailsieve::pricing::{PriceBook, Prices};
use tailsieve::session::Lens;
use tailsieve::session::directory::Directory;
use tailsieve::session::intake::Intake;
use tailsieve::session::mail::{Mail, Message};

/// Requests that are counted: the mail's own blocks come once in so many messages.
const REQUESTS: u64 = 310;

/// What of the load generator's arguments shapes its requests.
struct Args {
    spans: usize,
    interleaved: usize,
    session: usize,
}

struct World {
    intake: Intake,
    log: Arc<Log>,
    shard: Receiver<Message>,
}

// === impl World ===

impl World {
    fn new() -> Self {
        let prices = Arc::new(Prices::new(PriceBook::load(&[]).unwrap()));
        let mut lens = Lens::new(&Conventions::embedded(), &Sessions::default(), prices);
        let mut compiler = Compiler::new(&mut lens.keys);
        compiler.rule("spans.exists(s, s.attributes['key-1'] == 'nothing')").unwrap();
        lens.predicates = compiler.finish();
        let (sender, shard) = unbounded();
        let log = Log::with_segments(64 << 20, 8 << 20, 1);
        let intake = Intake {
            lens: Arc::new(lens),
            directory: Arc::new(Directory::new(1)),
            mail: Mail::new(vec![sender], Arc::default()),
            most_spans: 10_000,
            log: log.clone(),
        };
        Self { intake, log, shard }
    }

    /// Allocations of taking such a request in, on average, once its traces are known.
    fn per_request(&self, traces: usize, spans: usize, attributes: usize) -> f64 {
        self.per_body((traces, spans), &request(traces, spans, attributes).encode_to_vec())
    }

    fn per_body(&self, (traces, spans): (usize, usize), body: &[u8]) -> f64 {
        let (allocations, arrived) = self.per_arrival(body);
        assert_eq!(arrived, (traces, traces * spans));
        allocations
    }

    /// Allocations of taking `body` in, on average, once its traces are known; and how many traces and spans it has.
    fn per_arrival(&self, body: &[u8]) -> (f64, (usize, usize)) {
        let (mut counted, mut arrived) = (0, (0, 0));
        for number in 0..REQUESTS + 10 {
            let fill = |room: &mut [u8]| {
                room.copy_from_slice(body);
                Ok::<_, ()>(body.len())
            };
            let record = self.log.append(RecordKind::Traces, 1, body.len(), fill).unwrap();
            let before = ALLOCATIONS.get();
            let receipt = self.intake.take(record);
            // The first ones grow the buffers that are used again.
            counted += if number < 10 { 0 } else { ALLOCATIONS.get() - before };
            assert!(matches!(receipt, Receipt::Accepted { refused: 0, .. }), "{receipt:?}");
            let Message::Arrival(arrival) = self.shard.try_recv().unwrap() else { panic!("no arrival") };
            arrived = (arrival.traces.len(), arrival.spans.len());
        }
        (counted as f64 / REQUESTS as f64, arrived)
    }
}

/// A request of `spans` spans of each of `traces` traces, in turn, with so many attributes each.
fn request(traces: usize, spans: usize, attributes: usize) -> ExportTraceServiceRequest {
    // One that is looked for, and others that are not.
    let attributes: Vec<_> = (1..=attributes).map(|n| attribute(format!("key-{n}"), "text ".repeat(n))).collect();
    let span = |number: usize| Span {
        trace_id: vec![(number % traces) as u8 + 1; 16],
        span_id: (number as u64 + 1).to_be_bytes().to_vec(),
        name: "chat gpt-4o".into(),
        end_time_unix_nano: 2_000_000_000,
        attributes: attributes.clone(),
        ..Span::default()
    };
    let spans = (0..traces * spans).map(span).collect();
    let resource =
        Resource { attributes: vec![attribute("service.name".into(), "agent".into())], ..Resource::default() };
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }
}

fn attribute(key: String, text: String) -> KeyValue {
    KeyValue { key, value: Some(AnyValue { value: Some(Value::StringValue(text)) }), ..KeyValue::default() }
}

#[test]
fn taking_a_request_in_allocates_nothing_per_span_and_nothing_per_attribute() {
    let world = World::new();
    let traces = 8;
    let small = world.per_request(traces, 32, 2);
    for (spans, attributes) in [(32, 40), (128, 2)] {
        let large = world.per_request(traces, spans, attributes);
        // Lists that grow by doubling may do so once or twice more.
        let said = format!("{small} with 32 spans a trace of 2 attributes, {large} with {spans} of {attributes}");
        assert!(large - small < if spans == 32 { 0.1 } else { 3.0 }, "{said}");
    }
    assert!(small < 2.0 * traces as f64, "{small} allocations a request of {traces} traces");
}

#[test]
fn taking_the_load_of_the_benchmarks_in_allocates_nothing_per_span() {
    for form in [spans::Form::Sdk, spans::Form::Collector] {
        let world = World::new();
        let templates = spans::templates_of(&Args { spans: 512, interleaved: 16, session: 40 }, form);
        for template in templates.iter().take(3) {
            let (allocations, (traces, spans)) = world.per_arrival(&template.body);
            let said = format!("{allocations} allocations for {spans} spans of {traces} traces");
            // The rest is the lists of the request, which grow by doubling.
            assert!(spans > 8 * traces && allocations < 2.0 * traces as f64 + 16.0, "{said}");
        }
    }
}

#[test]
fn noting_which_trace_tells_of_an_answer_allocates_nothing_per_span() {
    let with_answers = |spans: usize| {
        let mut request = request(8, spans, 2);
        let all = request.resource_spans.iter_mut().flat_map(|it| &mut it.scope_spans).flat_map(|it| &mut it.spans);
        for (number, span) in all.enumerate() {
            span.attributes.push(attribute("gen_ai.request.model".into(), "gpt-4o".into()));
            span.attributes.push(attribute("gen_ai.response.id".into(), format!("msg_{number}")));
        }
        request.encode_to_vec()
    };
    let world = World::new();
    let unasked = world.per_body((8, 128), &with_answers(128));
    assert!(world.intake.directory.answers.is_empty());
    world.intake.directory.answers.want();
    let asked = world.per_body((8, 128), &with_answers(128));
    assert_eq!(world.intake.directory.answers.len(), 8 * 128);
    assert!(asked - unasked < 0.1, "{unasked} when nobody asks for them, {asked} when somebody does");
}
