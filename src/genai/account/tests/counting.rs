//! What is counted beside money: retries, tools, times, contexts, and what it all came to.

use super::*;
use crate::genai::facts::Facts;
use crate::genai::stream::Ending;

fn tool_call(tool: u32, at: u64, arguments: u64) -> Call {
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
    (1..=2).for_each(|scope| {
        told.call(Call { scope, attempt: 3, ..llm(0, 5, 10, 1) });
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
    told.account.calls[1].attempt = 2;
    told.account.calls[2].attempt = 3;
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
    other_model.call(Call { asked_model: 8, model: 8, ..asked(5, 20, 30) });
    assert_eq!(other_model.sums().retries, 0);
    // The provider's own span beside each does not know what was asked, and is the one that is billed.
    let mut beside = Told::default();
    for at in [0, 20] {
        beside.call(asked(5, at, at + 10));
        beside.call(Call { scope: 2, native: true, ..llm(at, at + 10, 10, 1) });
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
    let [search, mail, delete] = ["search", "send_mail", "delete"].map(|name| told.tool(name));
    for at in 0..3 {
        told.call(tool_call(search, at * 10, at + 1));
    }
    told.call(Call { failed: true, ..tool_call(search, 30, 9) });
    told.call(Call { failed: true, ..tool_call(mail, 40, 9) });
    told.call(tool_call(delete, 50, 9));
    told.call(tool_call(NO_NAME, 60, 0));
    let irreversible = [Glob::new("s*_m*l"), Glob::new("delete")];
    let (sums, _) = told.close_in(&Frame { turns: &[0], irreversible: &irreversible, ..Frame::default() });
    assert_eq!((sums.tool_calls, sums.tool_failures, sums.irreversible_calls), (7, 2, 2));
    assert_eq!(sums.of_tool("search"), ToolCount { calls: 4, failures: 1 });
    assert_eq!(sums.of_tool("send_mail"), ToolCount { calls: 1, failures: 1 });
    assert_eq!(sums.of_tool("nobody"), ToolCount::default());
    assert_eq!(sums.failed_tools.iter().map(|name| &**name).collect::<Vec<_>>(), ["search", "send_mail"]);
    assert_eq!(sums.by_tool.len(), sums.names.tools.len());
    assert_eq!(sums.llm_calls, 0);
}

#[test]
fn of_any_number_of_tools_each_is_counted_for_itself() {
    let mut told = Told::default();
    let names: Vec<String> =
        (0..3000).map(|n| if n % 500 == 0 { format!("send_{n}") } else { format!("t{n}") }).collect();
    for (at, name) in (0..).zip(&names) {
        let tool = told.tool(name);
        told.call(Call { failed: at == 2999, ..tool_call(tool, at * 10, 7) });
    }
    let last = told.tool("t2999");
    told.call(tool_call(last, 40_000, 7));
    let irreversible = [Glob::new("send_*")];
    let (sums, _) = told.close_as_it_is(&Frame { turns: &[0], irreversible: &irreversible, ..Frame::default() });
    assert_eq!((sums.tool_calls, sums.irreversible_calls, sums.tool_failures), (3001, 6, 1));
    assert_eq!((sums.repeated_tool_calls, sums.longest_tool_run), (1, 2), "only the last one was asked twice");
    assert_eq!(sums.failed_tools, [Arc::from("t2999")]);
    assert_eq!(sums.of_tool("t2999"), ToolCount { calls: 2, failures: 1 });
    assert_eq!(sums.of_tool("send_2500"), ToolCount { calls: 1, failures: 0 });
    assert_eq!((sums.names.tools.len(), sums.by_tool.len()), (3000, 3000));
}

#[test]
fn spans_of_one_tool_call_are_one() {
    let count = |change: &dyn Fn(&mut Told, usize)| {
        let mut told = Told::default();
        let search = told.tool("search");
        let outer = told.call(Call { response_id: 3, ..tool_call(search, 0, 7) });
        change(&mut told, outer);
        let sums = told.sums();
        (sums.tool_calls, sums.tool_failures, sums.repeated_tool_calls)
    };
    let inner =
        |request, response_id| Call { failed: true, scope: 2, response_id, end: 5 * MS, ..tool_call(0, 1, request) };
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
            told.call(Call { scope: 1, ..inner(7, 0) });
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
            told.within(outer, Call { scope: 1, ..inner(8, 0) });
        }),
        (2, 1, 0)
    );
    let by_another_agent = |told: &mut Told, outer| {
        let agent = told.within(outer, agent(0, 5));
        told.within(agent, inner(0, 0));
    };
    assert_eq!(count(&by_another_agent), (2, 1, 0));
    let unnamed = |told: &mut Told, outer| {
        told.within(outer, Call { tool: NO_NAME, ..inner(0, 0) });
    };
    assert_eq!(count(&unnamed), (2, 1, 0));
}

