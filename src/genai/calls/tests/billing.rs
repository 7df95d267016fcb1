//! What is billed: every call once.

use super::*;
use crate::genai::calls::call::Counting;
use crate::genai::extract::tokens::Tokens;

#[test]
fn a_wrapper_is_billed_where_nothing_in_it_tells_of_usage() {
    let wrapper = |input| Call {
        used: Used { input, output: 5, ..Used::default() },
        has_usage: true,
        ..of(Operation::Agent, 0, 100)
    };
    let mut with = Told::default();
    let agent = with.call(wrapper(30));
    let step = with.within(agent, of(Operation::Step, 0, 100));
    with.within(step, llm(1, 40, 10, 2));
    with.within(step, llm(50, 90, 20, 3));
    let (sums, billing) = with.close();
    assert_eq!(tokens(&sums), (2, 30, 5));
    assert_eq!(billing, [Billing::Wrapper, Billing::Nothing, Billing::Billed, Billing::Billed]);

    let mut without = Told::default();
    let agent = without.call(wrapper(30));
    let inner = without.within(agent, wrapper(30));
    without.within(inner, untold(1, 40));
    let (sums, billing) = without.close();
    assert_eq!(tokens(&sums), (1, 30, 5), "the inner one, of two that count the same");
    assert_eq!(billing, [Billing::Wrapper, Billing::Billed, Billing::Nothing]);
    // `ai.generateText` is a call of a model by its operation, and none by what it is.
    let mut text = Told::default();
    let outer = text.call(Call { wrapper: true, ..llm(0, 100, 30, 5) });
    text.within(outer, llm(1, 99, 30, 5));
    assert_eq!(tokens(&text.sums()), (1, 30, 5));
    let mut alone = Told::default();
    alone.call(Call { wrapper: true, ..llm(0, 100, 30, 5) });
    assert_eq!(tokens(&alone.sums()), (0, 30, 5));
}

#[test]
fn of_calls_in_one_another_the_deepest_is_billed_and_the_providers_own_before_it() {
    let mut told = Told::default();
    let outer = told.call(llm(0, 100, 10, 38));
    let middle = told.within(outer, Call { scope: scope(2), ..llm(1, 99, 10, 36) });
    told.within(middle, Call { scope: scope(3), ..llm(2, 98, 10, 35) });
    let (sums, billing) = told.close();
    assert_eq!(tokens(&sums), (1, 10, 35));
    assert_eq!(billing, [Billing::Repeated, Billing::Repeated, Billing::Billed]);
    assert_eq!((sums.retries, sums.ended(Outcome::Complete)), (0, 1));

    told.calls[1].counting = Counting::NATIVE;
    assert_eq!(tokens(&told.sums()), (1, 10, 36));
    // But it must know what came out.
    told.calls[1].used.output = 0;
    assert_eq!(tokens(&told.sums()), (1, 10, 35));
}

#[test]
fn a_call_around_several_others_is_none_itself() {
    let mut told = Told::default();
    let outer = told.call(llm(0, 100, 30, 5));
    told.within(outer, Call { scope: scope(2), ..llm(1, 40, 10, 2) });
    told.within(outer, Call { scope: scope(2), ..llm(50, 90, 20, 3) });
    let (sums, billing) = told.close();
    assert_eq!(tokens(&sums), (2, 30, 5));
    assert_eq!(billing[0], Billing::Wrapper);
    // One of another model, with other usage, is a call of its own: a check of what was asked.
    let mut told = Told::default();
    let outer = told.call(llm(0, 100, 30, 5));
    told.within(outer, of_model(8, llm(1, 9, 10, 2)));
    assert_eq!(tokens(&told.sums()), (2, 40, 7));
    // Two that are one call again: then the outer one is the same, too.
    let mut told = Told::default();
    let outer = told.call(Call { ttft: 0.01, ..llm(0, 100, 30, 5) });
    told.within(outer, Call { scope: scope(2), ..llm(1, 99, 30, 5) });
    told.within(outer, Call { scope: scope(3), ..llm(1, 99, 30, 5) });
    let sums = told.sums();
    assert_eq!((tokens(&sums), sums.ttft_first.is_some()), ((1, 30, 5), true));
}

