use std::sync::Arc;

use super::*;
use crate::expr::fields::SESSION;
use crate::flow::SessionId;

/// For each field an expression that is true of [`session`] and one that is not.
const FIELDS: [(&str, &str, &str); 61] = [
    ("id", "session.id == 'abababababababababababababababab'", "session.id.startsWith('AB') || session.id == ''"),
    ("sequence", "session.sequence == 2", "session.sequence > 2"),
    ("turns", "session.turns >= 2", "session.turns < 2"),
    ("spans", "session.spans == 7", "session.spans != 7"),
    ("services", "'agent' in session.services", "'billing' in session.services"),
    ("root_name", "session.root_name == 'POST /chat'", "session.root_name == 'POST /retry'"),
    ("duration", "session.duration == duration('5.5s')", "session.duration > duration('5.5s')"),
    ("failed", "session.failed", "!session.failed"),
    ("error_count", "session.error_count == 3", "session.error_count <= 2"),
    ("recovered_errors", "session.recovered_errors == 0", "session.recovered_errors > 0"),
    ("error_types", "session.error_types.exists(e, e.contains('Timeout'))", "size(session.error_types) == 2"),
    ("status", "session.status == 'error'", "session.status == 'ok'"),
    ("orphans", "session.orphans == 1", "session.orphans == 0"),
    ("unfinished_spans", "session.unfinished_spans == 2", "session.unfinished_spans == 0"),
    ("bytes", "session.bytes == 9000", "session.bytes > 9000"),
    ("complete", "session.complete == false", "session.complete"),
    ("llm_calls", "session.llm_calls == 21", "session.llm_calls != 21"),
    ("models", "'claude-sonnet-4-5' in session.models", "'gpt-4' in session.models"),
    ("providers", "session.providers.exists(p, p == 'anthropic')", "'search' in session.providers"),
    ("regions", "session.regions.all(r, r.startsWith('eu-'))", "'us-east-1' in session.regions"),
    ("prompts", "'greeting' in session.prompts", "'7' in session.prompts"),
    ("prompt_versions", "size(session.prompt_versions) == 2", "'greeting' in session.prompt_versions"),
    ("agents", "session.agents.exists_one(a, a == 'planner')", "size(session.agents) == 0"),
    ("input_tokens", "session.input_tokens == 1000", "session.input_tokens > 1000"),
    ("cache_read_tokens", "session.cache_read_tokens == 600", "session.cache_read_tokens > 600"),
    ("cache_write_tokens", "session.cache_write_tokens == 50", "session.cache_write_tokens > 50"),
    ("output_tokens", "session.output_tokens == 200", "session.output_tokens > 200"),
    ("reasoning_tokens", "session.reasoning_tokens == 80", "session.reasoning_tokens > 80"),
    ("total_tokens", "session.total_tokens == 1200", "session.total_tokens > 1200"),
    ("cost_usd", "session.cost_usd == 2.5", "session.cost_usd > 2.5"),
    ("wasted_usd", "session.wasted_usd == 0.5", "session.wasted_usd > 0.5"),
    ("unpriced_calls", "session.unpriced_calls == 24", "session.unpriced_calls > 24"),
    ("context_growth", "session.context_growth == 3.5", "session.context_growth > 3.5"),
    ("context_fill", "session.context_fill > 0.5", "session.context_fill > 0.75"),
    ("ttft_first", "session.ttft_first == 0.5", "session.ttft_first > 0.5"),
    ("ttft_max", "session.ttft_max == 2.5", "session.ttft_max > 2.5"),
    ("felt_ttft", "session.felt_ttft == 4.5", "session.felt_ttft > 4.5"),
    ("ttc_max", "session.ttc_max == 8.5", "session.ttc_max > 8.5"),
    ("streams_complete", "session.streams_complete == 11", "session.streams_complete > 11"),
    ("streams_truncated", "session.streams_truncated == 12", "session.streams_truncated > 12"),
    ("streams_filtered", "session.streams_filtered == 13", "session.streams_filtered > 13"),
    ("streams_refused", "session.streams_refused == 14", "session.streams_refused > 14"),
    ("streams_broken", "session.streams_broken == 15", "session.streams_broken > 15"),
    ("streams_failed", "session.streams_failed == 16", "session.streams_failed > 16"),
    ("streams_errored", "session.streams_errored == 17", "session.streams_errored > 17"),
    ("streams_abandoned", "session.streams_abandoned == 18", "session.streams_abandoned > 18"),
    ("streams_unknown", "session.streams_unknown == 20", "session.streams_unknown > 20"),
    ("retries", "session.retries == 27", "session.retries > 27"),
    ("rate_limited", "session.rate_limited == 28", "session.rate_limited > 28"),
    ("missing_calls", "session.missing_calls == 30", "session.missing_calls > 30"),
    ("tool_calls", "session.tool_calls == 22", "session.tool_calls > 22"),
    ("tool_failures", "session.tool_failures == 23", "session.tool_failures > 23"),
    ("tools", "'search' in session.tools", "'delete' in session.tools"),
    ("failed_tools", "'search' in session.failed_tools", "'read' in session.failed_tools"),
    (
        "calls_by_tool",
        "session.calls_by_tool['search'] == 5 && session.calls_by_tool['delete'] == 0",
        "session.calls_by_tool['read'] > 2",
    ),
    (
        "failures_by_tool",
        "session.failures_by_tool['search'] * 2 > session.calls_by_tool['search']",
        "session.failures_by_tool['read'] > 1",
    ),
    ("repeated_tool_calls", "session.repeated_tool_calls == 25", "session.repeated_tool_calls > 25"),
    ("longest_tool_run", "session.longest_tool_run == 26", "session.longest_tool_run > 26"),
    ("irreversible_calls", "session.irreversible_calls == 29", "session.irreversible_calls > 29"),
    ("outcome", "session.outcome == 'refunded'", "session.outcome == 'done_tool'"),
    ("outcome_source", "session.outcome_source == 'done_tool'", "session.outcome_source == 'attribute'"),
];

