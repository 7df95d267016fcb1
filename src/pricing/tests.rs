//! The book as a whole, on the embedded files.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use super::overrides::Overrides;
use super::*;
use crate::clock::Nanos;

static BOOK: LazyLock<PriceBook> = LazyLock::new(|| PriceBook::load(&both()).unwrap());

fn both() -> [BookFile; 2] {
    [BookFile::Embedded(Source::Litellm), BookFile::Embedded(Source::Genai)]
}

/// A book that has nothing but the user's own prices.
pub(super) fn own_prices(text: &str) -> PriceBook {
    let mut overrides = Overrides::default();
    overrides.add(text, "own.yaml").unwrap();
    PriceBook::of(Vec::new(), overrides, "0123456789abcdef".into())
}

fn at(text: &str) -> Nanos {
    moment(text).unwrap()
}

fn call<'a>(provider: &'a str, model: &'a str, input: u64, output: u64) -> Usage<'a> {
    let tokens = Some(Tokens { input_uncached: input, output, ..Tokens::default() });
    Usage { provider, response_model: model, tokens, at: at("2026-11-20T12:00:00Z"), ..Usage::default() }
}

fn usd(usage: &Usage<'_>) -> String {
    BOOK.price(usage).cost.map(|cost| cost.total.to_string()).unwrap_or_default()
}

#[test]
fn the_embedded_books_are_the_published_files() {
    let [litellm, genai] = BOOK.editions() else { panic!() };
    let readme = include_str!("../../config/prices/README.md");
    for edition in [litellm, genai] {
        assert!(readme.contains(edition.sha256()), "{} {}", edition.name(), edition.sha256());
    }
    assert_eq!(litellm.version(), "8f8060d8ce7a");
    assert_eq!(genai.version(), "18333d98fe46");
}

#[test]
fn every_row_is_found_by_its_own_key_and_those_without_a_price_are_counted_by_reason() {
    let [Edition { contents: Contents::Litellm(litellm), .. }, Edition { contents: Contents::Genai(genai), .. }] =
        BOOK.editions()
    else {
        panic!()
    };
    let (mut wrong, mut twins) = (Vec::new(), 0);
    for (at, row) in litellm.rows.iter().enumerate() {
        let found = litellm.find(&row.provider, "", [&row.key, ""]).unwrap().row as usize;
        // Some models stand there twice, with and without the provider before them: the former is looked for first.
        let twin = litellm.rows[found].key.split_once('/').is_some_and(|(_, name)| *name == *row.key);
        twins += usize::from(twin);
        if found != at && !twin {
            wrong.push(row.key.to_string());
        }
    }
    assert_eq!((&wrong[..], twins), (&[][..], LITELLM_TWINS));
    let mut clauses = 0;
    for (at, model) in genai.models.iter().enumerate() {
        let (provider, id) = model.key.split_once(':').unwrap();
        let found = |name: &str| genai.find(provider, [name, ""]).map(|found| found.row as usize);
        // Some ids are no names: such a model answers to patterns only.
        clauses += usize::from(found(id) != Some(at));
        if found(id) != Some(at) && !model.examples().iter().any(|name| found(name) == Some(at)) {
            wrong.push(model.key.to_string());
        }
    }
    let [litellm, genai] = BOOK.editions() else { panic!() };
    let counts = |edition: &Edition| {
        let Counts { priced, zero, other_units, nothing, skipped, unknown_keys, .. } = edition.counts();
        [priced, zero, other_units, nothing, skipped, unknown_keys]
    };
    let found = (counts(litellm), counts(genai), clauses, wrong);
    assert_eq!(found, (LITELLM_COUNTS, GENAI_COUNTS, GENAI_CLAUSES, GENAI_NEVER_FIRST.map(String::from).to_vec()));
}

/// Rows of LiteLLM's file that have a twin with the provider before their name.
const LITELLM_TWINS: usize = 23;
/// Models of genai-prices that no name of theirs leads to, because an earlier model answers to it.
const GENAI_NEVER_FIRST: [&str; 0] = [];
/// Priced, all zero, other units, nothing, unreadable; and price keys that are not understood.
const LITELLM_COUNTS: [usize; 6] = [3666, 122, 666, 97, 0, 1495];
const GENAI_COUNTS: [usize; 6] = [2286, 0, 26, 18, 0, 103];
/// Models of genai-prices whose id is no name of theirs.
const GENAI_CLAUSES: usize = 85;

