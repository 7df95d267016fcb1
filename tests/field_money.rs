//! What tools send from the field is billed right: `tests/field` holds spans that were once read wrong, each with what the
//! provider took for them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "what a test cannot read fails it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// What a session comes to: input, of it cached and written, output, of it reasoning, cost, and the status of its calls.
type Expected<'e> = (u64, u64, u64, u64, u64, &'e str, &'e [&'e str]);

fn field(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field").join(name)
}

/// The sessions of a file, in the order of their names.
fn sessions(file: &Path, book: Option<&Path>) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tailsieve"));
    command.args(["inspect", "--json"]).args(book.iter().flat_map(|book| [Path::new("--book"), *book])).arg(file);
    let output = command.env_remove("RUST_LOG").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    let mut sessions: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    sessions.sort_by_key(|session| session["session_id"].to_string());
    sessions
}

/// A number of dollars, with as many digits as matter.
fn dollars(value: &Value) -> String {
    let text = format!("{:.12}", value.as_f64().unwrap_or(f64::NAN));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn spans(session: &Value) -> Vec<&Value> {
    session["spans"].as_array().unwrap().iter().collect()
}

/// The spans whose usage is billed.
fn billed(session: &Value) -> Vec<&Value> {
    spans(session).into_iter().filter(|span| span["billed"] == true).collect()
}

fn check(name: &str, session: &Value, expected: Expected<'_>) {
    let count = |key: &str| session[key].as_u64().unwrap_or(0);
    let (input, read, written, output, reasoning, cost, status) = expected;
    let sums = [count("input_tokens"), count("cache_read_tokens"), count("cache_write_tokens"), count("output_tokens")];
    assert_eq!(sums, [input, read, written, output], "{name}");
    assert_eq!(count("reasoning_tokens"), reasoning, "{name}");
    assert_eq!(dollars(&session["cost_usd"]), cost, "{name}");
    let said: Vec<&str> = billed(session).iter().map(|span| span["cost_status"].as_str().unwrap()).collect();
    assert_eq!(said, status, "{name}");
}

#[test]
fn tokens_and_costs_of_the_field_are_what_the_providers_took() {
    let rows: [(&str, Expected<'_>); 9] = [
        ("02-semantic-kernel", (1150, 0, 0, 110, 0, "0.003975", &["ok", "ok"])),
        ("06-strands-openai-mantle", (6459, 6400, 0, 20, 0, "0.00018018", &["ok"])),
        ("06b-strands-litellm-claude", (10_000, 9000, 0, 100, 0, "0.0072", &["ok"])),
        ("09-sentry-cached", (10_000, 9000, 500, 400, 0, "0.012075", &["ok"])),
        ("10-genkit", (820, 0, 0, 64, 0, "0.000406", &["ok"])),
        ("m09-rig-cached", (2000, 1024, 0, 50, 0, "0.0002532", &["ok"])),
        ("s01-adk-thinking-on-outer-span", (1000, 0, 0, 640, 600, "0.0019", &["ok"])),
        ("s02-livekit-realtime-audio", (500, 0, 0, 200, 0, "0.0301", &["ok"])),
        ("t04-qwen-code-thoughts-inside", (1000, 400, 0, 500, 300, "0.0058", &["ok"])),
    ];
    for (name, expected) in rows {
        let sessions = sessions(&field(&format!("{name}.jsonl")), None);
        assert_eq!(sessions.len(), 1, "{name}");
        check(name, &sessions[0], expected);
    }
    let genkit = sessions(&field("10-genkit.jsonl"), None);
    let call = billed(&genkit[0])[0].clone();
    assert_eq!((&call["provider"], &call["finish_reasons"]), (&json!("gcp.gemini"), &json!(["stop"])));
    let sentry = sessions(&field("09-sentry-cached.jsonl"), None);
    assert_eq!(sentry[0]["ttft_first"], 0.8);
}

#[test]
fn the_usage_of_a_call_is_put_together_from_all_its_spans() {
    let told = std::fs::read_to_string(field("s01-adk-thinking-on-outer-span.jsonl")).unwrap();
    let cached = r#"{"key": "gen_ai.usage.cache_read.input_tokens", "value": {"intValue": "400"}}, {"key": "gen_ai.operation.name", "value": {"stringValue": "generate_content"}}"#;
    let inner =
        told.replace(r#"{"key": "gen_ai.operation.name", "value": {"stringValue": "generate_content"}}"#, cached);
    assert_ne!(told, inner);
    let mut file = tempfile::Builder::new().suffix(".jsonl").tempfile().unwrap();
    file.write_all(inner.as_bytes()).unwrap();
    // The outer span knows the reasoning, the inner one what came from the cache: 600 at $0.3, 400 at $0.03, 640 at $2.5.
    check("s01", &sessions(file.path(), None)[0], (1000, 400, 0, 640, 600, "0.001792", &["ok"]));
}

#[test]
fn reasoning_beside_the_output_is_billed_with_and_without_a_total() {
    let sessions = sessions(&field("t03-xai-reasoning-beside.jsonl"), None);
    assert_eq!(sessions.len(), 2);
    for session in &sessions {
        check("t03", session, (10_120, 128, 0, 4308, 2809, "0.094692", &["ok"]));
    }
}

#[test]
fn the_host_tells_the_provider_of_an_openai_client() {
    let sessions = sessions(&field("t06-openai-client-other-host.jsonl"), None);
    let told = |session: &Value| {
        let providers = session["providers"].as_array().unwrap();
        (providers[0].as_str().unwrap().to_owned(), billed(session)[0]["cost_status"].as_str().unwrap().to_owned())
    };
    let told: Vec<_> = sessions.iter().map(told).collect();
    let ok = |provider: &str| (provider.to_owned(), "ok".to_owned());
    assert_eq!(told, [ok("deepseek"), ok("groq"), ok("openai"), ok("x_ai")]);
    assert_eq!(dollars(&sessions[0]["cost_usd"]), "0.000322");
}

#[test]
fn sound_without_a_price_of_its_own_is_no_certain_cost() {
    let mut book = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    book.write_all(
        br#"{"gpt-4o-audio-preview": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2.5e-06,
            "output_cost_per_token": 1e-05}}"#,
    )
    .unwrap();
    for book in [None, Some(book.path())] {
        let sessions = sessions(&field("m23-audio-tokens.jsonl"), book);
        check("m23", &sessions[0], (1000, 0, 0, 200, 0, "0.0045", &["partial"]));
    }
}

/// A request of one span, as a line of OTLP/JSON.
fn request(scope: &str, resource: &[(&str, Value)], name: &str, attributes: &[(&str, Value)]) -> String {
    let value = |value: &Value| match value {
        Value::String(text) => json!({"stringValue": text}),
        Value::Number(number) if number.is_f64() => json!({"doubleValue": number}),
        Value::Bool(flag) => json!({"boolValue": flag}),
        number => json!({"intValue": number.to_string()}),
    };
    let list = |pairs: &[(&str, Value)]| {
        let pairs = pairs.iter().map(|(key, it)| json!({"key": key, "value": value(it)}));
        pairs.collect::<Vec<Value>>()
    };
    let span = json!({
        "traceId": "0000000000000000000000000000aa01", "spanId": "00000000000000a1", "name": name, "kind": 3,
        "startTimeUnixNano": "1795230345000000000", "endTimeUnixNano": "1795230349000000000",
        "attributes": list(attributes), "status": {},
    });
    let scopes = json!([{"scope": {"name": scope}, "spans": [span]}]);
    json!({"resourceSpans": [{"resource": {"attributes": list(resource)}, "scopeSpans": scopes}]}).to_string()
}

/// What becomes of one span.
fn session_of(scope: &str, resource: &[(&str, Value)], name: &str, attributes: &[(&str, Value)]) -> Value {
    let mut file = tempfile::Builder::new().suffix(".jsonl").tempfile().unwrap();
    file.write_all(request(scope, resource, name, attributes).as_bytes()).unwrap();
    let mut sessions = sessions(file.path(), None);
    assert_eq!(sessions.len(), 1);
    sessions.remove(0)
}

fn chat<'a>(provider: &str, model: &str, more: &[(&'a str, Value)]) -> Vec<(&'a str, Value)> {
    let mut attributes = vec![
        ("gen_ai.operation.name", json!("chat")),
        ("gen_ai.provider.name", json!(provider)),
        ("gen_ai.request.model", json!(model)),
        ("gen_ai.usage.input_tokens", json!(1000)),
        ("gen_ai.usage.output_tokens", json!(100)),
    ];
    attributes.extend_from_slice(more);
    attributes
}

