//! What is counted beside money: retries, tools, times, contexts, and what it all came to.

use super::*;
use crate::genai::vocabulary::OutcomeSource;

fn tool_call(tool: Name, at: u64, arguments: u64) -> Call {
    Call { tool, request: arguments, ..of(Operation::Tool, at, at + 5) }
}

fn agent(from: u64, to: u64) -> Call {
    of(Operation::Agent, from, to)
}

#[test]
fn attempts_are_retries_whether_each_has_its_span_or_the_last_one_alone() {
    let attempts = |attempts: &[u8]| {
        let mut told = Told::default();
        for (at, attempt) in (0..).zip(attempts) {
            told.call(Call { attempt: *attempt, ..llm(at * 10, at * 10 + 5, 10, 1) });
        }
        told.sums().retries
    };
    assert_eq!(attempts(&[0]), 0);
    assert_eq!(attempts(&[1]), 0);
    assert_eq!(attempts(&[3]), 2);
    assert_eq!(attempts(&[1, 2, 3]), 2);
    assert_eq!(attempts(&[0, 2]), 1, "the first one does not count itself");
    assert_eq!(attempts(&[1, 1, 2, 1]), 1);
    assert_eq!(attempts(&[3, 3]), 4, "two calls of three attempts");
    let mut told = Told::default();
    (1..=2).for_each(|by| {
        told.call(Call { scope: scope(by), attempt: 3, ..llm(0, 5, 10, 1) });
    });
    assert_eq!((told.sums().llm_calls, told.sums().retries), (1, 2), "two instrumentations, one call");
}

#[test]
fn a_request_that_is_sent_again_in_its_turn_is_a_retry() {
    let asked = |request, from, to| Call { request, ..llm(from, to, 10, 1) };
    let mut told = Told::default();
    told.call(asked(5, 0, 10));
    told.call(asked(5, 20, 30));
    told.call(asked(5, 40, 50));
    told.call(asked(6, 60, 70));
    told.in_turn(1, asked(6, 80, 90));
    assert_eq!(told.sums().retries, 2, "and none in another turn");
    // Said by both: still two.
    told.calls[1].attempt = 2;
    told.calls[2].attempt = 3;
    assert_eq!(told.sums().retries, 2);
    let mut parallel = Told::default();
    (0..5).for_each(|_| {
        parallel.call(asked(5, 0, 10));
    });
    assert_eq!(parallel.sums().retries, 0, "one question asked five times at once");
    let mut cut_off = Told::default();
    (1..5).for_each(|at| {
        cut_off.call(Call { request: 5, ..llm(at * 100, at * 100 + 50, 10 * at as u32, 1) });
    });
    assert_eq!(cut_off.sums().retries, 0, "the conversation has grown, and only its beginning was written down");
    let mut after_a_failure = Told::default();
    after_a_failure.call(Call { request: 5, outcome: Outcome::Failed, ..untold(0, 10) });
    after_a_failure.call(asked(5, 20, 30));
    assert_eq!(after_a_failure.sums().retries, 1);
    let mut other_model = Told::default();
    other_model.call(asked(5, 0, 10));
    other_model.call(of_model(8, asked(5, 20, 30)));
    assert_eq!(other_model.sums().retries, 0);
    // The provider's own span beside each does not know what was asked, and is the one that is billed.
    let mut beside = Told::default();
    for at in [0, 20] {
        beside.call(asked(5, at, at + 10));
        beside.call(Call {
            scope: scope(2),
            counting: super::super::call::Counting::NATIVE,
            ..llm(at, at + 10, 10, 1)
        });
    }
    assert_eq!((beside.sums().llm_calls, beside.sums().retries), (2, 1));
}

#[test]
fn rate_limits_are_counted_by_span() {
    let mut told = Told::default();
    told.call(Call { rate_limited: true, outcome: Outcome::Failed, ..untold(0, 1) });
    told.call(llm(2, 3, 10, 1));
    assert_eq!(told.sums().rate_limited, 1);
}