#[test]
fn a_call_in_a_tool_or_an_agent_of_a_call_is_another_one() {
    for between in [Operation::Tool, Operation::Agent, Operation::Workflow] {
        let mut told = Told::default();
        let outer = told.call(llm(0, 100, 10, 2));
        let place = told.within(outer, of(between, 10, 90));
        told.within(place, llm(20, 80, 10, 2));
        assert_eq!(tokens(&told.sums()), (2, 20, 4), "{between:?}");
    }
    // And an embedding in a call makes it no wrapper.
    let mut told = Told::default();
    let outer = told.call(llm(0, 100, 10, 2));
    told.within(outer, Call { operation: Operation::Embedding, ..llm(1, 5, 8, 0) });
    assert_eq!(tokens(&told.sums()), (1, 18, 2));
}

#[test]
fn siblings_of_two_instrumentations_with_equal_usage_are_one_call() {
    let one = llm(0, 100, 10, 2);
    let pair = |other: Call| {
        let mut told = Told::default();
        told.call(one);
        told.call(Call { scope: scope(2), ..other });
        tokens(&told.sums())
    };
    assert_eq!(pair(llm(1, 99, 10, 2)), (1, 10, 2));
    assert_eq!(pair(untold(1, 99)), (1, 10, 2), "one of them tells");
    assert_eq!(pair(Call { used: Used { input: 10, cache_read: 4, output: 2, ..Used::default() }, ..one }), (1, 10, 2));
    assert_eq!(pair(llm(1, 99, 10, 3)), (2, 20, 5), "other usage");
    assert_eq!(pair(llm(101, 200, 10, 2)), (2, 20, 4), "another time");
    assert_eq!(pair(llm(50, 150, 10, 2)), (2, 20, 4), "half of it at another time");
    assert_eq!(pair(of_model(8, one)), (2, 20, 4), "another model");
    assert_eq!(pair(Call { response_id: 5, ..one }), (1, 10, 2), "one id is no contradiction");
    assert_eq!(pair(Call { operation: Operation::Embedding, ..one }), (1, 20, 4), "an embedding is another thing");
    let mut told = Told::default();
    told.call(Call { response_id: 4, ..one });
    told.call(Call { scope: scope(2), response_id: 5, ..one });
    assert_eq!(tokens(&told.sums()), (2, 20, 4), "other answers");
    let mut told = Told::default();
    let step = told.call(of(Operation::Step, 0, 100));
    told.within(step, one);
    told.call(Call { scope: scope(2), ..one });
    assert_eq!(tokens(&told.sums()), (2, 20, 4), "other parents");
}

#[test]
fn parallel_calls_of_one_instrumentation_are_never_one() {
    let mut told = Told::default();
    (0..9).for_each(|_| {
        told.call(llm(0, 100, 10, 2));
    });
    assert_eq!(tokens(&told.sums()), (9, 90, 18));
    let mut told = Told::default();
    (0..9).for_each(|turn| {
        told.as_root(turn, llm(0, 100, 10, 2));
    });
    assert_eq!(tokens(&told.sums()), (9, 90, 18), "each in a trace of its own");
}

#[test]
fn two_instrumentations_on_parallel_calls_are_as_many_calls_as_there_were() {
    for count in [2, 3, 30] {
        for with_id in [false, true] {
            let call = |n: u64, by| Call {
                scope: scope(by),
                response_id: if with_id { n + 1 } else { 0 },
                ..llm(0, 100, 10, 2)
            };
            let wanted = (count as u32, 10 * count, 2 * count);
            let (mut beside, mut nested, mut apart) = (Told::default(), Told::default(), Told::default());
            let mut three = Told::default();
            for n in 0..count {
                beside.call(call(n, 1));
                beside.call(call(n, 2));
                let outer = nested.call(call(n, 1));
                nested.within(outer, call(n, 2));
                apart.as_root(2 * n as u32, call(n, 1));
                apart.as_root(2 * n as u32 + 1, call(n, 2));
                (1..=3).for_each(|by| {
                    three.call(call(n, by));
                });
            }
            for (name, told) in [("beside", &beside), ("nested", &nested), ("apart", &apart), ("three", &three)] {
                assert_eq!(tokens(&told.sums()), wanted, "{name}, ids: {with_id}");
            }
            // The outer ones are roots of traces that run at once.
            let mut roots = Told::default();
            for n in 0..count {
                let outer = roots.as_root(n as u32, call(n, 1));
                roots.within(outer, call(n, 2));
            }
            assert_eq!(tokens(&roots.sums()), wanted, "roots, ids: {with_id}");
        }
    }
}

