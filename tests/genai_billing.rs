//! No recorded call is counted or billed twice, whoever tells of it: the sums of the sessions are what the applications
//! used. Where the data does not tell, the difference is listed with its reason in `billing_deviations.yaml`: one that is
//! not listed fails, and so does one that is listed and no longer there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a proof fails by panicking"
)]

mod deviations;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, unbounded};
use deviations::Found;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as Request;
use prost::Message as _;
use serde_json::Value;
use support::recordings::{self, Scenario};
use support::spans::attribute;
use tailsieve::config;
use tailsieve::flow::{Kept, Receipt, Session, Verdict};
use tailsieve::genai::calls::TokenSums;
use tailsieve::genai::conventions::Conventions;
use tailsieve::genai::vocabulary::Operation;
use tailsieve::genai::vocabulary::Outcome;
use tailsieve::log::{Log, RecordKind};
use tailsieve::observe::ledger::Ledger;
use tailsieve::pricing::{PriceBook, Prices};
use tailsieve::session::directory::Directory;
use tailsieve::session::intake::Intake;
use tailsieve::session::mail::{Mail, Message};
use tailsieve::session::shard::{Shard, Site};
use tailsieve::session::{Lens, Outlets};

const DEVIATIONS: &str = include_str!("billing_deviations.yaml");
/// When the spans arrive.
const NOW: u64 = 1_700_000_000_000_000_000;
/// Shards that share the sessions.
const SHARDS: usize = 2;

/// What the calls of an application used, as far as the provider tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Used {
    calls: u32,
    input: u64,
    output: u64,
}

/// What of the stage is asked once for all recordings.
struct Stage {
    lens: Arc<Lens>,
    log: Arc<Log>,
}

// === impl Stage ===

impl Stage {
    fn new() -> Self {
        let prices = Arc::new(Prices::new(PriceBook::load(&[]).unwrap()));
        let lens = Lens::new(&Conventions::embedded(), &config::Sessions::default(), prices);
        Self { lens: Arc::new(lens), log: Log::with_segments(256 << 20, 1 << 20, 2) }
    }

    /// The sessions that requests become, all of them kept, in the order of their keys.
    fn sessions(&self, requests: &[Vec<u8>]) -> Vec<Kept> {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let directory = Arc::new(Directory::new(SHARDS as u16));
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..SHARDS).map(|_| unbounded()).unzip();
        let mail = Mail::new(senders, Arc::default());
        let (ledger, outlets) = (Ledger::new(SHARDS, []), Arc::new(keeping_all(kept.clone())));
        let site = |id: usize| Site {
            id: id as u16,
            lens: self.lens.clone(),
            directory: directory.clone(),
            mail: mail.clone(),
            log: self.log.clone(),
            ledger: ledger.shards[id].clone(),
            outlets: outlets.clone(),
        };
        let config = config::Sessions::default();
        let shard = |(id, from)| (Shard::new(site(id), &config, NOW), from);
        let mut shards: Vec<_> = receivers.into_iter().enumerate().map(shard).collect();
        let (lens, log) = (self.lens.clone(), self.log.clone());
        let intake = Intake { lens, directory, mail: mail.clone(), most_spans: 10_000, log };
        for body in requests {
            let fill = |room: &mut [u8]| {
                room.copy_from_slice(body);
                Ok::<_, ()>(body.len())
            };
            let record = self.log.append(RecordKind::Traces, NOW, body.len(), fill).unwrap();
            assert!(matches!(intake.take(record), Receipt::Accepted { refused: 0, .. }));
            pump(&mut shards);
        }
        let (done, _wait) = unbounded();
        (0..SHARDS as u16).for_each(|shard| mail.send(shard, Message::Flush(done.clone())));
        pump(&mut shards);
        let mut kept = std::mem::take(&mut *kept.lock().unwrap());
        kept.sort_by_key(|kept| kept.session.as_ref().map(|session| session.key.to_string()));
        kept
    }
}

/// Keeps every session.
fn keeping_all(kept: Arc<Mutex<Vec<Kept>>>) -> Outlets {
    let rule: Arc<str> = "all".into();
    let verdict = move |_: &Session, reason| Verdict {
        keep: true,
        probability: 1.0,
        drop_rule: false,
        threshold: 0,
        randomness: 0,
        rule: rule.clone(),
        matched: Vec::new(),
        reason,
    };
    Outlets {
        judge: Box::new(verdict),
        keep: Box::new(move |session| kept.lock().unwrap().push(session)),
        relief: Box::new(|| 0),
    }
}

