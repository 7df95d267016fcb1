//! Every field that a rule can name decides about real sessions, and about those alone that have what it asks for.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as Request;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use support::spans::{Made, request, request_of, span, text, texts, trace_id};
use support::{backend, client, sieve};
use tailsieve::expr::fields::{EVENT, SESSION, SPAN};

/// A rule with a session that it matches and one that it does not.
struct Case {
    name: String,
    when: String,
    yes: Vec<Request>,
    no: Vec<Request>,
    /// Other rules that the second one matches.
    no_but: Vec<String>,
}

/// What the sessions of a case are made of, by their id.
type Make<'a> = &'a dyn Fn(&str) -> Vec<Span>;

/// The spans of a turn that no rule matches: a root and a call, 2 ms.
fn turn(id: &str, number: u32) -> [Span; 2] {
    let trace = format!("{id}/{number}");
    let start = u64::from(number) * 10;
    [
        span(&trace, "root").with("session.id", id).at(start, start + 2),
        span(&trace, "call").under(&trace, "root").at(start, start + 1),
    ]
}

/// A session of one turn, whose call is changed.
fn call(id: &str, change: impl FnOnce(Span) -> Span) -> Vec<Span> {
    let [root, call] = turn(id, 1);
    vec![root, change(call)]
}

/// The same with a changed root.
fn root(id: &str, change: impl FnOnce(Span) -> Span) -> Vec<Span> {
    let [root, call] = turn(id, 1);
    vec![change(root), call]
}

/// A session of one turn with more calls.
fn calls(id: &str, count: usize, change: impl Fn(Span) -> Span) -> Vec<Span> {
    let trace = format!("{id}/1");
    let more = (0..count).map(|number| change(span(&trace, &format!("call {number}")).under(&trace, "root")));
    turn(id, 1).into_iter().chain(more).collect()
}

fn case(name: &str, when: impl Into<String>, yes: Make, no: Make) -> Case {
    let [yes, no] = [yes(&format!("{name}/yes")), no(&format!("{name}/no"))].map(|spans| vec![request(spans)]);
    Case { name: name.into(), when: when.into(), yes, no, no_but: Vec::new() }
}

/// A case whose calls differ in what is around them: pairs of a resource attribute, a scope, a version.
fn around(name: &str, when: &str, yes: (&str, &str, &str), no: (&str, &str, &str)) -> Case {
    let make = |id: &str, (value, scope, version): (&str, &str, &str)| {
        let [root, call] = turn(id, 1);
        let key = if name == "services" { "service.name" } else { "region" };
        vec![request(vec![root]), request_of(&[(key, value)], (scope, version), vec![call])]
    };
    let [yes, no] = [make(&format!("{name}/yes"), yes), make(&format!("{name}/no"), no)];
    Case { name: name.into(), when: when.into(), yes, no, no_but: Vec::new() }
}

