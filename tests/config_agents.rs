//! `config/agents.yaml` as it is, in the real binary: each of its rules keeps the sessions that it is for, and no others.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use support::spans::{Made, request, span, text, texts, value};
use support::{backend, client, sieve};
use tailsieve::config;
use tailsieve::genai::extract::session_id::Candidate;
use tailsieve::otlp::probability::hash_randomness;

const FILE: &str = include_str!("../config/agents.yaml");
/// Randomness has so many bits.
const BITS: u32 = 56;

/// A rule with a session that it matches and one that it does not.
struct Case {
    rule: &'static str,
    yes: Vec<Span>,
    no: Vec<Span>,
}

/// A session in the making: its id, which names its only trace, and its spans.
struct Making {
    id: String,
    spans: Vec<Span>,
}

/// What a kept session says of its verdict.
#[derive(Debug, PartialEq)]
struct Said {
    rule: String,
    rules: BTreeSet<String>,
    probability: f64,
}

/// An id beginning with `name` that is kept with a probability of one in a hundred, or is not, as `kept` says.
fn id(name: &str, kept: bool) -> String {
    let passes = |id: &String| {
        let candidate = Candidate { rank: 0, id: id.as_str().into(), tenant: "", environment: "" };
        let randomness = hash_randomness(candidate.hash128()) as f64 / (1_u64 << BITS) as f64;
        // Well away from the limit on either side.
        if kept { randomness > 0.991 } else { randomness < 0.9 }
    };
    (0..).map(|number| format!("{name}/{number}")).find(passes).unwrap()
}

fn making(name: &str) -> Making {
    of(id(name, true))
}

fn of(id: String) -> Making {
    let root = span(&id, "root").with("session.id", id.as_str()).at(0, 60_000);
    Making { id, spans: vec![root] }
}

impl Making {
    /// One more span, a second after the one before.
    fn then(mut self, change: impl FnOnce(Span) -> Span) -> Self {
        let at = self.spans.len() as u64 * 1000;
        let next = span(&self.id, &format!("span {at}")).under(&self.id, "root").at(at, at + 500);
        self.spans.push(change(next));
        self
    }

    /// A call of a model with so many input tokens, as the GenAI conventions have it.
    fn call(self, input: i64, change: impl FnOnce(Span) -> Span) -> Self {
        self.then(|span| {
            let named = span.with("gen_ai.operation.name", "chat").with("gen_ai.provider.name", "openai");
            let named = named.with("gen_ai.request.model", "gpt-4o").with("gen_ai.response.model", "gpt-4o");
            change(named.with("gen_ai.usage.input_tokens", input).with("gen_ai.usage.output_tokens", 10))
        })
    }

    /// A call that went well.
    fn done(self, input: i64) -> Self {
        self.call(input, |call| finished(call, "stop"))
    }