/// Lets the shards do all that there is to do.
fn pump(shards: &mut [(Shard, Receiver<Message>)]) {
    let mut quiet = false;
    while !quiet {
        quiet = true;
        for (shard, from) in shards.iter_mut() {
            while let Ok(message) = from.try_recv() {
                quiet = false;
                shard.handle(message, NOW);
            }
        }
    }
}

/// The requests of a scenario as they came.
fn as_they_came(scenario: &Scenario) -> Vec<Vec<u8>> {
    scenario.requests.iter().map(|request| request.to_vec()).collect()
}

/// The requests of a scenario, every resource of which names the session: what is told of it is one session.
fn named(scenario: &Scenario) -> Vec<Vec<u8>> {
    let name = |mut request: Request| {
        for resource in request.resource_spans.iter_mut().filter_map(|spans| spans.resource.as_mut()) {
            resource.attributes.push(attribute("session.id", "the session"));
        }
        // What the spans themselves name would come before that.
        for span in support::spans::spans_of(&mut request) {
            let own =
                |key: &str| ["session", "thread", "conversation"].iter().any(|part| key.to_lowercase().contains(part));
            span.attributes.retain(|attribute| !own(&attribute.key) && attribute.key != "metadata");
        }
        request.encode_to_vec()
    };
    scenario.decoded().into_iter().map(name).collect()
}

/// What all sessions used together.
fn used(sessions: &[Kept]) -> Used {
    let mut used = Used::default();
    for sums in sessions.iter().map(|kept| kept.session.as_ref().unwrap().sums()) {
        let TokenSums { input, output, .. } = sums.tokens;
        used = Used { calls: used.calls + sums.llm_calls, input: used.input + input, output: used.output + output };
        assert_eq!(sums.outcomes.iter().sum::<u32>(), sums.llm_calls);
    }
    used
}

/// What the servers noted of what a scenario used. Of calls that did not come to their end nobody knows: `got` counts, but
/// for how many they are.
fn noted(scenario: &Scenario, got: Used) -> Option<Used> {
    let requests = scenario.label["server"].as_array()?;
    let ill = ["mid_stream_failure", "abandoned_by_client", "request_error"];
    let answered = || requests.iter().filter(|request| request["input"].is_u64());
    let sum = |key: &str| answered().map(|request| request[key].as_u64().unwrap()).sum();
    if ill.iter().any(|key| scenario.label[*key] == true) {
        // Attempts of a client that keeps them to itself are one call.
        let calls = got.calls.clamp(1, requests.len().max(1) as u32);
        return Some(Used { calls, ..got });
    }
    let told = scenario.name != "stream_nousage";
    let (input, output) = if told { (sum("input"), sum("output")) } else { (0, 0) };
    Some(Used { calls: answered().count() as u32, input, output })
}

/// What a scenario used.
fn truth(scenario: &Scenario, got: Used) -> Used {
    noted(scenario, got).unwrap_or_else(|| by_scenario(scenario))
}

/// What a scenario of the older recordings used: their servers counted the same for every call.
fn by_scenario(scenario: &Scenario) -> Used {
    let Scenario { framework, name, label, .. } = scenario;
    let claude = framework.contains("anthropic") || name.contains("anthropic");
    let one = if claude { 1824 } else { 1312 };
    let is = |key: &str| label[key] == true;
    let calls = |outputs: &[u64]| Used {
        calls: outputs.len() as u32,
        input: one * outputs.len() as u64,
        output: outputs.iter().sum(),
    };
    if let Some(turns) = label["truth_by_trace"].as_object() {
        return turns.values().map(|mode| truth_of_turn(mode.as_str().unwrap())).fold(Used::default(), |sum, used| {
            Used { calls: sum.calls + used.calls, input: sum.input + used.input, output: sum.output + used.output }
        });
    }
    // What the answer that calls a tool takes.
    let tool = if claude { 42 } else { 18 };
    match name.as_str() {
        "session3" => calls(&[tool, 35, tool, 35, tool, 35]),
        "two_services" => calls(&[tool, 35]),
        "loop12" => calls(&[&[tool; 12][..], &[35]].concat()),
        // These let the tool's exception end the run.
        "fail_tool" if matches!(framework.as_str(), "langgraph" | "pydantic_ai") => calls(&[tool]),
        "fail_tool" | "stream_tools" => calls(&[tool, 35]),
        "recursion_limit" => calls(&[tool; 4]),
        "embeddings" => Used { calls: 0, input: 18, output: 0 },
        "length" => calls(&[12]),
        "filter" => calls(&[6]),
        "reasoning" | "responses_oneshot" => calls(&[163]),
        "refusal" => calls(&[if claude { 6 } else { 8 }]),
        // What read the stream was left; the call itself ran to its end.
        _ if label["note"].as_str().is_some_and(|note| note.contains("the LLM call underneath completed")) => {
            calls(&[35])
        }
        // The server was not asked to tell.
        "stream_nousage" => Used { calls: 1, input: 0, output: 0 },
        // What a stream of Anthropic begins with tells of its input.
        _ if is("request_error") => Used { calls: 1, input: 0, output: 0 },
        _ if is("mid_stream_failure") || is("abandoned_by_client") => {
            let begun = claude && !name.contains("nonstream");
            Used { calls: 1, input: if begun { one } else { 0 }, output: 0 }
        }
        _ => calls(&[35]),
    }
}

