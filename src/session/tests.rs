//! Scenarios of session assembly: real shards, a real directory and a real log, in one thread, with time as it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, unbounded};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Link};
use prost::Message as _;

use super::describe::Lens;
use super::directory::Directory;
use super::intake::Intake;
use super::mail::{Mail, Message};
use super::outlets::Outlets;
use super::shard::{Shard, Site};
use crate::clock::{Nanos, SECOND};
use crate::config;
use crate::flow::{Kept, Reason, Receipt, Session, Verdict};
use crate::genai::conventions::Conventions;
use crate::log::{Log, RecordKind};
use crate::observe::ledger::{Ledger, ShardCounts};
use crate::pricing::{PriceBook, Prices};

mod account;
mod answers;
mod identity;
mod prices;
mod scattered;
mod unfinished;

const START: Nanos = 1_000_000 * SECOND;

/// A judged session, as the test sees it.
#[derive(Clone, Debug)]
struct Judged {
    session: Session,
    reason: Reason,
}

/// The stage with its time in the test's hands.
struct World {
    intake: Intake,
    shards: Vec<(Shard, Receiver<Message>)>,
    log: Arc<Log>,
    ledger: Arc<Ledger>,
    judged: Arc<Mutex<Vec<Judged>>>,
    kept: Arc<Mutex<Vec<Kept>>>,
    now: Nanos,
}

impl World {
    fn new(shards: usize, config: &config::Sessions) -> Self {
        Self::with_log(shards, config, Log::with_segments(256 << 20, 1 << 20, 4))
    }

    /// Keeps sessions that failed and those whose id begins with `keep`.
    fn with_log(shards: usize, config: &config::Sessions, log: Arc<Log>) -> Self {
        Self::pricing(Arc::new(Prices::new(PriceBook::load(&[]).unwrap())), shards, config, log)
    }

    /// The same, with those prices.
    fn pricing(prices: Arc<Prices>, shards: usize, config: &config::Sessions, log: Arc<Log>) -> Self {
        let lens = Lens::new(&Conventions::embedded(), config, prices);
        let lens = Arc::new(lens);
        let ledger = Arc::new(Ledger::new(shards, []));
        let (judged, kept) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let (list, out) = (judged.clone(), kept.clone());
        let judge = move |session: &Session, reason| {
            list.lock().unwrap().push(Judged { session: session.clone(), reason });
            let keep = session.failed() || session.key.to_string().starts_with("keep");
            let rule: Arc<str> = "test".into();
            Verdict {
                keep,
                probability: 1.0,
                drop_rule: session.key.to_string().starts_with("drop"),
                threshold: 0,
                randomness: 0,
                rule: rule.clone(),
                matched: vec![rule],
                reason,
            }
        };
        let keep = move |kept| out.lock().unwrap().push(kept);
        let outlets = Arc::new(Outlets { judge: Box::new(judge), keep: Box::new(keep), relief: Box::new(|| 0) });
        let directory = Arc::new(Directory::new(shards as u16));
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..shards).map(|_| unbounded()).unzip();
        let mail = Mail::new(senders, ledger.arriving_bytes.clone());
        let site = |id: usize| Site {
            id: id as u16,
            lens: lens.clone(),
            directory: directory.clone(),
            mail: mail.clone(),
            log: log.clone(),
            ledger: ledger.shards[id].clone(),
            outlets: outlets.clone(),
        };
        let shards = receivers.into_iter().enumerate().map(|(id, from)| (Shard::new(site(id), config, START), from));
        let shards = shards.collect();
        let (lens, directory, mail) = (lens.clone(), directory.clone(), mail.clone());
        let intake = Intake { lens, directory, mail, most_spans: 10_000, log: log.clone() };
        Self { intake, shards, log, ledger, judged, kept, now: START }
    }

    /// Takes a request in; shards hear of it at the next [`World::pump`].
    fn put(&self, request: &ExportTraceServiceRequest) {
        let receipt = self.put_bytes(&request.encode_to_vec());
        assert!(matches!(receipt, Receipt::Accepted { refused: 0, .. }));
    }

    fn put_bytes(&self, body: &[u8]) -> Receipt {
        let fill = |room: &mut [u8]| {
            room.copy_from_slice(body);
            Ok::<_, ()>(body.len())
        };
        let record = self.log.append(RecordKind::Traces, self.now, body.len(), fill).unwrap();
        self.intake.take(record)
    }

    fn send(&mut self, spans: &[Spec]) {
        self.put(&request(spans));
        self.pump();
    }

    fn pump(&mut self) {
        let mut quiet = false;
        while !quiet {
            quiet = true;
            for (shard, from) in &mut self.shards {
                while let Ok(message) = from.try_recv() {
                    quiet = false;
                    shard.handle(message, self.now);
                }
            }
        }
        self.check();
    }

    /// Lets time pass in steps of a second.
    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.leap(1);
        }
    }

    /// Lets time pass in one step.
    fn leap(&mut self, seconds: u64) {
        self.now += seconds * SECOND;
        self.shards.iter_mut().for_each(|(shard, _)| shard.tick(self.now));
        self.pump();
    }

    /// Every shard's counts balance, and what it says it holds is what its tables hold.
    fn check(&self) {
        for (shard, _) in &self.shards {
            let counts = shard.site.ledger.read();
            assert!(counts.balances(), "{counts:?}");
            assert_eq!(counts.held, shard.count_held());
        }
    }

    fn total(&self) -> ShardCounts {
        self.ledger.total()
    }

    /// Judged sessions since the last call: id, spans, reason.
    fn verdicts(&self) -> Vec<(String, u32, Reason)> {
        let judged = std::mem::take(&mut *self.judged.lock().unwrap());
        judged.into_iter().map(|it| (it.session.key.to_string(), it.session.spans, it.reason)).collect()
    }

    fn sessions(&self) -> Vec<Session> {
        std::mem::take(&mut *self.judged.lock().unwrap()).into_iter().map(|it| it.session).collect()
    }
}