fn sessions() -> Vec<Case> {
    let plain: Make = &|id| turn(id, 1).into();
    let turns = |count: u32| move |id: &str| (1..=count).flat_map(|number| turn(id, number)).collect::<Vec<_>>();
    let errors = |count| move |id: &str| calls(id, count, |call| call.status(2));
    let sized = |extra: usize| move |id: &str| root(id, |root| root.with("filler", "x".repeat(900 + extra).as_str()));
    let bytes: usize = sized(0)("bytes/yes").iter().map(Message::encoded_len).sum();
    let by_trace: String = trace_id("alone").iter().map(|byte| format!("{byte:02x}")).collect();
    vec![
        case("id", "session.id == 'id/yes'", plain, plain),
        case(
            "id_of_trace",
            format!("session.id == '{by_trace}'"),
            &|_| vec![span("alone", "root").with("proof", "id_of_trace/yes")],
            &|_| vec![span("alone too", "root").with("proof", "id_of_trace/no")],
        ),
        case("turns", "session.turns == 3", &turns(3), &turns(2)),
        case("spans", "session.spans == 9", &|id| calls(id, 7, |call| call), &|id| calls(id, 6, |call| call)),
        around("services", "'billing' in session.services", ("billing", "", ""), ("billings", "", "")),
        case(
            "root_name",
            "session.root_name == 'POST /chat'",
            &|id| root(id, |root| Span { name: "POST /chat".into(), ..root }),
            &|id| call(id, |call| Span { name: "POST /chat".into(), ..call }),
        ),
        case("duration", "session.duration > duration('4s')", &|id| call(id, |call| call.at(4000, 4011)), &|id| {
            call(id, |call| call.at(4000, 4010))
        }),
        case("failed", "session.failed", &|id| root(id, |root| root.status(2)), &|id| {
            [root(id, |root| root.status(2)), turn(id, 2).into()].concat()
        }),
        case("error_count", "session.error_count == 5", &errors(5), &errors(4)),
        Case {
            no_but: vec!["failed".into()],
            ..case("recovered_errors", "session.recovered_errors == 3", &errors(3), &|id| {
                let [root, call] = turn(id, 1);
                let other = span(&format!("{id}/1"), "other").under(&format!("{id}/1"), "root");
                [root, call, other].map(|span| span.status(2)).into()
            })
        },
        case(
            "error_types",
            "session.error_types.exists(t, t == 'timeout')",
            &|id| call(id, |call| call.status(2).with("error.type", "timeout")),
            &|id| call(id, |call| call.with("error.type", "timeout")),
        ),
        case(
            "exceptions",
            "'ValueError' in session.error_types",
            &|id| call(id, |call| call.status(2).event("exception", &[("exception.type", "ValueError")])),
            &|id| call(id, |call| call.status(2).event("exception", &[("exception.type", "Value")])),
        ),
        case("status", "session.status == 'ok'", &|id| root(id, |root| root.status(1)), &|id| {
            call(id, |call| call.status(1))
        }),
        case("orphans", "session.orphans == 1", &|id| call(id, |call| call.under("nowhere", "x")), plain),
        case(
            "unfinished_spans",
            "session.unfinished_spans == 1",
            &|id| {
                call(id, |mut call| {
                    call.end_time_unix_nano = 0;
                    call
                })
            },
            plain,
        ),
        case("bytes", format!("session.bytes == {bytes}"), &sized(0), &|id| sized(2)(id)),
        case(
            "complete",
            "!session.complete && session.orphans == 0 && session.unfinished_spans == 0",
            &|id| root(id, |root| root.under(&format!("{id}/1"), "call")),
            plain,
        ),
    ]
}

/// A case whose rule is asked of its own sessions alone, so that others may have what it asks for.
fn own(name: &str, when: &str, yes: Make, no: Make) -> Case {
    case(name, format!("session.id.startsWith('{name}/') && {when}"), yes, no)
}

/// A call of a model, the first of its turn or a later one, a tenth of a second each.
fn chat(id: &str, number: u64) -> Span {
    let (trace, start) = (format!("{id}/1"), number * 100);
    span(&trace, &format!("chat {number}"))
        .under(&trace, "root")
        .at(start, start + 100)
        .with("gen_ai.operation.name", "chat")
        .with("gen_ai.provider.name", "openai")
        .with("gen_ai.request.model", "gpt-4o")
        .with("gen_ai.usage.input_tokens", 100)
        .with("gen_ai.usage.output_tokens", 10)
}

/// The same with so many input tokens.
fn of_input(mut span: Span, tokens: i64) -> Span {
    span.attributes.retain(|attribute| attribute.key != "gen_ai.usage.input_tokens");
    span.with("gen_ai.usage.input_tokens", tokens)
}

/// One that came to its end.
fn finished(span: Span, reason: &str) -> Span {
    span.with("gen_ai.response.finish_reasons", reason)
}

/// A stream whose first token came after so many seconds.
fn stream(span: Span, first: f64) -> Span {
    span.with("gen_ai.request.stream", true).with("gen_ai.response.time_to_first_chunk", first)
}

