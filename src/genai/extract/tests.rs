//! One small span for each family of conventions, and what is read of it.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;

use super::extractor::FactExtractor;
use super::facts::SpanFacts;
use super::field_values::FieldValues;
use super::tokens::Semantics;
use crate::genai::calls::{Call, Used};
use crate::genai::conventions::Conventions;
use crate::genai::vocabulary::{FinishReason, Operation, Outcome};
use crate::intern::Name;
use crate::otlp::keys::KeyTable;
use crate::otlp::walk::walk;

mod untold;

/// A span of one second.
#[derive(Default)]
struct Made {
    scope: &'static str,
    span: Span,
    resource: Vec<KeyValue>,
}

fn text(text: &str) -> Value {
    Value::StringValue(text.into())
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn made(scope: &'static str, name: &str, attributes: &[(&str, Value)]) -> Made {
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: name.into(),
        start_time_unix_nano: 1_795_230_345_000_000_000,
        end_time_unix_nano: 1_795_230_346_000_000_000,
        attributes: attributes.iter().map(|(key, value)| attribute(key, value.clone())).collect(),
        ..Span::default()
    };
    Made { scope, span, ..Made::default() }
}

/// The record of a span says what its facts do.
fn agree(facts: &SpanFacts<'_>, call: &Call) {
    let model = if facts.response_model.is_empty() { facts.request_model } else { facts.response_model };
    let tool = facts.tool.map(|tool| tool.name).unwrap_or_default();
    let texts = [model, facts.provider, facts.region, facts.prompt.name, facts.agent, tool];
    let names = [call.model, call.provider, call.region, call.prompt, call.agent, call.tool];
    // Of a longer text a name keeps the front.
    let short = |text: &str| text.len() <= 200;
    if texts.into_iter().all(short) {
        assert_eq!(names.map(Name::text), texts);
    }
    let version = facts.prompt.version.map(|version| version.to_string()).unwrap_or_default();
    assert!(version.len() > 200 || call.prompt_version.to_string() == version, "{version}");
    assert_eq!((call.operation, call.wrapper, call.failed), (facts.operation, facts.wrapper, facts.failed));
    assert_eq!(Some(call.outcome), facts.ending.map(|it| it.outcome).or(Some(Outcome::Unknown)));
    assert_eq!(call.used, facts.tokens.as_ref().map(Used::from).unwrap_or_default());
    assert_eq!((call.first_token(), call.completion()), (facts.ttft, facts.ttc));
    let hashed = match facts.tool {
        Some(tool) => (!tool.call_id.is_empty(), tool.arguments.unwrap_or(0)),
        None => (!facts.response_id.is_empty(), facts.request),
    };
    assert_eq!((call.response_id != 0, call.request), hashed);
}

impl Made {
    fn status(mut self, code: i32, message: &str) -> Self {
        self.span.status = Some(Status { code, message: message.into() });
        self
    }

    fn event(mut self, name: &str, after_ms: u64, attributes: &[(&str, Value)]) -> Self {
        self.span.events.push(Event {
            time_unix_nano: self.span.start_time_unix_nano + after_ms * 1_000_000,
            name: name.into(),
            attributes: attributes.iter().map(|(key, value)| attribute(key, value.clone())).collect(),
            ..Event::default()
        });
        self
    }

    fn read(self, check: impl Fn(&SpanFacts<'_>)) {
        assert!(self.try_read(|facts| check(facts)), "no facts");
    }

    fn try_read(self, check: impl Fn(&SpanFacts<'_>)) -> bool {
        let mut keys = KeyTable::default();
        let facts = FactExtractor::compile(&Conventions::embedded(), &mut keys);
        let scope = InstrumentationScope { name: self.scope.into(), ..InstrumentationScope::default() };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans: vec![self.span], ..ScopeSpans::default() }];
        let resource = Some(Resource { attributes: self.resource, ..Resource::default() });
        let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
        let request = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let mut seen = false;
        let tally = walk(&request, &keys, |visit| {
            let mut values = FieldValues::nothing();
            let call = facts.extract(visit, &mut values).map(|extraction| Call::from(&extraction));
            if let Some((facts, call)) = facts.facts(visit).zip(call) {
                agree(&facts, &call);
                seen = true;
                check(&facts);
            }
        });
        assert_eq!(tally.unwrap().spans, 1);
        seen
    }
}