#[test]
fn no_price_and_no_usage_are_never_a_zero() {
    let status = |usage: &Usage<'_>| {
        let priced = BOOK.price(usage);
        assert_eq!(priced.cost.is_some(), matches!(priced.status, Status::Ok | Status::Partial), "{usage:?}");
        priced.status
    };
    assert_eq!(status(&call("openai", "gpt-9-imaginary", 1, 1)), Status::UnknownModel);
    assert_eq!(status(&call("anthropic", "claude-opus-9", 1, 1)), Status::UnknownModel);
    assert_eq!(status(&call("cohere", "rerank-v3.5", 1000, 0)), Status::NoPrice);
    assert_eq!(status(&call("ollama", "llama3", 1, 1)), Status::SelfHosted);
    assert_eq!(status(&Usage { server_address: "localhost", ..call("openai", "gpt-4o", 1, 1) }), Status::SelfHosted);
    assert_eq!(status(&Usage { tokens: None, ..call("openai", "gpt-4o", 1, 1) }), Status::NoUsage);
    assert_eq!(status(&call("openai", "gpt-4o", 1 << 63, 1)), Status::InvalidUsage);
    assert_eq!(status(&call("", "", 1, 1)), Status::UnknownModel);
    // Counts of zero are counts.
    assert_eq!(
        (status(&call("openai", "gpt-4o", 0, 0)), usd(&call("openai", "gpt-4o", 0, 0))),
        (Status::Ok, "0".into())
    );
    let free = call("openrouter", "meta-llama/llama-3.3-70b-instruct:free", 1000, 10);
    assert_eq!((status(&free), usd(&free)), (Status::Ok, "0".into()));
    let query = Usage { rerank_queries: 3, ..call("cohere", "rerank-v3.5", 0, 0) };
    assert_eq!(usd(&query), "0.006");
}

#[test]
fn no_provider_is_priced_by_another_ones_row() {
    // Only OpenAI has these names.
    for provider in ["anthropic", "groq", "mistral_ai"] {
        assert_eq!(BOOK.price(&call(provider, "gpt-4o", 1, 1)).status, Status::UnknownModel, "{provider}");
    }
    // Nor one that has other rows, nor one that resells.
    let others = [("huggingface", "deepseek-chat"), ("siliconflow", "gpt-4o"), ("Novita", "deepseek-chat")];
    for (provider, model) in others.into_iter().chain([("sagemaker", "gpt-4o"), ("Acme", "openrouter/openai/gpt-4o")]) {
        let priced = BOOK.price(&call(provider, model, 1, 1));
        assert_eq!((priced.status, priced.cost), (Status::UnknownModel, None), "{provider} {model}");
    }
    // A name that nobody knows tells no more than none: the model is tried without it, and as its vendor's.
    for (provider, model) in [("acme", "gpt-4o"), ("acme", "deepseek/deepseek-chat")] {
        let priced = BOOK.price(&call(provider, model, 1, 1));
        assert!(priced.status == Status::Ok && priced.assumptions.has(Assumptions::PROVIDER_UNKNOWN), "{model}");
        assert_eq!(priced.cost, BOOK.price(&call("", model, 1, 1)).cost, "{model}");
    }
    let prefixed = Usage { vendor: "gcp.gemini", ..call("acme", "models/gemini-2.5-flash", 1, 1) };
    assert_eq!(BOOK.price(&prefixed).status, Status::Ok);
    assert_eq!(BOOK.price(&Usage { vendor: "", ..prefixed }).status, Status::UnknownModel);
    let own = BOOK.price(&call("databricks", "databricks-claude-sonnet-4-5", 1, 1));
    assert_eq!(own.price_key, "databricks/databricks-claude-sonnet-4-5");
    let azure = BOOK.price(&call("azure.ai.openai", "gpt-4o", 1, 1));
    assert_eq!(azure.price_key, "azure/gpt-4o");
    // What is resold is declared by the book: Azure's rows in genai-prices are OpenAI's.
    let genai = PriceBook::load(&[BookFile::Embedded(Source::Genai)]).unwrap();
    let resold = genai.price(&call("azure.ai.openai", "gpt-4o", 1, 1));
    assert_eq!((resold.price_key, resold.matched), ("openai:gpt-4o", Match::FallbackProvider));
    // Nobody is named: the exact name counts, and it is told.
    let unnamed = BOOK.price(&call("", "gpt-4o", 1, 1));
    assert!(unnamed.price_key == "gpt-4o" && unnamed.assumptions.has(Assumptions::PROVIDER_UNKNOWN));
    assert_eq!(BOOK.price(&call("", "gpt-4o-2099-01-01", 1, 1)).status, Status::UnknownModel);
    let by_server = Usage { server_address: "https://api.openai.com/v1", ..call("", "gpt-4o", 1, 1) };
    assert_eq!(BOOK.price(&by_server).assumptions, Assumptions::default());
    // A fine-tuned model is not its base.
    assert_eq!(BOOK.price(&call("openai", "ft:gpt-9:org::id", 1, 1)).status, Status::UnknownModel);
}