/// A session of one turn with two calls of a model, the first of which is changed.
fn chats(id: &str, change: impl FnOnce(Span) -> Span) -> Vec<Span> {
    let [root, other] = turn(id, 1);
    vec![root, other, change(chat(id, 1)), finished(chat(id, 2), "stop")]
}

/// A session of one turn with calls of tools: each with its arguments, and whether it failed.
fn tools(id: &str, calls: &[(&str, &str, bool)]) -> Vec<Span> {
    let trace = format!("{id}/1");
    let tool = |(number, (name, arguments, failed)): (u64, &(&str, &str, bool))| {
        let call = span(&trace, &format!("tool {number}")).under(&trace, "root").at(number * 10, number * 10 + 5);
        let call = call.with("gen_ai.operation.name", "execute_tool").with("gen_ai.tool.name", *name);
        call.with("gen_ai.tool.call.arguments", *arguments).status(if *failed { 2 } else { 0 })
    };
    turn(id, 1).into_iter().chain((1..).zip(calls).map(tool)).collect()
}

/// What models were called, and what that came to.
fn models() -> Vec<Case> {
    let plain: Make = &|id| chats(id, |chat| chat);
    let with = |key: &'static str, value: &'static str| move |id: &str| chats(id, |chat| chat.with(key, value));
    let used = |key: &'static str, count: i64| move |id: &str| chats(id, |chat| chat.with(key, count));
    let agents = |name: &'static str| {
        move |id: &str| {
            let (trace, mut spans) = (format!("{id}/1"), chats(id, |chat| chat));
            let run = span(&trace, "run").under(&trace, "root").with("gen_ai.operation.name", "invoke_agent");
            spans.push(run.with("gen_ai.agent.name", name));
            spans
        }
    };
    vec![
        own("llm_calls", "session.llm_calls == 3", &|id| [plain(id), vec![chat(id, 3)]].concat(), &|id| {
            // One more that is around the other two.
            let (trace, mut spans) = (format!("{id}/1"), plain(id));
            spans.iter_mut().skip(2).for_each(|chat| *chat = chat.clone().under(&trace, "chat 3"));
            [spans, vec![chat(id, 3).at(0, 400)]].concat()
        }),
        own(
            "models",
            "'gpt-4o-mini' in session.models",
            &with("gen_ai.response.model", "gpt-4o-mini"),
            &with("gen_ai.response.model", "gpt-4o"),
        ),
        own(
            "providers",
            "'anthropic' in session.providers",
            &|id| {
                chats(id, |chat| {
                    Span { attributes: chat.attributes[..1].into(), ..chat }.with("gen_ai.system", "anthropic")
                })
            },
            plain,
        ),
        own("regions", "'eu-west-1' in session.regions", &with("aws.region", "eu-west-1"), &with("aws.region", "us")),
        own(
            "prompts",
            "'hello' in session.prompts",
            &with("gen_ai.prompt.name", "hello"),
            &with("gen_ai.prompt.name", "x"),
        ),
        own(
            "prompt_versions",
            "'v7' in session.prompt_versions",
            &with("gen_ai.prompt.version", "v7"),
            &with("gen_ai.prompt.version", "v8"),
        ),
        own("agents", "'planner' in session.agents", &agents("planner"), &agents("planners")),
        own("input_tokens", "session.input_tokens == 200", plain, &|id| [plain(id), vec![chat(id, 3)]].concat()),
        own("output_tokens", "session.output_tokens == 30", &|id| [plain(id), vec![chat(id, 3)]].concat(), plain),
        own("total_tokens", "session.total_tokens == 220", plain, &|id| [plain(id), vec![chat(id, 3)]].concat()),
        own(
            "cache_read_tokens",
            "session.cache_read_tokens == 40",
            &used("gen_ai.usage.cache_read.input_tokens", 40),
            &used("gen_ai.usage.cache_read.input_tokens", 41),
        ),
        own(
            "cache_write_tokens",
            "session.cache_write_tokens == 40",
            &used("gen_ai.usage.cache_creation.input_tokens", 40),
            &used("gen_ai.usage.cache_creation.input_tokens", 41),
        ),
        own(
            "reasoning_tokens",
            "session.reasoning_tokens == 4",
            &used("gen_ai.usage.reasoning.output_tokens", 4),
            &used("gen_ai.usage.reasoning.output_tokens", 5),
        ),
        own(
            "context_growth",
            "session.context_growth == 3.0",
            &|id| [plain(id), vec![of_input(chat(id, 3), 300)]].concat(),
            &|id| [plain(id), vec![of_input(chat(id, 3), 299)]].concat(),
        ),
        own("ttft_first", "session.ttft_first == 0.0625", &|id| chats(id, |chat| stream(chat, 0.0625)), &|id| {
            chats(id, |chat| stream(chat, 0.07))
        }),
        own(
            "ttft_max",
            "session.ttft_max > 0.07",
            &|id| [chats(id, |chat| stream(chat, 0.05)), vec![stream(chat(id, 3), 0.08)]].concat(),
            &|id| [chats(id, |chat| stream(chat, 0.05)), vec![stream(chat(id, 3), 0.06)]].concat(),
        ),
        own(
            "felt_ttft",
            "session.felt_ttft > 0.33",
            &|id| [chats(id, |chat| stream(chat, 0.05)), vec![stream(chat(id, 3), 0.05)]].concat(),
            &|id| [chats(id, |chat| stream(chat, 0.09)), vec![stream(chat(id, 3), 0.03)]].concat(),
        ),
        own("ttc_max", "session.ttc_max == 0.5", &|id| chats(id, |chat| finished(chat.at(100, 600), "stop")), &|id| {
            chats(id, |chat| finished(chat.at(100, 601), "stop"))
        }),
        own(
            "rate_limited",
            "session.rate_limited == 1",
            &|id| chats(id, |chat| chat.status(2).with("error.type", "RateLimitError")),
            &|id| chats(id, |chat| chat.status(2).with("error.type", "APIError")),
        ),
        own("retries", "session.retries == 2", &used("gen_ai.request.attempt", 3), &used("gen_ai.request.attempt", 2)),
        own("missing_calls", "session.missing_calls == 1", &agents("nobody"), &|id| {
            let (trace, mut spans) = (format!("{id}/1"), agents("nobody")(id));
            spans[2] = spans[2].clone().under(&trace, "run");
            spans
        }),
        own(
            "outcome",
            "session.outcome == 'refunded'",
            &|id| root(id, |root| root.with("task.outcome", "refunded")),
            &|id| root(id, |root| root.with("task.outcome", "refund")),
        ),
        own("outcome_source", "session.outcome_source == 'finish_reason'", plain, &|id| {
            let mut spans = plain(id);
            spans[0] = spans[0].clone().with("task.outcome", "stop");
            spans
        }),
    ]
}

