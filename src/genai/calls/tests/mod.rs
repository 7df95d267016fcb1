//! Sessions made by hand. Every one is summarized in many orders of its spans, which must not matter.

mod billing;
mod counting;
mod hostile;

use super::name_list::NameList;
use super::*;
use crate::genai::vocabulary::{FinishReason, Operation, Outcome};
use crate::glob::Glob;
use crate::intern::{Kind, Name};
use crate::pricing::{Attodollars, Status};

/// Nanoseconds in a millisecond.
const MS: u64 = 1_000_000;
/// The span that calls stand in which stand in no other call.
const ROOT: u64 = 1;

/// A session: its calls, and how they stand to one another.
#[derive(Clone, Debug, Default)]
struct Told {
    calls: Vec<Call>,
    kin: Vec<Kin>,
}

impl Told {
    /// A call beneath the root of the first turn.
    fn call(&mut self, call: Call) -> usize {
        self.put(call, 0, None, ROOT)
    }

    /// A call directly within another one.
    fn within(&mut self, outer: usize, call: Call) -> usize {
        let Kin { turn, id, .. } = self.kin[outer];
        self.put(call, turn, Some(outer), id)
    }

    /// A call beneath the root of a turn.
    fn in_turn(&mut self, turn: u32, call: Call) -> usize {
        self.put(call, turn, None, ROOT)
    }

    /// A call that is the root of its turn.
    fn as_root(&mut self, turn: u32, call: Call) -> usize {
        self.put(call, turn, None, 0)
    }

    fn put(&mut self, call: Call, turn: u32, within: Option<usize>, parent: u64) -> usize {
        let at = self.kin.len();
        self.calls.push(Call { span: at as u32, ..call });
        let within = within.map(|outer| outer as u32);
        self.kin.push(Kin { turn, id: 100 + at as u64, within, parent, ..Kin::default() });
        at
    }

    /// The same session, its spans in another order.
    fn shuffled(&self, seed: u64) -> Self {
        let mut order: Vec<usize> = (0..self.kin.len()).collect();
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for at in (1..order.len()).rev() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            order.swap(at, (random % (at as u64 + 1)) as usize);
        }
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(at, old)| place[*old] = at as u32);
        let mut told = self.clone();
        told.calls = order.iter().map(|old| self.calls[*old]).collect();
        let kin = |old: &usize| Kin { within: self.kin[*old].within.map(|at| place[at as usize]), ..self.kin[*old] };
        told.kin = order.iter().map(kin).collect();
        told
    }

    /// Summarizes the session as it is; by span, how it is billed.
    fn close_as_it_is(&mut self, context: &SessionContext<'_>) -> (Sums, Vec<Billing>) {
        let sums = summarize(&mut self.calls, &self.kin, context);
        let mut billing = vec![Billing::Nothing; self.kin.len()];
        self.calls.iter().for_each(|call| billing[call.span as usize] = call.billing);
        let again = self.calls.iter().filter(|call| call.again).count();
        assert_eq!(again, sums.repeated_tool_calls as usize, "each call that was made again is marked once");
        (sums, billing)
    }

    /// Summarizes the session in many orders.
    fn close_in(&self, context: &SessionContext<'_>) -> (Sums, Vec<Billing>) {
        let (sums, billing) = self.clone().close_as_it_is(context);
        let comparable = comparable(&sums);
        for seed in 1..=30 {
            let (other, others) = self.shuffled(seed).close_as_it_is(context);
            assert_eq!(self::comparable(&other), comparable, "order {seed}");
            assert_eq!(others.len(), billing.len());
        }
        let billed = billing.iter().filter(|it| **it == Billing::Billed).count();
        let bearing = billing.iter().filter(|it| **it != Billing::Nothing).count();
        assert!(billed > 0 || bearing == 0, "{billing:?}");
        (sums, billing)
    }

    fn close(&self) -> (Sums, Vec<Billing>) {
        let turns = self.kin.iter().map(|kin| kin.turn as usize + 1).max().unwrap_or(0);
        self.close_in(&SessionContext { turns: &vec![0; turns], ..SessionContext::default() })
    }

    fn sums(&self) -> Sums {
        self.close().0
    }
}

/// A streamed call that is complete and tells nothing of usage, from and to milliseconds, by instrumentation 1.
fn untold(from: u64, to: u64) -> Call {
    let call = Call {
        operation: Operation::Llm,
        streaming: true,
        outcome: Outcome::Complete,
        finish: FinishReason::Stop,
        start: from * MS,
        end: to * MS,
        scope: scope(1),
        ..Call::NOTHING
    };
    of_model(7, call)
}

