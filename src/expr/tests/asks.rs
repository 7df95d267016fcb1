//! What rules ask of sessions, and which sessions have to be read for it.

use super::*;
use crate::genai::account::{Arguments, Ceilings, Share};

/// What one rule asks.
fn asks(text: &str) -> Asks {
    let mut keys = KeyTable::default();
    let mut compiler = Compiler::new(&mut keys);
    compiler.rule(text).unwrap();
    compiler.finish().asks
}

/// The ceilings of spans that all add the same.
fn ceilings(spans: u32, share: Share) -> Ceilings {
    let mut ceilings = Ceilings::default();
    (0..spans).for_each(|_| ceilings.add(&share));
    ceilings
}

#[test]
fn a_session_is_read_when_its_ceiling_is_where_a_rule_may_be_true() {
    let tool = Share { tool_call: true, tool_failed: true, arguments: Arguments::Kind(7), ..Share::NOTHING };
    let cost = |cost| Share { cost, ..Share::NOTHING };
    for (rule, spans, share, read) in [
        ("session.tool_failures > 2", 2, tool, false),
        ("session.tool_failures > 2", 3, tool, true),
        ("session.tool_failures >= 2", 1, tool, false),
        ("session.tool_failures >= 2", 2, tool, true),
        ("2 < session.tool_failures", 2, tool, false),
        ("2 <= session.tool_failures", 2, tool, true),
        ("session.tool_calls > -1", 0, tool, true),
        ("session.tool_calls >= 0", 0, tool, true),
        ("session.repeated_tool_calls > 2u", 3, tool, false),
        ("session.repeated_tool_calls > 2u", 4, tool, true),
        ("session.longest_tool_run >= 3", 2, tool, false),
        ("session.longest_tool_run >= 3", 3, tool, true),
        ("session.cost_usd > 0.5", 2, cost(0.25), true),
        ("session.cost_usd > 0.51", 2, cost(0.25), false),
        ("session.wasted_usd > 0.5", 2, cost(0.3), true),
        ("session.spans > 9 || session.cost_usd > 0.5 && session.tool_calls > 0", 1, cost(0.1), false),
        ("session.spans > 9 || session.cost_usd > 0.5 && session.tool_calls > 0", 1, cost(1.0), true),
        ("session.failed", 1, tool, false),
        ("!session.failed", 1, Share { failed: true, ..tool }, true),
        ("session.failed", 1, Share { unended: true, ..tool }, false),
        ("session.streams_truncated > 0", 1, Share { unwell: true, ..tool }, true),
        ("session.error_count > 0", 1, Share { failed: true, ..tool }, false),
    ] {
        let asks = asks(rule);
        assert!(!asks.calls, "{rule}");
        assert_eq!(asks.hang_on(&ceilings(spans, share), false), read, "{rule}, {spans} spans");
    }
}

/// That it failed is known of a session whose root did; all else that is asked of calls is not.
#[test]
fn a_session_whose_root_failed_is_not_read_to_find_out_whether_it_failed() {
    let broken = ceilings(1, Share { failed: true, unended: true, unwell: true, ..Share::NOTHING });
    for rule in ["session.failed", "!session.failed", "session.failed && session.spans > 3"] {
        assert!(asks(rule).hang_on(&broken, false) && !asks(rule).hang_on(&broken, true), "{rule}");
    }
    for rule in
        ["session.streams_broken > 0", "session.failed || session.streams_truncated > 0", "'gpt-4o' in session.models"]
    {
        assert!(asks(rule).hang_on(&broken, true), "{rule}");
    }
}

/// What is absent is no number: the opposite of `cost_usd > 0.5` is false of a session without a price.
#[test]
fn sessions_are_read_for_whatever_is_not_asked_to_be_above_a_number() {
    for rule in [
        "!(session.cost_usd > 0.5)",
        "session.cost_usd < 0.5",
        "session.tool_calls == 3",
        "session.tool_calls > session.llm_calls",
        "session.tool_calls > session.spans",
        "session.input_tokens + 1 > 5",
        "(session.tool_calls > 3) == true",
        "session.tool_calls > 3 ? true : session.error_count > 0",
        "session.calls_by_tool['search'] > 3",
        "'gpt-4o' in session.models",
        "has(session.cost_usd) || session.spans > 3",
        "session.outcome == 'ok'",
    ] {
        assert!(asks(rule).hang_on(&Ceilings::default(), false), "{rule}");
    }
    assert!(!asks("session.spans > 3 && spans.exists(s, s.name == 'x')").hang_on(&Ceilings::default(), false));
}