fn truth_of_turn(mode: &str) -> Used {
    let (calls, input, output) = match mode {
        "normal" | "slow" | "r429" => (1, 1312, 35),
        "length" => (1, 1312, 12),
        // Its tool alone was called.
        "fail_tool" => (0, 0, 0),
        "break" | "stall" | "sseerr" | "abandon" | "e500" => (1, 0, 0),
        other => panic!("{other}"),
    };
    Used { calls, input, output }
}

/// By trace id, how the last model call of the turn ended.
fn outcomes(kept: &Kept) -> BTreeMap<String, &'static str> {
    let session = kept.session.as_ref().unwrap();
    let mut last = BTreeMap::new();
    for call in session.calls.iter().filter(|call| call.operation == Operation::Llm && !call.wrapper) {
        let turn = kept.spans[call.span as usize].turn as usize;
        let trace = session.turns[turn].trace_id.to_string();
        let latest = last.entry(trace).or_insert((call.start, call.outcome.name()));
        *latest = (*latest).max((call.start, call.outcome.name()));
    }
    last.into_iter().map(|(trace, (_, outcome))| (trace, outcome)).collect()
}

fn outcome_of_turn(mode: &str) -> &'static str {
    match mode {
        "normal" | "slow" | "r429" => "complete",
        "length" => "truncated",
        "break" | "stall" | "sseerr" => "broken",
        "abandon" => "abandoned",
        "e500" => "failed",
        "fail_tool" => "no call",
        other => panic!("{other}"),
    }
}

/// Deviations: by cell and check, what was got.
fn check_used(cell: &str, check: &str, got: Used, wanted: Used, found: &mut Found) {
    if got != wanted {
        let Used { calls, input, output } = got;
        found.insert((cell.into(), check.into()), format!("{calls}: {input}/{output}"));
    }
}

/// All deviations of all scenarios.
fn deviations() -> Found {
    let stage = Stage::new();
    let mut found = Found::new();
    for scenario in recordings::all() {
        let cell = format!("{}/{}", scenario.framework, scenario.name);
        let check = |what: &str, sessions: &[Kept], found: &mut Found| {
            let got = used(sessions);
            check_used(&cell, what, got, truth(&scenario, got), found);
        };
        check("as it came", &stage.sessions(&as_they_came(&scenario)), &mut found);
        let sessions = stage.sessions(&named(&scenario));
        assert_eq!(sessions.len(), 1, "{cell}");
        check("one session", &sessions, &mut found);
        if !made_again(&scenario, &sessions) {
            check_retries(&cell, &sessions[0], scenario.label["retried_429"] == true, &mut found);
        }
        if scenario.label["server"].is_array() {
            check_session(&cell, &scenario, &stage.sessions(&as_they_came(&scenario)), &mut found);
        }
        if let Some(turns) = scenario.label["truth_by_trace"].as_object() {
            check_turns(&cell, turns, &sessions[0], &mut found);
        } else {
            check_end(&cell, &scenario.label, &sessions[0], &mut found);
        }
    }
    found
}

/// Whether the attempts of a call that never came to its end have spans of their own, and count as such.
fn made_again(scenario: &Scenario, sessions: &[Kept]) -> bool {
    let asked = scenario.label["server"].as_array().map_or(0, Vec::len) as u32;
    let answered = scenario.label["mid_stream_failure"] != true && scenario.label["request_error"] != true;
    !answered && asked > 1 && sessions[0].session.as_ref().unwrap().sums().retries < asked
}

/// Whether a call was made again, once.
fn check_retries(cell: &str, kept: &Kept, retried: bool, found: &mut Found) {
    let retries = kept.session.as_ref().unwrap().sums().retries;
    if retries != u32::from(retried) {
        found.insert((cell.into(), "retries".into()), retries.to_string());
    }
}

