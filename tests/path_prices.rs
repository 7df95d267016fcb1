//! Files of prices are looked at while the process runs: taken whole when they have changed, or refused whole.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use support::backend::Backend;
use support::metrics::Metrics;
use support::sieve::Sieve;
use support::spans::{Made, request, span, text, value};
use support::{backend, client, sieve};

/// A price book of a hundred models in LiteLLM's form.
fn book(dollars_per_million: u64) -> String {
    let row = |n| {
        format!("\"m{n}\": {{\"litellm_provider\": \"openai\", \"input_cost_per_token\": {dollars_per_million}e-06}}")
    };
    format!("{{{}}}", (0..100).map(row).collect::<Vec<_>>().join(",\n"))
}

/// Replaces a file at once, as whoever updates one should.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

async fn start(books: &[&PathBuf], interval: &str, backend: &Backend) -> Sieve {
    let prices = format!("prices: {{books: {books:?}, reload_interval: {interval}}}");
    sieve::new().with(prices).exporter("otlp_grpc/a", backend).run().await
}

#[tokio::test]
async fn what_runs_on_own_machines_and_tools_that_tell_tokens_cost_what_own_prices_of_spans_say_on_spans_and_in_sum() {
    let own = format!("{}/config/prices/own.yaml", env!("CARGO_MANIFEST_DIR"));
    let backend = backend::start().await;
    let prices = format!("prices: {{overrides: {own:?}}}");
    let sieve = sieve::new().with(prices).exporter("otlp_grpc/a", &backend).run().await;
    let of = |name, operation: &str| span("own", name).under("own", "root").with("gen_ai.operation.name", operation);
    let rerank = of("rerank bge", "rerank").with("gen_ai.provider.name", "vllm").at(0, 2000);
    let search = of("search", "execute_tool").with("gen_ai.tool.name", "web_search_2");
    let search = search.with("gen_ai.usage.input_tokens", 1000).with("gen_ai.usage.output_tokens", 10).at(2000, 2100);
    let other = of("chat", "chat").with("gen_ai.provider.name", "vllm").with("gen_ai.request.model", "qwen3");
    let other = other.with("gen_ai.usage.input_tokens", 1000).with("gen_ai.usage.output_tokens", 10).at(2200, 2300);
    let root = span("own", "root").at(0, 3000);
    client::http(sieve.http).await.traces(&request(vec![root, rerank, search, other])).await.accepted();
    let received = backend.received(4).await;
    let cost = |name: &str| {
        let span = &received.iter().find(|it| it.span.name == name).unwrap().span;
        let status = text(span, "tailsieve.cost.status").unwrap_or_default().to_owned();
        (cost(span), status, text(span, "tailsieve.cost.price_key").unwrap_or_default().to_owned())
    };
    assert_eq!(cost("rerank bge"), (Some(0.0012), "ok".into(), "reranker".into()));
    assert_eq!(cost("search"), (Some(0.01), "ok".into(), "web search".into()));
    assert_eq!(cost("chat"), (Some(0.00008), "ok".into(), "own GPUs".into()));
    let root = &received.iter().find(|it| it.span.name == "root").unwrap().span;
    assert_eq!(value(root, "tailsieve.session.cost_usd"), Some(&Value::DoubleValue(0.01128)));
    assert_eq!(sieve.stop().await.code, Some(0));
}

/// A call with a million tokens of input, as it comes out.
async fn call(sieve: &Sieve, backend: &Backend, trace: &str) -> Span {
    let call = span(trace, "chat")
        .with("gen_ai.operation.name", "chat")
        .with("gen_ai.provider.name", "openai")
        .with("gen_ai.request.model", "m7")
        .with("gen_ai.usage.input_tokens", 1_000_000)
        .with("gen_ai.usage.output_tokens", 0);
    let before = backend.span_count();
    client::http(sieve.http).await.traces(&request(vec![call])).await.accepted();
    backend.received(before + 1).await[before].span.clone()
}

fn cost(span: &Span) -> Option<f64> {
    match value(span, "tailsieve.cost.usd")? {
        Value::DoubleValue(usd) => Some(*usd),
        other => panic!("{other:?}"),
    }
}

