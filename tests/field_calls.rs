//! What instrumentations were reported to write comes out as it was: sessions, calls, tools, first tokens and outcomes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what a test cannot read fails it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

fn field(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field").join(format!("{name}.jsonl"))
}

/// The sessions that a file comes to.
fn sessions_of(file: &Path) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tailsieve"));
    let output = command.args(["inspect", "--json"]).arg(file).env_remove("RUST_LOG").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The one session that a file comes to.
fn session(name: &str) -> Value {
    let mut sessions = sessions_of(&field(name));
    assert_eq!(sessions.len(), 1, "{name}");
    sessions.remove(0)
}

/// Asserts what a session has at some keys.
fn assert_has(session: &Value, wanted: &Value) {
    for (key, value) in wanted.as_object().unwrap() {
        assert_eq!(&session[key], value, "{key}");
    }
}

/// The span of that name which is billed, else the first.
fn span<'s>(session: &'s Value, name: &str) -> &'s Value {
    let spans = || session["spans"].as_array().unwrap().iter().filter(|span| span["name"] == name);
    spans().find(|span| span["billed"] == true).or_else(|| spans().next()).unwrap()
}

#[test]
fn keys_of_threads_and_conversations_join_their_traces() {
    for (name, id) in [
        ("04-spring-ai-conversation", "conv-0042"),
        ("11-openhands-lmnr-session", "a3a3c0de-1111-4222-8333-444455556666"),
        ("27-azure-agents-poll", "thread_Zk1"),
        ("s10-weave-thread", "sess-A"),
    ] {
        assert_has(&session(name), &json!({"session_id": id, "turns": 2}));
    }
}

#[test]
fn a_chain_of_answers_is_one_session_whatever_the_order_of_arrival() {
    let lines: Vec<String> =
        fs::read_to_string(field("m32-previous-response")).unwrap().lines().map(str::to_owned).collect();
    let folder = TempDir::new().unwrap();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let file = folder.path().join("chain.jsonl");
        fs::write(&file, order.map(|at| lines[at].as_str()).join("\n")).unwrap();
        let sessions = sessions_of(&file);
        assert_eq!(sessions.len(), 1, "{order:?}");
        assert_has(&sessions[0], &json!({"turns": 3, "llm_calls": 3, "input_tokens": 600}));
    }
    // Agent Framework writes the answer before as the conversation.
    let file = folder.path().join("conversation.jsonl");
    fs::write(&file, lines.join("\n").replace("gen_ai.request.previous_response.id", "gen_ai.conversation.id"))
        .unwrap();
    assert_eq!(sessions_of(&file).len(), 1);
}

#[test]
fn polls_are_no_calls_and_their_usage_counts_once_a_run() {
    let session = session("27-azure-agents-poll");
    assert_has(&session, &json!({"llm_calls": 0, "input_tokens": 2400, "output_tokens": 160}));
    assert_eq!(span(&session, "start_thread_run")["kind"], "agent");
}

#[test]
fn tools_and_their_failures_are_told_by_each_conventions_own_keys() {
    for (name, tool) in [
        ("07-livekit-llm-request", "lookup_order"),
        ("22-spring-ai-tool", "currentWeather"),
        ("m15-claude-code-types", "Bash"),
        ("m16-strands-tool-status", "http_request"),
    ] {
        assert_has(
            &session(name),
            &json!({"tool_calls": 1, "tool_failures": 1, "tools": [tool], "failed_tools": [tool]}),
        );
    }
}

#[test]
fn the_first_token_comes_when_each_convention_says_so() {
    for (name, seconds) in [
        ("07-livekit-llm-request", 0.42),
        ("09-sentry-cached", 0.8),
        ("24-ttft-first-token-key", 0.8),
        ("t13-qwen-code-attempts", 0.85),
    ] {
        assert_has(&session(name), &json!({"ttft_first": seconds}));
    }
    assert!(session("03-vllm-ttft")["ttft_first"].is_f64());
}

#[test]
fn attempts_of_any_scope_are_retries() {
    assert_has(&session("t13-qwen-code-attempts"), &json!({"retries": 2, "streams_complete": 1}));
}

#[test]
fn finish_words_of_all_spellings_are_known() {
    let sessions = sessions_of(&field("s15-finish-words"));
    let reasons: Vec<_> = sessions
        .iter()
        .map(|session| span(session, session["spans"][0]["name"].as_str().unwrap())["finish_reasons"].clone())
        .collect();
    assert!(reasons.contains(&json!(["stop"])) && reasons.contains(&json!(["tool_call"])), "{reasons:?}");
    let text = fs::read_to_string(field("s15-finish-words")).unwrap();
    let folder = TempDir::new().unwrap();
    for (word, outcome) in [
        ("FINISH_REASON_MAX_TOKENS", "truncated"),
        ("REASON_MAX_LEN", "truncated"),
        ("MaxTokens", "truncated"),
        ("EndTurn", "complete"),
        ("endoftext", "complete"),
        ("FINISHED", "complete"),
        ("toolUse", "complete"),
        ("ContentFiltered", "filtered"),
        ("blocked", "filtered"),
        ("compaction", "complete"),
    ] {
        let file = folder.path().join("words.jsonl");
        fs::write(&file, text.replace("TOOL_EXECUTION", word)).unwrap();
        let sessions = sessions_of(&file);
        let told =
            |session: &Value| span(session, session["spans"][0]["name"].as_str().unwrap())["stream_outcome"] == outcome;
        assert!(sessions.iter().any(told), "{word}");
    }
}

#[test]
fn of_two_versions_of_a_span_the_one_that_ended_later_counts() {
    let session = session("m10-copilot-snapshots");
    assert_has(&session, &json!({"llm_calls": 1, "output_tokens": 75, "retries": 0, "streams_complete": 1}));
}

#[test]
fn what_was_sent_before_it_was_over_is_no_call_once_the_whole_is_there() {
    for name in ["m30-logfire-pending", "m31-vercel-snapshot-no-end"] {
        let whole = session(name);
        assert_has(
            &whole,
            &json!({
                "llm_calls": 1, "output_tokens": 10, "streams_complete": 1, "streams_abandoned": 0, "unfinished_spans": 0,
            }),
        );
        // The whole never comes.
        let text = fs::read_to_string(field(name)).unwrap();
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("open.jsonl");
        fs::write(&file, text.lines().next().unwrap()).unwrap();
        let open = sessions_of(&file);
        assert_has(&open[0], &json!({"llm_calls": 1, "streams_unknown": 1, "unfinished_spans": 1, "cost_usd": null}));
    }
}

#[test]
fn a_span_without_a_start_has_no_part_in_times() {
    let sessions = sessions_of(&field("t23-start-time-zero"));
    for session in &sessions {
        assert!(session["duration"].as_f64().unwrap() < 3600.0, "{session}");
        assert!(session["ttft_first"].as_f64().unwrap_or(0.0) < 60.0, "{session}");
        assert!(session["felt_ttft"].as_f64().unwrap_or(0.0) < 60.0, "{session}");
    }
}
