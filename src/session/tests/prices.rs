//! Prices that change while sessions are open.

use std::fs;
use std::path::Path;

use super::account::{chat, send, told};
use super::*;
use crate::config::Sourced;
use crate::pricing::Reload;

/// A book of one model at that price for a token of input.
fn write(path: &Path, price: &str) {
    let rates = format!("\"input_cost_per_token\": {price}, \"output_cost_per_token\": 0");
    fs::write(path, format!("{{\"gpt-4o\": {{\"litellm_provider\": \"openai\", {rates}}}}}")).unwrap();
}

/// A world whose only model has that price, and what changes it.
fn priced(price: &str) -> (World, impl Fn(&str), tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("book.json");
    write(&path, price);
    let book = Sourced { text: path.display().to_string(), file: "t.yaml".into(), line: 1, column: 1 };
    let prices = Prices::open(&config::Prices { books: vec![book], ..config::Prices::default() }).unwrap();
    let prices = Arc::new(prices);
    let log = Log::with_segments(256 << 20, 1 << 20, 4);
    let world = World::pricing(prices.clone(), 1, &config::Sessions::default(), log);
    let change = move |price: &str| {
        write(&path, price);
        assert!(matches!(prices.reload(true), Reload::Taken(_)));
    };
    (world, change, directory)
}

/// The price of the session's calls by the book that it carries, which is that of its sums.
fn carried(session: &Session) -> f64 {
    let usage = crate::pricing::Usage { provider: "openai", request_model: "gpt-4o", ..Default::default() };
    let tokens = crate::pricing::Tokens { input_uncached: 1000, ..Default::default() };
    let usage = crate::pricing::Usage { tokens: Some(tokens), ..usage };
    session.book.as_ref().unwrap().price(&usage).cost.unwrap().total.usd()
}

#[test]
fn a_session_keeps_the_prices_of_its_calls_and_carries_the_book_that_they_are_of() {
    let (mut world, change, _directory) = priced("0.000001");
    send(&mut world, &[chat((1, 1, 0), (0, 100), 1000, 10)]);
    change("0.001");
    world.wait(15);
    let session = world.sessions().remove(0);
    assert_eq!((session.sums().cost.unwrap().usd(), carried(&session)), (0.001, 0.001));
}

#[test]
fn a_session_that_was_open_while_prices_changed_is_priced_as_a_whole_by_the_new_ones() {
    let (mut world, change, _directory) = priced("0.000001");
    send(&mut world, &[told("any", (1, 3, 1), (0, 1)), chat((1, 1, 0), (0, 100), 1000, 10)]);
    change("0.001");
    send(&mut world, &[chat((1, 2, 1), (200, 300), 1000, 10)]);
    world.wait(15);
    let session = world.sessions().remove(0);
    assert_eq!((session.sums().llm_calls, session.sums().cost.unwrap().usd(), carried(&session)), (2, 2.0, 1.0));
    let spans: Vec<u32> = session.calls.iter().map(|call| call.span).collect();
    assert_eq!(spans, [1, 2], "the records are those of their spans still");
}

#[test]
fn prices_that_changed_before_the_first_call_of_a_session_are_its_own() {
    let (mut world, change, _directory) = priced("0.001");
    change("0.000001");
    send(&mut world, &[chat((1, 1, 0), (0, 100), 1000, 10)]);
    world.wait(15);
    assert_eq!(world.sessions()[0].sums().cost.unwrap().usd(), 0.001);
}