    fn tool(self, name: &str) -> Self {
        self.then(|span| {
            let named = span.with("gen_ai.operation.name", "execute_tool").with("gen_ai.tool.name", name);
            named.with("gen_ai.tool.call.arguments", r#"{"order": 7}"#)
        })
    }
}

fn finished(call: Span, reason: &str) -> Span {
    call.with("gen_ai.response.finish_reasons", &[reason][..])
}

fn first_token(call: Span, seconds: f64) -> Span {
    call.with("gen_ai.response.time_to_first_chunk", seconds)
}

fn error(call: Span, error_type: &str) -> Span {
    call.status(2).with("error.type", error_type)
}

fn case(rule: &'static str, make: impl Fn(Making, bool) -> Making) -> Case {
    let [yes, no] = [true, false].map(|yes| make(making(&format!("{rule}/{yes}")), yes).spans);
    Case { rule, yes, no }
}

/// What went wrong, and what is looked at now and then.
fn cases() -> Vec<Case> {
    let gold = |yes| if yes { "gold" } else { "silver" };
    vec![
        case("failed", |mut making, yes| {
            let place = usize::from(!yes);
            making = making.then(|span| span);
            making.spans[place] = making.spans[place].clone().status(2);
            making
        }),
        // Whatever the agent did about it: the last call went well.
        case("mid-stream", |making, yes| {
            let began = |call| if yes { first_token(call, 0.3) } else { call };
            making.call(100, |call| error(began(call), "APIError")).done(100)
        }),
        case("looping", |making, yes| (0..8 + u8::from(yes)).fold(making, |making, _| making.tool("search"))),
        case("irreversible", |making, yes| making.tool(if yes { "refund_order" } else { "list_refunds" })),
        case("slow-start", |making, yes| {
            let seconds = if yes { 4.1 } else { 3.9 };
            making.call(100, |call| first_token(finished(call.at(0, 9000), "stop"), seconds))
        }),
        case("rate-limited", |making, yes| {
            let why = if yes { "RateLimitError" } else { "NotFoundError" };
            making.call(100, |call| error(call, why)).done(100)
        }),
        case("stop-button", |making, yes| {
            making.call(100, |call| if yes { error(call, "GeneratorExit") } else { finished(call, "stop") })
        }),
        case("vip", |making, yes| making.then(|span| span.with("tenant.tier", gold(yes)))),
    ]
}

/// What costs, at $2.50 for a million input tokens, 128,000 of which the model takes at once.
fn cases_of_money() -> Vec<Case> {
    vec![
        case("expensive", |making, yes| (0..3 + 2 * u8::from(yes)).fold(making, |making, _| making.done(60_000))),
        case("wasted", |making, yes| making.call(30_000, |call| finished(call, if yes { "length" } else { "stop" }))),
        case("context-nearly-full", |making, yes| making.done(if yes { 120_000 } else { 100_000 })),
    ]
}

/// What each kept session says, by its id.
async fn judged(sessions: Vec<Vec<Span>>) -> BTreeMap<String, Said> {
    let backend = backend::start().await;
    let any = "127.0.0.1:0";
    let sieve = sieve::new()
        .with(FILE)
        .env("TAILSIEVE_BACKEND", backend.address)
        .env("TAILSIEVE_GRPC", any)
        .env("TAILSIEVE_HTTP", any)
        .env("TAILSIEVE_HEALTH", any)
        .env("TAILSIEVE_METRICS", any)
        // Nobody waits five minutes for a proof.
        .with("sessions: {settle: 500ms, idle_timeout: 1s}")
        .run()
        .await;
    let client = client::grpc(sieve.grpc).await;
    let count = sessions.len() as u64;
    for spans in sessions {
        client.traces(&request(spans)).await.accepted();
    }
    let metrics =
        sieve.scrape_when("all are judged", |now| now.count("verdicts", &[]) >= count && now.ledger().held == 0).await;
    assert_eq!(metrics.count("verdicts", &[]), count);
    let stopped = sieve.stop().await;
    assert_eq!(stopped.code, Some(0), "{stopped}");
    let said = |span: &Span| {
        let Some(Value::DoubleValue(probability)) = value(span, "tailsieve.decision.probability") else { return None };
        let rules = texts(span, "tailsieve.decision.rules")?.into_iter().collect();
        let rule = text(span, "tailsieve.decision.rule")?.to_owned();
        Some((text(span, "tailsieve.session.id")?.to_owned(), Said { rule, rules, probability: *probability }))
    };
    backend.spans().iter().filter_map(|received| said(&received.span)).collect()
}

/// The rules of the file with their probabilities.
fn rules() -> BTreeMap<String, f64> {
    let config = config::parse(FILE, "config/agents.yaml", &|_| None).unwrap();
    config.sampling.rules.into_iter().map(|rule| (rule.name, rule.probability)).collect()
}

async fn prove(cases: Vec<Case>) {
    let probabilities = rules();
    let mut wanted = BTreeMap::new();
    for Case { rule, yes, no } in &cases {
        let session = |spans: &[Span]| text(&spans[0], "session.id").unwrap().to_owned();
        let said = |rule: &str, rules: &[&str]| Said {
            rule: rule.into(),
            rules: rules.iter().chain(&["routine"]).map(|rule| (*rule).to_owned()).collect(),
            probability: probabilities[rule],
        };
        wanted.insert(session(yes), said(rule, &[rule]));
        wanted.insert(session(no), said("routine", &[]));
    }
    let judged = judged(cases.into_iter().flat_map(|case| [case.yes, case.no]).collect()).await;
    for (id, said) in &wanted {
        assert_eq!(judged.get(id), Some(said), "{id}");
    }
    assert_eq!(judged.len(), wanted.len());
}

#[test]
fn there_is_a_case_for_every_rule() {
    let proven = cases().into_iter().chain(cases_of_money()).map(|case| case.rule.to_owned());
    assert_eq!(proven.chain(["routine".into()]).collect::<BTreeSet<_>>(), rules().into_keys().collect());
}

#[tokio::test]
async fn each_rule_keeps_the_sessions_that_it_is_for_and_no_others() {
    prove(cases()).await;
}

#[tokio::test]
async fn what_costs_is_kept_and_what_does_not_is_not() {
    prove(cases_of_money()).await;
}

#[tokio::test]
async fn of_what_is_routine_one_in_a_hundred_is_kept() {
    let sessions = [true, false].map(|kept| of(id("routine", kept)).done(100));
    let [kept, _] = sessions.each_ref().map(|making| making.id.clone());
    let judged = judged(sessions.map(|making| making.spans).into()).await;
    assert_eq!(judged.keys().collect::<Vec<_>>(), [&kept]);
    assert_eq!((judged[&kept].rule.as_str(), judged[&kept].probability), ("routine", 0.01));
}