/// Uncached input, read, written, written for an hour, output, reasoning.
fn tokens(facts: &SpanFacts<'_>) -> (u64, u64, u64, u64, u64, u64) {
    let it = facts.tokens.expect("no tokens");
    let (input, output) = (it.input_uncached.unwrap(), it.output().unwrap());
    (input, it.cache_read, it.cache_write, it.cache_write_1h, output, it.reasoning)
}

fn outcome(facts: &SpanFacts<'_>) -> Outcome {
    facts.ending.expect("no ending").outcome
}

fn list(texts: &[&str]) -> Value {
    let values = texts.iter().map(|one| AnyValue { value: Some(text(one)) }).collect();
    Value::ArrayValue(ArrayValue { values })
}

#[test]
fn a_span_that_does_not_speak_of_models_has_no_facts() {
    let http = [("http.request.method", text("GET")), ("server.address", text("x")), ("user.id", text("u"))];
    assert!(!made("http", "GET", &http).try_read(|_| {}));
    assert!(!made("http", "GET", &[]).try_read(|_| {}));
    let claude = [("model", text("m")), ("input_tokens", Value::IntValue(3))];
    assert!(!made("my.app", "x", &claude).try_read(|_| {}), "bare keys count in their own scope only");
}

#[test]
fn otel_genai_new_and_old_names() {
    let attributes = [
        ("gen_ai.operation.name", text("chat")),
        ("gen_ai.provider.name", text("openai")),
        ("gen_ai.request.model", text("gpt-4o")),
        ("gen_ai.response.model", text("gpt-4o-2024-08-06")),
        ("gen_ai.request.stream", Value::BoolValue(true)),
        ("gen_ai.response.time_to_first_chunk", Value::DoubleValue(0.2)),
        ("gen_ai.usage.input_tokens", Value::IntValue(100)),
        ("gen_ai.usage.output_tokens", Value::IntValue(50)),
        ("gen_ai.usage.cache_read.input_tokens", Value::IntValue(60)),
        ("gen_ai.usage.reasoning.output_tokens", Value::IntValue(20)),
        ("gen_ai.response.finish_reasons", list(&["stop", "length"])),
        ("gen_ai.response.id", text("r-1")),
        ("openai.response.service_tier", text("flex")),
        ("gen_ai.system_instructions", text(r#"[{"type":"text","content":"Be \"brief\"."}]"#)),
        ("server.address", text("https://bedrock-runtime.eu-west-1.amazonaws.com/x")),
        ("user.id", text("u")),
        ("tenant.id", text("t")),
    ];
    let mut span = made("opentelemetry.instrumentation.genai.openai", "chat gpt-4o", &attributes);
    span.resource =
        vec![attribute("cloud.region", text("eu-central-1")), attribute("deployment.environment.name", text("prod"))];
    span.read(|facts| {
        assert_eq!((facts.operation, facts.wrapper, facts.is_leaf_call()), (Operation::Llm, false, true));
        assert_eq!(
            (facts.provider, facts.request_model, facts.response_model),
            // The host is Bedrock's, whatever the client is called.
            ("aws.bedrock", "gpt-4o", "gpt-4o-2024-08-06")
        );
        assert_eq!(tokens(facts), (40, 60, 0, 0, 50, 20));
        assert_eq!(facts.tokens.unwrap().semantics, Semantics::InferredInclusive);
        assert_eq!((facts.ttft, facts.ttc, facts.streaming), (Some(0.2), Some(1.0), Some(true)));
        assert_eq!(facts.finish.as_slice(), [FinishReason::Stop, FinishReason::Length]);
        assert_eq!(outcome(facts), Outcome::Truncated);
        assert_eq!((facts.response_id, facts.service_tier, facts.region), ("r-1", "flex", "eu-west-1"));
        assert_eq!(
            (facts.caller_region, facts.environment, facts.user, facts.tenant),
            ("eu-central-1", "prod", "u", "t")
        );
        let version = facts.prompt.version.unwrap();
        assert_eq!((version.to_string().len(), version.source()), (14, "hash"));
    });
    let old = [
        ("gen_ai.system", text("az.ai.openai")),
        ("gen_ai.request.model", text("gpt-4o")),
        ("gen_ai.usage.prompt_tokens", text("100")),
        ("gen_ai.usage.completion_tokens", Value::DoubleValue(50.0)),
    ];
    made("x", "y", &old).read(|facts| {
        assert_eq!((facts.operation, facts.provider), (Operation::Llm, "azure.ai.openai"));
        assert_eq!((tokens(facts), outcome(facts)), ((100, 0, 0, 0, 50, 0), Outcome::Unknown));
    });
}

#[test]
fn instructions_have_the_same_hash_whoever_wrote_them_down() {
    let version = |attributes: &[(&str, Value)]| {
        let found = std::cell::RefCell::new(String::new());
        let all: Vec<_> =
            [("gen_ai.operation.name", text("chat"))].into_iter().chain(attributes.iter().cloned()).collect();
        made("x", "y", &all).read(|facts| {
            found.replace(facts.prompt.version.map_or(String::new(), |version| version.to_string()));
        });
        found.into_inner()
    };
    let role = || text("system");
    let plain = version(&[("gen_ai.system_instructions", text("Sag \"hallö\" 😀\n"))]);
    assert_eq!(&plain[..2], "h:");
    for attributes in [
        vec![("gen_ai.system_instructions", text(r#"[{"content": "Sag \"hall\u00f6\" \ud83d\ude00\n"}]"#))],
        vec![
            ("llm.input_messages.0.message.role", role()),
            ("llm.input_messages.0.message.content", text("Sag \"hallö\" 😀\n")),
        ],
        vec![("gen_ai.input.messages", text(r#"[{"role": "system", "parts": [{"content": "Sag \"hallö\" 😀\n"}]}]"#))],
        vec![("ai.prompt", text(r#"{"system": "Sag \"hallö\" 😀\n"}"#))],
    ] {
        assert_eq!(version(&attributes), plain, "{attributes:?}");
    }
    assert_ne!(version(&[("gen_ai.system_instructions", text("other"))]), plain);
    let parts = |key, text: &str| version(&[(key, Value::StringValue(text.into()))]);
    let two = |key, other: &str| parts(key, &format!(r#"[{{"content": "You are"}}, {{"content": "{other}"}}]"#));
    let [one, first, second] = [
        parts("gen_ai.system_instructions", r#"[{"content": "You are"}]"#),
        two("gen_ai.system_instructions", "1"),
        two("gen_ai.system_instructions", "2"),
    ];
    assert!(one != first && first != second && one != second, "of several parts all count");
    let hole = r#"[{"content": "You are"}, {"type": "blob"}, {"content": "1"}]"#;
    assert_eq!(parts("gen_ai.system_instructions", hole), first, "whatever stands between them");
    let inside = r#"[{"role": "system", "parts": [{"content": "You are"}, {"content": "1"}]}, {"role": "user"}]"#;
    assert_eq!(parts("gen_ai.input.messages", inside), first);
    let user =
        [("llm.input_messages.0.message.role", text("user")), ("llm.input_messages.0.message.content", text("x"))];
    assert_eq!(version(&user), "");
    let told = [("traceloop.prompt.version", Value::IntValue(7)), ("gen_ai.system_instructions", text("x"))];
    assert_eq!(version(&told), "7");
}

#[test]
fn structured_messages_are_read_like_json() {
    let entry = |key: &str, value| attribute(key, value);
    let list_of = |value| Value::ArrayValue(ArrayValue { values: vec![AnyValue { value: Some(value) }] });
    let part = Value::KvlistValue(KeyValueList { values: vec![entry("content", text("be brief"))] });
    let message = Value::KvlistValue(KeyValueList { values: vec![entry("finish_reason", text("content_filter"))] });
    let attributes = [
        ("gen_ai.operation.name", text("chat")),
        ("gen_ai.system_instructions", list_of(part)),
        ("gen_ai.output.messages", list_of(message)),
    ];
    made("x", "y", &attributes).read(|facts| {
        assert_eq!(outcome(facts), Outcome::Filtered);
        assert_eq!(facts.prompt.version.unwrap().source(), "hash");
    });
}

#[test]
fn openinference() {
    let attributes = [
        ("openinference.span.kind", text("LLM")),
        ("llm.model_name", text("gpt-4o-2024-08-06")),
        ("llm.provider", text("azure")),
        ("llm.invocation_parameters", text(r#"{"model": "gpt-4o", "stream": true}"#)),
        ("llm.token_count.prompt", Value::IntValue(100)),
        ("llm.token_count.completion", Value::IntValue(50)),
        ("llm.token_count.prompt_details.cache_read", Value::IntValue(60)),
        ("llm.finish_reason", text("tool_calls")),
        ("output.value", text(r#"{"choices": [{"x": 1}], "id": "chatcmpl-1", "object": "chat.completion"}"#)),
    ];
    let span = made("openinference.instrumentation.openai", "ChatCompletion", &attributes).status(1, "");
    span.event("First Token Stream Event", 150, &[]).read(|facts| {
        assert_eq!((facts.request_model, facts.response_model), ("gpt-4o", "gpt-4o-2024-08-06"));
        assert_eq!((facts.provider, facts.response_id, facts.ttft), ("azure.ai.openai", "chatcmpl-1", Some(0.15)));
        assert_eq!((tokens(facts), outcome(facts)), ((40, 60, 0, 0, 50, 0), Outcome::Complete));
    });
    let tool = [("openinference.span.kind", text("TOOL")), ("tool.name", text("f")), ("input.value", text("{}"))];
    made("my.app", "x", &tool).read(|facts| {
        let tool = facts.tool.unwrap();
        assert_eq!((facts.operation, tool.name, tool.arguments.is_some()), (Operation::Tool, "f", true));
        assert!(facts.ending.is_none());
    });
    for kind in ["CHAIN", "AGENT"] {
        made("x", "y", &[("openinference.span.kind", text(kind))]).read(|facts| assert!(facts.wrapper));
    }
}

#[test]
fn openllmetry_and_traceloop() {
    let attributes = [
        ("llm.request.type", text("chat")),
        ("gen_ai.system", text("Anthropic")),
        ("gen_ai.request.model", text("claude-sonnet-4-5")),
        ("gen_ai.usage.input_tokens", Value::IntValue(288)),
        ("gen_ai.usage.output_tokens", Value::IntValue(35)),
        ("gen_ai.usage.cache_read_input_tokens", Value::IntValue(100)),
        ("gen_ai.completion.0.finish_reason", text("max_tokens")),
        ("traceloop.prompt.key", text("greet")),
        ("traceloop.prompt.version", Value::IntValue(3)),
    ];
    made("opentelemetry.instrumentation.anthropic", "anthropic.chat", &attributes).read(|facts| {
        assert_eq!((facts.provider, outcome(facts)), ("anthropic", Outcome::Truncated));
        assert_eq!(facts.tokens.unwrap().semantics, Semantics::InferredExclusive);
        assert_eq!((facts.prompt.name, facts.prompt.version.unwrap().to_string()), ("greet", "3".into()));
    });
    let bedrock = [
        ("gen_ai.request.model", text("us.anthropic.claude")),
        ("gen_ai.usage.input_tokens", Value::IntValue(500)),
        ("gen_ai.usage.output_tokens", Value::IntValue(5)),
        ("gen_ai.usage.cache_read.input_tokens", Value::IntValue(100)),
    ];
    made("opentelemetry.instrumentation.bedrock", "bedrock.converse", &bedrock)
        .read(|facts| assert_eq!(tokens(facts), (500, 100, 0, 0, 5, 0)));
    let tool = [("traceloop.span.kind", text("tool")), ("traceloop.entity.name", text("f"))];
    made("traceloop.tracer", "f.tool", &tool).read(|facts| assert_eq!(facts.tool.unwrap().name, "f"));
}

#[test]
fn vercel_ai_4_to_7() {
    let call = |keys: &[(&'static str, Value)]| {
        let base = [
            ("operation.name", text("ai.streamText.doStream my-chat")),
            ("ai.operationId", text("ai.streamText.doStream")),
            ("ai.model.provider", text("anthropic.messages")),
            ("ai.model.id", text("claude-sonnet-4-5")),
            ("ai.response.finishReason", text("tool-calls")),
            ("ai.response.msToFirstChunk", Value::DoubleValue(250.0)),
            ("ai.response.msToFinish", Value::DoubleValue(900.0)),
        ];
        made("ai", "ai.streamText.doStream", &base.into_iter().chain(keys.iter().cloned()).collect::<Vec<_>>())
    };
    let metadata = r#"{"anthropic":{"usage":{"cache_read_input_tokens":60,"cache_creation_input_tokens":30,
        "cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"service_tier":"priority"}}}"#;
    let four = [
        ("ai.usage.promptTokens", Value::IntValue(100)),
        ("ai.usage.completionTokens", Value::IntValue(50)),
        ("ai.response.providerMetadata", text(metadata)),
    ];
    call(&four).read(|facts| {
        assert_eq!((tokens(facts), facts.service_tier), ((100, 60, 10, 20, 50, 0), "priority"));
        assert_eq!((facts.ttft, facts.ttc), (Some(0.25), Some(0.9)));
        assert_eq!((facts.provider, facts.finish.as_slice()), ("anthropic", &[FinishReason::ToolCall][..]));
    });
    let six = [
        ("ai.usage.inputTokens", text("100")),
        ("ai.usage.outputTokens", text("50")),
        ("ai.usage.inputTokenDetails.cacheReadTokens", Value::IntValue(60)),
        ("ai.usage.inputTokenDetails.cacheWriteTokens", Value::IntValue(30)),
    ];
    call(&six).read(|facts| assert_eq!(tokens(facts), (10, 60, 30, 0, 50, 0)));
    made("ai", "ai.streamText", &[("ai.operationId", text("ai.streamText"))]).read(|facts| {
        assert_eq!((facts.operation, facts.wrapper, facts.is_leaf_call()), (Operation::Llm, true, false));
    });
    let seven = [("gen_ai.operation.name", text("agent_step")), ("gen_ai.agent.name", text("a"))];
    made("gen_ai", "step 1", &seven).read(|facts| assert_eq!((facts.wrapper, facts.agent), (true, "a")));
}

#[test]
fn langfuse() {
    let attributes = [
        ("langfuse.observation.type", text("generation")),
        ("langfuse.observation.model.name", text("gpt-4o")),
        ("langfuse.observation.completion_start_time", text("\"2026-11-21T03:05:45.250Z\"")),
        (
            "langfuse.observation.usage_details",
            text(r#"{"input":40,"output":30,"input_cached_tokens":60,"output_reasoning_tokens":20,"total":150}"#),
        ),
        ("langfuse.observation.cost_details", text(r#"{"input":0.25,"output":0.5}"#)),
        ("langfuse.observation.metadata.finish_reason", text("\"stop\"")),
        ("langfuse.observation.prompt.name", text("greet")),
        ("langfuse.observation.prompt.version", Value::IntValue(4)),
    ];
    made("langfuse-sdk", "g", &attributes).read(|facts| {
        assert_eq!((tokens(facts), facts.cost), ((40, 60, 0, 0, 50, 20), Some(0.75)));
        assert_eq!((facts.ttft, outcome(facts), facts.streaming), (Some(0.25), Outcome::Complete, Some(true)));
        assert_eq!((facts.prompt.name, facts.prompt.version.unwrap().source()), ("greet", "attribute"));
    });
    let failed = [("langfuse.observation.type", text("tool")), ("langfuse.observation.level", text("ERROR"))];
    made("langfuse-sdk", "get", &failed).read(|facts| {
        assert_eq!((facts.failed, facts.error_type, facts.tool.unwrap().name), (true, "_OTHER", "get"));
    });
}

#[test]
fn langsmith_with_python_reprs() {
    let attributes = [
        ("langsmith.span.kind", text("llm")),
        ("gen_ai.operation.name", text("embeddings")),
        ("gen_ai.system", text("langchain")),
        ("gen_ai.request.model", text("claude-sonnet-4-5")),
        ("gen_ai.usage.input_tokens", Value::IntValue(100)),
        ("gen_ai.usage.output_tokens", Value::IntValue(50)),
        ("gen_ai.usage.total_tokens", Value::IntValue(150)),
        ("gen_ai.usage.input_token_details", text("{'audio': None, 'cache_read': 60}")),
        ("gen_ai.usage.output_token_details", text("{'reasoning': 20}")),
        ("gen_ai.response.finish_reasons", text("stop, length")),
    ];
    made("langsmith", "ChatModel", &attributes).read(|facts| {
        assert_eq!((facts.operation, facts.provider), (Operation::Llm, "anthropic"));
        assert_eq!((tokens(facts), outcome(facts)), ((40, 60, 0, 0, 50, 20), Outcome::Truncated));
        assert_eq!(facts.tokens.unwrap().semantics, Semantics::Inclusive);
    });
}

#[test]
fn pydantic_ai_and_logfire() {
    let attributes = [
        ("gen_ai.operation.name", text("chat")),
        ("gen_ai.provider.name", text("google-gla")),
        ("gen_ai.request.model", text("gemini-2.5-pro")),
        ("gen_ai.response.id", text("r")),
        ("gen_ai.client.operation.time_to_first_chunk", Value::DoubleValue(0.1)),
        ("operation.cost", Value::DoubleValue(0.0)),
    ];
    made("pydantic-ai", "chat", &attributes).read(|facts| {
        assert_eq!((facts.provider, facts.cost, facts.tokens), ("gcp.gemini", None, None));
        let ending = facts.ending.unwrap();
        assert_eq!((ending.outcome, ending.beneath_a_failure().outcome), (Outcome::Abandoned, Outcome::Broken));
    });
    let agent =
        [("gen_ai.operation.name", text("invoke_agent")), ("gen_ai.aggregated_usage.input_tokens", Value::IntValue(9))];
    made("pydantic-ai", "invoke_agent a", &agent)
        .read(|facts| assert_eq!((facts.agent, facts.wrapper, facts.tokens), ("a", true, None)));
}

#[test]
fn openlit_litellm_and_mlflow() {
    let openlit = [
        ("telemetry.sdk.name", text("openlit")),
        ("gen_ai.operation.name", text("chat")),
        ("gen_ai.system", text("anthropic")),
        ("gen_ai.usage.input_tokens", Value::IntValue(500)),
        ("gen_ai.usage.output_tokens", Value::IntValue(5)),
        ("gen_ai.usage.cache_read.input_tokens", Value::IntValue(100)),
        ("gen_ai.server.time_to_first_token", Value::DoubleValue(0.3)),
        ("gen_ai.usage.cost", Value::DoubleValue(0.01)),
    ];
    made("openlit.otel.tracing", "chat", &openlit).read(|facts| {
        assert_eq!((tokens(facts), facts.ttft, facts.cost), ((500, 100, 0, 0, 5, 0), Some(0.3), Some(0.01)))
    });
    let litellm = [
        ("gen_ai.operation.name", text("acompletion")),
        ("gen_ai.request.model", text("anthropic/claude-3-5")),
        ("gen_ai.system", text("Unknown")),
        ("llm.is_streaming", text("True")),
        ("gen_ai.response.finish_reasons", text(r#"["stop"]"#)),
        ("hidden_params", text(r#"{"model_id": null, "response_cost": "0.25"}"#)),
    ];
    made("litellm", "litellm_request", &litellm).read(|facts| {
        assert_eq!((facts.provider, facts.request_model, facts.cost), ("anthropic", "claude-3-5", Some(0.25)));
        assert_eq!(outcome(facts), Outcome::Complete);
    });
    let mlflow = [
        ("mlflow.spanType", text("\"CHAT_MODEL\"")),
        ("mlflow.llm.model", text("\"gpt-4o\"")),
        ("mlflow.chat.tokenUsage", text(r#"{"input_tokens": 100, "output_tokens": 50, "total_tokens": 150}"#)),
    ];
    made("mlflow.openai", "x", &mlflow).read(|facts| {
        assert_eq!((facts.operation, facts.request_model), (Operation::Llm, "gpt-4o"));
        assert_eq!(tokens(facts), (100, 0, 0, 0, 50, 0));
    });
}

#[test]
fn google_adk_strands_and_agent_framework() {
    let adk = [
        ("gen_ai.system", text("gcp.vertex.agent")),
        ("gen_ai.request.model", text("gemini-2.5-flash")),
        ("gen_ai.usage.input_tokens", Value::IntValue(100)),
        ("gen_ai.usage.output_tokens", Value::IntValue(50)),
        ("gen_ai.usage.experimental.reasoning_tokens", Value::IntValue(10)),
        ("gcp.vertex.agent.llm_response", text(r#"{"usage_metadata": {"cached_content_token_count": 60}}"#)),
    ];
    made("gcp.vertex.agent", "call_llm", &adk).read(|facts| {
        assert_eq!((facts.operation, facts.provider), (Operation::Llm, "gcp.gemini"));
        assert_eq!(tokens(facts), (40, 60, 0, 0, 60, 10));
    });
    let merged = [("gen_ai.operation.name", text("execute_tool")), ("gen_ai.tool.name", text("(merged tools)"))];
    made("gcp.vertex.agent", "execute_tool (merged tools)", &merged)
        .read(|facts| assert_eq!(facts.operation, Operation::Other));
    let unnamed = [("gen_ai.operation.name", text("execute_tool")), ("gen_ai.tool.call.id", text("<not specified>"))];
    made("gcp.vertex.agent", "execute_tool f", &unnamed)
        .read(|facts| assert_eq!((facts.tool.unwrap().name, facts.tool.unwrap().call_id), ("f", "")));
    let strands = [
        ("gen_ai.operation.name", text("chat")),
        ("gen_ai.system", text("strands-agents")),
        ("gen_ai.request.model", text("us.anthropic.claude")),
        ("gen_ai.usage.input_tokens", Value::IntValue(500)),
        ("gen_ai.usage.prompt_tokens", Value::IntValue(500)),
        ("gen_ai.usage.output_tokens", Value::IntValue(5)),
        ("gen_ai.usage.cache_write_input_tokens", Value::IntValue(100)),
        ("gen_ai.server.time_to_first_token", Value::IntValue(350)),
    ];
    let span = made("strands.telemetry.tracer", "chat", &strands);
    span.event("gen_ai.choice", 900, &[("finish_reason", text("guardrail_intervened"))]).read(|facts| {
        assert_eq!((facts.provider, tokens(facts)), ("aws.bedrock", (500, 0, 100, 0, 5, 0)));
        assert_eq!((facts.ttft, outcome(facts)), (Some(0.35), Outcome::Filtered));
    });
    let framework =
        [("gen_ai.operation.name", text("invoke_agent")), ("gen_ai.response.finish_reasons", text(r#"["stop"]"#))];
    made("agent_framework", "invoke_agent a", &framework).read(|facts| {
        assert_eq!((facts.wrapper, facts.finish.as_slice()), (true, &[FinishReason::Stop][..]));
    });
}

#[test]
fn claude_code_the_native_anthropic_spans_codex_gemini_cli_and_genkit() {
    let claude = [
        ("span.type", text("llm_request")),
        ("model", text("claude-sonnet-4-5")),
        ("gen_ai.system", text("anthropic")),
        ("input_tokens", Value::IntValue(10)),
        ("output_tokens", Value::IntValue(5)),
        ("cache_read_tokens", Value::IntValue(3)),
        ("ttft_ms", Value::IntValue(400)),
        ("attempt", Value::IntValue(2)),
        ("success", text("false")),
        ("status_code", text("529")),
        ("prompt.id", text("turn")),
    ];
    made("com.anthropic.claude_code.tracing", "claude_code.llm_request", &claude).read(|facts| {
        assert_eq!((tokens(facts), facts.ttft, facts.attempt), ((10, 3, 0, 0, 5, 0), Some(0.4), Some(2)));
        assert_eq!((outcome(facts), facts.error_type, facts.rate_limited), (Outcome::Broken, "529", true));
        assert_eq!(facts.prompt.name, "");
    });
    let native = [
        ("gen_ai.operation.name", text("chat")),
        ("gen_ai.provider.name", text("anthropic")),
        ("gen_ai.request.stream", Value::BoolValue(true)),
        ("gen_ai.usage.input_tokens", Value::IntValue(1824)),
        ("gen_ai.usage.output_tokens", Value::IntValue(35)),
        ("gen_ai.usage.cache_read.input_tokens", Value::IntValue(1024)),
        ("gen_ai.usage.cache_write.input_tokens", Value::IntValue(512)),
        ("anthropic.usage.cache_creation.ephemeral_5m_input_tokens", Value::IntValue(500)),
        ("anthropic.usage.cache_creation.ephemeral_1h_input_tokens", Value::IntValue(12)),
        ("anthropic.usage.compaction.input_tokens", Value::IntValue(7)),
        ("anthropic.message.stop_reason", text("refusal")),
        ("anthropic.request.id", text("req_1")),
    ];
    made("com.anthropic.sdk.python", "anthropic.messages.create", &native).status(1, "").read(|facts| {
        assert_eq!((tokens(facts), outcome(facts)), ((295, 1024, 500, 12, 35, 0), Outcome::Refused));
        assert_eq!(facts.request_id, "req_1");
    });
    let codex = [
        ("gen_ai.usage.input_tokens", text("100")),
        ("gen_ai.usage.output_tokens", Value::IntValue(50)),
        ("codex.usage.reasoning_output_tokens", Value::IntValue(10)),
        ("codex.usage.total_tokens", Value::IntValue(150)),
    ];
    made("codex_otel", "turn", &codex).read(|facts| assert_eq!(tokens(facts), (100, 0, 0, 0, 50, 10)));
    let gemini = [("gen_ai.operation.name", text("tool_call")), ("gen_ai.tool.call_id", text("c"))];
    made("gemini-cli", "ls", &gemini)
        .read(|facts| assert_eq!((facts.tool.unwrap().name, facts.tool.unwrap().call_id), ("ls", "c")));
    let genkit = [("genkit:metadata:subtype", text("tool.v2")), ("genkit:name", text("f"))];
    made("genkit-tracer", "x", &genkit).read(|facts| assert_eq!(facts.tool.unwrap().name, "f"));
    let mcp = [("mcp.method.name", text("tools/call")), ("gen_ai.tool.name", text("f"))];
    made("mcp", "tools/call f", &mcp).read(|facts| assert_eq!(facts.tool.unwrap().name, "f"));
}

#[test]
fn first_tokens_that_cannot_be_are_not_told_and_still_prove_a_stream() {
    let base = |ttft: f64| {
        let attributes = [
            ("gen_ai.operation.name", text("chat")),
            ("gen_ai.response.time_to_first_chunk", Value::DoubleValue(ttft)),
        ];
        made("x", "y", &attributes)
    };
    for (told, read, streaming) in [
        (0.5, Some(0.5), Some(true)),
        (1.04, Some(1.04), Some(true)),
        (500.0, Some(0.5), Some(true)),
        (5000.0, None, Some(true)),
        (0.0, None, None),
        (-1.0, None, None),
        (f64::INFINITY, None, None),
    ] {
        base(told).read(|facts| assert_eq!((facts.ttft, facts.streaming), (read, streaming), "{told}"));
    }
}

#[test]
fn errors_tell_whether_a_token_came_and_who_left() {
    let call = |stream: bool| {
        let attributes = [("gen_ai.operation.name", text("chat")), ("gen_ai.request.stream", Value::BoolValue(stream))];
        made("x", "y", &attributes).status(2, "Connection error.")
    };
    let exception = |name| [("exception.type", text(name))];
    call(true).read(|facts| assert_eq!((outcome(facts), facts.error_type), (Outcome::Errored, "_OTHER")));
    call(false).read(|facts| assert_eq!(outcome(facts), Outcome::Failed));
    call(true).event("new_token", 10, &[]).read(|facts| assert_eq!(outcome(facts), Outcome::Broken));
    call(true).event("exception", 10, &exception("asyncio.exceptions.CancelledError")).read(|facts| {
        assert_eq!((outcome(facts), facts.error_type), (Outcome::Abandoned, "asyncio.exceptions.CancelledError"));
    });
    call(true).event("exception", 10, &exception("openai.RateLimitError")).read(|facts| assert!(facts.rate_limited));
    let silent = made("x", "y", &[("gen_ai.operation.name", text("chat"))]);
    silent
        .event("exception", 10, &exception("E"))
        .read(|facts| assert_eq!((facts.failed, facts.error_type), (true, "E")));
    let retry = [("http.request.resend_count", Value::IntValue(2))];
    made("http", "POST", &retry)
        .read(|facts| assert_eq!((facts.operation, facts.attempt), (Operation::Other, Some(3))));
}

#[test]
fn hostile_values_say_nothing_and_harm_nobody() {
    let deep = "[".repeat(200_000);
    for value in [text(""), text("{"), text(&deep), text("\\"), Value::IntValue(i64::MIN), Value::DoubleValue(f64::NAN)]
    {
        let mut keys = KeyTable::default();
        let table = Conventions::embedded();
        FactExtractor::compile(&table, &mut keys);
        let mut attributes = vec![("gen_ai.operation.name", text("chat"))];
        let named: Vec<String> = table
            .fields
            .iter()
            .filter_map(|(_, source)| match &source.place {
                crate::genai::conventions::Place::Attribute(key) => Some(key.clone()),
                _ => None,
            })
            .collect();
        attributes.extend(named.iter().map(|key| (key.as_str(), value.clone())));
        made("ai", "y", &attributes).read(|facts| {
            assert_eq!((facts.ttft, facts.tokens.map(|it| it.output())), (None, None));
        });
    }
}
