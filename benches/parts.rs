//! The parts of the path, each alone on one thread: `cargo bench --bench parts`.
//!
//! Requests are those of the load generator: 512 spans, 64 sessions interleaved. What is said per second counts spans,
//! unless the name says otherwise.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "a tool that stops where it stumbles")]

#[path = "load/spans.rs"]
#[allow(dead_code, reason = "the load generator uses all of it")]
mod spans;

#[path = "load/recorded.rs"]
mod recorded;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use crossbeam_channel::{Receiver, unbounded};
use libdeflater::{CompressionLvl, Compressor, Decompressor};
use tailsieve::config::{Rule, Sessions, Sourced};
use tailsieve::expr::Compiler;
use tailsieve::flow::{Reason, Receipt, Session, SessionKey, Turn, TurnRoot};
use tailsieve::genai::calls::{Call, Kin, SessionContext, summarize};
use tailsieve::genai::conventions::Conventions;
use tailsieve::intern::{Kind, Name};
use tailsieve::log::{Log, Record, RecordKind};
use tailsieve::otlp::fields::{request, resource_spans, scope_spans};
use tailsieve::otlp::join::{Piece, join};
use tailsieve::otlp::keys::KeyTable;
use tailsieve::otlp::span::{SpanId, TraceId};
use tailsieve::otlp::walk::{Visit, walk};
use tailsieve::otlp::wire::Reader;
use tailsieve::pricing::{PriceBook, Prices};
use tailsieve::sample::Rules;
use tailsieve::session::Lens;
use tailsieve::session::directory::Directory;
use tailsieve::session::intake::Intake;
use tailsieve::session::mail::{Mail, Message};
use zstd::zstd_safe::DCtx;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Spans of a request.
const SPANS: usize = 512;
/// Shards that a request is split for.
const SHARDS: u16 = 2;
/// Largest chunk that kept spans are joined into, as the pipeline has it.
const PARCEL: usize = 256 << 10;

/// What of the load generator's arguments shapes its requests.
struct Args {
    spans: usize,
    interleaved: usize,
    session: usize,
}

/// The requests of a round: every session in them is whole.
fn requests() -> Vec<Vec<u8>> {
    let args = Args { spans: SPANS, interleaved: 64, session: 40 };
    spans::templates(&args).into_iter().map(|template| template.body).collect()
}

/// Errors, slow ones, a sample, and as many more that match nothing; half of those ask something of spans.
fn rules(count: usize) -> Vec<Rule> {
    let whens = [
        "spans.exists(s, s.attributes['gen_ai.tool.name'] == 'tool_{n}')",
        "session.error_count > {n} && session.spans > 1{n}00",
        "spans.exists(s, s.attributes['http.response.status_code'] == 50{n} && s.duration > duration('{n}s'))",
        "session.root_name == 'GET /healthz/{n}'",
        "spans.exists(s, s.attributes['gen_ai.request.model'].startsWith('model-{n}-'))",
        "session.duration > duration('{n}00s') && session.orphans > 0",
    ];
    let rule = |name: String, when: &str, probability| {
        let when = (!when.is_empty()).then(|| Sourced::from(when));
        Rule { name, when, probability, drop: false }
    };
    let mut rules = vec![
        rule("errors".into(), "session.error_count > 0", 1.0),
        rule("slow".into(), "session.duration > duration('30s')", 1.0),
        rule("routine".into(), "", 0.01),
    ];
    let more = 10..7 + count;
    rules.extend(more.map(|n| rule(format!("more-{n}"), &whens[n % whens.len()].replace("{n}", &n.to_string()), 1.0)));
    rules
}

/// What spans are read by with so many rules, as the pipeline compiles it.
fn compiled(count: usize) -> (Lens, Rules) {
    compile(&rules(count))
}

fn compile(rules: &[Rule]) -> (Lens, Rules) {
    let prices = Arc::new(Prices::new(PriceBook::load(&[]).unwrap()));
    let mut lens = Lens::new(&Conventions::embedded(), &Sessions::default(), prices);
    let mut compiler = Compiler::new(&mut lens.keys);
    let rules = Rules::compile(rules, &mut compiler).unwrap();
    lens.predicates = compiler.finish();
    (lens, rules)
}

/// Reads every field of a request down to those of its spans, and looks into none.
fn framing(bytes: &[u8], path: &[u32]) -> u64 {
    let (mut reader, mut fields) = (Reader::new(bytes), 0);
    while let Some(field) = reader.next_field().unwrap() {
        fields += 1;
        if let Some((number, inner)) = path.split_first()
            && field.number == *number
        {
            fields += framing(field.value.bytes(field.start).unwrap(), inner);
        }
    }
    fields
}

