//! Scenarios of the account: the sums of a session are those of its spans, whichever way they came.

use any_value::Value::{BoolValue, IntValue, StringValue};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;

use super::*;
use crate::genai::calls::{Billing, CoOccurrence, Kin, Sums, ToolCount};
use crate::genai::vocabulary::Outcome;
use crate::intern::Name;

/// Nanoseconds in a millisecond.
const MS: u64 = 1_000_000;

/// A span of an instrumentation.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) scope: &'static str,
    pub(super) span: Span,
}

/// A span from and to milliseconds.
pub(super) fn told(scope: &'static str, (trace, id, parent): (u8, u8, u8), (from, to): (u64, u64)) -> Told {
    let mut span = span(trace, id, parent).to_span();
    (span.start_time_unix_nano, span.end_time_unix_nano) = (START + from * MS, START + to * MS);
    Told { scope, span }
}

/// A chat by an instrumentation of the OTel conventions, with its usage.
pub(super) fn chat(ids: (u8, u8, u8), time: (u64, u64), input: i64, output: i64) -> Told {
    told("any", ids, time)
        .with("gen_ai.operation.name", "chat")
        .with("gen_ai.provider.name", "openai")
        .with("gen_ai.request.model", "gpt-4o")
        .with("gen_ai.response.finish_reasons", "stop")
        .count("gen_ai.usage.input_tokens", input)
        .count("gen_ai.usage.output_tokens", output)
}

/// A call of the tool `search`.
fn search(ids: (u8, u8, u8), time: (u64, u64), arguments: &str) -> Told {
    let span = told("any", ids, time).with("gen_ai.operation.name", "execute_tool");
    span.with("gen_ai.tool.name", "search").with("gen_ai.tool.call.arguments", arguments)
}

fn agent(ids: (u8, u8, u8), time: (u64, u64)) -> Told {
    told("any", ids, time).with("gen_ai.operation.name", "invoke_agent").with("gen_ai.agent.name", "planner")
}

impl Told {
    pub(super) fn with(self, key: &str, text: &str) -> Self {
        self.put(key, StringValue(text.into()))
    }

    fn count(self, key: &str, number: i64) -> Self {
        self.put(key, IntValue(number))
    }

    pub(super) fn session(self, id: &str) -> Self {
        self.with("session.id", id)
    }

    pub(super) fn by(self, scope: &'static str) -> Self {
        Self { scope, ..self }
    }

    pub(super) fn failed(mut self) -> Self {
        self.span.status = Some(Status { code: 2, ..Default::default() });
        self
    }

    pub(super) fn put(mut self, key: &str, value: any_value::Value) -> Self {
        let value = Some(AnyValue { value: Some(value) });
        self.span.attributes.push(KeyValue { key: key.into(), value, ..Default::default() });
        self
    }
}

/// A request with each span in a scope of its own.
fn request(spans: &[Told]) -> ExportTraceServiceRequest {
    let scope = |told: &Told| ScopeSpans {
        scope: Some(InstrumentationScope { name: told.scope.into(), ..Default::default() }),
        spans: vec![told.span.clone()],
        ..Default::default()
    };
    let scope_spans = spans.iter().map(scope).collect();
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }] }
}

pub(super) fn send(world: &mut World, spans: &[Told]) {
    world.put(&request(spans));
    world.pump();
}

/// Waits until everything is judged; the sessions in the order of their keys.
pub(super) fn judged(mut world: World) -> Vec<Session> {
    world.wait(602);
    let mut sessions = world.sessions();
    sessions.sort_by_key(|session| session.key.to_string());
    assert_eq!(world.total().held.spans, 0);
    sessions
}

/// The sums, without the orders in which names and turns came.
fn sorted(sums: &Sums) -> String {
    let mut sums = sums.clone();
    let names = &mut sums.names;
    let lists = [&mut names.models, &mut names.providers, &mut names.regions, &mut names.prompts, &mut names.agents];
    lists.into_iter().chain([&mut sums.failed_tools]).for_each(|list| list.sort_by_key(|name| name.text()));
    names.prompt_versions.sort();
    let mut tools: Vec<(Name, ToolCount)> =
        names.tools.as_slice().iter().copied().zip(sums.by_tool.drain(..)).collect();
    tools.sort_by_key(|(name, _)| name.text());
    names.tools = Default::default();
    sums.felt_ttft.sort_by(f64::total_cmp);
    format!("{sums:?} {tools:?}")
}