fn reloads(metrics: &Metrics) -> [u64; 2] {
    ["taken", "refused"].map(|result| metrics.count("price_book_reloads", &[("result", result)]))
}

#[tokio::test]
async fn a_book_that_changes_is_taken_and_one_that_was_cut_off_is_refused_and_the_old_prices_stay() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prices.json");
    replace(&path, &book(1));
    let backend = backend::start().await;
    let sieve = start(&[&path], "50ms", &backend).await;
    let first = call(&sieve, &backend, "first").await;
    assert_eq!((cost(&first), text(&first, "tailsieve.cost.price_key")), (Some(1.0), Some("m7")));
    let before = sieve.scrape().await;
    assert_eq!(reloads(&before), [0, 0]);
    let versions = |metrics: &Metrics| metrics.by("price_book_info", "version").into_keys().collect::<Vec<_>>();
    let version = text(&first, "tailsieve.cost.price_version").unwrap();
    assert_eq!(
        (versions(&before), before.count("price_book_info", &[("source", "litellm")])),
        (vec![version.into()], 1)
    );

    replace(&path, &book(25));
    let after = sieve.scrape_when("the new book is taken", |now| reloads(now) == [1, 0]).await;
    assert_ne!(versions(&after), versions(&before));
    assert_eq!(cost(&call(&sieve, &backend, "second").await), Some(25.0));

    let whole = book(333);
    for (refused, cut) in [
        (1, &whole[..whole.len() / 2]),
        (2, "{\"m7\": {\"litellm_provider\": \"openai\", \"input_cost_per_token\": 1}}"),
    ] {
        replace(&path, cut);
        let still = sieve.scrape_when("it is refused", |now| reloads(now) == [1, refused]).await;
        assert_eq!(versions(&still), versions(&after));
        assert_eq!(cost(&call(&sieve, &backend, &format!("cut {refused}")).await), Some(25.0));
    }
    let stopped = sieve.stop().await;
    assert_eq!(stopped.code, Some(0), "{stopped}");
    let problems: Vec<_> = stopped
        .logged("changed prices are refused, the old ones stay in use")
        .iter()
        .map(|line| (line["level"].clone(), line["problem"].as_str().unwrap().to_owned()))
        .collect();
    let name = path.to_str().unwrap();
    assert_eq!(problems.len(), 2, "each is told once: {problems:?}");
    assert!(problems.iter().all(|(level, text)| level == "ERROR" && text.starts_with(name)), "{problems:?}");
    assert!(
        problems[0].1.contains("is not JSON") && problems[1].1.contains("has 1 prices, it had 100"),
        "{problems:?}"
    );
}

#[tokio::test]
async fn sighup_has_the_files_read_at_once_and_ends_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("prices.json");
    replace(&path, &book(1));
    let backend = backend::start().await;
    let sieve = start(&[&path], "0", &backend).await;
    replace(&path, &book(2));
    assert_eq!(cost(&call(&sieve, &backend, "before").await), Some(1.0));
    sieve.signal("HUP");
    sieve.scrape_when("the new book is taken", |now| reloads(now) == [1, 0]).await;
    assert_eq!(cost(&call(&sieve, &backend, "after").await), Some(2.0));
    assert_eq!(sieve.stop().await.code, Some(0));
}

#[test]
fn check_tells_of_a_book_that_is_not_there_where_it_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tailsieve.yaml");
    let missing = directory.path().join("litelm.json");
    let text = format!("exporters: {{debug: }}\nprices:\n  books: [{}]\n", missing.display());
    fs::write(&path, text).unwrap();
    let check = std::process::Command::new(env!("CARGO_BIN_EXE_tailsieve")).arg("check").arg(&path).output().unwrap();
    let (said, at) = (String::from_utf8(check.stderr).unwrap(), format!("{}:3:11: prices.books[0]: ", path.display()));
    assert_eq!(check.status.code(), Some(1));
    assert!(said.starts_with(&at) && said.contains("litelm.json\" cannot be read: No such file"), "{said}");
}