#[test]
fn one_answer_is_billed_once_wherever_its_spans_stand() {
    let mut told = Told::default();
    told.in_turn(0, Call { response_id: 9, ..llm(0, 100, 10, 38) });
    told.as_root(1, Call { response_id: 9, scope: scope(2), counting: Counting::NATIVE, ..llm(1, 99, 10, 35) });
    let sums = told.sums();
    assert_eq!((tokens(&sums), sums.retries), ((1, 10, 35), 0));
    // Fetched again later, with the same usage.
    told.in_turn(2, Call { response_id: 9, ..llm(500, 600, 10, 38) });
    let sums = told.sums();
    assert_eq!((sums.llm_calls, sums.retries), (1, 1));
    // Small servers begin anew with their ids.
    let mut told = Told::default();
    (0..5).for_each(|n| {
        told.call(Call { response_id: 9, ..llm(n * 100, n * 100 + 50, 10 + n as u32, 3) });
    });
    assert_eq!(tokens(&told.sums()), (5, 60, 15));
}

#[test]
fn of_a_client_and_a_gateway_one_is_billed_and_the_first_token_is_told() {
    let mut told = Told::default();
    let client = told.call(Call { response_id: 9, ttft: 0.5, ..llm(0, 1000, 1_000, 20) });
    let http = told.within(client, of(Operation::Other, 10, 990));
    let gateway = Call { response_id: 8, scope: scope(2), ..llm(20, 980, 1_010, 21) };
    told.within(http, Call { outcome: Outcome::NotStreaming, streaming: false, ..gateway });
    let (sums, billing) = told.close();
    assert_eq!(tokens(&sums), (1, 1_010, 21));
    assert_eq!(billing, [Billing::Repeated, Billing::Nothing, Billing::Billed]);
    assert_eq!((sums.ttft_first, &sums.felt_ttft[..]), (Some(0.5), &[0.5][..]));
}

#[test]
fn cached_input_is_of_the_input_also_where_that_is_not_told() {
    let tokens_of = |input_uncached| Tokens {
        input_uncached,
        cache_read: 900,
        cache_write: 80,
        cache_write_1h: 20,
        output_visible: Some(7),
        ..Tokens::default()
    };
    let used = |input| Used::from(&tokens_of(input));
    assert_eq!(used(None), Used { input: 1000, cache_read: 900, cache_write: 100, output: 7, reasoning: 0 });
    assert_eq!(used(Some(50)).input, 1050);
    let huge = Tokens { cache_read: u64::MAX, cache_write: u64::MAX, ..Tokens::default() };
    assert_eq!((Used::from(&huge).input, Used::from(&huge).cache_read), (u32::MAX, u32::MAX));
    let mut told = Told::default();
    told.call(Call { used: used(None), has_usage: true, ..untold(0, 100) });
    let sums = told.sums();
    assert_eq!((sums.tokens.input, sums.tokens.cache_read, sums.tokens.total()), (1000, 900, 1007));
    // It is no contradiction to another span that tells all of it.
    let call = |number, used| Call { used, has_usage: true, scope: scope(number), ..untold(0, 100) };
    told.call(call(2, used(Some(50))));
    assert_eq!(told.sums().llm_calls, 1);
    // Which of the two is the same as the first is not known, but they are two, whichever is looked at first.
    for [first, second, third] in [[1, 2, 3], [2, 1, 3], [2, 3, 1]] {
        let mut told = Told::default();
        told.call(call(first, used(None)));
        told.call(call(second, used(Some(50))));
        told.call(call(third, used(Some(60))));
        assert_eq!(told.sums().llm_calls, 2, "{first}");
    }
}

