//! What the library says of every recorded call, held against what really happened. Where the data of an instrumentation
//! does not tell, the difference is listed with its reason in `recordings_deviations.yaml`: one that is not listed fails,
//! and so does one that is listed and no longer there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a proof fails by panicking"
)]

mod deviations;
mod otlp_common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use serde_json::Value;
use tailsieve::genai::conventions::Conventions;
use tailsieve::genai::extract::extractor::FactExtractor;
use tailsieve::genai::extract::session_id::SessionKeys;
use tailsieve::genai::vocabulary::Operation;
use tailsieve::genai::vocabulary::Outcome;
use tailsieve::otlp::keys::KeyTable;
use tailsieve::otlp::span::STATUS_ERROR;
use tailsieve::otlp::walk::walk;

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings");
const DEVIATIONS: &str = include_str!("recordings_deviations.yaml");

/// One span, as far as it is checked.
#[derive(Clone, Debug)]
struct Seen {
    trace: String,
    id: String,
    parent: String,
    scope: String,
    start: u64,
    error: bool,
    session: Option<String>,
    facts: Option<Said>,
}

/// What was said of it.
#[derive(Clone, Debug)]
struct Said {
    operation: Operation,
    leaf: bool,
    ending: Option<(Outcome, String)>,
    or_broken: Option<Outcome>,
    model: String,
    tokens: String,
    streaming: Option<bool>,
    ttft: Option<f64>,
    failed: bool,
    tool: Option<(String, Option<u64>)>,
}

/// All spans of one recording.
fn read(files: &[Vec<u8>], keys: &KeyTable, facts: &FactExtractor, sessions: &SessionKeys) -> Vec<Seen> {
    let mut seen = Vec::new();
    for bytes in files {
        let tally = walk(bytes, keys, |visit| {
            let said = facts.facts(visit).map(|facts| Said {
                operation: facts.operation,
                leaf: facts.is_leaf_call(),
                ending: facts.ending.map(|it| (it.outcome, it.why.to_owned())),
                or_broken: facts.ending.map(|it| it.beneath_a_failure().outcome),
                model: if facts.response_model.is_empty() { facts.request_model } else { facts.response_model }.into(),
                tokens: facts.tokens.map_or("none".into(), |it| {
                    let number = |n: Option<u64>| n.map_or("?".into(), |n| n.to_string());
                    let (input, output) = (number(it.input_uncached), number(it.output()));
                    format!("{input}+{}+{}/{output}", it.cache_read, it.cache_write + it.cache_write_1h)
                }),
                streaming: facts.streaming,
                ttft: facts.ttft,
                failed: facts.failed,
                tool: facts.tool.map(|tool| (tool.name.to_owned(), tool.arguments)),
            });
            seen.push(Seen {
                trace: visit.span.trace_id.to_string(),
                id: visit.span.span_id.to_string(),
                parent: visit.span.parent_id.to_string(),
                scope: visit.scope.name.into(),
                start: visit.span.start,
                error: visit.span.status == STATUS_ERROR,
                session: sessions.candidate(visit).map(|candidate| candidate.id.into_owned()),
                facts: said,
            });
        });
        assert_eq!(tally.unwrap().refused, 0);
    }
    seen.sort_by_key(|span| span.start);
    seen
}

/// The last model call of each instrumentation, with its outcome, now that its ancestors are known.
fn last_calls(spans: &[Seen]) -> Vec<(&Seen, &Said, Outcome)> {
    let by_id: HashMap<_, _> = spans.iter().map(|span| (&span.id, span)).collect();
    let mut last = BTreeMap::new();
    for span in spans {
        let Some(said) = span.facts.as_ref().filter(|said| said.leaf) else { continue };
        let mut above = by_id.get(&span.parent);
        let mut failed = false;
        while let Some(parent) = above {
            failed |= parent.error;
            above = by_id.get(&parent.parent);
        }
        let outcome = if failed { said.or_broken.unwrap() } else { said.ending.as_ref().unwrap().0 };
        last.insert(&span.scope, (span, said, outcome));
    }
    last.into_values().collect()
}