/// The parts of a turn: its root; an agent with two calls, of which the provider's own SDK tells, too; two calls of a tool.
fn turn(trace: u8) -> [Vec<Told>; 4] {
    let input = 100 + i64::from(trace);
    let own = |ids, time, response: &str| {
        let usage = chat(ids, time, input, 7).by("com.anthropic.sdk.python");
        usage.with("gen_ai.response.id", response)
    };
    let (one, other) = (format!("msg_{trace}_1"), format!("msg_{trace}_2"));
    [
        vec![told("my.app", (trace, 1, 0), (0, 1000))],
        vec![
            agent((trace, 2, 1), (1, 999)).count("gen_ai.usage.input_tokens", 2 * input).session("keep"),
            chat((trace, 3, 2), (10, 100), input, 9).with("gen_ai.response.id", &one),
        ],
        vec![own((trace, 4, 3), (11, 99), &one), search((trace, 5, 2), (110, 120), "{\"q\":1}")],
        vec![
            chat((trace, 6, 9), (200, 300), input, 9).with("gen_ai.response.id", &other),
            own((trace, 7, 9), (200, 299), &other),
            search((trace, 8, 2), (130, 140), "{\"q\":1}").failed(),
            told("my.app", (trace, 9, 2), (150, 350)),
        ],
    ]
}

#[test]
fn the_sums_of_a_session_are_the_same_whichever_way_its_spans_came_and_over_which_shards() {
    let mut at_once = world();
    let all: Vec<Told> = (1..=20).flat_map(|trace| turn(trace).concat()).collect();
    send(&mut at_once, &all);
    let session = judged(at_once).remove(0);
    let sums = session.sums();
    assert_eq!((sums.llm_calls, sums.tool_calls, sums.tool_failures, sums.missing_calls), (40, 40, 20, 0));
    let input = (1..=20).map(|trace| 2 * (100 + trace)).sum::<u64>();
    assert_eq!((sums.tokens.input, sums.tokens.output), (input, 40 * 7), "the provider's own counts");
    assert_eq!((sums.repeated_tool_calls, sums.retries), (39, 0));
    assert_eq!(sums.names.agents.len(), 1);
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
        let mut world = world();
        for part in order {
            for trace in 1..=20 {
                // Spans without the id come before it, and have opened sessions of their own on other shards.
                send(&mut world, &turn(trace)[part]);
            }
        }
        assert!(world.total().moved_in.spans > 0 || order[0] == 1, "{order:?}: nothing has moved");
        let sessions = judged(world);
        assert_eq!(sessions.len(), 1, "{order:?}");
        assert_eq!(sorted(sessions[0].sums()), sorted(sums), "{order:?}");
    }
}

#[test]
fn a_session_that_a_trace_leaves_has_the_sums_of_what_is_left() {
    let mut world = world();
    let weak = |told: Told| told.with("gen_ai.conversation.id", "weak");
    for trace in 1..=4 {
        send(&mut world, &[weak(chat((trace, 1, 0), (0, 100), 10_i64.pow(trace.into()), 1))]);
        send(&mut world, &[search((trace, 2, 1), (5, 10), "{}").failed()]);
    }
    send(&mut world, &[chat((2, 3, 1), (20, 30), 5, 1).session("strong")]);
    let sessions = judged(world);
    let sums = |at: usize| {
        let sums = sessions[at].sums();
        (sums.llm_calls, sums.tokens.input, sums.of_tool("search"))
    };
    assert_eq!(sessions.len(), 2);
    assert_eq!(sums(0), (1, 5, ToolCount { calls: 1, failures: 1 }), "the outer call is around another one");
    assert_eq!(sums(1), (3, 11_010, ToolCount { calls: 3, failures: 3 }));
}

