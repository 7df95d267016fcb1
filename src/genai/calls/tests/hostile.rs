//! Sessions that nobody means well with: as many calls as a session may have, in every bad shape. What is not linear in
//! their number does not come to an end here.

use super::*;

/// As many spans as a session may have.
const MANY: usize = 32_000;

/// One of very many names. Their texts are not interned: the table of the process has no room for so many, and nothing here
/// reads them.
fn numbered(number: usize) -> Name {
    Name::from_index(1 + number as u16)
}

fn close(mut told: Told) -> (Sums, Vec<Billing>) {
    told.close_as_it_is(&SessionContext { turns: &[0], ..SessionContext::default() })
}

#[test]
fn a_chain_of_parents_is_gone_up_once() {
    for operation in [Operation::Llm, Operation::Agent, Operation::Tool, Operation::Step] {
        let mut told = Told::default();
        let mut last = told.call(Call { operation, wrapper: operation.is_wrapper(), ..llm(0, 100, 10, 1) });
        for _ in 1..MANY {
            last = told.within(last, Call { operation, wrapper: operation.is_wrapper(), ..llm(0, 100, 10, 1) });
        }
        let (sums, billing) = close(told);
        assert_eq!(billing.iter().filter(|it| **it == Billing::Billed).count(), 1, "{operation:?}");
        assert_eq!(sums.llm_calls, u32::from(operation == Operation::Llm));
    }
}

#[test]
fn a_circle_of_parents_is_no_parent_at_all() {
    for length in [1, 2, 3, MANY] {
        for operation in [Operation::Llm, Operation::Agent, Operation::Tool] {
            let mut told = Told::default();
            (0..length).for_each(|_| {
                told.call(Call { operation, ..llm(0, 100, 10, 1) });
            });
            let around = |at: usize| Some(((at + 1) % length) as u32);
            told.kin.iter_mut().enumerate().for_each(|(at, kin)| kin.within = around(at));
            let (sums, billing) = close(told);
            assert!(sums.llm_calls <= 1 && sums.tool_calls <= MANY as u32, "{length} {operation:?}");
            assert_eq!(billing.len(), length);
        }
    }
}

#[test]
fn any_number_of_spans_may_claim_one_answer() {
    for scopes in [1, 5, MANY as u32] {
        let mut told = Told::default();
        for at in 0..MANY as u32 {
            told.call(Call {
                response_id: 9,
                scope: numbered((at % scopes) as usize),
                request: 3,
                ..llm(0, 100, 10, 1)
            });
        }
        let (sums, _) = close(told);
        assert_eq!(tokens(&sums), (1, 10, 1));
        assert_eq!(sums.retries, MANY as u32 - scopes, "{scopes} instrumentations");
    }
    // With nothing that agrees but the id, they are other calls.
    let mut told = Told::default();
    for at in 0..MANY as u64 {
        told.call(Call { response_id: 9, ..llm(at * 10, at * 10 + 5, 10 + at as u32, 1) });
    }
    assert_eq!(close(told).0.llm_calls, MANY as u32);
}

#[test]
fn any_number_of_calls_may_run_at_once() {
    for scopes in [1, 2, MANY as u32] {
        let mut told = Told::default();
        for at in 0..MANY as u32 {
            told.call(Call { scope: numbered((at % scopes) as usize), ..llm(0, 100, 10, 1) });
        }
        let (sums, _) = close(told);
        // Of two instrumentations with all spans at one time not all pairs are found, and none is found twice.
        let (least, most) = match scopes {
            1 => (MANY as u32, MANY as u32),
            2 => (MANY as u32 / 2, MANY as u32),
            _ => (MANY as u32 / 8, MANY as u32),
        };
        assert!((least..=most).contains(&sums.llm_calls), "{scopes}: {}", sums.llm_calls);
    }
}

#[test]
fn any_number_of_tools_may_be_called_among_any_number_of_models() {
    let mut told = Told::default();
    for at in 0..MANY as u64 {
        let (tool, model) = (numbered(at as usize), numbered(at as usize));
        told.call(Call { tool, model, request: 5, ..of(Operation::Tool, at * 10, at * 10 + 5) });
    }
    let (sums, _) = close(told);
    assert_eq!((sums.tool_calls, sums.repeated_tool_calls, sums.names.tools.as_slice().len()), (MANY as u32, 0, MANY));
    assert_eq!(sums.names.models.len(), MAX_NAMES);
}

#[test]
fn any_number_of_spans_may_have_one_id() {
    let mut told = Told::default();
    for at in 0..MANY as u32 {
        told.call(llm(0, 100, at, 1));
    }
    told.kin.iter_mut().for_each(|kin| kin.id = 5);
    assert_eq!(close(told).0.llm_calls, 1);
}

#[test]
fn numbers_without_sense_do_no_harm() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, -0.0, f64::MIN_POSITIVE];
    let mut told = Told::default();
    for (at, (ttft, ttc)) in odd.iter().flat_map(|one| odd.map(|other| (*one, other))).enumerate() {
        let (start, end) = if at % 2 == 0 { (u64::MAX, 0) } else { (0, u64::MAX) };
        let used = Used {
            input: u32::MAX,
            cache_read: u32::MAX,
            cache_write: u32::MAX,
            output: u32::MAX,
            reasoning: u32::MAX,
        };
        let cost = Attodollars(i128::MAX - at as i128);
        told.call(Call {
            start,
            end,
            ttft,
            ttc,
            used,
            has_usage: true,
            cost: cost.into(),
            status: Status::Ok,
            attempt: u8::MAX,
            context_window: at as u32 % 2,
            ..untold(0, 0)
        });
    }
    told.kin.iter_mut().for_each(|kin| kin.turn = u32::MAX);
    let context = SessionContext { turns: &[0, u64::MAX], ..SessionContext::default() };
    let (sums, _) = told.close_in(&context);
    assert!(sums.ttft_max.is_some_and(f64::is_finite) && sums.ttc_max.is_some_and(f64::is_finite));
    assert_eq!(sums.tokens.input, u64::from(u32::MAX) * odd.len() as u64 * odd.len() as u64);
    let most = Attodollars::from(PackedCost::from(Attodollars(i128::MAX)));
    let cost = Attodollars(most.0 * (odd.len() * odd.len()) as i128);
    assert_eq!((sums.cost, sums.context_growth), (Some(cost), Some(1.0)));
    assert!(sums.context_fill.is_some_and(f64::is_finite));
    assert!(sums.felt_ttft_max().is_none());
    // A place that is none, fewer kin than calls, and none at all.
    told.kin[0].within = Some(u32::MAX);
    told.close_as_it_is(&context);
    told.kin.truncate(3);
    summarize(&mut told.calls, &told.kin, &context);
    summarize(&mut told.calls, &[], &SessionContext::default());
}
