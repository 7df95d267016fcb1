//! What spans do not tell is not said.

use super::*;

fn call(scope: &'static str, provider: &str, attributes: &[(&str, Value)]) -> Made {
    let usage = [
        ("gen_ai.operation.name", text("chat")),
        ("gen_ai.provider.name", text(provider)),
        ("gen_ai.usage.input_tokens", Value::IntValue(1000)),
        ("gen_ai.usage.output_tokens", Value::IntValue(500)),
    ];
    made(scope, "chat m", &usage.into_iter().chain(attributes.iter().cloned()).collect::<Vec<_>>())
}

fn output(facts: &SpanFacts<'_>) -> Option<u64> {
    facts.tokens.and_then(|tokens| tokens.output())
}

#[test]
fn what_a_stream_begins_with_is_only_no_count_where_the_stream_is_known_not_to_have_ended() {
    call("pydantic-ai", "openai", &[]).read(|facts| {
        assert_eq!((outcome(facts), output(facts)), (Outcome::Unknown, Some(500)));
    });
    let stream = [("gen_ai.request.stream", Value::BoolValue(true))];
    call("pydantic-ai", "openai", &stream).read(|facts| {
        assert_eq!((outcome(facts), output(facts)), (Outcome::Abandoned, None));
    });
}

#[test]
fn a_finish_reason_that_is_not_known_is_one_all_the_same() {
    let reasons = |word| {
        let stream = ("gen_ai.request.stream", Value::BoolValue(true));
        call("pydantic-ai", "openai", &[stream, ("gen_ai.response.finish_reasons", list(&[word]))])
    };
    reasons("ran_dry").read(|facts| {
        assert_eq!((outcome(facts), output(facts)), (Outcome::Unknown, Some(500)));
        assert_eq!(facts.ending.unwrap().why, "it has a finish reason that is not known here");
    });
    // A word that gives none is none.
    reasons("unknown").read(|facts| assert_eq!(outcome(facts), Outcome::Abandoned));
    for word in ["stop", "FinishReason.STOP", "('stop',)", "[\"stop\"]"] {
        let attributes = [("gen_ai.response.finish_reason", text(word))];
        call("x", "openai", &attributes).read(|facts| assert_eq!(outcome(facts), Outcome::Complete, "{word}"));
    }
}

#[test]
fn the_gravest_of_any_number_of_finish_reasons_counts() {
    let reasons = list(&["stop", "stop", "stop", "stop", "stop", "stop", "error"]);
    call("x", "openai", &[("gen_ai.response.finish_reasons", reasons)]).read(|facts| {
        assert_eq!((outcome(facts), facts.finish.as_slice().len()), (Outcome::Errored, 4));
    });
}