#[test]
fn details_are_read_under_the_names_of_many_tools() {
    let json_of = |text: Value| json!(text.to_string());
    let langsmith = json!({"input_token_details": {"cache_read": 400}, "output_token_details": {"reasoning": 60}});
    let python = "{'input_tokens': 1000, 'input_token_details': {'audio': None, 'cache_read': 400}, \
                  'output_token_details': {'reasoning': 60}}";
    for (name, more) in [
        (
            "Sentry",
            vec![("gen_ai.usage.input_tokens.cached", json!(400)), ("gen_ai.usage.output_tokens.reasoning", json!(60))],
        ),
        ("rig", vec![("gen_ai.usage.cached_tokens", json!(400)), ("gen_ai.usage.reasoning_tokens", json!(60))]),
        ("LangSmith", vec![("langsmith.metadata.usage_metadata", json_of(langsmith))]),
        ("LangSmith, Python", vec![("langsmith.metadata.usage_metadata", json!(python))]),
        (
            "OpenLIT",
            vec![
                ("gen_ai.usage.prompt_tokens_details.cache_read", json!(400)),
                ("gen_ai.usage.completion_tokens_details.reasoning", json!(60)),
            ],
        ),
        (
            "Pydantic AI",
            vec![
                ("gen_ai.usage.details.cached_tokens", json!(400)),
                ("gen_ai.usage.details.reasoning_tokens", json!(60)),
            ],
        ),
        (
            "Weave",
            vec![
                ("weave.usage.cache_read.input_tokens", json!(400)),
                ("weave.usage.reasoning.output_tokens", json!(60)),
            ],
        ),
        (
            "Braintrust",
            vec![(
                "braintrust.metrics",
                json_of(json!({"prompt_cached_tokens": 400, "completion_reasoning_tokens": 60})),
            )],
        ),
        (
            "semconv, by modality",
            vec![
                ("gen_ai.usage.text.cache_read.input_tokens", json!(400)),
                ("gen_ai.usage.reasoning.output_tokens", json!(60)),
            ],
        ),
    ] {
        let session = session_of("a", &[], "chat gpt-5", &chat("openai", "gpt-5", &more));
        // 600 at $1.25, 400 at $0.125, 100 at $10 a million.
        check(name, &session, (1000, 400, 0, 100, 60, "0.0018", &["ok"]));
    }
}

