//! `tailsieve inspect` as a user runs it, on what released instrumentations really sent.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "what a test cannot read fails it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tailsieve::otlp::json::to_json;

/// The keys of every span.
const SPAN_KEYS: [&str; 22] = [
    "billed",
    "cost_status",
    "cost_usd",
    "error_type",
    "finish_reasons",
    "kind",
    "name",
    "price_key",
    "prompt_name",
    "prompt_version",
    "provider",
    "region",
    "request_model",
    "response_model",
    "session_id",
    "span_id",
    "stream_outcome",
    "tokens",
    "trace_id",
    "ttc_s",
    "ttft_s",
    "usage_semantics",
];
const TOKEN_KEYS: [&str; 6] = ["cache_read", "cache_write", "input", "input_uncached", "output", "reasoning"];

fn recordings(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings").join(path)
}

fn inspect(arguments: &[&str], files: &[&Path]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tailsieve"));
    command.arg("inspect").args(arguments).args(files).env_remove("RUST_LOG").output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The sessions that were written as JSON, which all went well.
fn sessions(arguments: &[&str], files: &[&Path]) -> Vec<Value> {
    let output = inspect(&[&["--json"], arguments].concat(), files);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// What `labels.json` knows of the scenarios of a framework, by name.
fn labels(framework: &str) -> BTreeMap<String, Value> {
    let labels: Vec<Value> = serde_json::from_slice(&fs::read(recordings("labels.json")).unwrap()).unwrap();
    let of = labels.into_iter().filter(|label| label["framework"] == framework && label["export_requests"] != 0);
    of.map(|label| (label["scenario"].as_str().unwrap().to_owned(), label)).collect()
}

#[test]
fn every_session_of_a_directory_is_told_with_all_its_keys() {
    let labels = labels("otel_genai_openai");
    let directory = recordings("otel_genai_openai");
    let sessions = sessions(&[], &[&directory]);
    let spans: u64 = labels.values().map(|label| label["spans"].as_u64().unwrap()).sum();
    assert_eq!(sessions.iter().map(|session| session["span_count"].as_u64().unwrap()).sum::<u64>(), spans);
    let told: BTreeSet<&str> = sessions.iter().map(|session| session["session_id"].as_str().unwrap()).collect();
    assert_eq!(sessions.len(), labels.len());
    for scenario in ["session3", "loop12", "late_stream"] {
        assert!(told.contains(labels[scenario]["session_id"].as_str().unwrap()), "{scenario}: {told:?}");
    }
    for session in &sessions {
        for key in ["turns", "llm_calls", "input_tokens", "output_tokens", "cost_usd", "ttft_max", "streams_broken"] {
            assert!(session.get(key).is_some(), "{key}: {session}");
        }
        assert!(session["cost_usd"].is_f64() || session["cost_usd"].is_null(), "{session}");
        let mut input = 0;
        for span in session["spans"].as_array().unwrap() {
            assert_eq!(keys(span), SPAN_KEYS);
            assert_eq!(keys(&span["tokens"]), TOKEN_KEYS);
            assert_eq!(span["session_id"], session["session_id"]);
            assert_eq!((span["trace_id"].as_str().unwrap().len(), span["span_id"].as_str().unwrap().len()), (32, 16));
            if span["billed"] == true {
                input += span["tokens"]["input"].as_u64().unwrap();
            }
        }
        assert_eq!(session["input_tokens"], input, "{session}");
    }
}

#[test]
fn a_call_is_told_as_it_was_made() {
    let [session] = &sessions(&[], &[&recordings("vercel_ai/stream")])[..] else { panic!() };
    let spans = session["spans"].as_array().unwrap();
    let call = spans.iter().find(|span| span["billed"] == true).unwrap();
    assert_eq!((&call["kind"], &call["request_model"]), (&"llm".into(), &"gpt-4o-mini".into()), "{call}");
    assert_eq!((&call["stream_outcome"], &call["billed"]), (&"complete".into(), &true.into()), "{call}");
    assert_eq!((&call["provider"], &call["cost_status"]), (&"openai".into(), &"ok".into()), "{call}");
    assert!(call["ttft_s"].as_f64().unwrap() <= call["ttc_s"].as_f64().unwrap(), "{call}");
    // The sum of a session is that of its billed calls.
    assert_eq!(call["cost_usd"], session["cost_usd"]);
    assert!(session["cost_usd"].as_f64().unwrap() > 0.0);
    assert_eq!((&session["complete"], &session["turns"]), (&true.into(), &1.into()), "{session}");
}

#[test]
fn prices_of_ones_own_go_before_all_books() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.yaml");
    fs::write(
        &path,
        "models:\n  - {provider: openai, model: '*', input_cost_per_token: 1, output_cost_per_token: 1}\n",
    )
    .unwrap();
    let arguments = ["--book", path.to_str().unwrap()];
    let [session] = &sessions(&arguments, &[&recordings("vercel_ai/stream")])[..] else { panic!() };
    let tokens = session["total_tokens"].as_u64().unwrap();
    assert_eq!(session["cost_usd"], tokens as f64, "{session}");
    // Tools are priced as well; all together is what the billed spans cost.
    let spans = "spans: [{name: weather, match: {gen_ai.tool.name: get_weather}, per_call: 3}]\n";
    fs::write(&path, spans).unwrap();
    let [session] = &sessions(&arguments, &[&recordings("otel_genai_openai/loop12")])[..] else { panic!() };
    let all = session["spans"].as_array().unwrap();
    let tools: Vec<&Value> = all.iter().filter(|span| span["kind"] == "tool").collect();
    assert!(tools.iter().all(|span| span["cost_usd"] == 3.0 && span["billed"] == true), "{tools:?}");
    assert_eq!((tools.len(), &session["cost_usd"]), (12, &36.0.into()), "models run on one's own machine cost nothing");
}

#[test]
fn a_stream_that_broke_is_drawn_with_its_outcome_and_why() {
    let output = inspect(&[], &[&recordings("ollm_openai/wrapped_break")]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    let id = &labels("ollm_openai")["wrapped_break"]["session_id"];
    assert!(out.starts_with(&format!("session {} · 1 turn · 2 spans · ", id.as_str().unwrap())), "{out}");
    assert!(out.contains("\n  1 broken\n"), "{out}");
    // The span of the call has no error of its own: what stands around it tells.
    assert!(out.contains("└─ openai.chat ✗ "), "{out}");
    assert!(out.contains("broken: it did not finish, and what stands around it failed"), "{out}");
    assert!(out.contains('█') && !out.contains('\x1b'), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
}

#[test]
fn tools_are_told_with_what_failed_and_what_was_made_again() {
    let failed = inspect(&[], &[&recordings("vercel_ai/fail_tool")]);
    let out = text(&failed.stdout);
    assert!(out.contains("1 tool call (1 failed)") && out.contains("ai.toolCall ✗ "), "{out}");
    assert!(out.contains("get_weather\n") && out.contains("weather backend unavailable"), "{out}");
    let looped = inspect(&[], &[&recordings("vercel_ai/loop12")]);
    let out = text(&looped.stdout);
    assert!(out.contains("12 tool calls (11 repeated)"), "{out}");
    assert_eq!(out.matches("called again with the same arguments").count(), 11, "{out}");
}

#[test]
fn wrappers_are_not_billed() {
    let all = sessions(&[], &[&recordings("vercel_ai")]);
    let spans = || all.iter().flat_map(|session| session["spans"].as_array().unwrap());
    let with_tokens = |span: &&Value| !span["tokens"]["input"].is_null();
    assert!(spans().filter(with_tokens).any(|span| span["billed"] == false && span["cost_usd"].is_null()));
    let output = inspect(&[], &[&recordings("vercel_ai/stream")]);
    assert!(text(&output.stdout).contains("not billed (wrapper)"), "{}", text(&output.stdout));
}

#[test]
fn json_and_protobuf_are_told_alike() {
    let directory = tempfile::tempdir().unwrap();
    let from = recordings("vercel_ai/stream_tools");
    let mut lines = Vec::new();
    let mut paths: Vec<_> = fs::read_dir(&from).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        to_json(&fs::read(path).unwrap(), &mut lines).unwrap();
        lines.push(b'\n');
    }
    let file = directory.path().join("kept.jsonl");
    fs::write(&file, &lines).unwrap();
    // What is zero is not written in JSON: it is a few bytes shorter.
    let without_size = |mut sessions: Vec<Value>| {
        sessions.iter_mut().for_each(|session| session["bytes"] = Value::Null);
        sessions
    };
    assert_eq!(without_size(sessions(&[], &[&file])), without_size(sessions(&[], &[&from])));
}

#[test]
fn what_is_wrong_is_told_with_its_file_and_the_rest_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let good = recordings("otel_genai_openai/stream/req000.binpb");
    let bytes = fs::read(&good).unwrap();
    fs::write(directory.path().join("a-cut.binpb"), &bytes[..bytes.len() - 5]).unwrap();
    fs::write(directory.path().join("b-good.pb"), &bytes).unwrap();
    fs::write(directory.path().join("c-text.json"), "{\"resourceSpans\": \n [7]}").unwrap();
    fs::write(directory.path().join("d-empty.json"), "{\"resourceLogs\": []}").unwrap();
    fs::write(directory.path().join("notes.md"), "left out").unwrap();
    let missing = directory.path().join("missing.pb");
    let output = inspect(&["--json"], &[directory.path(), &missing]);
    assert_eq!(output.status.code(), Some(2));
    let [session] = &text(&output.stdout).lines().collect::<Vec<_>>()[..] else { panic!("{}", text(&output.stdout)) };
    assert!(session.contains("\"stream_outcome\":\"complete\""), "{session}");
    let problems: Vec<&str> = text(&output.stderr).lines().collect();
    let start = |name: &str| format!("{}: ", directory.path().join(name).display());
    assert_eq!(problems.len(), 4, "{problems:#?}");
    for (problem, name) in problems.iter().zip(["a-cut.binpb", "c-text.json", "d-empty.json", "missing.pb"]) {
        assert!(problem.starts_with(&start(name)), "{problem}");
    }
    assert!(problems[1].contains("resourceSpans[0]") && problems[2].ends_with("has no spans"), "{problems:#?}");
}

#[test]
fn one_session_is_shown_by_its_id() {
    let directory = recordings("otel_genai_openai");
    let label = &labels("otel_genai_openai")["session3"];
    let id = label["session_id"].as_str().unwrap();
    let [session] = &sessions(&["--session", id], &[&directory])[..] else { panic!() };
    assert_eq!((session["session_id"].as_str().unwrap(), session["turns"].as_u64()), (id, label["traces"].as_u64()));
    let output = inspect(&["--session", "nobody"], &[&directory]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no session \"nobody\" among "), "{}", text(&output.stderr));
}