/// What is one session, its turns, who was called, and what became of its tools.
fn check_session(cell: &str, scenario: &Scenario, sessions: &[Kept], found: &mut Found) {
    let mut check = |what: &str, got: String, wanted: String| {
        if got != wanted {
            found.insert((cell.into(), what.into()), got);
        }
    };
    let all = || sessions.iter().map(|kept| kept.session.as_ref().unwrap());
    let sum = |of: fn(&Session) -> u32| all().map(|session| of(session)).sum::<u32>();
    if scenario.name == "session3" {
        let id = scenario.label["session_id"].as_str().unwrap();
        let named: Vec<_> = all().filter(|session| session.key.to_string() == id).collect();
        let turns = named.iter().map(|session| session.turns.len()).sum::<usize>();
        check("turns of the session", turns.to_string(), "3".into());
    }
    let asked = scenario.label["server"].as_array().unwrap();
    let tools = asked.iter().filter(|request| request["tool"] == true).count();
    // Of MCP's own spans there is no server that answered.
    let tools = if asked.is_empty() {
        [("loop6", 6), ("fail_tool", 1)].iter().find(|(name, _)| *name == scenario.name).map_or(0, |(_, calls)| *calls)
    } else {
        tools
    };
    let failed = if scenario.label["tool_failure"] == true { tools } else { 0 };
    check("tool failures", sum(|session| session.sums().tool_failures).to_string(), failed.to_string());
    // Three turns may ask the same.
    if scenario.name != "session3" {
        let got = sum(|session| session.sums().repeated_tool_calls);
        check("repeated", got.to_string(), tools.saturating_sub(1).to_string());
    }
    let answered: Vec<_> = asked.iter().filter(|request| request["input"].is_u64()).collect();
    let slow = scenario.label["slow_first_token"] == true;
    let timed = slow.then(|| all().filter_map(|session| session.sums().ttft_max).fold(0.0, f64::max));
    if let Some(timed) = timed.filter(|timed| *timed < 1.4) {
        check("slow", format!("{timed:.1}"), "1.5".into());
    }
    let read = all().map(|session| session.sums().tokens.cache_read).sum::<u64>();
    let counted = answered.iter().map(|request| request["cache_read"].as_u64().unwrap()).sum::<u64>();
    let ill = ["mid_stream_failure", "abandoned_by_client", "request_error"];
    let told = scenario.name != "stream_nousage" && !ill.iter().any(|key| scenario.label[*key] == true);
    if told {
        check("cache", read.to_string(), counted.to_string());
    }
}

/// Whether what went wrong is no whole answer, and the last call of what went well has not failed.
fn check_end(cell: &str, label: &Value, kept: &Kept, found: &mut Found) {
    let is = |key: &str| label[key] == true;
    let sums = kept.session.as_ref().unwrap().sums();
    let left = is("abandoned_by_client") && label["note"].is_null();
    let ill = is("mid_stream_failure") || is("request_error") || left;
    let whole = sums.ended(Outcome::Complete) + sums.ended(Outcome::NotStreaming) > 0;
    if ill && whole || !ill && sums.last_call_failed {
        found.insert((cell.into(), "end".into()), if ill { "whole" } else { "failed" }.into());
    }
}

/// A session of twenty turns, each of which ended as it did.
fn check_turns(cell: &str, turns: &serde_json::Map<String, Value>, kept: &Kept, found: &mut Found) {
    assert_eq!(kept.session.as_ref().unwrap().turns.len(), turns.len(), "{cell}");
    let outcomes = outcomes(kept);
    for (trace, mode) in turns {
        let mode = mode.as_str().unwrap();
        let got = outcomes.get(trace).copied().unwrap_or("no call");
        if got != outcome_of_turn(mode) {
            found.insert((format!("{cell}/{mode}"), "outcome".into()), got.into());
        }
    }
}

#[test]
fn every_recorded_call_is_billed_once_or_its_deviation_is_listed() {
    deviations::assert_listed(&deviations(), DEVIATIONS, "billing_deviations.yaml");
}

#[test]
fn twenty_conversations_of_one_id_are_one_session() {
    let stage = Stage::new();
    for scenario in recordings::named("mixed20") {
        let id = scenario.label["session_id"].as_str().unwrap();
        let turns: BTreeSet<&String> = scenario.label["truth_by_trace"].as_object().unwrap().keys().collect();
        let told = scenario.requests.iter().any(|body| body.windows(id.len()).any(|part| part == id.as_bytes()));
        let requests = if told { as_they_came(&scenario) } else { named(&scenario) };
        let sessions = stage.sessions(&requests);
        let session = sessions[0].session.as_ref().unwrap();
        let traces: Vec<String> = session.turns.iter().map(|turn| turn.trace_id.to_string()).collect();
        assert_eq!((sessions.len(), traces.iter().collect::<BTreeSet<_>>()), (1, turns), "{}", scenario.framework);
    }
}