#[test]
fn a_span_that_is_sent_twice_is_billed_once() {
    let mut world = world();
    let call = chat((1, 2, 1), (0, 100), 10, 3);
    let spans = [told("my.app", (1, 1, 0), (0, 100)), call.clone(), search((1, 3, 1), (5, 6), "{}")];
    send(&mut world, &spans);
    send(&mut world, &spans);
    // The same span with other bytes is held, and no other call.
    send(&mut world, &[call.with("more", "said")]);
    assert_eq!(world.total().duplicate.spans, 3);
    let session = judged(world).remove(0);
    let sums = session.sums();
    assert_eq!((session.spans, sums.llm_calls, sums.tool_calls, sums.retries), (4, 1, 1, 0));
    assert_eq!((sums.tokens.input, sums.tokens.output), (10, 3));
}

#[test]
fn a_session_over_two_traces_has_the_sums_of_both_and_one_call_that_both_tell_of() {
    let mut world = world();
    let answer = |told: Told| told.with("gen_ai.response.id", "msg_1").session("s");
    send(&mut world, &[answer(chat((1, 1, 0), (0, 100), 10, 38))]);
    send(&mut world, &[answer(chat((2, 1, 0), (1, 99), 10, 35).by("com.anthropic.sdk.python"))]);
    send(&mut world, &[chat((3, 1, 0), (500, 600), 20, 4).session("s")]);
    let session = judged(world).remove(0);
    let sums = session.sums();
    assert_eq!((session.turns.len(), sums.llm_calls), (3, 2));
    assert_eq!((sums.tokens.input, sums.tokens.output), (30, 39));
    let billing: Vec<Billing> = session.calls.iter().map(|call| call.billing).collect();
    assert_eq!(billing, [Billing::Repeated, Billing::Billed, Billing::Billed]);
}

#[test]
fn calls_and_tools_have_the_users_own_prices() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.yaml");
    let rule = |name, of: &str, price| format!("  - {{name: {name}, match: {{{of}}}, {price}}}\n");
    let of_model = rule("gpu", "gen_ai.provider.name: vllm", "per_second: 0.5");
    let of_tool = rule("search", "gen_ai.tool.name: search", "per_call: 0.25");
    std::fs::write(&path, format!("spans:\n{of_model}{of_tool}")).unwrap();
    let book = PriceBook::load(&[crate::pricing::BookFile::File(path)]).unwrap();
    let log = Log::with_segments(256 << 20, 1 << 20, 4);
    let mut world = World::pricing(Arc::new(Prices::new(book)), 1, &config::Sessions::default(), log);
    let call = told("any", (1, 1, 0), (0, 2000)).with("gen_ai.operation.name", "chat");
    let call = call.with("gen_ai.provider.name", "vllm").with("gen_ai.request.model", "qwen3");
    let used = |told: Told| told.count("gen_ai.usage.input_tokens", 10).count("gen_ai.usage.output_tokens", 3);
    send(&mut world, &[used(call), used(search((1, 2, 1), (2000, 2100), "{}"))]);
    let session = judged(world).remove(0);
    let cost = session.sums().cost.unwrap().usd();
    assert_eq!((cost, session.sums().unpriced_calls), (1.25, 0));
}

#[test]
fn a_call_stands_in_the_nearest_one_over_whatever_is_between() {
    let outer = agent((1, 1, 0), (0, 100));
    let between: Vec<Told> = (2..=6).map(|id| told("my.app", (1, id, id - 1), (1, 99))).collect();
    let inner = chat((1, 7, 6), (2, 98), 10, 3);
    let beside = chat((1, 8, 77), (2, 98), 10, 3);
    let all = [vec![outer], between, vec![inner, beside]].concat();
    for forward in [true, false] {
        let mut world = world();
        let order: Vec<Told> = if forward { all.clone() } else { all.iter().rev().cloned().collect() };
        order.chunks(2).for_each(|part| send(&mut world, part));
        let kin = kin(&mut world);
        // By the number of their span: what they stand in.
        assert_eq!(kin, [(1, None), (7, Some(1)), (8, None)], "forward: {forward}");
    }
}