fn walking(c: &mut Criterion) {
    let body = requests().swap_remove(0);
    let mut group = c.benchmark_group("request");
    group.throughput(Throughput::Elements(SPANS as u64));
    let path = [request::RESOURCE_SPANS, resource_spans::SCOPE_SPANS, scope_spans::SPANS];
    group.bench_function("framing alone", |b| b.iter(|| framing(black_box(&body), &path)));
    for count in [3, 50] {
        let (lens, _) = compiled(count);
        group.bench_function(format!("walk, keys of {count} rules"), |b| {
            b.iter(|| walk(black_box(&body), &lens.keys, |_| ()).unwrap());
        });
        group.bench_function(format!("walk, span predicates of {count} rules"), |b| {
            b.iter(|| {
                let mut met = 0;
                walk(black_box(&body), &lens.keys, |visit| met |= lens.predicates.evaluate(visit)).unwrap();
                met
            });
        });
    }
    let (lens, _) = compiled(3);
    group.bench_function("walk, facts", |b| {
        b.iter(|| {
            let mut calls = 0;
            walk(black_box(&body), &lens.keys, |visit| calls += u32::from(lens.calls.facts.facts(visit).is_some()))
                .unwrap();
            calls
        });
    });
    let book = lens.prices.current();
    group.bench_function("walk, records", |b| {
        b.iter(|| {
            let mut priced = 0;
            walk(black_box(&body), &lens.keys, |visit| {
                let call = lens.calls.read(visit, Name::NONE, &book).call;
                priced += u32::from(call.is_some_and(|call| call.priced().is_some()));
            })
            .unwrap();
            priced
        });
    });
    intake(&mut group, "intake", compiled(3).0, std::slice::from_ref(&body));
    inflating(&mut group, &body);
    group.finish();
    looking_up(c, &body);
}

/// What was recorded of real instrumentations.
fn recordings(c: &mut Criterion) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let args = Args { spans: SPANS, interleaved: 0, session: 0 };
    let bodies: Vec<_> = recorded::templates(&args, &folder).into_iter().map(|template| template.body).collect();
    let mut group = c.benchmark_group("recorded");
    group.throughput(Throughput::Elements((SPANS * bodies.len()) as u64));
    let walk_all = |lens: &Lens, mut visit: &mut dyn FnMut(&Visit<'_, '_>)| {
        bodies.iter().for_each(|body| drop(walk(black_box(body), &lens.keys, &mut visit).unwrap()));
    };
    let (lens, _) = compiled(3);
    group.bench_function("walk", |b| b.iter(|| walk_all(&lens, &mut |_| ())));
    let mut found = 0;
    group.bench_function("walk, facts", |b| {
        b.iter(|| walk_all(&lens, &mut |visit| found += u32::from(lens.calls.facts.facts(visit).is_some())));
    });
    let book = lens.prices.current();
    group.bench_function("walk, records", |b| {
        b.iter(|| {
            walk_all(&lens, &mut |visit| found += u32::from(lens.calls.read(visit, Name::NONE, &book).call.is_some()))
        });
    });
    intake(&mut group, "intake", compiled(3).0, &bodies);
    group.finish();
}

/// From the record in the log to the messages at the shards, with traces that are known already.
fn intake(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, lens: Lens, bodies: &[Vec<u8>]) {
    let (senders, receivers): (Vec<_>, Vec<Receiver<Message>>) = (0..SHARDS).map(|_| unbounded()).unzip();
    let (lens, directory) = (Arc::new(lens), Arc::new(Directory::new(SHARDS)));
    let log = Log::new(256 << 20, 1);
    let intake = Intake {
        lens,
        directory,
        mail: Mail::new(senders, std::sync::Arc::default()),
        most_spans: SPANS,
        log: log.clone(),
    };
    let append = |body: &[u8]| -> Record {
        let fill = |room: &mut [u8]| {
            room.copy_from_slice(body);
            Ok::<_, ()>(body.len())
        };
        log.append(RecordKind::Traces, 1, body.len(), fill).unwrap()
    };
    let take = |record| {
        assert!(matches!(intake.take(record), Receipt::Accepted { refused: 0, .. }));
        receivers.iter().flat_map(Receiver::try_iter).count()
    };
    let take_all = |records: Vec<Record>| records.into_iter().map(take).sum::<usize>();
    let append_all = || bodies.iter().map(|body| append(body)).collect();
    group.bench_function(name, |b| b.iter_batched(append_all, take_all, BatchSize::NumIterations(4)));
}

fn inflating(group: &mut BenchmarkGroup<'_, WallTime>, body: &[u8]) {
    let mut room = vec![0; body.len()];
    let mut compressor = Compressor::new(CompressionLvl::new(6).unwrap());
    let mut gzip = vec![0; compressor.gzip_compress_bound(body.len())];
    let len = compressor.gzip_compress(body, &mut gzip).unwrap();
    gzip.truncate(len);
    let mut context = Decompressor::new();
    group.bench_function("inflate gzip", |b| b.iter(|| context.gzip_decompress(&gzip, &mut room).unwrap()));
    let packed = zstd::bulk::compress(body, 1).unwrap();
    let mut context = DCtx::create();
    group.bench_function("inflate zstd", |b| b.iter(|| context.decompress(&mut room[..], &packed).unwrap()));
}

