//! `tailsieve price`: what calls cost, by the price books that the processor prices spans with.

use std::io::{self, BufRead as _, Read as _, Write};
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::books::{Only, books};
use super::exit::{Exit, complain};
use crate::genai::conventions::Conventions;
use crate::genai::extract::providers::NameResolver;
use crate::pricing::{Inclusive, PriceBook, Priced, SNAPSHOT_DATE, Tokens, Usage, moment};

/// Price usage records: JSON lines from standard input to standard output
///
/// A record tells what one call of a model used, and all of its keys but `provider` and `model` may be absent:
///
/// {"id": "a", "provider": "openai", "model": "gpt-5", "usage": {"input": 1200, "output": 300, "cache_read": 1000},
/// "service_tier": "flex", "timestamp": "2026-11-20T12:00:00Z", "context": {"data_residency": "eu"}}
///
/// `server_address` is the host that was called: where it is known whose it is, it tells the provider.
///
/// `usage` counts tokens as the GenAI conventions do: `input` includes `cache_read`, `cache_write` (of which
/// `cache_write_1h` are kept for an hour), `audio_input` and `image_input` (of which `audio_cache_read` and
/// `image_cache_read` came from a cache); `output` includes `reasoning`, `audio_output`
/// and `image_output`. Besides, `web_searches` and `rerank_queries`. Without `usage` the status is no_usage. `model` is the
/// model of the response; `request_model` is tried after it. Providers and models may be named as on spans: by any name that
/// the conventions have for a provider, and where none is named the model may tell it, as openai/gpt-4o does. Without
/// `timestamp` the prices are those of the snapshots' date. `context` tells one of data_residency, vertex_location,
/// inference_geo and region, and Anthropic's `speed`, where `service_tier` tells no other tier. A record with any other key in `usage` or `context` is
/// a bad one; other keys of a record are notes of your own.
///
/// For each record one line is written, in the order of the records: {"id", "usd" (an exact decimal in a string, or null),
/// "status", "source", "price_key", "match"}, and "assumptions" where something had to be assumed. The status is ok,
/// partial, unknown_model, no_price, self_hosted, no_usage, invalid_usage, or bad_record for a line that is no such record:
/// what is wrong with it goes to standard error with the number of the line, the others are priced, and the exit code is 1.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Price book, as LiteLLM or genai-prices publish it, or own prices in YAML; may be repeated. Price books replace the
    /// embedded ones; own prices go before all books
    #[arg(long, value_name = "FILE")]
    book: Vec<PathBuf>,
    /// Ask the books of this source only
    #[arg(long, value_enum, value_name = "SOURCE")]
    source: Option<Only>,
}

/// Longest line, in bytes.
const MAX_LINE: usize = 1 << 20;
/// Key of a context that tells Anthropic's `speed`: its fast mode is a tier with prices of its own.
const SPEED: &str = "speed";
/// Keys of a context that tell a region.
const REGIONS: [&str; 4] = ["data_residency", "vertex_location", "inference_geo", "region"];
/// What a usage counts.
const COUNTS: [&str; 14] = [
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "reasoning",
    "audio_input",
    "audio_output",
    "image_input",
    "image_output",
    "audio_cache_read",
    "image_cache_read",
    "web_searches",
    "rerank_queries",
];

// === impl Args ===

impl Args {
    pub(super) fn run(self) -> Exit {
        let book = match books(&self.book, self.source) {
            Ok(book) => book,
            Err(wrong) => {
                complain(wrong);
                return Exit::Failed;
            }
        };
        let names = NameResolver::compile(&Conventions::embedded());
        match price_all(&book, &names, io::stdin().lock(), io::BufWriter::new(io::stdout().lock())) {
            Ok(0) => Exit::Fine,
            Ok(_) => Exit::Failed,
            // Whoever has closed the pipe has read enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
            Err(error) => {
                complain(format_args!("tailsieve: {error}"));
                Exit::Failed
            }
        }
    }
}

/// Prices line by line. Gives back how many lines were bad.
fn price_all(
    book: &PriceBook,
    names: &NameResolver,
    mut from: impl io::BufRead,
    mut to: impl Write,
) -> io::Result<usize> {
    let (mut bad, mut line) = (0, Vec::new());
    for number in 1_u64.. {
        line.clear();
        let read = from.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        let priced = if read > MAX_LINE {
            from.skip_until(b'\n')?;
            Err((Value::Null, format!("is longer than {MAX_LINE} bytes")))
        } else if line.trim_ascii().is_empty() {
            continue;
        } else {
            price_line(book, names, &line)
        };
        let line = priced.unwrap_or_else(|(id, wrong)| {
            bad += 1;
            complain(format_args!("line {number}: {wrong}"));
            answer(&id, "bad_record", &Priced::default())
        });
        writeln!(to, "{line}")?;
    }
    to.flush()?;
    Ok(bad)
}