/// A span in short.
#[derive(Clone, Debug, Default)]
struct Spec {
    trace: u8,
    id: u8,
    parent: u8,
    session: Option<&'static str>,
    key: Option<&'static str>,
    start: u64,
    error: bool,
    remote: bool,
    link: u8,
    end: bool,
    pad: usize,
}

fn span(trace: u8, id: u8, parent: u8) -> Spec {
    Spec { trace, id, parent, start: u64::from(id) * 10, ..Spec::default() }
}

impl Spec {
    fn session(self, id: &'static str) -> Self {
        Self { session: Some(id), ..self }
    }

    fn to_span(&self) -> Span {
        let mut attributes = Vec::new();
        let mut put = |key: &str, value| {
            attributes.push(KeyValue {
                key: key.into(),
                value: Some(AnyValue { value: Some(value) }),
                ..Default::default()
            })
        };
        if let Some(id) = self.session {
            put(self.key.unwrap_or("session.id"), any_value::Value::StringValue(id.into()));
        }
        if self.end {
            put("tailsieve.session.end", any_value::Value::BoolValue(true));
        }
        if self.pad > 0 {
            put("pad", any_value::Value::StringValue("x".repeat(self.pad)));
        }
        let link = Link { trace_id: vec![self.link; 16], span_id: vec![1; 8], ..Default::default() };
        Span {
            trace_id: vec![self.trace; 16],
            span_id: vec![self.id; 8],
            parent_span_id: if self.parent == 0 { vec![] } else { vec![self.parent; 8] },
            name: format!("span {}", self.id),
            start_time_unix_nano: START + self.start,
            end_time_unix_nano: START + self.start + 5,
            attributes,
            links: if self.link == 0 { vec![] } else { vec![link] },
            status: self.error.then(|| Status { code: 2, ..Default::default() }),
            flags: if self.remote { 0x301 } else { 0x101 },
            ..Default::default()
        }
    }
}

fn request(spans: &[Spec]) -> ExportTraceServiceRequest {
    let spans = spans.iter().map(Spec::to_span).collect();
    let service = AnyValue { value: Some(any_value::Value::StringValue("agent".into())) };
    let service = KeyValue { key: "service.name".into(), value: Some(service), ..Default::default() };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes: vec![service], ..Default::default() }),
            scope_spans: vec![ScopeSpans { spans, ..Default::default() }],
            ..Default::default()
        }],
    }
}

fn world() -> World {
    World::new(3, &config::Sessions::default())
}

#[test]
fn a_trace_settles_once_root_and_parents_are_there_and_nothing_came_for_ten_seconds() {
    let mut world = world();
    world.send(&[span(1, 3, 2)]);
    world.wait(300);
    world.send(&[span(1, 2, 1)]);
    world.wait(300);
    assert_eq!(world.verdicts(), []);
    world.send(&[span(1, 1, 0)]);
    world.wait(9);
    assert_eq!(world.verdicts(), []);
    world.wait(2);
    let session = world.sessions().remove(0);
    assert!(session.complete);
    assert_eq!((session.spans, session.orphans, session.services.len()), (3, 0, 1));
    assert_eq!(session.first_root().map(|root| &*root.name), Some("span 1"));
    assert_eq!(world.total().dropped.spans, 3);
}