#[test]
fn every_session_field_is_read() {
    assert_eq!(FIELDS.map(|(name, _, _)| name).to_vec(), SESSION.iter().map(|field| field.name).collect::<Vec<_>>());
    for (_, yes, no) in FIELDS {
        check(&session(), &[yes], &[no]);
    }
}

#[test]
fn what_nothing_tells_of_is_absent_and_what_is_counted_is_nought() {
    let bare = Session { sums: None, ..session() };
    let yes = [
        "session.llm_calls == 0 && session.wasted_usd == 0.0 && session.calls_by_tool['search'] == 0",
        "!has(session.cost_usd) && !has(session.ttft_max) && !has(session.felt_ttft) && !has(session.outcome)",
        "size(session.tools) == 0",
    ];
    let no = [
        "session.cost_usd < 1.0",
        "session.context_growth < 2.0",
        "session.context_fill < 1.0",
        "session.ttft_first < 9.0",
        "session.ttc_max < 9.0",
        "session.outcome != 'refunded'",
        "session.outcome_source != 'attribute'",
    ];
    check(&bare, &yes, &no);
    let felt = Sums { felt_ttft: vec![f64::NAN], ..sums() };
    check(&Session { sums: Some(Box::new(felt)), ..session() }, &["!has(session.felt_ttft)"], &[]);
}

#[test]
fn a_session_whose_last_call_went_wrong_has_failed() {
    let sums = Sums { last_call_failed: true, ..sums() };
    let mut session = Session { sums: Some(Box::new(sums)), ..session() };
    session.turns.truncate(1);
    check(&session, &["session.failed && session.status == 'ok'", "session.recovered_errors == 0"], &[]);
    session.sums = Some(Box::default());
    check(&session, &["!session.failed", "session.recovered_errors == 3"], &[]);
}

#[test]
fn an_application_id_is_the_session_id() {
    let key = SessionKey::Id(Arc::new(SessionId { hash: 1, text: "conv-7".into() }));
    check(&Session { key, ..session() }, &["session.id == 'conv-7'"], &["session.id != 'conv-7'"]);
}

#[test]
fn numbers_of_all_kinds_compare_exactly() {
    let session = Session { bytes: (1 << 53) + 1, ..session() };
    let yes = [
        "session.spans == 7.0",
        "session.spans < 7.5",
        "7u == session.spans",
        "6.5 < session.spans",
        "session.spans > -1.0",
        "18446744073709551615u > session.spans",
        "session.bytes > 9007199254740992.0",
        "1 < 1e300 && 1 > -1e300",
        "7 in [1.5, 7.0]",
    ];
    let no = ["session.bytes == 9007199254740992.0", "session.spans >= 7.5", "1u > 1", "7 in [1.5, 7.5]"];
    check(&session, &yes, &no);
}

