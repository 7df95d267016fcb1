//! `tailsieve price` says what the communities' own calculators say.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "what a test cannot read fails it"
)]

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const CASES: &str = include_str!("prices/cost_cases_sample.jsonl");
const EXCEPTIONS: &str = include_str!("prices/exceptions.jsonl");

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn price(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tailsieve"));
    command.arg("price").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    // A process that refuses its arguments does not read.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap_or_default());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn priced(arguments: &[&str], input: &str) -> Vec<Value> {
    let output = price(arguments, input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    lines(std::str::from_utf8(&output.stdout).unwrap())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Compares every case; `same` tells whether a dollar amount is what was expected.
fn compare(source: &str, expected: &str, key: &str, same: impl Fn(&str, &Value) -> bool) {
    let of_source = lines(EXCEPTIONS).into_iter().filter(|it| it["source"] == source);
    let mut exceptions: HashMap<String, Value> = of_source.map(|it| (text(&it["id"]).unwrap(), it)).collect();
    let (cases, answers) = (lines(CASES), priced(&["--source", source], CASES));
    assert_eq!((cases.len(), answers.len()), (210, 210));
    let mut wrong = Vec::new();
    for (case, answer) in cases.iter().zip(&answers) {
        assert_eq!(case["id"], answer["id"]);
        let amount = text(&answer["usd"]);
        assert_eq!(amount.is_some(), ["ok", "partial"].contains(&answer["status"].as_str().unwrap()), "{answer}");
        let fits = match &amount {
            None => case[expected].is_null(),
            Some(amount) => {
                let row = case[key].as_str().unwrap_or_default();
                let resold = row.contains("fallback") == (answer["match"] == "fallback_provider");
                same(amount, &case[expected]) && row.split(' ').next() == answer["price_key"].as_str() && resold
            }
        };
        match exceptions.remove(case["id"].as_str().unwrap()) {
            None if !fits => wrong.push(format!("{case}\n    {answer}")),
            Some(exception) => {
                assert!(!fits, "is no exception: {case}");
                assert!(exception["usd"] == answer["usd"] && exception["status"] == answer["status"], "{answer}");
                assert!(exception["reason"].as_str().unwrap().len() > 20);
            }
            None => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(exceptions.is_empty(), "of no case: {exceptions:?}");
}

#[test]
fn every_case_costs_what_litellm_says_but_for_float_noise() {
    compare("litellm", "expected_usd_litellm", "litellm_key", |amount, expected| {
        let (amount, Some(expected)) = (amount.parse::<f64>().unwrap(), expected.as_f64()) else { return false };
        (amount - expected).abs() <= 1e-9 * expected.abs()
    });
}

#[test]
fn every_case_costs_to_the_last_digit_what_genai_prices_says() {
    compare("genai", "expected_usd_genai_prices_exact", "genai_key", |amount, expected| expected == amount);
}

#[test]
fn both_books_together_price_what_either_does() {
    let [litellm, genai] = ["litellm", "genai"].map(|source| priced(&["--source", source], CASES));
    for ((both, litellm), genai) in priced(&[], CASES).iter().zip(&litellm).zip(&genai) {
        assert_eq!(both, if litellm["usd"].is_null() && !genai["usd"].is_null() { genai } else { litellm });
    }
}

#[test]
fn books_are_read_from_files_as_they_are_published() {
    let directory = tempfile::tempdir().unwrap();
    for (source, file) in [("litellm", "litellm-1.109.1"), ("genai", "genai-prices-0.2.3")] {
        let compressed = fs::read(format!("{}/config/prices/{file}.json.zst", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let path = directory.path().join(file);
        fs::write(&path, zstd::decode_all(&compressed[..]).unwrap()).unwrap();
        assert_eq!(priced(&["--book", path.to_str().unwrap()], CASES), priced(&["--source", source], CASES));
    }
}

#[test]
fn own_prices_go_before_the_books() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.yaml");
    fs::write(&path, "models:\n  - {provider: openai, model: gpt-4o, input_cost_per_token: 1e-06}\n").unwrap();
    let input = "{\"provider\": \"openai\", \"model\": \"gpt-4o\", \"usage\": {\"input\": 3}}\n\
                 {\"provider\": \"openai\", \"model\": \"gpt-4.1\", \"usage\": {\"input\": 3}}\n";
    let answers = priced(&["--book", path.to_str().unwrap()], input);
    assert_eq!((&answers[0]["usd"], &answers[0]["match"]), (&"0.000003".into(), &"override".into()));
    assert_eq!((&answers[1]["usd"], &answers[1]["source"]), (&"0.000006".into(), &"litellm".into()));
}

/// A call: provider, model, and what it counts.
type Call<'a> = (&'a str, &'a str, &'a [(&'a str, u64)]);

/// What `inspect` says of calls, each a span: status, dollars, row.
fn inspected(arguments: &[&str], calls: &[Call<'_>]) -> Vec<[Value; 3]> {
    let spans = calls.iter().enumerate().map(|(at, (provider, model, counts))| {
        let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let mut attributes = vec![text("gen_ai.operation.name", "chat"), text("gen_ai.response.model", model)];
        attributes.extend((!provider.is_empty()).then(|| text("gen_ai.provider.name", provider)));
        attributes.extend(counts.iter().map(
            |(key, count)| json!({"key": format!("gen_ai.usage.{key}"), "value": {"intValue": count.to_string()}}),
        ));
        // Each calls alone: so long after the others that nothing brings them together.
        let start = 1_795_176_000_000_000_000 + at as u64 * 1_000_000_000;
        json!({"traceId": "0123456789abcdef0123456789abcdef", "spanId": format!("{:016x}", at + 1), "name": "chat",
            "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 500_000_000).to_string(),
            "attributes": attributes})
    });
    let spans: Vec<Value> = spans.collect();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("spans.json");
    fs::write(&path, json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tailsieve"));
    let output = command.args(["inspect", "--json"]).args(arguments).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let session = &lines(std::str::from_utf8(&output.stdout).unwrap())[0];
    let spans = session["spans"].as_array().unwrap();
    assert_eq!(spans.len(), calls.len());
    let cost = |span: &Value| span["cost_usd"].as_f64().map(|usd| usd.to_string()).into();
    spans.iter().map(|span| [span["cost_status"].clone(), cost(span), span["price_key"].clone()]).collect()
}

/// The same of `price`, which counts what it is told under the names of its own.
fn told(arguments: &[&str], calls: &[Call<'_>]) -> Vec<[Value; 3]> {
    let records = calls.iter().map(|(provider, model, counts)| {
        let own = |key: &str| match key {
            "input_tokens" => "input",
            "output_tokens" => "output",
            "cache_read.input_tokens" => "cache_read",
            "reasoning.output_tokens" => "reasoning",
            "audio.input_tokens" => "audio_input",
            other => panic!("{other}"),
        };
        let usage: serde_json::Map<_, _> = counts.iter().map(|(key, n)| (own(key).to_owned(), json!(n))).collect();
        json!({"provider": provider, "model": model, "usage": usage, "timestamp": "2026-11-20T12:00:00Z"}).to_string()
    });
    let answers = priced(arguments, &records.collect::<Vec<_>>().join("\n"));
    answers.iter().map(|answer| ["status", "usd", "price_key"].map(|key| answer[key].clone())).collect()
}

#[test]
fn a_span_costs_what_price_says_by_whatever_names_its_provider_and_its_model_go() {
    let counts: &[(&str, u64)] = &[("input_tokens", 1_000_000), ("output_tokens", 0)];
    let bedrock = "arn:aws:bedrock:us-east-1:123:";
    let [profile, application] = ["inference-profile", "application-inference-profile"]
        .map(|kind| format!("{bedrock}{kind}/us.amazon.nova-lite-v1:0"));
    let cases = [
        ("openrouter", "openai/gpt-4o", "ok 2.5 openrouter:openai/gpt-4o"),
        ("openrouter", "anthropic/claude-sonnet-4.5", "ok 6 openrouter:anthropic/claude-sonnet-4.5"),
        ("", "openrouter/openai/gpt-4o", "ok 2.5 openrouter:openai/gpt-4o"),
        ("groq", "openai/gpt-oss-120b", "ok 0.15 groq/openai/gpt-oss-120b"),
        ("vercel", "openai/gpt-4o", "ok 2.5 vercel_ai_gateway/openai/gpt-4o"),
        ("ibm.watsonx.ai", "ibm/granite-3-8b-instruct", "ok 0.2 watsonx/ibm/granite-3-8b-instruct"),
        ("openai", "openai/gpt-4o", "ok 2.5 gpt-4o"),
        ("oai", "open_ai/gpt-4o", "ok 2.5 gpt-4o"),
        ("openai", "openrouter/openai/gpt-4o", "unknown_model"),
        ("", "openai/gpt-4o", "ok 2.5 gpt-4o"),
        ("", "gpt-4o", "ok 2.5 gpt-4o"),
        ("langchain", "claude-sonnet-4-5", "ok 3 claude-sonnet-4-5"),
        ("gcp.vertex_ai", "google/gemini-2.5-pro", "ok 2.5 gemini-2.5-pro"),
        ("aws.bedrock", &profile, "ok 0.06 us.amazon.nova-lite-v1:0"),
        ("aws.bedrock", &application, "unknown_model"),
    ];
    let calls = cases.map(|(provider, model, _)| (provider, model, counts));
    let of_spans = inspected(&[], &calls);
    assert_eq!(of_spans, told(&[], &calls));
    for ((provider, model, wanted), said) in cases.into_iter().zip(&of_spans) {
        let said: Vec<&str> = said.iter().filter_map(Value::as_str).collect();
        assert_eq!(said.join(" "), wanted, "{provider} {model}");
    }
}

#[test]
fn own_prices_are_for_the_same_models_on_spans_as_in_records() {
    let counts: &[(&str, u64)] = &[("input_tokens", 1_000_000), ("output_tokens", 0)];
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.yaml");
    let arn = "arn:aws:bedrock:us-east-1:123:application-inference-profile/abcd";
    let text = format!(
        "models:\n  - {{provider: openai, model: gpt-4o, input_cost_per_token: 3e-06}}\n  \
         - {{provider: bedrock, model: '{arn}', input_cost_per_token: 7e-06}}\n"
    );
    fs::write(&path, text).unwrap();
    let own = ["--book", path.to_str().unwrap()];
    let calls = [
        ("openai", "openai/gpt-4o", counts),
        ("", "openai/gpt-4o", counts),
        ("openai", "gpt-4o-2024-08-06", counts),
        ("openrouter", "openai/gpt-4o", counts),
        ("aws.bedrock", arn, counts),
        ("aws.bedrock", "abcd", counts),
    ];
    let of_spans = inspected(&own, &calls);
    assert_eq!(of_spans, told(&own, &calls));
    let costs: Vec<Option<&str>> = of_spans.iter().map(|[_, cost, _]| cost.as_str()).collect();
    assert_eq!(costs, [Some("3"), Some("3"), Some("2.5"), Some("2.5"), Some("7"), None]);
}

#[test]
fn own_prices_of_a_model_go_before_those_of_spans_and_both_before_the_books() {
    let counts: &[(&str, u64)] = &[("input_tokens", 1_000_000), ("output_tokens", 0)];
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.yaml");
    let text = "models: [{provider: openai, model: gpt-4o, input_cost_per_token: 3e-06}]\n\
                spans: [{name: by time, match: {gen_ai.operation.name: chat}, per_second: 8}]\n";
    fs::write(&path, text).unwrap();
    let calls =
        [("openai", "gpt-4o", counts), ("openai", "gpt-4.1", counts), ("vllm", "qwen3", counts), ("acme", "x", &[])];
    let said = inspected(&["--book", path.to_str().unwrap()], &calls);
    let said: Vec<_> = said.iter().map(|said| said.each_ref().map(|text| text.as_str().unwrap_or_default())).collect();
    let by_time = ["ok", "4", "by time"];
    assert_eq!(said, [["ok", "3", "openai/gpt-4o"], by_time, by_time, by_time]);
}

#[test]
fn counts_that_contradict_each_other_have_no_cost_on_spans_either() {
    let counts = |part: &'static str, count| -> &'static [(&'static str, u64)] {
        Vec::leak(vec![("input_tokens", 1000), ("output_tokens", 100), (part, count)])
    };
    let calls = [
        ("openai", "o3", counts("reasoning.output_tokens", 500)),
        ("openai", "o3", counts("reasoning.output_tokens", 100)),
        ("openai", "gpt-4o-audio-preview", counts("audio.input_tokens", 1001)),
        ("openai", "gpt-4o-audio-preview", counts("audio.input_tokens", 1000)),
    ];
    let of_spans = inspected(&[], &calls);
    assert_eq!(of_spans, told(&[], &calls));
    let said: Vec<_> = of_spans.iter().map(|[status, cost, _]| (status.as_str().unwrap(), cost.is_null())).collect();
    // The book has no price for its sound.
    assert_eq!(said, [("invalid_usage", true), ("ok", false), ("invalid_usage", true), ("partial", false)]);
}

#[test]
fn a_bad_line_is_named_and_the_others_are_priced() {
    let long = format!("{{\"id\": \"{}\"}}", "x".repeat(2 << 20));
    let input = format!(
        "{{\"id\": 1, \"provider\": \"openai\", \"model\": \"gpt-4o\", \"usage\": {{\"input\": -3}}}}\nnonsense\n\n{long}\n\
         {{\"id\": 5, \"provider\": \"openai\", \"model\": \"gpt-4o\"}}\n{{\"id\": 6}}\n\
         {{\"id\": 7, \"model\": \"gpt-4o\", \"usage\": {{\"inputs\": 3}}}}\n\
         {{\"id\": 8, \"model\": \"gpt-4o\", \"timestamp\": \"today\"}}\n[]\n\
         {{\"id\": 10, \"model\": \"gpt-4o\", \"context\": {{\"haste\": \"fast\"}}}}"
    );
    let output = price(&[], &input);
    assert_eq!(output.status.code(), Some(1));
    let complaints = String::from_utf8(output.stderr).unwrap();
    let begin = [
        "line 1: usage.input is no whole number",
        "line 2: is no JSON object",
        "line 4: is longer than",
        "line 6: names no model",
        "line 7: usage.inputs is unknown",
        "line 8: timestamp is no moment",
        "line 9: is no JSON object",
        "line 10: context.haste is unknown",
    ];
    assert_eq!(complaints.lines().count(), begin.len(), "{complaints}");
    for (line, begin) in complaints.lines().zip(begin) {
        assert!(line.starts_with(begin), "{line}");
    }
    let answers = lines(std::str::from_utf8(&output.stdout).unwrap());
    let statuses: Vec<&str> = answers.iter().map(|it| it["status"].as_str().unwrap()).collect();
    let bad = "bad_record";
    assert_eq!(statuses, [bad, bad, bad, "no_usage", bad, bad, bad, bad, bad]);
    assert!(answers.iter().all(|answer| answer["usd"].is_null()));
    assert_eq!(answers[0]["id"], 1);
}

#[test]
fn anthropics_fast_mode_is_told_by_the_tier_or_by_the_speed() {
    let record = |more: Value| {
        let mut record =
            json!({"provider": "anthropic", "model": "claude-opus-4-8", "usage": {"input": 1000, "output": 100}});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = priced(&[], &record.to_string()).remove(0);
        (answer["usd"].clone(), answer["status"].clone())
    };
    let standard = record(json!({}));
    let fast = record(json!({"context": {"speed": "fast"}}));
    assert_eq!(fast, record(json!({"service_tier": "fast"})));
    assert_eq!(fast, record(json!({"service_tier": "standard", "context": {"speed": "fast"}})));
    assert_eq!(standard, record(json!({"context": {"speed": "standard"}})));
    assert_ne!(standard.0, fast.0);
    assert_eq!((&standard.1, &fast.1), (&json!("ok"), &json!("ok")));
    // The host tells who is paid.
    let of = |more: Value| {
        let mut record =
            json!({"provider": "openai", "model": "deepseek-chat", "usage": {"input": 1000, "output": 100}});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        priced(&[], &record.to_string()).remove(0)["status"].clone()
    };
    assert_eq!(of(json!({"server_address": "api.deepseek.com"})), "ok");
    assert_eq!(of(json!({})), "unknown_model");
}

#[test]
fn files_that_are_no_books_are_refused_with_their_place() {
    let directory = tempfile::tempdir().unwrap();
    for (name, text, wanted) in [
        ("a.json", "{\"gpt\": ", "is not JSON: EOF while parsing a value at line 1"),
        ("b.json", "{\"gpt\": {\"input_cost_per_token\": 1}}", "is no price book of LiteLLM's"),
        ("c.yaml", "models:\n  - {provider: a, model: b, input: 1}\n", "c.yaml:2:29: models[0].input: unknown key"),
        ("d.yaml", "models: [\n", "d.yaml:2:"),
    ] {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        let output = price(&["--book", path.to_str().unwrap()], "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{name}");
        assert!(said.contains(path.to_str().unwrap()) && said.contains(wanted), "{said}");
    }
    let absent = price(&["--book", "/nonexistent/prices.json"], "");
    assert!(String::from_utf8_lossy(&absent.stderr).starts_with("/nonexistent/prices.json: cannot be read"));
}