#[test]
fn a_span_that_tells_nothing_makes_no_one_call_of_two() {
    for [first, second, third] in [[1, 2, 3], [2, 1, 3], [2, 3, 1]] {
        let mut told = Told::default();
        told.call(Call { scope: scope(first), ..untold(0, 100) });
        told.call(Call { scope: scope(second), ..llm(0, 100, 10, 2) });
        told.call(Call { scope: scope(third), ..llm(0, 100, 20, 3) });
        assert_eq!(tokens(&told.sums()), (2, 30, 5), "{first}");
    }
    // A client and a gateway may count one call a little differently: a third span agrees with one of them.
    let mut told = Told::default();
    let client = told.call(llm(0, 1000, 1_000, 20));
    told.within(client, Call { scope: scope(2), ..llm(0, 1000, 1_010, 20) });
    told.call(Call { scope: scope(3), ..llm(0, 1000, 1_000, 20) });
    assert_eq!(told.sums().llm_calls, 1);
}

#[test]
fn calls_within_calls_are_two_where_neither_the_answers_nor_the_counts_are_the_same() {
    let pair = |outer: Call, inner: Call| {
        let mut told = Told::default();
        let outer = told.call(Call { response_id: 8, ..outer });
        told.within(outer, Call { scope: scope(2), ..inner });
        tokens(&told.sums())
    };
    let (outer, other) = (llm(0, 1000, 1_000, 100), |call| Call { response_id: 9, ..call });
    assert_eq!(
        pair(outer, other(llm(10, 990, 50, 5))),
        (2, 1_050, 105),
        "a check of what was asked, by the same model"
    );
    assert_eq!(pair(outer, other(llm(10, 990, 1_000, 5))), (2, 2_000, 105));
    assert_eq!(pair(outer, llm(10, 990, 50, 5)), (1, 50, 5), "one id alone is no contradiction");
    assert_eq!(pair(outer, other(untold(10, 990))), (1, 1_000, 100), "nor are counts of one alone");
    // A gateway gives its answers ids of its own, and may count in its own way.
    assert_eq!(pair(outer, other(llm(10, 990, 1_000, 100))), (1, 1_000, 100));
    assert_eq!(pair(outer, other(llm(10, 990, 1_020, 95))), (1, 1_020, 95));
    assert_eq!(pair(llm(0, 1000, 8, 2), other(llm(10, 990, 9, 1))), (1, 9, 1));
    assert_eq!(pair(outer, other(of_model(8, outer))), (1, 1_000, 100), "the gateway chose");
    assert_eq!(pair(outer, other(llm(500, 1600, 1_000, 100))), (2, 2_000, 200), "half of it at another time");
}

#[test]
fn a_call_that_began_after_the_one_it_stands_in_had_ended_is_another_one() {
    let pair = |inner: Call| {
        let mut told = Told::default();
        let outer = told.call(Call { response_id: 8, ..llm(0, 1000, 300, 1) });
        told.within(outer, Call { scope: scope(2), ..inner });
        tokens(&told.sums())
    };
    let later = llm(2000, 3000, 300, 1);
    assert_eq!(pair(later), (2, 600, 2), "for all that the counts are equal");
    assert_eq!(pair(of_model(8, Call { response_id: 9, ..later })), (2, 600, 2));
    assert_eq!(pair(Call { response_id: 8, ..later }), (1, 300, 1), "but the same answer is the same call");
    assert_eq!(pair(llm(900, 1600, 300, 1)), (1, 300, 1), "an answer may be read on after the call");
}

#[test]
fn a_span_that_came_twice_with_other_bytes_is_one_call() {
    let mut told = Told::default();
    told.call(Call { response_id: 9, ..llm(0, 100, 10, 2) });
    told.call(Call { response_id: 9, ..llm(0, 120, 10, 3) });
    told.kin[1].id = told.kin[0].id;
    let sums = told.sums();
    assert_eq!((sums.llm_calls, sums.retries, sums.tokens.input), (1, 0, 10));
    // The ids of spans are those of their trace.
    told.kin[1].turn = 1;
    told.calls[1].response_id = 8;
    assert_eq!(told.sums().llm_calls, 2);
}

