use super::*;

fn call() -> Told {
    Told {
        operation: Operation::Llm,
        request_model: "asked".into(),
        response_model: "answered".into(),
        tokens: Some(Tokens {
            input_uncached: Some(200),
            cache_read: 1000,
            output_visible: Some(30),
            reasoning: 5,
            ..Tokens::default()
        }),
        status: Some(Status::Ok),
        cost: Some(Attodollars(1_500_000_000_000_000)),
        ttft: Some(0.25),
        ending: Some((Outcome::Complete, "it has a finish reason".into())),
        billing: Billing::Billed,
        ..Told::default()
    }
}

fn texts(told: &Told, error: &str) -> Vec<String> {
    told.notes(error).into_iter().map(|note| note.text).collect()
}

#[test]
fn a_call_is_told_in_two_lines() {
    assert_eq!(
        texts(&call(), ""),
        [
            "answered · 1,200 (1,000 from cache) in · 35 (5 reasoning) out · $0.001500 · first token 250 ms",
            "complete: it has a finish reason",
        ]
    );
}

#[test]
fn without_a_price_there_is_a_reason_and_no_zero() {
    let unpriced = Told { status: Some(Status::UnknownModel), cost: None, ..call() };
    assert!(texts(&unpriced, "")[0].contains(" · no cost (unknown_model) · "), "{:?}", texts(&unpriced, ""));
    let partial = Told { status: Some(Status::Partial), ..call() };
    assert!(texts(&partial, "")[0].contains(" · $0.001500 (partial) · "));
    let untold = Told { tokens: Some(Tokens::default()), ..call() };
    assert!(texts(&untold, "")[0].starts_with("answered · ? in · ? out · "));
}

#[test]
fn what_is_not_billed_says_why() {
    for (billing, why) in [(Billing::Wrapper, "(wrapper)"), (Billing::Repeated, "(repeated)")] {
        let told = texts(&Told { billing, ..call() }, "");
        assert!(told.last().is_some_and(|line| line.starts_with("not billed ") && line.contains(why)), "{told:?}");
    }
}

#[test]
fn a_stream_that_broke_went_wrong_although_its_span_says_nothing() {
    let broken = Told { ending: Some((Outcome::Broken, "it broke".into())), ..call() };
    assert!(broken.went_wrong() && !call().went_wrong());
    assert!(broken.notes("").contains(&Note { text: "broken: it broke".into(), tone: Tone::Bad }));
    let abandoned = Told { ending: Some((Outcome::Abandoned, "it was left".into())), ..call() };
    assert!(!abandoned.went_wrong());
}

#[test]
fn a_tool_is_told_with_its_failure_once() {
    let tool = Told {
        operation: Operation::Tool,
        tool: "search".into(),
        failed: true,
        error_type: "Timeout".into(),
        again: true,
        ..Told::default()
    };
    assert_eq!(texts(&tool, ""), ["search", "it failed: Timeout", "called again with the same arguments"]);
    assert_eq!(texts(&tool, "no answer"), ["search", "no answer", "called again with the same arguments"]);
}