/// The answer to a line, or its id and what is wrong with it.
fn price_line(book: &PriceBook, names: &NameResolver, line: &[u8]) -> Result<String, (Value, String)> {
    let record: Map<String, Value> =
        serde_json::from_slice(line).map_err(|error| (Value::Null, format!("is no JSON object: {error}")))?;
    let id = record.get("id").cloned().unwrap_or_default();
    let bad = |wrong| (id.clone(), wrong);
    let text = |key: &'static str| text(&record, key).map_err(bad);
    let at = match text("timestamp")? {
        "" => moment(&format!("{SNAPSHOT_DATE}T00:00:00Z")),
        given => moment(given),
    };
    let at = at.ok_or_else(|| bad("timestamp is no moment as in 2026-11-20T12:00:00Z".into()))?;
    let (response_model, request_model) = (text("model")?, text("request_model")?);
    let either = if request_model.is_empty() { response_model } else { request_model };
    let (server_address, context) = (text("server_address")?, Context::of(&record).map_err(bad)?);
    let provider = names.provider_at(text("provider")?.trim(), either, server_address);
    let tier = text("service_tier")?;
    let mut usage = Usage {
        provider,
        vendor: names.vendor(provider, either),
        server_address,
        response_model,
        request_model,
        // Fast answers are of the standard tier otherwise.
        service_tier: if matches!(tier, "" | "standard") && !context.speed.is_empty() { context.speed } else { tier },
        region: context.region,
        at,
        ..Usage::default()
    };
    if either.is_empty() {
        return Err(bad("names no model".into()));
    }
    if let Some(counts) = record.get("usage").filter(|usage| !usage.is_null()) {
        count(counts, &mut usage).map_err(bad)?;
    }
    let priced = book.price(&usage);
    Ok(answer(&id, priced.status.name(), &priced))
}

/// Reads what was used.
fn count(counts: &Value, usage: &mut Usage<'_>) -> Result<(), String> {
    let Value::Object(counts) = counts else { return Err("usage is no object".into()) };
    known("usage.", counts, &COUNTS)?;
    let of = |key: &str| match counts.get(key) {
        None | Some(Value::Null) => Ok(0),
        Some(count) => count.as_u64().ok_or_else(|| format!("usage.{key} is no whole number of tokens")),
    };
    let inclusive = Inclusive {
        input: of("input")?,
        output: of("output")?,
        cache_read: of("cache_read")?,
        cache_write: of("cache_write")?,
        cache_write_1h: of("cache_write_1h")?,
        reasoning: of("reasoning")?,
        input_audio: of("audio_input")?,
        output_audio: of("audio_output")?,
        input_image: of("image_input")?,
        output_image: of("image_output")?,
        cache_read_audio: of("audio_cache_read")?,
        cache_read_image: of("image_cache_read")?,
    };
    usage.web_searches = of("web_searches")?;
    usage.rerank_queries = of("rerank_queries")?;
    let of_tokens = |key: &String| !["web_searches", "rerank_queries"].contains(&key.as_str());
    if counts.keys().any(of_tokens) {
        usage.tokens = Tokens::from_inclusive(&inclusive);
        usage.contradictory = usage.tokens.is_none();
    }
    Ok(())
}

/// What else decides over the price of a call.
#[derive(Clone, Copy, Debug, Default)]
struct Context<'r> {
    region: &'r str,
    speed: &'r str,
}

// === impl Context ===

impl<'r> Context<'r> {
    fn of(record: &'r Map<String, Value>) -> Result<Self, String> {
        let context = match record.get("context") {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(Value::Object(context)) => context,
            Some(_) => return Err("context is no object".into()),
        };
        known("context.", context, &[&REGIONS[..], &[SPEED]].concat())?;
        let mut told = Self { region: "", speed: text(context, SPEED)? };
        for key in REGIONS {
            let region = text(context, key)?;
            told.region = if told.region.is_empty() { region } else { told.region };
        }
        Ok(told)
    }
}

/// Checks that an object has no key that means nothing.
fn known(within: &str, object: &Map<String, Value>, keys: &[&str]) -> Result<(), String> {
    match object.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(unknown) => Err(format!("{within}{unknown:.40} is unknown, known are {}", keys.join(", "))),
        None => Ok(()),
    }
}

fn text<'a>(object: &'a Map<String, Value>, key: &'static str) -> Result<&'a str, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("{key} is no text")),
    }
}

/// The line for a record, with its keys in the order that the help gives them.
fn answer(id: &Value, status: &str, priced: &Priced<'_>) -> String {
    let assumptions: Vec<Value> = priced.assumptions.names().map(Value::from).collect();
    let fields = [
        ("id", id.clone()),
        ("usd", priced.cost.map_or(Value::Null, |cost| cost.total.to_string().into())),
        ("status", status.into()),
        ("source", priced.source.map_or(Value::Null, |source| source.name().into())),
        ("price_key", if priced.price_key.is_empty() { Value::Null } else { priced.price_key.into() }),
        ("match", priced.source.map_or(Value::Null, |_| priced.matched.name().into())),
        ("assumptions", assumptions.into()),
    ];
    let told = fields.into_iter().filter(|(key, value)| *key != "assumptions" || value != &Value::Array(Vec::new()));
    let told: Vec<String> = told.map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", told.join(","))
}