#[test]
fn spans_that_are_each_others_ancestors_stand_in_nothing() {
    let mut world = world();
    // A circle of three, one that is its own parent, and a call below each.
    let circle = [(1, 3), (2, 1), (3, 2), (4, 4)].map(|(id, parent)| agent((1, id, parent), (0, 100)));
    let below = [chat((1, 5, 2), (1, 9), 10, 3), chat((1, 6, 4), (1, 9), 20, 3)];
    send(&mut world, &[&circle[..], &below].concat());
    let kin = kin(&mut world);
    assert_eq!(kin, [(1, None), (2, None), (3, None), (4, None), (5, Some(2)), (6, Some(4))]);
}

#[test]
fn providers_go_with_their_own_regions_and_prompts_with_their_own_versions() {
    let call = |ids, provider| {
        let call = told("any", ids, (u64::from(ids.1) * 100, u64::from(ids.1) * 100 + 50)).session("keep");
        call.with("gen_ai.operation.name", "chat").with("gen_ai.provider.name", provider)
    };
    let pairs = |more: Vec<Told>| {
        let mut world = world();
        let bedrock = call((1, 2, 1), "aws.bedrock").with("aws.region", "eu-west-1");
        let bedrock = bedrock.with("gen_ai.prompt.name", "sup").count("gen_ai.prompt.version", 3);
        let tool = search((1, 9, 1), (900, 910), "{}");
        send(&mut world, &[vec![told("any", (1, 1, 0), (0, 1000)), bedrock, tool], more].concat());
        CoOccurrence::of(&judged(world).remove(0).calls)
    };
    let prompt = |pairs: &CoOccurrence| pairs.prompt().map(|(name, version)| (name.text(), version.to_string()));
    let alone = pairs(vec![call((1, 3, 1), "aws.bedrock")]);
    assert_eq!(alone.region().map(Name::text), Some("eu-west-1"), "a tool runs nowhere else");
    assert_eq!(prompt(&alone), Some(("sup", "3".into())));
    let instructed = call((1, 3, 1), "openai").with("gen_ai.system_instructions", "be nice");
    let both = pairs(vec![instructed]);
    assert_eq!((both.region(), prompt(&both)), (None, None));
    let regions = ["aws.bedrock", "openai"].map(|provider| both.region_of(provider).map(Name::text));
    let version = both.version_of("sup").map(|version| version.to_string());
    assert_eq!((regions, version), ([Some("eu-west-1"), None], Some("3".into())));
}

/// How the calls of the only open session stand to one another, by their spans' numbers.
fn kin(world: &mut World) -> Vec<(u8, Option<u8>)> {
    let mut open = world.shards.iter_mut().filter(|(shard, _)| shard.table.iter().next().is_some());
    let (shard, _) = open.next().unwrap();
    let places: Vec<u32> = shard.table.iter().map(|(place, _)| place).collect();
    assert!(places.len() == 1 && open.next().is_none());
    let session = shard.table.get(places[0]).unwrap();
    let (calls, kin): (_, Vec<Kin>) = (&session.facts.calls, session.kin());
    let number = |at: usize| session.spans[calls[at].span as usize].span_id.0[0];
    let mut kin: Vec<_> =
        kin.iter().enumerate().map(|(at, kin)| (number(at), kin.within.map(|at| number(at as usize)))).collect();
    kin.sort_unstable();
    kin
}

#[test]
fn a_stream_that_did_not_finish_broke_where_a_span_around_it_failed() {
    let stream = chat((1, 9, 3), (10, 90), 0, 0).by("pydantic-ai").session("s");
    let stream = Told {
        span: Span {
            attributes: stream.span.attributes.into_iter().filter(|it| !it.key.contains("finish")).collect(),
            ..stream.span
        },
        ..stream
    };
    let stream = stream.put("gen_ai.client.operation.time_to_first_chunk", any_value::Value::DoubleValue(0.01));
    for (failed, wanted) in
        [(1, Outcome::Broken), (2, Outcome::Broken), (8, Outcome::Abandoned), (0, Outcome::Abandoned)]
    {
        let spans = [(1, 0), (2, 1), (3, 2), (8, 3)].map(|(id, parent)| {
            let span = told("my.app", (1, id, parent), (0, 100));
            if id == failed { span.failed() } else { span }
        });
        let all = [&[stream.clone()][..], &spans].concat();
        let mut world = world();
        all.iter().for_each(|span| send(&mut world, std::slice::from_ref(span)));
        let session = judged(world).remove(0);
        assert_eq!(session.sums().ended(wanted), 1, "{failed} failed: {:?}", session.sums().outcomes);
        assert_eq!(session.failed(), wanted == Outcome::Broken, "{failed} failed");
    }
}