/// How streams ended, and one that ended otherwise.
fn streams() -> Vec<Case> {
    fn ended(span: Span, how: &str) -> Span {
        match how {
            "complete" => finished(stream(span, 0.05), "stop"),
            "truncated" => finished(stream(span, 0.05), "length"),
            "filtered" => finished(span, "content_filter"),
            "refused" => finished(span, "refusal"),
            "broken" => stream(span, 0.05).status(2),
            "failed" => span.with("gen_ai.request.stream", false).status(2),
            "errored" => span.with("gen_ai.request.stream", true).status(2),
            "abandoned" => finished(stream(span, 0.05), "cancelled"),
            _ => span.with("gen_ai.request.stream", true),
        }
    }
    let all = ["complete", "truncated", "filtered", "refused", "broken", "failed", "errored", "abandoned", "unknown"];
    let make = |how: &'static str| {
        move |id: &str| {
            let [root, other] = turn(id, 1);
            // The last one is no stream: the session has not failed.
            let last = finished(chat(id, 2), "stop").with("gen_ai.request.stream", false);
            vec![root, other, ended(chat(id, 1), how), last]
        }
    };
    let next = all.iter().cycle().skip(1);
    all.iter()
        .zip(next)
        .map(|(how, next)| {
            let name = format!("streams_{how}");
            own(&name, &format!("session.{name} == 1"), &make(how), &make(next))
        })
        .collect()
}