/// What the truth is: the outcomes that it allows.
fn truth(label: &Value, scenario: &str) -> &'static [Outcome] {
    let is = |key: &str| label[key] == true;
    // What read it was left; the call itself ran to its end.
    if label["note"].as_str().is_some_and(|note| note.contains("the LLM call underneath completed")) {
        return &[Outcome::Complete];
    }
    match label["truncated"].as_str() {
        Some("length") => return &[Outcome::Truncated],
        Some("content_filter") => return &[Outcome::Filtered],
        Some("refusal") => return &[Outcome::Refused],
        _ => {}
    }
    match scenario {
        _ if is("mid_stream_failure") => &[Outcome::Broken],
        _ if is("abandoned_by_client") => &[Outcome::Abandoned],
        _ if is("request_error") => &[Outcome::Failed],
        "oneshot" | "reasoning" | "responses_oneshot" | "embeddings" | "anthropic_oneshot" => &[Outcome::NotStreaming],
        _ if scenario.contains("stream") => &[Outcome::Complete],
        _ => &[Outcome::Complete, Outcome::NotStreaming],
    }
}

fn truth_of_turn(mode: &str) -> &'static [Outcome] {
    match mode {
        "normal" | "slow" | "r429" => &[Outcome::Complete],
        "length" => &[Outcome::Truncated],
        "break" | "stall" | "sseerr" => &[Outcome::Broken],
        "abandon" => &[Outcome::Abandoned],
        "e500" => &[Outcome::Failed],
        "fail_tool" => &[],
        other => panic!("{other}"),
    }
}