#[test]
fn what_the_counts_do_not_tell_of_is_no_certain_cost() {
    let status = |more: &[(&str, Value)]| {
        let session = session_of("a", &[], "chat gpt-4o", &chat("openai", "gpt-4o", more));
        spans(&session)[0]["cost_status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status(&[("gen_ai.usage.total_tokens", json!(1100))]), "ok");
    assert_eq!(status(&[("gen_ai.usage.total_tokens", json!(1700))]), "partial");
    assert_eq!(status(&[("gen_ai.usage.input_text_tokens", json!(1000))]), "ok");
    assert_eq!(status(&[("gen_ai.usage.input_text_tokens", json!(100))]), "partial");
}

#[test]
fn a_provider_that_nobody_knows_is_no_worse_than_none() {
    let told = |provider: &str, model: &str| {
        let session = session_of("a", &[], "chat", &chat(provider, model, &[]));
        let call = spans(&session)[0].clone();
        (call["cost_status"].as_str().unwrap().to_owned(), dollars(&session["cost_usd"]))
    };
    let priced = ("ok".to_owned(), "0.0035".to_owned());
    for provider in ["openai", "azure.ai.agents", "az.ai.agents", "Azure OpenAI", "my-gateway", "OpenAIChatGenerator"] {
        assert_eq!(told(provider, "gpt-4o"), priced, "{provider}");
    }
    for provider in ["googleai", "Google AI Studio", "google_genai", "corp-llm-hub"] {
        assert_eq!(told(provider, "gemini-2.5-flash"), ("ok".into(), "0.00055".into()), "{provider}");
    }
    // Nor does it tell less of how the cached tokens are counted: 1000 at $3, 400 at $0.3, 100 at $15 a million.
    let cached = chat("corp-llm-hub", "claude-sonnet-4-5", &[("gen_ai.usage.cache_read_input_tokens", json!(400))]);
    assert_eq!(dollars(&session_of("a", &[], "chat", &cached)["cost_usd"]), "0.00462");
    // Who resells it takes what he likes.
    assert_eq!(told("siliconflow", "gpt-4o").0, "unknown_model");
}

#[test]
fn what_a_host_that_nobody_knows_serves_is_not_openais() {
    let told = |model: &str| {
        let at = [("server.address", json!("vllm.example.com"))];
        let session = session_of("a", &[], "chat", &chat("openai", model, &at));
        (session["providers"].clone(), spans(&session)[0]["cost_status"].clone())
    };
    assert_eq!(told("gpt-4o"), (json!(["openai"]), json!("ok")));
    assert_eq!(told("Qwen/Qwen3-32B"), (json!([]), json!("unknown_model")));
}

#[test]
fn openrouter_tells_what_it_took_whoever_served_it() {
    let resource = [("service.name", json!("openrouter"))];
    let told = [("gen_ai.usage.total_cost", json!(0.0123))];
    let session =
        session_of("openrouter", &resource, "chat", &chat("Google AI Studio", "google/gemini-2.5-pro", &told));
    check("Broadcast", &session, (1000, 0, 0, 100, 0, "0.0123", &["reported"]));
    assert_eq!(session["providers"], json!(["openrouter"]));
}

#[test]
fn a_cost_in_another_currency_is_not_told() {
    for (currency, status) in [("USD", "reported"), ("EUR", "unknown_model")] {
        let told = [("gen_ai.usage.cost.amount", json!(0.5)), ("gen_ai.usage.cost.currency", json!(currency))];
        let session = session_of("a", &[], "chat x", &chat("openai", "no-such-model", &told));
        assert_eq!(spans(&session)[0]["cost_status"], status, "{currency}");
    }
}

#[test]
fn of_a_cache_write_with_one_part_told_the_other_is_the_rest() {
    let cost = |more: &[(&str, Value)]| {
        let told = [("gen_ai.usage.cache_creation.input_tokens", json!(900))];
        let attributes = chat("anthropic", "claude-sonnet-4-5", &[&told, more].concat());
        dollars(&session_of("a", &[], "chat", &attributes)["cost_usd"])
    };
    // 100 at $3, 900 at $3.75, of which 600 at $6, and 100 at $15 a million.
    assert_eq!(cost(&[]), "0.005175");
    assert_eq!(cost(&[("gen_ai.usage.cache_creation.ephemeral_1h_input_tokens", json!(600))]), "0.006525");
    assert_eq!(cost(&[("gen_ai.usage.cache_creation.ephemeral_5m_input_tokens", json!(300))]), "0.006525");
}

#[test]
fn what_claude_code_writes_to_a_cache_lasts_an_hour_but_for_sub_agents() {
    let cost = |more: &[(&str, Value)]| {
        let mut attributes = vec![
            ("span.type", json!("llm_request")),
            ("model", json!("claude-sonnet-4-5")),
            ("input_tokens", json!(10)),
            ("output_tokens", json!(100)),
            ("cache_creation_tokens", json!(10_000)),
        ];
        attributes.extend_from_slice(more);
        let session = session_of("com.anthropic.claude_code.tracing", &[], "claude_code.llm_request", &attributes);
        dollars(&session["cost_usd"])
    };
    // 10 at $3, 100 at $15, and 10,000 at $6 or $3.75 a million.
    assert_eq!(cost(&[]), "0.06153");
    assert_eq!(cost(&[("agent_id", json!("a-1"))]), "0.03903");
}