#[test]
fn a_trace_without_root_or_parent_is_judged_after_the_trace_timeout_and_says_so() {
    let mut world = world();
    world.send(&[span(1, 3, 2), span(1, 4, 2)]);
    world.send(&[span(2, 1, 0), span(2, 3, 2)]);
    world.wait(599);
    assert_eq!(world.verdicts(), []);
    world.wait(3);
    let mut judged = std::mem::take(&mut *world.judged.lock().unwrap());
    judged.sort_by_key(|it| it.session.orphans);
    let facts = |it: &Judged| (it.reason, it.session.orphans, it.session.complete);
    assert_eq!(facts(&judged[0]), (Reason::TraceTimeout, 1, false));
    assert_eq!(facts(&judged[1]), (Reason::TraceTimeout, 2, false));
}

#[test]
fn a_root_with_a_remote_parent_that_never_comes_counts_as_root() {
    let mut world = world();
    world.send(&[Spec { remote: true, ..span(1, 2, 1) }, span(1, 3, 2)]);
    world.wait(12);
    let session = world.sessions().remove(0);
    assert_eq!((session.complete, session.orphans), (true, 0));
    assert_eq!(session.first_root().map(|root| (&*root.name, root.local)), Some(("span 2", false)));
    // And one whose remote parent does come is no root.
    world.send(&[Spec { remote: true, ..span(2, 2, 1) }]);
    world.send(&[span(2, 1, 0)]);
    world.wait(12);
    assert_eq!(world.sessions()[0].first_root().map(|root| (&*root.name, root.local)), Some(("span 1", true)));
}

#[test]
fn the_traces_of_one_id_get_one_verdict_after_the_idle_timeout() {
    let mut world = world();
    for trace in 1..=3 {
        world.send(&[span(trace, 1, 0).session("s"), span(trace, 2, 1)]);
        world.wait(60);
    }
    world.wait(238);
    assert_eq!(world.verdicts(), []);
    world.wait(4);
    assert_eq!(world.verdicts(), [("s".into(), 6, Reason::Idle)]);
    assert_eq!(world.total().traces, 0);
}

#[test]
fn an_id_that_comes_late_or_on_some_spans_only_binds_the_whole_trace_across_shards() {
    for order in [[1, 2, 3], [3, 1, 2], [2, 3, 1]] {
        let mut world = world();
        for step in order {
            for trace in 1..=20 {
                let part = match step {
                    1 => vec![span(trace, 1, 0)],
                    2 => vec![span(trace, 2, 1).session("keep")],
                    _ => vec![span(trace, 3, 2), span(trace, 4, 1)],
                };
                world.put(&request(&part));
            }
            if step != 2 {
                world.pump();
            }
        }
        world.pump();
        world.wait(302);
        assert_eq!(world.verdicts(), [("keep".into(), 80, Reason::Idle)], "{order:?}");
        let kept = world.kept.lock().unwrap().remove(0);
        let bytes: u64 = kept.spans.iter().map(|span| u64::from(span.len)).sum();
        assert_eq!((kept.spans.len(), kept.bytes), (80, bytes));
        assert_eq!(kept.session.map(|session| session.turns.len()), Some(20));
        assert_eq!(world.log.usage().live, 0);
    }
}

#[test]
fn a_better_source_takes_a_trace_out_of_a_session_and_what_is_left_is_folded_anew() {
    let mut world = world();
    let weak = |spec: Spec| Spec { key: Some("gen_ai.conversation.id"), ..spec.session("weak") };
    world.send(&[weak(span(1, 1, 0)), Spec { error: true, ..span(1, 2, 1) }]);
    world.send(&[weak(span(2, 1, 0))]);
    world.send(&[span(1, 3, 1).session("strong")]);
    world.wait(302);
    let mut sessions = world.sessions();
    sessions.sort_by_key(|session| session.key.to_string());
    let facts = |it: &Session| (it.key.to_string(), it.spans, it.error_count, it.turns.len());
    assert_eq!(facts(&sessions[0]), ("strong".into(), 3, 1, 1));
    assert_eq!(facts(&sessions[1]), ("weak".into(), 1, 0, 1));
    assert_eq!(world.log.usage().live, 0);
}