fn looking_up(c: &mut Criterion, body: &[u8]) {
    let (lens, _) = compiled(3);
    let mut names = Vec::new();
    walk(body, &lens.keys, |visit| names.extend(visit.span.attributes().map(|attribute| attribute.key))).unwrap();
    let mut group = c.benchmark_group("keys");
    group.throughput(Throughput::Elements(names.len() as u64));
    group.bench_function("look-up, attributes", |b| {
        b.iter(|| names.iter().filter(|name| lens.keys.find(black_box(name.as_bytes())).is_some()).count());
    });
    group.finish();
}

fn verdicts(c: &mut Criterion) {
    let mut group = c.benchmark_group("verdict");
    group.throughput(Throughput::Elements(1));
    for count in [3, 50] {
        let (lens, rules) = compiled(count);
        let session = session(lens.predicates.len());
        group.bench_function(format!("{count} rules, sessions"), |b| {
            b.iter(|| rules.judge(black_box(&session), Reason::Settled));
        });
    }
    group.finish();
}

/// An ordinary session of forty spans.
fn session(predicates: usize) -> Session {
    let root = TurnRoot {
        span: 39,
        parent: SpanId([0; 8]),
        start: 1_790_000_000_000_000_000,
        status: 0,
        name: "invoke_agent research-agent".into(),
        local: true,
    };
    Session {
        key: SessionKey::Trace(TraceId([7; 16])),
        sequence: 1,
        randomness: 1 << 40,
        turns: vec![Turn {
            trace_id: TraceId([7; 16]),
            earliest: (root.start, 0),
            top: None,
            root: Some(root),
            beside: false,
        }],
        spans: 40,
        bytes: 64_000,
        services: vec![Name::new(Kind::Service, "agent")],
        error_types: Vec::new(),
        start: 1_790_000_000_000_000_000,
        end: 1_790_000_001_600_000_000,
        error_count: 0,
        unfinished: 0,
        orphans: 0,
        complete: true,
        predicates: vec![0; predicates].into(),
        calls: Vec::new(),
        book: None,
        sums: None,
    }
}

fn joining(c: &mut Criterion) {
    let requests = requests();
    let mut sessions: BTreeMap<[u8; 16], Vec<Piece<'_>>> = BTreeMap::new();
    for segment in &requests {
        walk(segment, &KeyTable::default(), |visit| {
            sessions.entry(visit.span.trace_id.0).or_default().push(Piece {
                segment,
                header: *visit.header,
                start: visit.range.start,
                len: visit.range.len,
                append: &[],
                without: &[],
            });
        })
        .unwrap();
    }
    let mut sessions: Vec<_> = sessions.into_values().collect();
    sessions.sort_by_key(Vec::len);
    let mut group = c.benchmark_group("join");
    for wanted in [20, 40, 60] {
        let pieces = sessions.iter().min_by_key(|pieces| pieces.len().abs_diff(wanted)).unwrap();
        group.throughput(Throughput::Elements(pieces.len() as u64));
        group.bench_function(format!("session of {} spans", pieces.len()), |b| {
            b.iter(|| join(black_box(pieces), PARCEL, &mut |joined| drop(black_box(joined))));
        });
    }
    group.finish();
}

/// The sums of whole sessions, from their records.
fn summing(c: &mut Criterion) {
    let (lens, _) = compiled(3);
    let book = lens.prices.current();
    let mut sessions: BTreeMap<[u8; 16], (Vec<Call>, Vec<Kin>)> = BTreeMap::new();
    for body in requests() {
        walk(&body, &lens.keys, |visit| {
            let (calls, kin) = sessions.entry(visit.span.trace_id.0).or_default();
            if let Some(call) = lens.calls.read(visit, Name::NONE, &book).call {
                calls.push(Call { span: calls.len() as u32, ..call });
                let [id, parent] = [visit.span.span_id, visit.span.parent_id].map(|id| u64::from_le_bytes(id.0));
                kin.push(Kin { id, parent, ..Kin::default() });
            }
        })
        .unwrap();
    }
    let mut sessions: Vec<_> = sessions.into_values().collect();
    let mut group = c.benchmark_group("sums");
    group.throughput(Throughput::Elements(sessions.iter().map(|(calls, _)| calls.len() as u64).sum()));
    group.bench_function("all sessions of a round", |b| {
        let context = SessionContext { turns: &[0], ..SessionContext::default() };
        b.iter(|| {
            let sums = sessions.iter_mut().map(|(calls, kin)| summarize(calls, kin, &context));
            sums.map(|sums| u64::from(sums.llm_calls)).sum::<u64>()
        });
    });
    group.finish();
}

criterion_group!(parts, walking, recordings, summing, verdicts, joining);
criterion_main!(parts);