/// Checks one cell; deviations go to `found` as (check, what was got).
fn check_outcomes(cell: &str, spans: &[Seen], truth: &[Outcome], found: &mut BTreeMap<(String, &'static str), String>) {
    let calls = last_calls(spans);
    let got: BTreeSet<_> = calls.iter().map(|(_, _, outcome)| outcome.name()).collect();
    let right = calls.iter().all(|(_, _, outcome)| truth.contains(outcome));
    if !truth.is_empty() && (calls.is_empty() || !right) {
        let got = if got.is_empty() { "no span".into() } else { got.into_iter().collect::<Vec<_>>().join(", ") };
        found.insert((cell.into(), "outcome"), got);
    }
    // These two nothing excuses.
    let ill = truth.contains(&Outcome::Broken) || truth.contains(&Outcome::Abandoned);
    let well = truth.contains(&Outcome::Complete) || truth.contains(&Outcome::NotStreaming);
    for span in spans {
        let Some((outcome, why)) = span.facts.as_ref().and_then(|said| said.ending.clone()) else { continue };
        assert!(!(ill && outcome == Outcome::Complete), "{cell}: complete, {why}");
        assert!(!(well && outcome == Outcome::Broken), "{cell}: broken, {why}");
    }
    assert!(calls.iter().all(|(_, said, _)| !said.ending.as_ref().unwrap().1.is_empty()), "{cell}: no reason");
}

/// Model and tokens of the last call, as its server counted them.
struct Wanted {
    model: String,
    input: String,
    output: String,
}

/// What the servers noted of the last call, where they noted it.
fn noted(label: &Value) -> Option<Wanted> {
    let last = label["server"].as_array()?.iter().rfind(|request| request["input"].is_u64())?;
    let number = |key: &str| last[key].as_u64().unwrap();
    let (read, written) = (number("cache_read"), number("cache_write"));
    Some(Wanted {
        model: last["model"].as_str().unwrap().to_owned(),
        input: format!("{}+{read}+{written}", number("input") - read - written),
        output: number("output").to_string(),
    })
}

/// What the servers of the older recordings sent, by the scenario.
fn by_scenario(framework: &str, scenario: &str) -> Wanted {
    let claude = framework.contains("anthropic") || scenario.contains("anthropic");
    let model = match scenario {
        _ if claude => "claude-sonnet-4-5",
        "reasoning" | "responses_oneshot" => "o4-mini",
        "embeddings" => "text-embedding-3-small",
        _ => "gpt-4o-mini",
    };
    let input = match (claude, scenario) {
        (true, _) => "288+1024+512",
        (_, "embeddings") => "18+0+0",
        _ => "288+1024+0",
    };
    let output = match scenario {
        "length" => "12",
        "filter" => "6",
        "reasoning" | "responses_oneshot" => "163",
        "refusal" if claude => "6",
        "refusal" => "8",
        "embeddings" => "?",
        _ => "35",
    };
    Wanted { model: model.into(), input: input.into(), output: output.into() }
}

/// Model, tokens and the time of the first token of each last call that came to its end.
fn check_numbers(cell: &str, label: &Value, spans: &[Seen], found: &mut BTreeMap<(String, &'static str), String>) {
    let (framework, scenario) = cell.split_once('/').unwrap();
    let Wanted { model, input, output } = noted(label).unwrap_or_else(|| by_scenario(framework, scenario));
    for (_, said, outcome) in last_calls(spans) {
        // A model is priced by its name with or without its date.
        if !said.model.starts_with(&model) && !model.starts_with(&format!("{}-2", said.model)) {
            found
                .insert((cell.into(), "model"), if said.model.is_empty() { "none".into() } else { said.model.clone() });
        }
        let tokens = format!("{input}/{output}");
        let got = said.tokens.replace("/0", "/?");
        let calls_a_tool = matches!(scenario, "fail_tool" | "recursion_limit") && got == format!("{input}/18");
        let untold = scenario == "stream_nousage" && got == "none";
        // Where nothing tells how a call ended, its usage is there all the same.
        let ended = outcome.ended() || outcome == Outcome::Unknown && label["server"].is_array();
        if ended && got != tokens && !calls_a_tool && !untold {
            found.insert((cell.into(), "tokens"), said.tokens.clone());
        }
        // What a stream begins with is no output.
        assert!(ended || said.tokens == "none" || said.tokens.ends_with("/?"), "{cell}: {}", said.tokens);
        // An error that may be that of a client that left may come behind a first token.
        let streamed = match outcome {
            Outcome::NotStreaming | Outcome::Failed => false,
            Outcome::Errored => label["server"].is_array() && said.ttft.is_some(),
            _ => true,
        };
        // Where it is not told whether it was a stream, the scenario does.
        let scenes = ["stream", "break", "abandon", "stall", "cancel", "sse_error", "length", "filter"];
        let told = said.streaming.unwrap_or(scenes.iter().any(|scene| scenario.contains(scene)));
        let slow = scenario == "stream_slow";
        if streamed && told && said.ttft.is_none_or(|ttft| slow && ttft < 1.4) {
            let got = said.ttft.map_or("none".to_owned(), |ttft| format!("{ttft:.1}"));
            found.insert((cell.into(), "ttft"), got);
        }
        assert!(streamed || said.ttft.is_none(), "{cell}: {said:?}");
    }
}

/// Whose session it is, where the application said so.
fn check_session(
    cell: &str,
    spans: &[Seen],
    given: Option<&str>,
    found: &mut BTreeMap<(String, &'static str), String>,
) {
    let named: BTreeSet<_> = spans.iter().filter_map(|span| span.session.as_deref()).collect();
    if named != given.into_iter().collect() {
        let got = if named.is_empty() { "none" } else { "another" };
        found.insert((cell.into(), "session"), got.into());
    }
}

/// Which tools failed, and what went round in circles.
fn check_tools(cell: &str, spans: &[Seen], label: &Value, found: &mut BTreeMap<(String, &'static str), String>) {
    let tools = || spans.iter().filter_map(|span| span.facts.as_ref()).filter(|said| said.operation == Operation::Tool);
    let failed = tools().any(|said| said.failed);
    if failed != (label["tool_failure"] == true) {
        found.insert((cell.into(), "tool failure"), failed.to_string());
    }
    if label["runaway_loop"] == true {
        let mut calls: HashMap<_, usize> = HashMap::new();
        tools().for_each(|said| *calls.entry(said.tool.clone()).or_default() += 1);
        let most = calls.values().copied().max().unwrap_or(0);
        let wanted = [("loop12", 12), ("loop6", 6)].into_iter().find(|(name, _)| cell.ends_with(name));
        if most < wanted.map_or(4, |(_, calls)| calls) {
            found.insert((cell.into(), "loop"), most.to_string());
        }
        let told = calls.keys().flatten().all(|(name, arguments)| name.ends_with("get_weather") && arguments.is_some());
        if !told {
            found.insert((cell.into(), "tool arguments"), "none".into());
        }
    }
}

/// All deviations of all cells.
fn deviations() -> BTreeMap<(String, &'static str), String> {
    let mut keys = KeyTable::default();
    let conventions = Conventions::embedded();
    let facts = FactExtractor::compile(&conventions, &mut keys);
    let sessions = SessionKeys::compile(&conventions, &mut keys);
    let labels: Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{RECORDINGS}/labels.json")).unwrap()).unwrap();
    let mut found = BTreeMap::new();
    let mut cells = 0;
    for label in labels.as_array().unwrap() {
        let (framework, scenario) = (label["framework"].as_str().unwrap(), label["scenario"].as_str().unwrap());
        let (cell, path) = (format!("{framework}/{scenario}"), Path::new(RECORDINGS).join(framework).join(scenario));
        if !path.is_dir() {
            continue;
        }
        cells += 1;
        let mut files: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let files: Vec<_> = files.into_iter().map(|file| std::fs::read(file).unwrap()).collect();
        let spans = read(&files, &keys, &facts, &sessions);
        if let Some(turns) = label["truth_by_trace"].as_object() {
            assert!(turns.len() == 20, "{cell}");
            for (trace, mode) in turns {
                let mode = mode.as_str().unwrap();
                let turn: Vec<_> = spans.iter().filter(|span| span.trace == *trace).cloned().collect();
                assert!(!turn.is_empty(), "{cell} {trace}");
                check_outcomes(&format!("{cell}/{mode}"), &turn, truth_of_turn(mode), &mut found);
                let failed = turn.iter().filter_map(|span| span.facts.as_ref());
                let failed = failed.filter(|said| said.operation == Operation::Tool).any(|said| said.failed);
                assert_eq!(failed, mode == "fail_tool", "{cell} {trace}");
            }
            continue;
        }
        check_outcomes(&cell, &spans, truth(label, scenario), &mut found);
        check_numbers(&cell, label, &spans, &mut found);
        let session = label["session_id"].as_str().unwrap();
        let given = files.iter().any(|file| file.windows(session.len()).any(|part| part == session.as_bytes()));
        check_session(&cell, &spans, given.then_some(session), &mut found);
        check_tools(&cell, &spans, label, &mut found);
    }
    assert!(cells >= 410, "only {cells} cells");
    found
}

#[test]
fn every_recorded_call_is_read_as_it_was_or_its_deviation_is_listed() {
    let found = deviations().into_iter().map(|((cell, check), got)| ((cell, check.to_owned()), got));
    deviations::assert_listed(&found.collect(), DEVIATIONS, "recordings_deviations.yaml");
}

#[test]
fn a_users_own_keys_are_asked_first_and_the_others_after_them() {
    let own = "
extends: default
session:
  id: [my.session]
fields:
  first_token: [{event: my first token}, {key: my.ttft, unit: ms}]
finish_reasons: {length: [too_long]}
";
    let conventions = Conventions::parse(own, "mine.yaml").unwrap();
    let mut keys = KeyTable::default();
    let facts = FactExtractor::compile(&conventions, &mut keys);
    let sessions = SessionKeys::compile(&conventions, &mut keys);
    let request = request_of_a_user();
    let mut seen = 0;
    walk(&request, &keys, |visit| {
        seen += 1;
        assert_eq!(sessions.candidate(visit).unwrap().id, "mine");
        let facts = facts.facts(visit).unwrap();
        assert_eq!(facts.ttft, Some(0.25));
        assert_eq!(facts.request_model, "gpt-4o");
        assert_eq!(facts.ending.unwrap().outcome, Outcome::Truncated);
    })
    .unwrap();
    assert_eq!(seen, 1);
    // Without `extends` the file stands for itself.
    let alone = Conventions::parse(&own.replace("extends: default", ""), "mine.yaml").unwrap();
    let mut keys = KeyTable::default();
    let facts = FactExtractor::compile(&alone, &mut keys);
    walk(&request, &keys, |visit| assert!(facts.facts(visit).is_none())).unwrap();
}

/// A span with keys of the user's own, beside those that everybody knows.
fn request_of_a_user() -> Vec<u8> {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
    use opentelemetry_proto::tonic::trace::v1::span::Event;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message as _;
    let attribute = |(key, text): (&str, &str)| KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(Value::StringValue(text.into())) }),
        ..KeyValue::default()
    };
    let attributes = [
        ("session.id", "theirs"),
        ("my.session", "mine"),
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.request.model", "gpt-4o"),
        ("gen_ai.response.time_to_first_chunk", "0.5"),
        ("gen_ai.response.finish_reasons", "too-long"),
    ];
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: "chat".into(),
        start_time_unix_nano: 1_000_000_000,
        end_time_unix_nano: 2_000_000_000,
        attributes: attributes.into_iter().map(attribute).collect(),
        events: vec![Event { time_unix_nano: 1_250_000_000, name: "my first token".into(), ..Event::default() }],
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}