#[test]
fn tiers_thresholds_regions_and_hours_change_the_price() {
    let gemini = |input| usd(&call("gcp.gemini", "gemini-2.5-pro", input, 0));
    assert_eq!((gemini(200_000), gemini(200_001)), ("0.25".into(), "0.5000025".into()));
    let grok = |input| usd(&call("x_ai", "grok-4.6", input, 0));
    assert_ne!(grok(199_999).len(), grok(200_000).len());
    assert_eq!(grok(200_000), "0.8");
    let batch = |provider, model| usd(&Usage { service_tier: "batch", ..call(provider, model, 1_000_000, 0) });
    assert_eq!(batch("openai", "gpt-4o"), "1.25");
    let priced = BOOK.price(&Usage { service_tier: "scale", ..call("openai", "gpt-4o", 1_000_000, 0) }.clone());
    assert_eq!((priced.status, priced.cost.unwrap().total.to_string()), (Status::Partial, "2.5".into()));
    assert!(priced.assumptions.has(Assumptions::TIER_MISSING));
    let anthropic =
        |region, service_tier| usd(&Usage { region, service_tier, ..call("anthropic", "claude-opus-5", 1_000_000, 0) });
    assert_eq!(anthropic("", ""), "5");
    assert_eq!(anthropic("us", ""), "5.5");
    assert_eq!(anthropic("global", ""), "5");
    assert_eq!(anthropic("us", "fast"), "11");
    let vertex = |region| usd(&Usage { region, ..call("gcp.vertex_ai", "gemini-3.5-flash", 100, 0) });
    assert_eq!((vertex("global"), vertex("europe-west4")), ("0.00015".into(), "0.000165".into()));
    let openai = |server_address| usd(&Usage { server_address, ..call("openai", "gpt-6-astra", 100, 0) });
    assert_eq!((openai("api.openai.com"), openai("eu.api.openai.com")), ("0.001".into(), "0.0011".into()));
    let deepseek = |time| usd(&Usage { at: at(time), ..call("deepseek", "deepseek-v4-flash", 1_000_000, 0) });
    assert_eq!(deepseek("2026-11-20T05:59:59Z"), "0.15");
    assert_eq!(deepseek("2026-11-20T06:00:00Z"), "0.3");
    let region = |region| BOOK.price(&Usage { region, ..call("aws.bedrock", "amazon.nova-lite-v1:0", 1, 1) }).price_key;
    assert_eq!(region("us-gov-west-1"), "bedrock/us-gov-west-1/amazon.nova-lite-v1:0");
    assert_eq!(region("us-east-1"), "amazon.nova-lite-v1:0");
}

#[test]
fn parts_add_up_to_the_total() {
    let tokens = Tokens {
        input_uncached: 3,
        cache_read: 5,
        cache_write_5m: 7,
        cache_write_1h: 11,
        output: 13,
        reasoning: 17,
        ..Tokens::default()
    };
    let priced = BOOK.price(&Usage { tokens: Some(tokens), ..call("anthropic", "claude-sonnet-4-5", 0, 0) });
    let Cost { total, input, output, cache_read, cache_write, other } = priced.cost.unwrap();
    assert_eq!(input.to_string(), "0.000009");
    assert_eq!(output.to_string(), "0.00045");
    assert_eq!(cache_read.to_string(), "0.0000015");
    assert_eq!(cache_write.to_string(), "0.00009225");
    assert_eq!(total.0, input.0 + output.0 + cache_read.0 + cache_write.0 + other.0);
    assert_eq!(priced.context_window, Some(200_000));
}

