//! Every call of a model is priced on the thread that owns its session: for a model that was seen before, that must not
//! allocate.
#![allow(missing_docs, clippy::unwrap_used)]

mod allocations;

use allocations::ALLOCATIONS;
use tailsieve::pricing::{BookFile, PriceBook, Source, Status, Tokens, Usage};

#[test]
fn pricing_a_model_that_was_seen_before_allocates_nothing() {
    let books = [BookFile::Embedded(Source::Litellm), BookFile::Embedded(Source::Genai)];
    let book = PriceBook::load(&books).unwrap();
    let tokens = Tokens { input_uncached: 250_000, cache_read: 9, output: 100, reasoning: 5, ..Tokens::default() };
    let calls = [
        ("openai", "gpt-4o-2024-08-06", "flex", Status::Partial),
        ("aws.bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", "", Status::Ok),
        ("gcp.gemini", "models/gemini-2.5-pro", "batch", Status::Ok),
        ("deepseek", "deepseek-v4-flash", "", Status::Ok),
        ("openrouter", "meta-llama/llama-3.3-70b-instruct", "", Status::Ok),
        ("openai", "gpt-9-imaginary", "", Status::UnknownModel),
        ("ollama", "llama3", "", Status::SelfHosted),
    ];
    let price_all = || {
        for (provider, response_model, service_tier, wanted) in calls {
            let usage = Usage { provider, response_model, service_tier, tokens: Some(tokens), ..Usage::default() };
            assert_eq!(book.price(&usage).status, wanted, "{provider} {response_model}");
        }
    };
    price_all();
    let before = ALLOCATIONS.get();
    price_all();
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert!(before > 0);
}