#[test]
fn tools_are_counted_by_name_with_their_failures() {
    let mut told = Told::default();
    let [search, mail, delete] = ["search", "send_mail", "delete"].map(tool);
    for at in 0..3 {
        told.call(tool_call(search, at * 10, at + 1));
    }
    told.call(Call { failed: true, ..tool_call(search, 30, 9) });
    told.call(Call { failed: true, ..tool_call(mail, 40, 9) });
    told.call(tool_call(delete, 50, 9));
    told.call(tool_call(Name::NONE, 60, 0));
    let irreversible = [Glob::new("s*_m*l"), Glob::new("delete")];
    let (sums, _) =
        told.close_in(&SessionContext { turns: &[0], irreversible: &irreversible, ..SessionContext::default() });
    assert_eq!((sums.tool_calls, sums.tool_failures, sums.irreversible_calls), (7, 2, 2));
    assert_eq!(sums.of_tool("search"), ToolCount { calls: 4, failures: 1 });
    assert_eq!(sums.of_tool("send_mail"), ToolCount { calls: 1, failures: 1 });
    assert_eq!(sums.of_tool("nobody"), ToolCount::default());
    assert_eq!(sums.failed_tools, [search, mail]);
    assert_eq!(sums.by_tool.len(), sums.names.tools.as_slice().len());
    assert_eq!(sums.llm_calls, 0);
}

#[test]
fn of_any_number_of_tools_each_is_counted_for_itself() {
    let mut told = Told::default();
    let names: Vec<String> =
        (0..1000).map(|n| if n % 500 == 0 { format!("send_{n}") } else { format!("t{n}") }).collect();
    for (at, name) in (0..).zip(&names) {
        told.call(Call { failed: at == 999, ..tool_call(tool(name), at * 10, 7) });
    }
    let last = tool("t999");
    told.call(tool_call(last, 40_000, 7));
    let irreversible = [Glob::new("send_*")];
    let (sums, _) =
        told.close_as_it_is(&SessionContext { turns: &[0], irreversible: &irreversible, ..SessionContext::default() });
    assert_eq!((sums.tool_calls, sums.irreversible_calls, sums.tool_failures), (1001, 2, 1));
    assert_eq!((sums.repeated_tool_calls, sums.longest_tool_run), (1, 2), "only the last one was asked twice");
    assert_eq!(sums.failed_tools, [last]);
    assert_eq!(sums.of_tool("t999"), ToolCount { calls: 2, failures: 1 });
    assert_eq!(sums.of_tool("send_500"), ToolCount { calls: 1, failures: 0 });
    assert_eq!((sums.names.tools.as_slice().len(), sums.by_tool.len()), (1000, 1000));
}

#[test]
fn spans_of_one_tool_call_are_one() {
    let count = |change: &dyn Fn(&mut Told, usize)| {
        let mut told = Told::default();
        let search = tool("search");
        let outer = told.call(Call { response_id: 3, ..tool_call(search, 0, 7) });
        change(&mut told, outer);
        let sums = told.sums();
        (sums.tool_calls, sums.tool_failures, sums.repeated_tool_calls)
    };
    let inner = |request, response_id| Call {
        failed: true,
        scope: scope(2),
        response_id,
        end: 5 * MS,
        ..tool_call(tool("search"), 1, request)
    };
    assert_eq!(
        count(&|told, outer| {
            told.within(outer, inner(0, 0));
        }),
        (1, 1, 0),
        "a client beneath it"
    );
    assert_eq!(
        count(&|told, outer| {
            told.within(outer, inner(8, 3));
        }),
        (1, 1, 0),
        "arguments written otherwise"
    );
    assert_eq!(
        count(&|told, _| {
            told.call(inner(7, 0));
        }),
        (1, 1, 0),
        "another instrumentation beside it"
    );
    assert_eq!(
        count(&|told, _| {
            told.call(Call { scope: scope(1), ..inner(7, 0) });
        }),
        (2, 1, 1),
        "it was called twice"
    );
    assert_eq!(
        count(&|told, outer| {
            told.within(outer, inner(0, 4));
        }),
        (2, 1, 0),
        "the model asked twice"
    );
    assert_eq!(
        count(&|told, outer| {
            told.within(outer, Call { scope: scope(1), ..inner(8, 0) });
        }),
        (2, 1, 0)
    );
    let by_another_agent = |told: &mut Told, outer| {
        let agent = told.within(outer, agent(0, 5));
        told.within(agent, inner(0, 0));
    };
    assert_eq!(count(&by_another_agent), (2, 1, 0));
    let unnamed = |told: &mut Told, outer| {
        told.within(outer, Call { tool: Name::NONE, ..inner(0, 0) });
    };
    assert_eq!(count(&unnamed), (2, 1, 0));
}