#[test]
fn a_finish_reason_may_stand_in_an_event_of_details() {
    let messages =
        [("gen_ai.output.messages", text(r#"[{"role": "assistant", "finish_reason": "guardrail_intervened"}]"#))];
    let reasons = [("gen_ai.response.finish_reasons", list(&["max_tokens"]))];
    for (attributes, ended) in [(&messages, Outcome::Filtered), (&reasons, Outcome::Truncated)] {
        call("x", "y", &[])
            .event("gen_ai.client.inference.operation.details", 900, attributes)
            .read(|facts| assert_eq!(outcome(facts), ended));
    }
}

#[test]
fn what_a_model_wrote_is_not_taken_for_what_its_provider_says() {
    let openinference = |scope, output: &str| {
        let attributes = [("openinference.span.kind", text("LLM")), ("output.value", text(output))];
        made(scope, "x", &attributes).status(1, "")
    };
    let bedrock = "openinference.instrumentation.bedrock";
    for written in [
        r#"{"status": "failed", "id": "customer-1"}"#,
        r#"{"stop_reason": "refusal", "id": "customer-1"}"#,
        r#"{"choices": [{"finish_reason": "error"}], "id": "customer-1"}"#,
    ] {
        openinference(bedrock, written).read(|facts| {
            assert_eq!((outcome(facts), facts.response_id), (Outcome::Unknown, ""), "{written}");
        });
    }
    let openai = "openinference.instrumentation.openai";
    for (answered, id, outcome) in [
        (r#"{"object": "response", "id": "r", "status": "completed"}"#, "r", FinishReason::Stop),
        (
            r#"{"object": "chat.completion", "id": "c", "choices": [{"finish_reason": "length"}]}"#,
            "c",
            FinishReason::Length,
        ),
        (r#"{"type": "message", "id": "m", "stop_reason": "refusal"}"#, "m", FinishReason::Refusal),
    ] {
        openinference(openai, answered).read(|facts| {
            assert_eq!((facts.finish.gravest(), facts.response_id), (Some(outcome), id), "{answered}");
        });
    }
}

#[test]
fn a_call_whose_content_was_taken_out_is_not_said_to_have_been_left() {
    let agents = |usage: &[(&str, Value)]| {
        let kind = ("openinference.span.kind", text("LLM"));
        let attributes: Vec<_> = usage.iter().cloned().chain([kind, ("output.value", text("__REDACTED__"))]).collect();
        made("openinference.instrumentation.openai_agents", "generation", &attributes).status(1, "")
    };
    let usage = [("llm.token_count.prompt", Value::IntValue(100)), ("llm.token_count.completion", Value::IntValue(20))];
    agents(&usage).read(|facts| assert_eq!(outcome(facts), Outcome::Unknown));
    agents(&[]).read(|facts| assert_eq!(outcome(facts), Outcome::Abandoned));
}

#[test]
fn a_stream_of_anthropic_is_not_said_to_be_whole_for_the_count_that_it_begins_with() {
    let handler = "opentelemetry.util.genai.handler";
    call(handler, "anthropic", &[]).read(|facts| assert_eq!(outcome(facts), Outcome::Unknown));
    call(handler, "openai", &[]).read(|facts| assert_eq!(outcome(facts), Outcome::Complete));
    let finished = [("gen_ai.response.finish_reasons", list(&["end_turn"]))];
    call(handler, "anthropic", &finished).read(|facts| assert_eq!(outcome(facts), Outcome::Complete));
    call(handler, "openai", &finished).read(|facts| assert_eq!(outcome(facts), Outcome::NotStreaming));
}

#[test]
fn seconds_a_little_longer_than_the_span_are_no_milliseconds() {
    let told = |seconds: f64| call("x", "y", &[("gen_ai.response.time_to_first_chunk", Value::DoubleValue(seconds))]);
    for (seconds, read) in [(0.9, Some(0.9)), (1.5, None), (9.0, None), (12.0, Some(0.012)), (800.0, Some(0.8))] {
        told(seconds).read(|facts| assert_eq!(facts.ttft, read, "{seconds}"));
    }
}

#[test]
fn the_kind_of_an_error_is_the_first_that_says_something() {
    let failed = |kind: Value| call("x", "y", &[("error.type", kind)]).status(2, "");
    let exception = [("exception.type", text("openai.RateLimitError"))];
    failed(Value::IntValue(429)).read(|facts| assert_eq!((facts.error_type, facts.rate_limited), ("429", true)));
    failed(text("_OTHER")).read(|facts| assert_eq!(facts.error_type, "_OTHER"));
    failed(text("_OTHER"))
        .event("exception", 1, &exception)
        .read(|facts| assert_eq!((facts.error_type, facts.rate_limited), ("openai.RateLimitError", true)));
}

#[test]
fn who_excludes_cached_input_is_told_by_the_api_not_by_whose_cloud_it_is() {
    let vercel = |provider: &str| {
        let attributes = [
            ("ai.operationId", text("ai.generateText.doGenerate")),
            ("ai.model.provider", text(provider)),
            ("ai.model.id", text("claude-sonnet-4-5")),
            ("ai.usage.inputTokens", Value::IntValue(3000)),
            ("ai.usage.outputTokens", Value::IntValue(10)),
            ("ai.usage.cachedInputTokens", Value::IntValue(2000)),
        ];
        made("ai", "ai.generateText.doGenerate", &attributes)
    };
    for provider in ["anthropic.messages", "vertex.anthropic.messages"] {
        vercel(provider).read(|facts| assert_eq!(tokens(facts), (3000, 2000, 0, 0, 10, 0), "{provider}"));
    }
    vercel("openai.chat").read(|facts| assert_eq!(tokens(facts), (1000, 2000, 0, 0, 10, 0)));
}

#[test]
fn thoughts_that_outgrow_the_output_are_beside_it_where_the_provider_counts_so() {
    let thinking = |provider| {
        let attributes = [("gen_ai.usage.reasoning.output_tokens", Value::IntValue(800))];
        call("x", provider, &attributes)
    };
    thinking("gcp.gemini").read(|facts| {
        assert_eq!((output(facts), facts.tokens.unwrap().contradictory), (Some(1300), false));
    });
    thinking("openai").read(|facts| assert!(facts.tokens.unwrap().contradictory));
}

#[test]
fn no_call_used_more_tokens_than_can_be_counted() {
    let absurd = [("gen_ai.usage.reasoning.output_tokens", Value::IntValue(i64::MAX))];
    call("x", "gcp.gemini", &absurd).read(|facts| assert!(facts.tokens.unwrap().contradictory));
}
