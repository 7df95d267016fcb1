//! Prices that change while sessions are open.

use std::fs;
use std::path::Path;

use super::account::{chat, send};
use super::*;
use crate::config::Sourced;
use crate::genai::account::Ceiling;
use crate::pricing::Reload;

/// A book of one model at that price for a token of input.
fn write(path: &Path, price: &str) {
    let rates = format!("\"input_cost_per_token\": {price}, \"output_cost_per_token\": 0");
    fs::write(path, format!("{{\"gpt-4o\": {{\"litellm_provider\": \"openai\", {rates}}}}}")).unwrap();
}

/// What a session comes to of one call of a thousand tokens, where a rule asks for costs from half a dollar on: at the
/// first price, or the second, which comes into use before the call or behind it.
fn cost(first: &str, second: Option<&str>, before: bool, ceiling: Ceiling) -> Option<f64> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("book.json");
    write(&path, first);
    let book = Sourced { text: path.display().to_string(), file: "t.yaml".into(), line: 1, column: 1 };
    let prices = Prices::open(&config::Prices { books: vec![book], ..config::Prices::default() }).unwrap();
    let (prices, mut asks) = (Arc::new(prices), Asks::default());
    asks.from(ceiling, 0.5);
    let log = Log::with_segments(256 << 20, 1 << 20, 4);
    let mut world = World::pricing(prices.clone(), asks, 1, &config::Sessions::default(), log);
    let change = || {
        second.into_iter().for_each(|second| {
            write(&path, second);
            assert!(matches!(prices.reload(true), Reload::Taken(_)));
        });
    };
    if before {
        change();
    }
    send(&mut world, &[chat((1, 1, 0), (0, 100), 1000, 10)]);
    if !before {
        change();
    }
    world.wait(15);
    let sessions = world.sessions();
    assert_eq!(sessions.len(), 1);
    let sums = sessions[0].sums.as_ref();
    sums.map(|sums| sums.cost.unwrap().usd())
}

#[test]
fn a_session_whose_ceilings_were_taken_at_other_prices_is_read() {
    let (low, high) = ("0.000001", "0.001");
    assert_eq!(cost(low, None, false, Ceiling::Cost), None, "it is not, while its ceiling is known");
    assert_eq!(cost(low, Some(high), false, Ceiling::Cost), Some(1.0));
    assert_eq!(cost(high, Some(low), false, Ceiling::Cost), Some(0.001));
    assert_eq!(cost(high, Some(low), true, Ceiling::Cost), None, "all of it came at the prices that there are");
    assert_eq!(cost(low, Some(high), false, Ceiling::ToolCalls), None, "nobody asks for money");
}