#[test]
fn a_trace_that_moves_takes_its_own_age_along_and_leaves_that_of_the_others() {
    let weak = |spec: Spec| Spec { key: Some("gen_ai.conversation.id"), ..spec.session("weak") };
    let config = config::Sessions { max_duration: std::time::Duration::from_secs(1000), ..config::Sessions::default() };
    for (goes, strong, left) in [(5, Reason::Idle, Reason::Idle), (1, Reason::Duration, Reason::Idle)] {
        let mut world = World::new(3, &config);
        for trace in 1..=5 {
            world.send(&[weak(span(trace, 1, 0))]);
            world.wait(if trace < 5 { 200 } else { 50 });
        }
        world.send(&[span(goes, 2, 1).session("strong")]);
        world.wait(310);
        let mut verdicts = world.verdicts();
        verdicts.sort();
        assert_eq!(verdicts, [("strong".into(), 2, strong), ("weak".into(), 4, left)], "{goes}");
    }
}

#[test]
fn placeholders_name_no_session() {
    let mut world = world();
    for (trace, id) in (1..).zip(["", "none", "NULL", "0", "default", "Unknown", "  "]) {
        world.send(&[span(trace, 1, 0).session(id)]);
    }
    world.wait(12);
    assert!(world.sessions().iter().all(|session| session.key.is_trace() && session.spans == 1));
}

#[test]
fn a_link_joins_the_linked_trace_s_session_also_when_that_is_named_later() {
    let mut world = world();
    world.send(&[span(1, 1, 0).session("s")]);
    world.send(&[Spec { link: 1, ..span(2, 1, 0) }]);
    world.send(&[Spec { link: 4, ..span(3, 1, 0) }]);
    world.send(&[span(4, 2, 1)]);
    world.send(&[span(4, 1, 0).session("s")]);
    world.wait(320);
    assert_eq!(world.verdicts(), [("s".into(), 5, Reason::Idle)]);
}

#[test]
fn bounds_end_a_session_with_a_verdict_of_their_own() {
    let config = config::Sessions { max_spans: 10, max_bytes: 5000, ..config::Sessions::default() };
    let mut world = World::new(2, &config);
    world.send(&(1..=10).map(|id| span(1, id, id - 1).session("spans")).collect::<Vec<_>>());
    world.send(&[Spec { pad: 6000, ..span(2, 1, 0).session("bytes") }]);
    for trace in 3..=63 {
        world.send(&[Spec { pad: 1, ..span(trace, 1, 0).session("duration") }]);
        world
            .judged
            .lock()
            .unwrap()
            .retain(|it| it.session.key.to_string() != "duration" || it.reason != Reason::Spans);
        world.wait(1);
    }
    world.send(&[Spec { end: true, ..span(70, 1, 0).session("end") }, span(70, 2, 9)]);
    world.wait(12);
    let verdicts = world.verdicts();
    let reason = |id: &str| verdicts.iter().find(|it| it.0 == id).map(|it| it.2);
    assert_eq!(reason("spans"), Some(Reason::Spans));
    assert_eq!(reason("bytes"), Some(Reason::Bytes));
    assert_eq!(reason("end"), Some(Reason::ExplicitEnd));
    let config = config::Sessions { max_duration: std::time::Duration::from_secs(100), ..config::Sessions::default() };
    let mut world = World::new(2, &config);
    for trace in 1..=11 {
        world.send(&[span(trace, 1, 0).session("long")]);
        world.wait(10);
    }
    assert_eq!(world.verdicts(), [("long".into(), 11, Reason::Duration)]);
}

#[test]
fn a_conversation_of_weeks_holds_nothing_between_its_bursts_and_counts_them() {
    let mut world = world();
    for week in 0..5_u8 {
        world.send(&[Spec { error: week == 3, ..span(week + 1, 1, 0).session("weeks") }, span(week + 1, 2, 1)]);
        world.wait(302);
        let session = world.sessions().remove(0);
        assert_eq!((session.sequence, session.spans, session.failed()), (u32::from(week) + 1, 2, week == 3));
        assert_eq!((world.total().held.spans, world.total().sessions), (0, 0));
        assert_eq!(world.log.usage().live, 0);
        world.leap(7 * 86_400);
    }
    assert_eq!(world.total().kept.spans, 2, "the week that failed");
    assert_eq!(world.total().dropped.spans, 8);
}