/// Which tools were called.
fn tool_calls() -> Vec<Case> {
    let search = |arguments| ("search", arguments, false);
    vec![
        own("tool_calls", "session.tool_calls == 2", &|id| tools(id, &[search("1"), search("2")]), &|id| {
            tools(id, &[search("1")])
        }),
        own("tool_failures", "session.tool_failures == 1", &|id| tools(id, &[search("1"), ("x", "1", true)]), &|id| {
            tools(id, &[search("1"), ("x", "1", false)])
        }),
        own("tools", "'search' in session.tools", &|id| tools(id, &[search("1")]), &|id| {
            tools(id, &[("x", "1", false)])
        }),
        own("failed_tools", "'search' in session.failed_tools", &|id| tools(id, &[("search", "1", true)]), &|id| {
            tools(id, &[search("1"), ("x", "1", true)])
        }),
        own(
            "calls_by_tool",
            "session.calls_by_tool['search'] > 1",
            &|id| tools(id, &[search("1"), search("2")]),
            &|id| tools(id, &[search("1"), ("x", "2", false)]),
        ),
        own(
            "failures_by_tool",
            "session.failures_by_tool['search'] == 1",
            &|id| tools(id, &[search("1"), ("search", "2", true)]),
            &|id| tools(id, &[search("1"), ("x", "2", true)]),
        ),
        own(
            "repeated_tool_calls",
            "session.repeated_tool_calls == 1",
            &|id| tools(id, &[search("1"), search("2"), search("1")]),
            &|id| tools(id, &[search("1"), search("2"), ("x", "1", false)]),
        ),
        own(
            "longest_tool_run",
            "session.longest_tool_run == 2",
            &|id| tools(id, &[search("1"), search("1"), search("2")]),
            &|id| tools(id, &[search("1"), search("2"), search("1")]),
        ),
        own(
            "irreversible_calls",
            "session.irreversible_calls == 1",
            &|id| tools(id, &[search("1"), ("send_mail", "1", false)]),
            &|id| tools(id, &[search("1"), ("resend_mail", "1", false)]),
        ),
    ]
}

/// What calls cost, and what else price books tell of models.
fn prices() -> Vec<Case> {
    let of = |model: &'static str| {
        move |id: &str| {
            chats(id, |mut chat| {
                chat.attributes.retain(|attribute| attribute.key != "gen_ai.request.model");
                chat.with("gen_ai.request.model", model).with("gen_ai.response.model", model)
            })
        }
    };
    let truncated: Make = &|id| chats(id, |chat| finished(chat, "length"));
    let long = |count: i64| move |id: &str| chats(id, |chat| of_input(chat, count));
    vec![
        own("cost_usd", "session.cost_usd > 0.0 && session.cost_usd < 0.01", &of("gpt-4o"), &long(100_000)),
        own("wasted_usd", "session.wasted_usd > 0.0", truncated, &of("gpt-4o")),
        own("unpriced_calls", "session.unpriced_calls == 1", &of("nobodys-model"), &of("gpt-4o")),
        // 128,000 tokens are the window of gpt-4o.
        own("context_fill", "session.context_fill > 0.9", &long(120_000), &long(110_000)),
    ]
}