#[test]
fn a_configuration_says_what_names_a_session() {
    let directory = tempfile::tempdir().unwrap();
    let (conventions, config) = (directory.path().join("conventions.yaml"), directory.path().join("config.yaml"));
    fs::write(&conventions, "session: {id: [nothing.at.all]}\n").unwrap();
    fs::write(&config, format!("sessions: {{conventions: '{}'}}\nexporters: {{debug: {{}}}}\n", conventions.display()))
        .unwrap();
    let from = recordings("otel_genai_openai/session3");
    let all = sessions(&["--config", config.to_str().unwrap()], &[&from]);
    assert_eq!(all.len(), 3, "each trace by itself");
    fs::write(&config, "sessions: {conventions: /nonexistent.yaml}\n").unwrap();
    let output = inspect(&["--config", config.to_str().unwrap()], &[&from]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("/nonexistent.yaml"), "{}", text(&output.stderr));
}

#[test]
fn a_configuration_for_inspection_needs_no_exporters_and_is_checked_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let (conventions, config) = (directory.path().join("conventions.yaml"), directory.path().join("config.yaml"));
    fs::write(&conventions, "extends: default\nsession: {id: [nothing.at.all]}\n").unwrap();
    let from = recordings("otel_genai_openai/session3");
    let arguments = ["--config", config.to_str().unwrap()];
    let only_sessions = format!("sessions: {{conventions: '{}'}}\n", conventions.display());
    for text in [&only_sessions, "# nothing\n", "exporters: {}\n"] {
        fs::write(&config, text).unwrap();
        assert_eq!(sessions(&arguments, &[&from]).len(), 1, "{text}");
    }
    for (text, wrong) in [
        ("sessions: {settle: soon}\n", ":1:20: sessions.settle: "),
        ("exporters: {pigeon: {}}\n", ":1:13: exporters.pigeon: "),
        ("passthrough: {logs: [debug]}\n", ":1:22: passthrough.logs"),
        ("sampling: {rules: [{name: a, when: session.faild}]}\n", ":1:44: sampling.rules[0].when: "),
    ] {
        fs::write(&config, text).unwrap();
        let output = inspect(&arguments, &[&from]);
        let told: Vec<_> = std::str::from_utf8(&output.stderr).unwrap().lines().collect();
        assert_eq!((output.status.code(), told.len()), (Some(1), 1), "{told:?}");
        assert!(told[0].contains(wrong), "{wrong}: {told:?}");
    }
}

#[test]
fn what_a_model_sdk_tells_in_a_trace_of_its_own_is_in_the_session_of_its_call() {
    for scenario in ["ollm_anthropic/stream", "oi_anthropic/helper_stream"] {
        let sessions = sessions(&[], &[&recordings(scenario)]);
        let told: Vec<_> = sessions.iter().map(|it| (it["span_count"].as_u64(), it["llm_calls"].as_u64())).collect();
        assert_eq!(told, [(Some(2), Some(1))], "{scenario}");
    }
}

#[test]
fn a_pipe_without_a_writer_is_waited_for_and_that_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe.json");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut command = Command::new(env!("CARGO_BIN_EXE_tailsieve"));
    let command = command.args(["inspect", "--json"]).arg(&pipe).stderr(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("pipe.json: waiting for a writer"), "{line}");
    let mut request = Vec::new();
    to_json(&fs::read(recordings("oi_openai/oneshot/req000.binpb")).unwrap(), &mut request).unwrap();
    fs::write(&pipe, request).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout).lines().count()), (Some(0), 1));
}