#[test]
fn late_spans_of_a_kept_trace_follow_it_and_those_of_a_dropped_one_open_the_next_burst() {
    let mut world = world();
    world.send(&[span(1, 1, 0).session("keep me"), span(2, 1, 0).session("routine")]);
    world.wait(302);
    assert_eq!(world.verdicts().len(), 2);
    // Neither late span carries the id.
    world.send(&[span(1, 2, 1), span(2, 2, 1), Spec { error: true, ..span(2, 3, 0) }]);
    let late = world.kept.lock().unwrap().pop().unwrap();
    assert_eq!((late.session.is_none(), late.spans.len(), late.verdict.reason), (true, 1, Reason::Late));
    world.wait(302);
    let session = world.sessions().remove(0);
    assert_eq!((session.key.to_string().as_str(), session.sequence), ("routine", 2));
    assert_eq!((session.failed(), session.complete), (true, false));
    assert_eq!((world.total().kept.spans, world.total().late), (4, 3));
}

#[test]
fn what_is_sent_twice_is_counted_and_held_once() {
    let mut world = world();
    let spans: Vec<Spec> = (1..=9).map(|id| span(1, id, id - 1).session("keep")).collect();
    world.send(&spans);
    world.send(&spans);
    world.send(&[Spec { error: true, ..spans[4].clone() }]);
    world.wait(302);
    let counts = world.total();
    assert_eq!((counts.taken.spans, counts.duplicate.spans, counts.kept.spans), (19, 9, 10));
    assert_eq!(world.log.usage().live, 0);
}

#[test]
fn room_for_spans_that_are_held_already_is_given_back() {
    for own in [1, 100] {
        let mut world = World::new(1, &config::Sessions::default());
        let spans: Vec<Spec> = (1..=own).map(|id| span(1, id, 0)).collect();
        world.send(&spans);
        let room = |world: &World| {
            let (_, open) = world.shards[0].0.table.iter().next().unwrap();
            (open.spans.capacity(), open.index.capacity())
        };
        let before = room(&world);
        world.send(&vec![spans[0].clone(); 9000]);
        world.send(&vec![spans[0].clone(); 2]);
        let (spans, index) = room(&world);
        let most = super::by_id::most_room(usize::from(own));
        assert!(spans <= most && index <= most, "{own}: {before:?}, then {spans} {index}");
        assert!(before.0 <= most && before.1 <= most, "{own}: {before:?}");
        assert_eq!(world.total().duplicate.spans, 9002);
    }
}

#[test]
fn an_id_with_too_many_open_traces_falls_back_to_traces() {
    let config = config::Sessions { max_open_traces: 10, ..config::Sessions::default() };
    let mut world = World::new(3, &config);
    for trace in 1..=30 {
        world.send(&[span(trace, 2, 1).session("crowd")]);
        world.send(&[span(trace, 3, 1).session("crowd")]);
    }
    assert_eq!(world.total().crowded_ids, 20);
    world.wait(602);
    let mut sizes = BTreeMap::new();
    for (id, spans, _) in world.verdicts() {
        *sizes.entry((id == "crowd", spans)).or_insert(0) += 1;
    }
    assert_eq!(sizes, BTreeMap::from([((true, 20), 1), ((false, 2), 20)]));
}

#[test]
fn a_flush_judges_everything() {
    let mut world = world();
    for trace in 1..=50 {
        world.send(&[span(trace, 2, 1).session("open")]);
    }
    let (done, _wait) = crossbeam_channel::bounded(3);
    for shard in 0..3 {
        world.intake.mail.send(shard, Message::Flush(done.clone()));
    }
    world.pump();
    assert_eq!(world.total().held.spans, 0);
    assert!(world.verdicts().iter().all(|it| it.2 == Reason::Shutdown));
}

#[test]
fn early_verdicts_take_the_heaviest_and_oldest_first() {
    let mut world = World::new(1, &config::Sessions::default());
    for (trace, pad) in [(1, 10_000), (2, 100), (3, 10_000), (4, 50_000)] {
        world.send(&[Spec { pad, ..span(trace, 1, 7) }]);
        world.wait(20);
    }
    let now = world.now;
    world.shards[0].0.relieve(60_000, now);
    let traces: Vec<u8> = world.sessions().iter().map(|session| session.turns[0].trace_id.0[0]).collect();
    assert_eq!(traces, [4, 1]);
    world.shards[0].0.tick(now);
    world.check();
}