fn spans() -> Vec<Case> {
    let plain: Make = &|id| turn(id, 1).into();
    let named = |name: &'static str| move |id: &str| call(id, |call| Span { name: name.into(), ..call });
    let of_kind = |kind| move |id: &str| call(id, |call| Span { kind, ..call });
    let all = |key: &'static str| {
        move |id: &str| turn(id, 1).map(|span| if key == span.name { span } else { span.with("env", "x") }).to_vec()
    };
    vec![
        case("s_name", "spans.exists(s, s.name == 'search')", &named("search"), &named("searches")),
        case("s_kind", "spans.exists(s, s.kind == 'client')", &of_kind(3), &of_kind(4)),
        case(
            "s_status",
            "spans.count(s, s.status == 'error') == 2",
            &|id| calls(id, 2, |call| call.status(2)),
            &|id| call(id, |call| call.status(2)),
        ),
        case(
            "s_duration",
            "spans.exists(s, s.duration >= duration('3s'))",
            &|id| call(id, |call| call.at(10, 3010)),
            &|id| call(id, |call| call.at(10, 3009)),
        ),
        around(
            "s_scope.name",
            "spans.exists(s, s.scope.name == 'agents')",
            ("", "agents", ""),
            ("", "agent", "agents"),
        ),
        around("s_scope.version", "spans.exists(s, s.scope.version == '9.9')", ("", "", "9.9"), ("", "9.9", "")),
        around("s_resource", "spans.exists(s, s.resource['region'] == 'eu')", ("eu", "", ""), ("us", "", "")),
        case(
            "s_attributes",
            "spans.exists(s, s.attributes['tier'] == 'gold')",
            &|id| call(id, |call| call.with("tier", "gold")),
            &|id| call(id, |call| call.with("tear", "gold")),
        ),
        case(
            "s_int",
            "spans.exists(s, s.attributes['retries'] > 3)",
            &|id| call(id, |call| call.with("retries", 4)),
            &|id| call(id, |call| call.with("retries", 3)),
        ),
        case(
            "s_double",
            "spans.exists(s, s.attributes['score'] < 0.5)",
            &|id| call(id, |call| call.with("score", 0.25)),
            &|id| call(id, |call| call.with("score", "0.25")),
        ),
        case(
            "s_bool",
            "spans.exists(s, s.attributes['cached'] == true)",
            &|id| call(id, |call| call.with("cached", true)),
            &|id| call(id, |call| call.with("cached", false)),
        ),
        case(
            "s_has",
            "spans.exists(s, has(s.attributes['flag']))",
            &|id| call(id, |call| call.with("flag", false)),
            plain,
        ),
        case(
            "s_list",
            "spans.exists(s, s.attributes['tags'].exists(t, t == 'b'))",
            &|id| call(id, |call| call.with("tags", &["a", "b"][..])),
            &|id| call(id, |call| call.with("tags", &["a", "bb"][..])),
        ),
        case(
            "s_events",
            "spans.exists(s, size(s.events) == 3)",
            &|id| call(id, |call| call.event("x", &[]).event("x", &[]).event("x", &[])),
            &|id| call(id, |call| call.event("x", &[]).event("x", &[])),
        ),
        case(
            "e_name",
            "spans.exists(s, s.events.exists(e, e.name == 'retry'))",
            &|id| call(id, |call| call.event("try", &[]).event("retry", &[])),
            &|id| call(id, |call| call.event("try", &[])),
        ),
        case(
            "e_attributes",
            "spans.exists(s, s.events.all(e, e.attributes['why'] == 'quota') && size(s.events) > 0)",
            &|id| call(id, |call| call.event("x", &[("why", "quota")])),
            &|id| call(id, |call| call.event("x", &[("why", "quota")]).event("x", &[("why", "x")])),
        ),
        case("all", "spans.all(s, s.attributes['env'] == 'x')", &all("neither"), &all("call")),
        case(
            "exists_one",
            "spans.exists_one(s, s.name.startsWith('call '))",
            &|id| calls(id, 1, |call| call.with("one", 1)),
            &|id| calls(id, 4, |call| call),
        ),
        case(
            "texts",
            "spans.exists(s, s.name.endsWith('ish') && s.name.contains('oo') && s.name.matches('^f[a-z]+$'))",
            &named("foolish"),
            &named("Foolish"),
        ),
        case("sum", "session.spans * 2 - session.turns == 25", &|id| calls(id, 11, |call| call), &|id| {
            calls(id, 10, |call| call)
        }),
    ]
}