#[test]
fn tool_calls_that_go_in_circles_are_counted() {
    let mut told = Told::default();
    let [search, read] = ["search", "read"].map(tool);
    for (at, (tool, arguments)) in
        [(search, 1), (search, 1), (search, 2), (search, 2), (search, 2), (read, 2), (search, 1), (read, 0), (read, 0)]
            .into_iter()
            .enumerate()
    {
        told.call(tool_call(tool, at as u64 * 10, arguments));
    }
    let sums = told.sums();
    assert_eq!((sums.repeated_tool_calls, sums.longest_tool_run), (4, 3), "without arguments none is like another");
}

#[test]
fn a_tool_call_made_again_is_marked_on_its_outermost_span() {
    let mut told = Told::default();
    let search = tool("search");
    for from in [0, 20] {
        let outer = told.call(tool_call(search, from, 7));
        told.within(outer, Call { scope: scope(2), ..tool_call(search, from + 1, 7) });
    }
    for seed in 0..30 {
        let mut told = if seed == 0 { told.clone() } else { told.shuffled(seed) };
        told.close_as_it_is(&SessionContext { turns: &[0], ..SessionContext::default() });
        let again: Vec<u32> = told.calls.iter().filter(|call| call.again).map(|call| call.span).collect();
        assert_eq!(again, [2], "order {seed}");
    }
}

#[test]
fn contexts_grow_and_fill() {
    let with = |from, input, context_window| Call { context_window, ..llm(from, from + 5, input, 1) };
    let mut told = Told::default();
    assert_eq!((told.sums().context_growth, told.sums().context_fill), (None, None));
    told.call(untold(0, 5));
    assert_eq!((told.sums().context_growth, told.sums().context_fill), (None, None));
    told.call(with(10, 100, 0));
    assert_eq!((told.sums().context_growth, told.sums().context_fill), (Some(1.0), None));
    told.call(with(20, 600, 1000));
    told.call(with(30, 250, 1000));
    assert_eq!((told.sums().context_growth, told.sums().context_fill), (Some(2.5), Some(0.6)));
}

#[test]
fn times_are_those_of_calls_and_what_a_turn_was_felt_to_wait() {
    let timed = |from, ttft, ttc| Call { ttft, ttc, ..llm(from, from + 1000, 10, 1) };
    let mut told = Told::default();
    told.in_turn(0, timed(1_000, 0.5, 1.0));
    told.in_turn(0, timed(3_000, 0.25, 0.75));
    told.in_turn(1, timed(10_000, f64::NAN, f64::INFINITY));
    told.in_turn(2, timed(20_000, 2.0, 3.0));
    let turns = [500 * MS, 10_000 * MS, 30_000 * MS];
    let (sums, _) = told.close_in(&SessionContext { turns: &turns, ..SessionContext::default() });
    assert_eq!((sums.ttft_first, sums.ttft_max, sums.ttc_max), (Some(0.5), Some(2.0), Some(3.0)));
    assert_eq!((sums.felt_ttft[0], sums.felt_ttft[1].is_nan(), sums.felt_ttft[2]), (2.75, true, 0.0));
    assert_eq!(sums.felt_ttft_max(), Some(2.75), "of the last call of its turn");
    assert_eq!(Told::default().sums().felt_ttft_max(), None);
}