#[test]
fn tool_calls_that_go_in_circles_are_counted() {
    let mut told = Told::default();
    let [search, read] = ["search", "read"].map(|name| told.tool(name));
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
    let search = told.tool("search");
    for from in [0, 20] {
        let outer = told.call(tool_call(search, from, 7));
        told.within(outer, Call { scope: 2, ..tool_call(search, from + 1, 7) });
    }
    for seed in 0..30 {
        let mut told = if seed == 0 { told.clone() } else { told.shuffled(seed) };
        told.close_as_it_is(&Frame { turns: &[0], ..Frame::default() });
        let again: Vec<u32> = told.account.calls.iter().filter(|call| call.again).map(|call| call.span).collect();
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
    let (sums, _) = told.close_in(&Frame { turns: &turns, ..Frame::default() });
    assert_eq!((sums.ttft_first, sums.ttft_max, sums.ttc_max), (Some(0.5), Some(2.0), Some(3.0)));
    assert_eq!((sums.felt_ttft[0], sums.felt_ttft[1].is_nan(), sums.felt_ttft[2]), (2.75, true, 0.0));
    assert_eq!(sums.felt_ttft_max(), Some(2.75), "of the last call of its turn");
    assert_eq!(Told::default().sums().felt_ttft_max(), None);
}

#[test]
fn times_are_those_that_were_told_to_the_last_digit() {
    for (ttft, ttc) in [(0.1, 0.3), (0.000_000_001, 86_399.999_999_999), (1.1, 123_456.789)] {
        let facts = Facts { operation: Operation::Llm, ttft: Some(ttft), ttc: Some(ttc), ..Facts::NOTHING };
        let call = facts.call();
        assert_eq!((call.first_token(), call.completion()), (Some(ttft), Some(ttc)));
        let mut told = Told::default();
        told.call(call);
        let sums = told.sums();
        assert_eq!((sums.ttft_first, sums.ttft_max, sums.ttc_max), (Some(ttft), Some(ttft), Some(ttc)));
        // Ceilings are rounded up, and nothing else is: what is there to be read is read.
        let (mut share, mut ceilings) = (Share::NOTHING, Ceilings::default());
        share.take_usage(&call);
        ceilings.add(&share);
        assert!(ceilings.of(Ceiling::FirstToken) >= ttft && ceilings.of(Ceiling::Completion) >= ttc, "{ceilings:?}");
    }
    assert_eq!(Facts::NOTHING.call().first_token(), None);
}

#[test]
fn what_may_have_broken_counts_where_a_span_has_an_error_whichever_comes_first() {
    let (mut may, mut other) = (Share::NOTHING, Share::NOTHING);
    may.take_ending(Some(Ending { outcome: Outcome::Abandoned, why: "", or_broken: true }));
    other.error = true;
    let of = |shares: &[&Share], which| {
        let mut ceilings = Ceilings::default();
        shares.iter().for_each(|share| ceilings.add(share));
        ceilings.of(which)
    };
    assert_eq!(of(&[&may, &may], Ceiling::Failed), 0.0, "without an error it was abandoned");
    assert_eq!(of(&[&may, &may], Ceiling::Unended), 2.0);
    assert_eq!(of(&[&may, &other, &may], Ceiling::Failed), 2.0);
    assert_eq!(of(&[&other, &may], Ceiling::Failed), 1.0);
    assert_eq!(of(&[&other, &Share::NOTHING], Ceiling::Failed), 0.0);
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
fn the_outcome_is_said_by_whoever_ranks_first_and_then_by_the_latest() {
    let mut told = Told::default();
    let text = |told: &Told, root_status| {
        let (sums, _) = told.close_in(&Frame { turns: &[0], root_status, ..Frame::default() });
        sums.outcome.map(|(outcome, source)| format!("{outcome} {}", source.name()))
    };
    assert_eq!(text(&told, None), None);
    told.call(Call { finish: FinishReason::Length, ..llm(0, 10, 1, 1) });
    told.call(Call { finish: FinishReason::ToolCall, ..llm(20, 30, 1, 1) });
    assert_eq!(text(&told, None).unwrap(), "tool_call finish_reason");
    assert_eq!(text(&told, Some("error")).unwrap(), "error root_status");
    let mut said = |end, source, outcome| told.account.ended(end, source, outcome, shared);
    said(50, OutcomeSource::DoneTool, "solved");
    said(40, OutcomeSource::DoneTool, "gave up");
    assert_eq!(text(&told, Some("error")).unwrap(), "solved done_tool");
    let mut said = |end, source, outcome| told.account.ended(end, source, outcome, shared);
    said(1, OutcomeSource::Attribute, "refunded");
    said(90, OutcomeSource::DoneTool, "later");
    assert_eq!(text(&told, Some("error")).unwrap(), "refunded attribute");
    for pair in [["a", "b"], ["b", "a"]] {
        let mut account = Account::default();
        pair.into_iter().for_each(|outcome| account.ended(5, OutcomeSource::Attribute, outcome, shared));
        assert_eq!(account.outcome.unwrap().1, Arc::from("b"), "at once: whichever came first");
    }
    // A finish reason that no span of the last call knows is none.
    let mut told = Told::default();
    told.call(Call { finish: FinishReason::Unknown, ..llm(0, 10, 1, 1) });
    assert_eq!(text(&told, None), None);
    told.call(Call { scope: 2, finish: FinishReason::Stop, ..llm(0, 10, 1, 1) });
    assert_eq!(text(&told, None).unwrap(), "stop finish_reason", "one of two instrumentations knows");
}