/// The same with usage: input and output tokens.
fn llm(from: u64, to: u64, input: u32, output: u32) -> Call {
    Call { used: Used { input, output, ..Used::default() }, has_usage: true, ..untold(from, to) }
}

fn of(operation: Operation, from: u64, to: u64) -> Call {
    Call { operation, wrapper: operation.is_wrapper(), outcome: Outcome::Unknown, ..untold(from, to) }
}

fn priced(call: Call, usd: i128) -> Call {
    Call { status: Status::Ok, cost: Attodollars(usd * 1_000_000_000_000_000_000).into(), ..call }
}

/// A call of another model: the one that was asked for, and that answered.
fn of_model(number: u32, call: Call) -> Call {
    let model = Name::new(Kind::Model, &format!("model {number}"));
    Call { model, bare_model: model, requested_model: model, ..call }
}

fn scope(number: u32) -> Name {
    Name::new(Kind::Scope, &format!("scope {number}"))
}

fn tool(name: &str) -> Name {
    Name::new(Kind::Tool, name)
}

/// Sums as text, for comparison. Lists of names are sorted by text, and the counts of tools stand beside their tools.
fn comparable(sums: &Sums) -> String {
    let sorted = |names: &[Name]| {
        let mut names = names.to_vec();
        names.sort_by_key(|name| name.text());
        names
    };
    assert_eq!(sums.by_tool.len(), sums.names.tools.as_slice().len());
    let tools = sums.names.tools.as_slice().iter().map(|tool| tool.text());
    let mut tools: Vec<_> = tools.zip(sums.by_tool.iter().map(|count| (count.calls, count.failures))).collect();
    tools.sort_unstable();
    let mut sums = sums.clone();
    let Named { models, providers, regions, prompts, prompt_versions, agents, .. } = &mut sums.names;
    for names in [models, providers, regions, prompts, agents, &mut sums.failed_tools] {
        *names = sorted(names);
    }
    prompt_versions.sort_unstable();
    sums.names.tools = NameList::default();
    sums.by_tool.clear();
    format!("{tools:?} {sums:?}")
}

fn tokens(sums: &Sums) -> (u32, u64, u64) {
    (sums.llm_calls, sums.tokens.input, sums.tokens.output)
}

#[test]
fn names_are_kept_once_and_not_without_end() {
    let name = |kind, number: usize| Name::new(kind, &format!("kept {}", number % 200));
    let mut told = Told::default();
    for at in 0..1000 {
        told.call(Call {
            model: name(Kind::Model, at),
            provider: name(Kind::Provider, at),
            region: name(Kind::Region, at),
            prompt: name(Kind::Prompt, at),
            prompt_version: VersionRef::of_hash(at as u64 % 200),
            agent: name(Kind::Agent, at),
            tool: name(Kind::Tool, at),
            ..of(Operation::Tool, at as u64, at as u64 + 1)
        });
    }
    let (sums, _) = told.close_as_it_is(&SessionContext::default());
    let Named { models, providers, regions, prompts, prompt_versions, tools, agents } = &sums.names;
    for names in [models, providers, regions, prompts, agents] {
        let first: Vec<Name> = (0..MAX_NAMES).map(|at| name(Kind::Model, at)).collect();
        assert_eq!(*names, first, "the first ones, in the order of the calls");
    }
    let versions: Vec<String> = prompt_versions.iter().map(|version| version.to_string()).collect();
    assert_eq!(versions, (0..MAX_NAMES).map(|at| format!("h:{at:012x}")).collect::<Vec<_>>());
    let all: Vec<Name> = (0..200).map(|at| name(Kind::Tool, at)).collect();
    assert_eq!(tools.as_slice(), all, "by tools their calls are counted: all of them are kept");
    assert_eq!(sums.by_tool, [ToolCount { calls: 5, failures: 0 }; 200]);
}

#[test]
fn names_of_spans_that_give_none_are_none() {
    let mut told = Told::default();
    told.call(Call { model: Name::NONE, bare_model: Name::NONE, ..untold(0, 1) });
    let (sums, _) = told.close();
    let Named { models, providers, regions, prompts, prompt_versions, tools, agents } = &sums.names;
    assert!([models, providers, regions, prompts, agents].iter().all(|names| names.is_empty()));
    assert!(prompt_versions.is_empty() && tools.as_slice().is_empty());
}