#[test]
fn times_are_those_that_were_told_to_the_last_digit() {
    for (ttft, ttc) in [(0.1, 0.3), (0.000_000_001, 86_399.999_999_999), (1.1, 123_456.789)] {
        let call = Call { operation: Operation::Llm, ttft, ttc, ..Call::NOTHING };
        assert_eq!((call.first_token(), call.completion()), (Some(ttft), Some(ttc)));
        let mut told = Told::default();
        told.call(call);
        let sums = told.sums();
        assert_eq!((sums.ttft_first, sums.ttft_max, sums.ttc_max), (Some(ttft), Some(ttft), Some(ttc)));
    }
    assert_eq!(Call::NOTHING.first_token(), None);
}

#[test]
fn runs_without_a_call_are_missing_one() {
    let missing = |make: &dyn Fn(&mut Told)| {
        let mut told = Told::default();
        make(&mut told);
        told.sums().missing_calls
    };
    let text = Call { wrapper: true, ..untold(0, 100) };
    assert_eq!(
        missing(&|told| {
            told.call(agent(0, 100));
        }),
        1
    );
    assert_eq!(
        missing(&|told| {
            told.call(text);
        }),
        1
    );
    assert_eq!(
        missing(&|told| {
            told.call(Call { has_usage: true, ..agent(0, 100) });
        }),
        0,
        "it has its usage"
    );
    assert_eq!(
        missing(&|told| {
            told.call(of(Operation::Workflow, 0, 100));
        }),
        0,
        "it may have none"
    );
    let nested = |deepest: Option<Call>| {
        move |told: &mut Told| {
            let outer = told.call(agent(0, 100));
            let step = told.within(outer, of(Operation::Step, 0, 100));
            let inner = told.within(step, agent(0, 100));
            deepest.into_iter().for_each(|call| {
                told.within(inner, call);
            });
        }
    };
    assert_eq!(missing(&nested(None)), 1, "the inner one");
    assert_eq!(missing(&nested(Some(untold(0, 10)))), 0);
    let beside = |told: &mut Told| {
        nested(Some(untold(0, 10)))(told);
        let outer = told.kin.len() - 4;
        told.within(outer, agent(0, 100));
    };
    assert_eq!(missing(&beside), 1, "one of two has its call");
}

#[test]
fn the_outcome_is_that_of_a_span_else_of_the_root_else_of_the_last_call() {
    let text = |told: &Told, outcome: Option<(OutcomeSource, &str)>, root_status| {
        let outcome = outcome.map(|(source, outcome)| (source, Name::new(Kind::Outcome, outcome)));
        let context = SessionContext { turns: &[0], outcome, root_status, ..SessionContext::default() };
        let (sums, _) = told.close_in(&context);
        sums.outcome.map(|(outcome, source)| format!("{outcome} {}", source.name()))
    };
    let mut told = Told::default();
    assert_eq!(text(&told, None, None), None);
    told.call(Call { finish: FinishReason::Length, ..llm(0, 10, 1, 1) });
    told.call(Call { finish: FinishReason::ToolCall, ..llm(20, 30, 1, 1) });
    assert_eq!(text(&told, None, None).unwrap(), "tool_call finish_reason");
    assert_eq!(text(&told, None, Some("error")).unwrap(), "error root_status");
    let done = Some((OutcomeSource::DoneTool, "solved"));
    assert_eq!(text(&told, done, Some("error")).unwrap(), "solved done_tool");
    assert_eq!(text(&told, done, None).unwrap(), "solved done_tool");
    let attribute = Some((OutcomeSource::Attribute, "refunded"));
    assert_eq!(text(&told, attribute, Some("error")).unwrap(), "refunded attribute");
    // A finish reason that no span of the last call knows is none.
    let mut told = Told::default();
    told.call(Call { finish: FinishReason::Unknown, ..llm(0, 10, 1, 1) });
    assert_eq!(text(&told, None, None), None);
    told.call(Call { scope: scope(2), finish: FinishReason::Stop, ..llm(0, 10, 1, 1) });
    assert_eq!(text(&told, None, None).unwrap(), "stop finish_reason", "one of two instrumentations knows");
}