/// Lifetimes spread log-uniformly from 1 s to 10 min, at a steady rate: what is held beyond what is wanted, and what is
/// copied for that.
#[test]
fn copying_forward_keeps_held_bytes_near_live_ones_at_little_cost() {
    let config = config::Sessions {
        settle: std::time::Duration::from_millis(500),
        idle_timeout: std::time::Duration::from_millis(500),
        ..config::Sessions::default()
    };
    let mut world = World::with_log(2, &config, Log::with_segments(32 << 20, 256 << 10, 4));
    let mut seed = 88_172_645_463_325_252_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 11) as f64 / (1_u64 << 53) as f64
    };
    // Sessions that are open: id, next span, spans left, seconds between them.
    let mut open: Vec<(u64, f64, u64, f64)> = Vec::new();
    let (mut ratios, mut next_id) = (Vec::new(), 1_u64);
    for second in 0..1400_u64 {
        for _ in 0..10 {
            let life = (random() * 600_f64.ln()).exp();
            open.push((next_id, second as f64 + random(), 20, life / 20.0));
            next_id += 1;
        }
        let mut spans = Vec::new();
        open.retain_mut(|(id, next, left, gap)| {
            while *left > 0 && *next < (second + 1) as f64 {
                let last = *left == 1;
                let mut span = Spec { pad: 1500, ..span(1, 1, if last { 0 } else { 200 }) }.to_span();
                span.trace_id = [id.to_be_bytes(), [9; 8]].concat();
                span.span_id = if last { vec![200; 8] } else { [&id.to_be_bytes()[1..], &[*left as u8]].concat() };
                spans.push(span);
                *left -= 1;
                *next += *gap;
            }
            *left > 0
        });
        for chunk in spans.chunks(10) {
            let mut request = request(&[]);
            request.resource_spans[0].scope_spans[0].spans = chunk.to_vec();
            world.put(&request);
        }
        world.pump();
        world.leap(1);
        let usage = world.log.usage();
        if second > 700 {
            ratios.push(usage.held as f64 / usage.live as f64);
        }
    }
    let usage = world.log.usage();
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    let worst = ratios.iter().copied().fold(0.0, f64::max);
    let copied = usage.copied as f64 / usage.appended as f64;
    println!("held / live: mean {mean:.3}, worst {worst:.3}; copied / appended: {copied:.3}; {usage:?}");
    assert!(worst <= 1.5, "held {mean:.3} of live, worst {worst:.3}, copied {copied:.3}");
    assert!(copied <= 0.3, "copied {copied:.3} of appended");
}

/// A request whose resource is large, with many traces of one span: copies would have that resource each.
#[test]
fn copying_forward_never_takes_more_than_it_frees() {
    for own_segment in [true, false] {
        let pad = if own_segment { 1 << 20 } else { 400 << 10 };
        let mut world = World::with_log(2, &config::Sessions::default(), Log::with_segments(16 << 20, 1 << 20, 1));
        let mut large = request(&(1..=10).map(|trace| span(trace, 2, 1)).collect::<Vec<_>>());
        let attributes = &mut large.resource_spans[0].resource.as_mut().unwrap().attributes;
        let value = AnyValue { value: Some(any_value::Value::StringValue("x".repeat(pad))) };
        attributes.push(KeyValue { key: "pad".into(), value: Some(value), ..Default::default() });
        world.put(&large);
        // Others of which little is left fill the log. Of its own segment least is wanted: it is the first to be looked at.
        let mut held = 0;
        for round in 1..=200_u8 {
            let others = [Spec { pad: 50_000, ..span(200, round, 0) }, span(101 + round % 90, 2 + round / 90, 1)];
            world.put(&request(&others[..if round > 20 { 2 } else { 1 }]));
        }
        world.leap(1);
        for second in 0..60 {
            world.leap(1);
            let usage = world.log.usage();
            if second > 12 {
                assert!(usage.held <= held, "{own_segment}, {second}: {held}, then {usage:?}");
            }
            held = usage.held;
        }
        let usage = world.log.usage();
        // What stands in other segments was copied out of them all the same.
        assert!(usage.copied > 0 && usage.copied < 1 << 20, "{own_segment}: {usage:?}");
        assert!(usage.held < 8 << 20, "{own_segment}: {usage:?}");
        let all = world.total().held.spans;
        assert_eq!(all, 190);
        world.leap(700);
        assert_eq!((world.total().held.spans, world.log.usage().live), (0, 0));
    }
}