fn cases() -> Vec<Case> {
    [sessions(), models(), streams(), tool_calls(), spans()].into_iter().flatten().collect()
}

#[test]
fn there_is_a_case_for_every_field() {
    let names: BTreeSet<_> = cases().into_iter().chain(prices()).map(|case| case.name).collect();
    let asked = |name: String| assert!(names.contains(&name), "no case for {name}");
    // The sequence has a proof of its own.
    SESSION.iter().filter(|field| field.name != "sequence").for_each(|field| asked(field.name.into()));
    SPAN.iter().for_each(|field| asked(format!("s_{}", field.name)));
    EVENT.iter().for_each(|field| asked(format!("e_{}", field.name)));
}

/// The rules that each session matched, by its id, and how often each rule decided.
async fn judged(
    rules: &str,
    requests: Vec<Request>,
    sessions: u64,
) -> (BTreeMap<String, BTreeSet<String>>, BTreeMap<String, u64>) {
    let backend = backend::start().await;
    let sieve = sieve::new()
        .with(rules)
        .with("sessions: {settle: 1s, idle_timeout: 1s, irreversible_tools: [send_*], outcome: {attribute: task.outcome}}")
        .exporter("otlp_grpc/a", &backend)
        .run()
        .await;
    let client = client::grpc(sieve.grpc).await;
    for request in requests {
        client.traces(&request).await.accepted();
    }
    let metrics = sieve
        .scrape_when("all are judged", |now| now.count("verdicts", &[]) >= sessions && now.ledger().held == 0)
        .await;
    assert_eq!(metrics.count("verdicts", &[]), sessions);
    let stopped = sieve.stop().await;
    assert_eq!(stopped.code, Some(0), "{stopped}");
    assert_eq!(backend.span_count() as u64, metrics.ledger().kept);
    let mut matched = BTreeMap::new();
    for received in backend.spans() {
        if let Some(rules) = texts(&received.span, "tailsieve.decision.rules") {
            let id = text(&received.span, "proof").or(text(&received.span, "tailsieve.session.id")).unwrap();
            let rules: BTreeSet<_> = rules.into_iter().collect();
            let before = matched.insert(id.to_owned(), rules.clone());
            assert!(before.is_none_or(|before| before == rules), "one verdict for all traces of {id}");
        }
    }
    (matched, metrics.by("verdicts", "rule"))
}

#[tokio::test]
async fn each_rule_matches_the_session_that_has_what_it_asks_for_and_no_other() {
    proves(cases()).await;
}

#[tokio::test]
async fn each_rule_on_money_matches_the_session_that_has_what_it_asks_for_and_no_other() {
    proves(prices()).await;
}

async fn proves(cases: Vec<Case>) {
    let mut rules = String::from("sampling:\n  rules:\n");
    let mut wanted = BTreeMap::new();
    let mut decided = BTreeMap::from([("everything".to_owned(), 0)]);
    for Case { name, when, no_but, .. } in &cases {
        rules += &format!("    - name: {name}\n      when: {}\n", serde_json::to_string(when).unwrap());
        let and_everything = |own: &[String]| own.iter().cloned().chain(["everything".into()]).collect::<BTreeSet<_>>();
        wanted.insert(format!("{name}/yes"), and_everything(std::slice::from_ref(name)));
        wanted.insert(format!("{name}/no"), and_everything(no_but));
        *decided.entry(name.clone()).or_default() += 1;
        *decided.entry(no_but.first().map_or("everything", |other| other).into()).or_default() += 1;
    }
    rules += "    - {name: everything}\n";
    let requests = cases.into_iter().flat_map(|case| [case.yes, case.no].concat()).collect();
    let (matched, rules) = judged(&rules, requests, wanted.len() as u64).await;
    for (id, rules) in &wanted {
        assert_eq!(matched.get(id), Some(rules), "{id}");
    }
    assert_eq!(matched.len(), wanted.len());
    assert_eq!(rules, decided, "the first of equals is the one that decides");
}
