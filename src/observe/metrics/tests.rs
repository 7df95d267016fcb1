use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};

use super::*;
use crate::clock::{Clock, SECOND};
use crate::flow::Reason;
use crate::log::Log;
use crate::observe::ledger::{Ledger, ShardCounts, Spans};
use crate::observe::pressure::Pressure;
use crate::pricing::{BookFile, PriceBook, Prices, Source};

/// A sample as a scraper sees it: its name, its labels and its value.
#[derive(Debug, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Reads an exposition as Prometheus does, and insists that each family is one block with one HELP and one TYPE.
fn parse(text: &str) -> Vec<Sample> {
    assert!(text.ends_with('\n'));
    let (mut samples, mut seen, mut family) = (Vec::new(), BTreeSet::new(), String::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            assert!(!help.is_empty() && seen.insert(name.to_owned()), "{name} twice, or without help");
            let kind = lines.next().unwrap().strip_prefix("# TYPE ").unwrap().strip_prefix(name).unwrap();
            assert!([" counter", " gauge"].contains(&kind), "{kind}");
            family = name.to_owned();
            continue;
        }
        let sample = parse_sample(line);
        assert_eq!(sample.name, family, "a sample outside its family");
        samples.push(sample);
    }
    samples
}

fn parse_sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, value) = rest.split_once("=\"").unwrap();
            let (value, after) = parse_value(value);
            assert!(labels.insert(label.to_owned(), value).is_none());
            match after.strip_prefix(',') {
                Some(next) => rest = next,
                None => break rest = after.strip_prefix('}').unwrap(),
            }
        }
    }
    Sample { name: name.into(), labels, value: rest.strip_prefix(' ').unwrap().parse().unwrap() }
}

/// A quoted value and what follows the closing quote.
fn parse_value(text: &str) -> (String, &str) {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    loop {
        match chars.next().unwrap() {
            (_, '\\') => value.push(match chars.next().unwrap().1 {
                'n' => '\n',
                other => other,
            }),
            (at, '"') => return (value, &text[at + 1..]),
            (_, other) => value.push(other),
        }
    }
}

static PRICES: LazyLock<Arc<Prices>> = LazyLock::new(|| {
    let book = PriceBook::load(&[BookFile::Embedded(Source::Genai)]).unwrap();
    Arc::new(Prices::new(book))
});

fn sources(ledger: Ledger) -> Sources {
    Sources {
        ledger: Arc::new(ledger),
        log: Log::new(4 << 20, 1),
        pressure: Arc::new(Pressure::new(64 << 20)),
        prices: PRICES.clone(),
        clock: Clock::manual(90 * SECOND),
        started: 30 * SECOND,
    }
}

fn busy_ledger() -> Ledger {
    let ledger = Ledger::new(2, ["otlp_grpc/tempo".into(), "file/\"a\\b\"\n".into()]);
    for (at, shard) in ledger.shards.iter().enumerate() {
        let at = at as u64;
        shard.publish(&ShardCounts {
            taken: Spans::new(100 + at, 10_000),
            held: Spans::new(10, 1_000),
            kept: Spans::new(20 + at, 3_000),
            dropped: Spans::new(61, 5_000),
            duplicate: Spans::new(2, 100),
            lost: Spans::new(3, 200),
            moved_out: Spans::new(5 - at, 700 + 300 * at),
            moved_in: Spans::new(1 - at, 300 * at),
            ..ShardCounts::default()
        });
        assert!(shard.read().balances());
    }
    for door in &ledger.doors {
        door.accepted_spans.store(101, Ordering::Relaxed);
        door.refused_spans.store(7, Ordering::Relaxed);
        door.refused_bytes.store(70, Ordering::Relaxed);
    }
    for lane in &ledger.lanes {
        lane.change(|counts| {
            counts.routed = Spans::new(41, 6_000);
            counts.queued = Spans::new(1, 500);
            counts.sent = Spans::new(30, 5_000);
            counts.failed = Spans::new(10, 500);
            counts.overflowed = Spans::new(4, 200);
        });
    }
    ledger.judged(&"a \"rule\"".into(), true, Reason::Settled);
    ledger.judged(&"a \"rule\"".into(), true, Reason::Settled);
    ledger.judged(&"(none)".into(), false, Reason::Idle);
    ledger
}