#[test]
fn a_call_that_broke_is_one_and_ended_as_the_span_says_that_knows_more() {
    let broken = |outcome, or_broken, native| Call {
        outcome,
        or_broken,
        counting: Counting::default().and(Counting::NATIVE, native),
        finish: FinishReason::Unknown,
        ..untold(0, 100)
    };
    let cases = [
        ((Outcome::Errored, false, false), (Outcome::Broken, false, true), Outcome::Broken),
        ((Outcome::Unknown, false, true), (Outcome::Failed, false, false), Outcome::Failed),
        ((Outcome::Abandoned, true, true), (Outcome::Broken, false, false), Outcome::Broken),
        ((Outcome::Abandoned, true, false), (Outcome::Errored, false, true), Outcome::Abandoned),
        ((Outcome::Abandoned, false, true), (Outcome::Broken, false, false), Outcome::Abandoned),
        ((Outcome::Complete, false, false), (Outcome::Broken, false, false), Outcome::Broken),
        ((Outcome::Unknown, false, false), (Outcome::Unknown, false, true), Outcome::Unknown),
    ];
    for (one, other, outcome) in cases {
        for apart in [false, true] {
            let mut told = Told::default();
            told.call(broken(one.0, one.1, one.2));
            let other = Call { scope: scope(2), ..broken(other.0, other.1, other.2) };
            if apart {
                told.as_root(1, other)
            } else {
                told.call(other)
            };
            let sums = told.sums();
            assert_eq!((sums.llm_calls, sums.ended(outcome)), (1, 1), "{outcome:?} {:?}", sums.outcomes);
            assert_eq!(sums.last_call_failed, outcome == Outcome::Broken || outcome == Outcome::Failed);
        }
    }
    // That it was no stream is known by the one that knows whether it was one.
    let mut told = Told::default();
    told.call(Call { streaming: false, ..untold(0, 100) });
    told.call(Call { scope: scope(2), streaming: false, outcome: Outcome::NotStreaming, ..untold(0, 100) });
    assert_eq!(told.sums().ended(Outcome::NotStreaming), 1);
}

#[test]
fn what_may_have_broken_was_broken_beneath_a_failure() {
    let mut told = Told::default();
    told.call(Call { outcome: Outcome::Abandoned, or_broken: true, ..untold(0, 100) });
    assert_eq!((told.sums().ended(Outcome::Abandoned), told.sums().last_call_failed), (1, false));
    told.kin[0].beneath_a_failure = true;
    assert_eq!((told.sums().ended(Outcome::Broken), told.sums().last_call_failed), (1, true));
    told.calls[0].or_broken = false;
    assert_eq!(told.sums().ended(Outcome::Abandoned), 1, "it was left, and what is around it failed for that");
}

#[test]
fn cost_is_that_of_billed_calls_and_what_was_in_vain_is_part_of_it() {
    let mut told = Told::default();
    let agent = told.call(priced(Call { has_usage: true, ..of(Operation::Agent, 0, 900) }, 100));
    told.within(agent, priced(llm(0, 100, 10, 2), 1));
    told.within(agent, priced(Call { scope: scope(2), ..llm(0, 100, 10, 2) }, 1));
    told.within(agent, priced(Call { outcome: Outcome::Truncated, ..llm(100, 200, 10, 2) }, 2));
    told.within(agent, priced(Call { outcome: Outcome::Abandoned, ..llm(200, 300, 10, 2) }, 4));
    told.within(agent, priced(Call { outcome: Outcome::Broken, ..llm(300, 400, 10, 2) }, 8));
    told.within(agent, priced(Call { request: 5, ..llm(400, 500, 10, 2) }, 16));
    told.within(agent, priced(Call { request: 5, ..llm(500, 600, 10, 2) }, 32));
    told.within(agent, llm(600, 700, 10, 2));
    let search = tool("search");
    told.within(agent, priced(Call { tool: search, ..of(Operation::Tool, 700, 800) }, 64));
    let sums = told.sums();
    assert_eq!((sums.llm_calls, sums.unpriced_calls, sums.retries), (7, 1, 1));
    assert_eq!(sums.cost.unwrap().usd(), 127.0, "the tool's with them, the agent's not");
    assert_eq!(sums.wasted.usd(), 30.0);
    let mut free = Told::default();
    free.call(llm(0, 1, 1, 1));
    assert_eq!((free.sums().cost, free.sums().unpriced_calls), (None, 1), "no price is not a price of nothing");
}