#[test]
fn own_prices_go_before_all_books_from_their_day_on() {
    let directory = tempfile::tempdir().unwrap();
    let own = directory.path().join("own.yaml");
    let text = "models:\n  - {provider: openai, model: gpt-4o, effective_from: 2026-06-01, input_cost_per_token: 1e-06}\n  \
                - {provider: ollama, model: '*', input_cost_per_token: 0, output_cost_per_token: 1e-09}\n";
    fs::write(&own, text).unwrap();
    let [litellm, genai] = both();
    let book = PriceBook::load(&[litellm, BookFile::File(own), genai]).unwrap();
    let priced = |usage: &Usage<'_>| {
        let priced = book.price(usage);
        (priced.cost.unwrap().total.to_string(), priced.source.unwrap(), priced.status, priced.version.len())
    };
    let call_at = |time, output| Usage { at: at(time), ..call("openai", "gpt-4o", 1_000_000, output) };
    assert_eq!(priced(&call_at("2026-05-31T23:59:59Z", 0)), ("2.5".into(), Source::Litellm, Status::Ok, 12));
    assert_eq!(priced(&call_at("2026-06-01T00:00:00Z", 0)), ("1".into(), Source::Override, Status::Ok, 12));
    // Output has no price there, and none is borrowed from another book.
    assert_eq!(priced(&call_at("2026-06-01T00:00:00Z", 5)), ("1".into(), Source::Override, Status::Partial, 12));
    assert_eq!(priced(&call("ollama", "llama3", 5, 1)), ("0.000000001".into(), Source::Override, Status::Ok, 12));
}

#[test]
fn an_own_price_leaves_the_context_window_that_a_book_knows() {
    let directory = tempfile::tempdir().unwrap();
    let own = directory.path().join("own.yaml");
    let text = "models:\n  - {provider: openai, model: 'gpt-4o*', input_cost_per_token: 1e-06}\n  \
                - {provider: openai, model: o3, max_input_tokens: 5000, input_cost_per_token: 1e-06}\n";
    fs::write(&own, text).unwrap();
    let [litellm, genai] = both();
    let book = PriceBook::load(&[litellm, BookFile::File(own), genai]).unwrap();
    let window = |model| {
        let priced = book.price(&call("openai", model, 1, 0));
        assert_eq!(priced.source, Some(Source::Override));
        priced.context_window
    };
    assert_eq!(window("gpt-4o-mini"), BOOK.price(&call("openai", "gpt-4o-mini", 1, 0)).context_window);
    assert_eq!([window("gpt-4o-mini"), window("o3"), window("gpt-4o-of-mine")], [Some(128_000), Some(5000), None]);
}

#[test]
fn what_was_remembered_gives_the_same_and_is_bounded() {
    let book = PriceBook::load(&[BookFile::Embedded(Source::Litellm)]).unwrap();
    let first = book.price(&call("openai", "gpt-4o", 7, 7)).cost;
    for n in 0..20_000 {
        assert_eq!(book.price(&call("openai", &format!("unknown-{n}"), 1, 1)).status, Status::UnknownModel);
    }
    assert!(book.remembered.len() <= 8192, "{}", book.remembered.len());
    assert_eq!(book.price(&call("openai", "gpt-4o", 7, 7)).cost, first);
    // What stands in two fields is not what stands in one.
    assert_eq!(book.price(&call("openaig", "pt-4o", 7, 7)).status, Status::UnknownModel);
}

/// A book in LiteLLM's form with so many rows.
fn rows(count: usize) -> String {
    let row = |n| format!("\"m{n}\": {{\"litellm_provider\": \"openai\", \"input_cost_per_token\": 1e-06}}");
    format!("{{{}}}", (0..count).map(row).collect::<Vec<_>>().join(",\n"))
}

fn reloaded(old: &PriceBook, path: &Path, text: impl AsRef<[u8]>) -> Result<PriceBook, String> {
    fs::write(path, text).unwrap();
    PriceBook::reload(old, &[BookFile::File(path.into())]).map_err(|problems| problems.to_string())
}

