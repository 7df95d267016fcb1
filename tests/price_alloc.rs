//! Every call of a model is priced on the thread that owns its session: for a model that was seen before, that must not
//! allocate.
#![allow(unsafe_code, missing_docs, clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tailsieve::genai::price::{BookFile, PriceBook, Source, Status, Tokens, Usage};

/// Counts what the thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: hands every call on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: `at` came from `System`, through `alloc`.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