#[test]
fn the_outcome_is_what_the_configuration_asks_for() {
    let config = config::Sessions {
        outcome: config::Outcome {
            attribute: Some("task.outcome".into()),
            done_tool: Some("finish".into()),
            done_status: Some("result.status".into()),
        },
        irreversible_tools: vec!["send_*".into()],
        ..config::Sessions::default()
    };
    let finish = |arguments: &str| {
        let span = told("any", (1, 5, 1), (50, 60)).with("gen_ai.operation.name", "execute_tool");
        span.with("gen_ai.tool.name", "finish").with("gen_ai.tool.call.arguments", arguments)
    };
    let root = || told("my.app", (1, 1, 0), (0, 100));
    let mail = search((1, 4, 1), (40, 45), "{}");
    let mail = Told { span: Span { attributes: Vec::new(), ..mail.span }, ..mail };
    let mail = mail.with("gen_ai.operation.name", "execute_tool").with("gen_ai.tool.name", "send_mail");
    let outcome = |spans: &[Told]| {
        let mut world = World::new(2, &config);
        send(&mut world, spans);
        let session = judged(world).remove(0);
        let outcome = session.sums().outcome;
        outcome.map_or("none".into(), |(outcome, source)| format!("{outcome} by {}", source.name()))
    };
    assert_eq!(outcome(&[root()]), "none");
    assert_eq!(outcome(&[root().failed()]), "error by root_status");
    let chat = chat((1, 2, 1), (0, 10), 1, 1);
    assert_eq!(outcome(&[root(), chat.clone()]), "stop by finish_reason");
    assert_eq!(
        outcome(&[root(), chat.clone(), finish("{\"result\": {\"status\": \"solved\"}}")]),
        "solved by done_tool"
    );
    assert_eq!(outcome(&[root(), finish("{\"result\": {\"status\": true}}")]), "true by done_tool");
    assert_eq!(outcome(&[root(), finish("no json at all")]), "ok by done_tool");
    assert_eq!(outcome(&[root(), finish("{}").failed()]), "error by done_tool");
    let said = told("my.app", (1, 3, 1), (0, 1));
    let by_attribute = [root(), finish("{}"), said.clone().with("task.outcome", " refunded ")];
    assert_eq!(outcome(&by_attribute), "refunded by attribute");
    assert_eq!(outcome(&[root(), finish("{}"), said.clone().with("task.outcome", " ")]), "ok by done_tool");
    assert_eq!(outcome(&[root(), said.put("task.outcome", BoolValue(false))]), "false by attribute");
    let mut world = World::new(2, &config);
    send(&mut world, &[root(), mail, finish("{}")]);
    assert_eq!(judged(world)[0].sums().irreversible_calls, 1);
}

#[test]
fn what_is_kept_of_a_span_is_small() {
    assert_eq!(size_of::<crate::flow::SpanRef>(), 48);
}

#[test]
fn an_answer_that_is_given_once_more_is_the_last_word() {
    let answer = |ids, time| chat(ids, time, 10, 5).with("gen_ai.response.id", "small-server-1").session("s");
    let broken = chat((1, 2, 0), (30, 40), 10, 5).failed().session("s");
    let mut world = World::new(1, &config::Sessions::default());
    send(&mut world, &[answer((1, 1, 0), (10, 20)), broken.clone(), answer((1, 3, 0), (50, 60))]);
    assert!(!judged(world)[0].failed());
    let mut world = World::new(1, &config::Sessions::default());
    send(&mut world, &[answer((1, 1, 0), (10, 20)), broken]);
    assert!(judged(world)[0].failed());
}