#[test]
fn what_is_no_call_of_a_model_is_not_billed_for_what_the_calls_within_it_used() {
    for operation in
        [Operation::Tool, Operation::Retrieval, Operation::Guardrail, Operation::Evaluator, Operation::Other]
    {
        let around = Call { operation, ..llm(0, 100, 10, 1) };
        let mut told = Told::default();
        let outer = told.call(around);
        told.within(outer, llm(1, 99, 10, 1));
        let (sums, billing) = told.close();
        assert_eq!((sums.tokens.input, sums.tokens.output), (10, 1), "{operation:?}");
        assert_eq!(billing, [Billing::Wrapper, Billing::Billed], "{operation:?}");
        // A price of its own is for what it is, not for what is in it.
        told.calls[outer].own_price = true;
        assert_eq!(told.close().1, [Billing::Billed, Billing::Billed], "{operation:?}");
        let mut alone = Told::default();
        alone.call(around);
        assert_eq!(alone.close().1, [Billing::Billed], "{operation:?}");
    }
}

#[test]
fn an_answer_that_is_read_once_more_is_billed_once() {
    let answer = |call| Call { response_id: 7, ..call };
    let mut told = Told::default();
    told.call(answer(llm(0, 100, 20, 2)));
    let fetched = told.call(answer(Call { operation: Operation::Other, ..llm(500, 510, 20, 2) }));
    let (sums, billing) = told.close();
    assert_eq!((tokens(&sums), sums.retries), ((1, 20, 2), 0));
    assert_eq!(billing, [Billing::Billed, Billing::Repeated]);
    told.calls[fetched].response_id = 8;
    assert_eq!(told.close().1, [Billing::Billed, Billing::Billed], "it is all that is known of that answer");
}

#[test]
fn of_spans_of_one_call_the_one_that_tells_most_details_is_billed() {
    let mut told = Told::default();
    let outer = llm(0, 100, 1000, 640);
    let outer = told.call(Call { used: Used { reasoning: 600, ..outer.used }, ..outer });
    told.within(outer, Call { scope: scope(2), ..llm(1, 99, 1000, 40) });
    let (sums, billing) = told.close();
    assert_eq!((tokens(&sums), sums.tokens.reasoning), ((1, 1000, 640), 600));
    assert_eq!(billing, [Billing::Billed, Billing::Repeated]);
    // The provider's own counts are believed all the same.
    told.calls[1].counting = Counting::NATIVE;
    assert_eq!(tokens(&told.sums()), (1, 1000, 40));
}

#[test]
fn of_calls_that_count_those_before_them_the_last_of_a_loop_is_billed() {
    let sums = |start, end, input, output| {
        let call = llm(start, end, input, output);
        Call { counting: Counting::ACCUMULATES, request: start + 1, response_id: start + 1, ..call }
    };
    let mut told = Told::default();
    told.call(sums(0, 10, 100, 20));
    told.call(sums(20, 30, 100 + 150, 40));
    told.call(sums(40, 50, 100 + 150 + 150, 70));
    // Another loop of the same parent begins anew.
    told.call(sums(60, 70, 120, 10));
    told.call(sums(80, 90, 120 + 160, 30));
    let (of_loops, billing) = told.close();
    assert_eq!(tokens(&of_loops), (5, 400 + 280, 70 + 30));
    let [rest, last] = [Billing::Repeated, Billing::Billed];
    assert_eq!(billing, [rest, rest, last, rest, last]);
    // A conversation that grows counts nothing before.
    let mut grows = Told::default();
    grows.call(sums(0, 10, 1000, 20));
    grows.call(sums(20, 30, 1100, 40));
    assert_eq!(tokens(&grows.sums()), (2, 2100, 60));
    // Nor do calls of others.
    told.calls.iter_mut().for_each(|call| call.counting = Counting::default());
    assert_eq!(tokens(&told.sums()), (5, 100 + 250 + 400 + 120 + 280, 170));
}
