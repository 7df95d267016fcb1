//! Lanes over a scripted backend, with time that passes at once.

use std::time::Duration;

use tokio::time::sleep;

use super::*;
use crate::config::{ExporterKind, Verbosity};
use crate::export::outcome::Outcome;
use crate::observe::ledger::Ledger;

type Answers = Box<dyn Fn(Signal, Bytes) -> Outcome + Send + Sync>;

/// A backend that answers as the test says.
pub(in crate::export) struct Script(Answers);

impl Script {
    pub(in crate::export) fn send(&self, signal: Signal, body: Bytes) -> Outcome {
        (self.0)(signal, body)
    }
}

/// A lane and what its backend was sent, with the time since the start.
struct Bench {
    lane: Arc<Lane>,
    ledger: Arc<LaneLedger>,
    sent: Arc<Mutex<Vec<(Duration, Bytes)>>>,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Bench {
    fn new(
        settings: SendingQueue,
        retry: Retry,
        answer: impl Fn(usize, &Bytes) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        let kind = ExporterKind::Debug { verbosity: Verbosity::Basic };
        let config = config::Exporter { name: "otlp_grpc/test".into(), kind, queue: settings, retry };
        let ledger = Ledger::new(0, [config.name.clone()]).lanes[0].clone();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let (log, start, counts) = (sent.clone(), Instant::now(), ledger.clone());
        let script = Script(Box::new(move |_, body: Bytes| {
            assert!(counts.read().balances(), "{:?}", counts.read());
            let number = {
                let mut log = log.lock().unwrap();
                log.push((start.elapsed(), body.clone()));
                log.len() - 1
            };
            answer(number, &body)
        }));
        let lane = Arc::new(Lane::new(&config, Target::Script(script), ledger.clone()));
        Lane::start(&lane, &Handle::current());
        Self { lane, ledger, sent }
    }

    fn send(&self, text: &str) {
        self.lane.send(&parcel(text), 0);
    }

    async fn stop(&self, after: Duration) -> Undelivered {
        let left = self.lane.stop(Instant::now() + after).await;
        let counts = self.ledger.read();
        assert!(counts.balances() && counts.queued == Spans::default() && counts.queue_bytes == 0, "{counts:?}");
        left
    }

    fn bodies(&self) -> Vec<Bytes> {
        self.sent.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }

    fn times(&self) -> Vec<Duration> {
        self.sent.lock().unwrap().iter().map(|(time, _)| *time).collect()
    }
}

/// One span a byte, ten bytes a span.
fn parcel(text: &str) -> Parcel {
    let spans = text.len() as u64;
    Parcel { bytes: Bytes::copy_from_slice(text.as_bytes()), spans, span_bytes: 10 * spans }
}

fn settings(max_size: usize) -> SendingQueue {
    SendingQueue { max_size, num_consumers: 1, ..SendingQueue::default() }
}

fn steady() -> Retry {
    Retry { randomization_factor: 0.0, ..Retry::default() }
}

fn busy(after: Option<u64>) -> Outcome {
    Outcome::Retry { after: after.map(Duration::from_secs), message: "busy".into() }
}

fn refused() -> Outcome {
    Outcome::Refused { message: "no".into() }
}

#[tokio::test(start_paused = true)]
async fn parcels_go_out_once_in_order_grouped_within_the_size() {
    let bench = Bench::new(settings(8), steady(), |_, _| Outcome::taken());
    ["aaa", "bbb", "cc", "d", "a long one that goes alone", "e"].iter().for_each(|text| bench.send(text));
    assert_eq!(bench.stop(MINUTE).await, Undelivered::default());
    assert_eq!(bench.bodies(), ["aaabbbcc", "d", "a long one that goes alone", "e"]);
    let counts = bench.ledger.read();
    assert_eq!(counts.sent, Spans::new(36, 360));
    assert_eq!((counts.sent_bytes, counts.requests, counts.retries), (36, 4, 0));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_does_not_fill_up_goes_after_the_flush_timeout() {
    let bench = Bench::new(settings(100), steady(), |_, _| Outcome::taken());
    sleep(MINUTE).await;
    bench.send("a");
    bench.send("b");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.bodies(), ["ab"]);
    let waited = bench.times()[0] - MINUTE;
    assert!(waited >= Duration::from_millis(200) && waited < Duration::from_millis(210), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_and_a_whole_request_go_at_once() {
    let bench = Bench::new(settings(4), steady(), |_, _| Outcome::taken());
    bench.send("abcd");
    sleep(Duration::from_millis(10)).await;
    assert_eq!(bench.bodies(), ["abcd"]);
    bench.lane.pass(Signal::Logs, Bytes::from_static(b"log"));
    bench.lane.pass(Signal::Logs, Bytes::from_static(b"log"));
    sleep(Duration::from_millis(10)).await;
    assert_eq!(bench.bodies(), ["abcd", "log", "log"]);
    assert_eq!(bench.stop(MINUTE).await, Undelivered::default());
}

#[tokio::test(start_paused = true)]
async fn retries_back_off_and_respect_what_the_backend_asks_for() {
    let bench = Bench::new(settings(1), steady(), |number, _| match number {
        0 => busy(None),
        1 => busy(Some(60)),
        2 => busy(Some(1)),
        _ => Outcome::taken(),
    });
    bench.send("a");
    sleep(10 * MINUTE).await;
    let times: Vec<u64> = bench.times().iter().map(|time| time.as_secs()).collect();
    assert_eq!(times, [0, 5, 65, 76]);
    let counts = bench.ledger.read();
    assert_eq!((counts.requests, counts.retries, counts.sent.spans), (4, 3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_given_up_when_its_time_is_over_and_the_next_one_goes() {
    let bench = Bench::new(settings(1), steady(), |_, body| match body.as_ref() {
        b"a" => busy(None),
        _ => Outcome::taken(),
    });
    bench.send("a");
    bench.send("b");
    sleep(10 * MINUTE).await;
    let last = bench.times()[bench.bodies().iter().rposition(|body| body == "a").unwrap()];
    assert!(last <= Duration::from_secs(300) && last > Duration::from_secs(260), "{last:?}");
    let counts = bench.ledger.read();
    assert_eq!((counts.failed.spans, counts.sent.spans, counts.queued.spans), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_good_is_counted_and_not_sent_again() {
    let bench = Bench::new(settings(1), steady(), |_, _| refused());
    bench.send("a");
    sleep(10 * MINUTE).await;
    let counts = bench.ledger.read();
    assert_eq!((counts.requests, counts.failed, counts.overflowed), (1, Spans::new(1, 10), Spans::default()));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_too_large_is_split_until_it_fits() {
    let bench = Bench::new(settings(8), steady(), |_, body| match body.len() {
        0..=2 => Outcome::taken(),
        _ => Outcome::TooLarge { message: "larger than max".into() },
    });
    ["aa", "b", "c", "dddd"].iter().for_each(|text| bench.send(text));
    assert_eq!(bench.stop(MINUTE).await, Undelivered::default());
    assert_eq!(bench.bodies(), ["aabcdddd", "aab", "aa", "b", "cdddd", "c", "dddd"]);
    let counts = bench.ledger.read();
    assert_eq!((counts.sent.spans, counts.failed.spans), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn partial_success_is_counted_as_rejected() {
    let bench = Bench::new(settings(4), steady(), |number, _| {
        let rejected = if number == 0 { 3 } else { u64::MAX };
        Outcome::Taken { rejected, message: "too old".into() }
    });
    bench.send("abcd");
    bench.send("efgh");
    bench.stop(MINUTE).await;
    let counts = bench.ledger.read();
    assert_eq!(
        (counts.sent, counts.failed, counts.rejected),
        (Spans::new(1, 10), Spans::new(7, 70), Spans::new(7, 70))
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_counts_what_it_cannot_take() {
    let queue = SendingQueue { queue_size: 5, ..settings(100) };
    let bench = Bench::new(queue, steady(), |_, _| busy(None));
    ["aaa", "bbb", "cc", "d"].iter().for_each(|text| bench.send(text));
    let counts = bench.ledger.read();
    assert!(counts.balances());
    assert_eq!((counts.routed.spans, counts.queued.spans, counts.queue_bytes), (9, 5, 5));
    assert_eq!((counts.failed, counts.overflowed), (Spans::new(4, 40), Spans::new(4, 40)));
    assert!(!bench.lane.is_shut() && !bench.lane.has_room(1) && bench.lane.has_room(0));
    sleep(MINUTE).await;
    assert_eq!(bench.ledger.read().queue_bytes, 5, "what is under way counts");
}

#[tokio::test(start_paused = true)]
async fn with_block_on_overflow_nothing_is_lost_and_the_door_is_shut_while_the_queue_is_full() {
    let queue = SendingQueue { queue_size: 5, block_on_overflow: true, ..settings(100) };
    let bench = Bench::new(queue, steady(), |number, _| if number < 3 { busy(None) } else { Outcome::taken() });
    bench.send("aaa");
    assert!(!bench.lane.is_shut());
    bench.send("bbb");
    bench.send("ccc");
    assert!(bench.lane.is_shut());
    sleep(10 * MINUTE).await;
    assert!(!bench.lane.is_shut());
    assert_eq!(bench.ledger.read().sent.spans, 9);
    assert_eq!(bench.ledger.read().overflowed, Spans::default());
}

#[tokio::test(start_paused = true)]
async fn stop_with_a_dead_backend_ends_at_the_deadline_and_counts_what_is_left() {
    let bench = Bench::new(settings(2), steady(), |_, _| busy(None));
    ["aa", "bb", "cc"].iter().for_each(|text| bench.send(text));
    bench.lane.pass(Signal::Metrics, Bytes::from_static(b"metric"));
    let start = Instant::now();
    let left = bench.stop(Duration::from_secs(20)).await;
    assert_eq!(start.elapsed().as_secs(), 20);
    assert_eq!(left, Undelivered { spans: Spans::new(6, 60), requests: 1 });
    assert_eq!(bench.ledger.read().failed, Spans::new(6, 60));

    bench.send("late");
    assert!(bench.ledger.read().balances());
    assert_eq!(bench.ledger.read().failed.spans, 10);
    assert!(!bench.lane.has_room(1));
}

#[tokio::test(start_paused = true)]
async fn as_many_requests_are_under_way_as_there_are_consumers() {
    let queue = SendingQueue { num_consumers: 3, ..settings(1) };
    let bench = Bench::new(queue, steady(), |_, _| busy(None));
    "abcde".chars().for_each(|letter| bench.send(&letter.to_string()));
    sleep(Duration::from_secs(1)).await;
    let mut bodies = bench.bodies();
    bodies.sort();
    assert_eq!(bodies, ["a", "b", "c"]);
}