/// The sum over all rows of a metric.
fn sum(samples: &[Sample], name: &str) -> f64 {
    let of_name: Vec<_> = samples.iter().filter(|sample| sample.name == format!("tailsieve_{name}")).collect();
    assert!(!of_name.is_empty(), "{name} is missing");
    of_name.iter().map(|sample| sample.value).sum()
}

#[test]
fn a_scrape_parses_and_its_ledger_balances() {
    let samples = parse(&exposition(&sources(busy_ledger())));
    for unit in ["spans", "bytes"] {
        let of = |name: &str| sum(&samples, &format!("ledger_{name}_{unit}"));
        let parts = ["kept", "dropped", "held", "refused", "duplicate", "lost"];
        assert_eq!(of("received"), parts.into_iter().map(of).sum::<f64>(), "{unit}");
        let of = |name: &str| sum(&samples, &format!("ledger_exporter_{name}_{unit}"));
        assert_eq!(of("routed"), ["sent", "queued", "failed"].into_iter().map(of).sum::<f64>(), "{unit}");
    }
    assert_eq!(sum(&samples, "ledger_received_spans"), 215.0);
    assert_eq!(sum(&samples, "ledger_refused_bytes"), 140.0);
}

#[test]
fn spans_on_their_way_between_shards_are_held() {
    let samples = parse(&exposition(&sources(busy_ledger())));
    // Ten on each of two shards; nine were handed over and one of those was taken.
    assert_eq!(sum(&samples, "ledger_held_spans"), 28.0);
}

#[test]
fn an_exporters_failures_are_told_apart_as_otelcol_does() {
    let samples = parse(&exposition(&sources(busy_ledger())));
    assert_eq!(sum(&samples, "exporter_send_failed_spans"), 12.0);
    assert_eq!(sum(&samples, "exporter_enqueue_failed_spans"), 8.0);
}

#[test]
fn labels_come_back_as_they_were_named() {
    let samples = parse(&exposition(&sources(busy_ledger())));
    let labels = |name: &str, label: &str| -> Vec<String> {
        let rows = samples.iter().filter(|sample| sample.name == name);
        rows.map(|sample| sample.labels[label].clone()).collect()
    };
    assert_eq!(labels("tailsieve_exporter_sent_spans", "exporter"), ["otlp_grpc/tempo", "file/\"a\\b\"\n"]);
    assert_eq!(labels("tailsieve_receiver_accepted_spans", "transport"), ["grpc", "http"]);
    let kept = samples.iter().find(|sample| sample.labels.get("decision").is_some_and(|it| it == "keep")).unwrap();
    assert_eq!((kept.labels["rule"].as_str(), kept.labels["reason"].as_str()), ("a \"rule\"", "settled"));
    assert_eq!(kept.value, 2.0);
}

#[test]
fn every_row_carries_the_labels_that_its_metric_declares() {
    let samples = parse(&exposition(&sources(busy_ledger())));
    for metric in METRICS {
        let rows: Vec<_> = samples.iter().filter(|row| row.name == format!("{PREFIX}{}", metric.name)).collect();
        assert!(!rows.is_empty(), "{} is never written", metric.name);
        let declared: BTreeSet<_> = metric.labels.iter().map(|label| label.to_string()).collect();
        assert!(rows.iter().all(|row| row.labels.keys().cloned().collect::<BTreeSet<_>>() == declared), "{rows:?}");
    }
}

#[test]
fn no_help_needs_escaping_and_all_of_it_is_documented() {
    let documentation = documentation();
    assert_eq!(documentation.lines().count(), METRICS.len() + 2);
    for metric in METRICS {
        assert!(metric.help.ends_with('.') && !metric.help.contains(['\\', '\n', '|']), "{}", metric.help);
        assert!(documentation.contains(&format!("| `tailsieve_{}` | {} |", metric.name, metric.kind.name())));
    }
}

#[test]
fn counts_above_what_a_float_can_hold_are_written_whole() {
    let ledger = Ledger::new(1, []);
    let most = Spans::new(u64::MAX, u64::MAX);
    ledger.shards[0].publish(&ShardCounts { taken: most, kept: most, ..ShardCounts::default() });
    assert!(exposition(&sources(ledger)).contains(&format!("tailsieve_ledger_kept_spans {}\n", u64::MAX)));
}

#[test]
fn a_metric_without_rows_is_left_out() {
    let text = exposition(&sources(Ledger::new(1, [])));
    assert!(!text.contains("tailsieve_verdicts") && !text.contains("exporter"), "{text}");
    assert_eq!(sum(&parse(&text), "process_uptime"), 60.0);
}