#[test]
fn arithmetic_is_checked_and_what_has_no_result_is_absent() {
    let yes = [
        "session.spans + 1 == 8 && session.spans - 8 == -1 && session.spans * 2 == 14",
        "session.spans / 2 == 3 && session.spans % 4 == 3 && -session.spans == -7",
        "double(session.error_count) / double(session.spans) > 0.42",
        "int(7.9) == 7 && int('12') == 12 && double('0.5') == 0.5",
        "session.duration - duration('5s') == duration('500ms')",
        "session.duration + duration('500ms') == duration('6s')",
        "1.0 / 0.0 > 1e300",
        "2u + 3u == 5u",
    ];
    let no = [
        "session.spans / (session.spans - 7) == 0",
        "!(session.spans % 0 == 0)",
        "9223372036854775807 + session.turns != 0",
        "1u - 2u != 0u",
        "int(1e300) != 0",
        "int('many') != 0",
    ];
    check(&session(), &yes, &no);
}

#[test]
fn text_functions_and_conditions_work() {
    let yes = [
        "session.root_name.startsWith('POST') && session.root_name.endsWith('chat')",
        "session.root_name.contains(' /')",
        "session.root_name.matches('^POST /c.*t$') && matches(session.root_name, r'/\\w+$')",
        "size('grüße') == 5 && session.root_name.size() == 10",
        "session.failed ? session.turns == 2 : session.turns == 1",
        "'a' < 'b' && !(true && false)",
        "session.status in ['ok', 'error']",
        "session.services.all(x, size(x) > 4)",
        "session.services.exists_one(x, x == 'agent')",
        "session.services.exists(x, session.error_types.exists(y, x != y))",
        "['agent', 'x'].exists(x, x in session.services)",
        "has(session.root_name)",
    ];
    let no = [
        "session.root_name.matches('^chat')",
        "session.services.all(x, x == 'agent')",
        "session.services.exists_one(x, x != '')",
        "session.status in ['ok', 'unset']",
        "session.services.exists(x, session.error_types.exists(y, x == y))",
    ];
    check(&session(), &yes, &no);
}

#[test]
fn what_is_absent_propagates_as_in_cel_and_is_false_at_the_top() {
    let mut session = session();
    session.turns.iter_mut().for_each(|turn| turn.root = None);
    let yes = [
        "session.root_name == 'x' || session.spans == 7",
        "session.spans == 7 || session.root_name == 'x'",
        "!(session.root_name == 'x' && session.spans == 8)",
        "!(session.spans == 8 && session.root_name == 'x')",
        "!has(session.root_name)",
        "session.services.exists(x, x == 'agent' || session.root_name == x)",
    ];
    let no = [
        "session.root_name == 'x'",
        "session.root_name != 'x'",
        "!(session.root_name == 'x')",
        "session.root_name == 'x' && session.spans == 7",
        "session.root_name == 'x' || session.spans == 8",
        "session.root_name == 'x' ? true : true",
        "session.root_name in ['x']",
        "!(session.root_name in ['x'])",
        "size(session.root_name) < 100",
        "session.root_name.matches('.*')",
        "session.services.all(x, x == session.root_name)",
        "session.services.exists_one(x, x == 'agent' || x == session.root_name)",
    ];
    check(&session, &yes, &no);
}

#[test]
fn durations_are_written_as_in_go() {
    let cases = [
        ("0", Some(0)),
        ("1h30m", Some(5_400_000_000_000)),
        ("1.5s", Some(1_500_000_000)),
        ("300ms", Some(300_000_000)),
        ("2us3µs4ns", Some(5_004)),
        ("-1.5h", Some(-5_400_000_000_000)),
        ("+.5s", Some(500_000_000)),
        ("1.s", Some(1_000_000_000)),
        ("", None),
        ("-", None),
        (".s", None),
        ("5", None),
        ("s", None),
        ("5 s", None),
        ("5d", None),
        ("-0.1ns", Some(0)),
        ("99999999999h", None),
        ("999999999999999999999s", None),
    ];
    for (text, nanos) in cases {
        assert_eq!(crate::expr::duration::parse(text), nanos, "{text}");
    }
}