#[test]
fn a_file_that_is_corrupt_or_has_shrunk_is_refused_with_its_path_and_the_old_book_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prices.json");
    fs::write(&path, rows(100)).unwrap();
    let old = PriceBook::load(&[BookFile::File(path.clone())]).unwrap();
    for (text, wanted) in [
        (rows(49).into_bytes(), "has 49 prices, it had 100; less than 50 % is refused"),
        (rows(100)[..2000].to_owned().into_bytes(), "is not JSON: EOF while parsing"),
        (b"{}".to_vec(), "is no price book of LiteLLM's: it has no models"),
        (b"{\"sample_spec\": 5}".to_vec(), "is no price book of LiteLLM's: it has no models"),
        (b"[]".to_vec(), "is no genai-prices data: it has no models"),
        (b"[{\"id\": \"a\", \"models\": [{}]}]".to_vec(), "1 models cannot be read, the first is a: a model has no id"),
        (b"[{\"id\": 5}]".to_vec(), "a provider has no id"),
        (b"{\"a\": 5, \"b\": {\"litellm_provider\": \"x\", \"input_cost_per_token\": -1}}".to_vec(), "a: is no object"),
        (b"{\"a\": \xff}".to_vec(), "is no UTF-8 at byte 6"),
        (b"".to_vec(), "is a scalar"),
        ("[".repeat(100_000).into_bytes(), "is not JSON"),
    ] {
        let wrong = reloaded(&old, &path, &text).unwrap_err();
        assert!(wrong.starts_with(path.to_str().unwrap()) && wrong.contains(wanted) || text.is_empty(), "{wrong}");
        assert_eq!(old.price(&call("openai", "m99", 1_000_000, 0)).cost.unwrap().total.to_string(), "1");
    }
    let new = reloaded(&old, &path, rows(50)).unwrap();
    assert_eq!(new.price(&call("openai", "m99", 1, 0)).status, Status::UnknownModel);
    fs::remove_file(&path).unwrap();
    let wrong = PriceBook::reload(&old, &[BookFile::File(path)]).unwrap_err().to_string();
    assert!(wrong.contains("cannot be read"), "{wrong}");
}

#[test]
fn output_without_input_has_a_price_where_prices_come_in_ranges_of_input() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prices.json");
    let range = |above, most, price| {
        format!(
            "{{\"range\": [{above}, {most}], \"input_cost_per_token\": {price}, \"output_cost_per_token\": {price}}}"
        )
    };
    let ranges = [range(1000, 2000, "3e-6"), range(0, 1000, "1e-6")].join(", ");
    fs::write(&path, format!("{{\"m\": {{\"litellm_provider\": \"openai\", \"tiered_pricing\": [{ranges}]}}}}"))
        .unwrap();
    let book = PriceBook::load(&[BookFile::File(path)]).unwrap();
    let cost = |input, output| book.price(&call("openai", "m", input, output)).cost.unwrap().total.to_string();
    assert_eq!([cost(0, 1_000_000), cost(1000, 0), cost(1001, 0), cost(3000, 0)], ["1", "0.001", "0.003003", "0.009"]);
}

#[test]
fn rows_that_cannot_be_read_are_left_out_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prices.json");
    let bad = "\"bad\": {\"litellm_provider\": \"openai\", \"input_cost_per_token\": -1}, \
               \"text\": {\"litellm_provider\": \"openai\", \"input_cost_per_token\": \"3e-7\"}, \"sample_spec\": 5, ";
    fs::write(&path, rows(3).replacen('{', &format!("{{{bad}"), 1)).unwrap();
    let book = PriceBook::load(&[BookFile::File(path)]).unwrap();
    let counts = book.editions()[0].counts();
    assert_eq!((counts.priced, counts.skipped), (4, 1));
    assert!(counts.first_skipped.unwrap().contains("bad: its input_cost_per_token \"-1\" is no price"));
    assert_eq!(book.price(&call("openai", "text", 10_000_000, 0)).cost.unwrap().total.to_string(), "3");
}

proptest::proptest! {
    #[test]
    fn more_is_never_cheaper_within_a_range(input in 0_u64..100_000, more in 0_u64..1000, output in 0_u64..100_000) {
        let total = |input, output| BOOK.price(&call("anthropic", "claude-sonnet-4-5", input, output)).cost.unwrap().total;
        proptest::prop_assert!(total(input, output) <= total(input + more, output));
        proptest::prop_assert!(total(input, output) <= total(input, output + more));
    }

    #[test]
    fn any_names_are_priced_or_not_and_nothing_breaks(
        provider in "(openai|anthropic|aws.bedrock|gcp.vertex_ai|azure|\\PC{0,8})",
        model in "(gpt-4o|claude-|us\\.|arn:|ft:|models/|\\PC){0,6}",
        tier in "(batch|flex|fast|\\PC{0,4})",
        count in proptest::num::u64::ANY,
    ) {
        let usage = Usage { service_tier: &tier, ..call(&provider, &model, count, count) };
        let priced = BOOK.price(&usage);
        proptest::prop_assert_eq!(priced.cost.is_some(), matches!(priced.status, Status::Ok | Status::Partial));
    }
}
