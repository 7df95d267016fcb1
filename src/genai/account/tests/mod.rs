//! Accounts of sessions made by hand. Whatever is closed here is closed in many orders, which must not matter.

mod billing;
mod counting;
mod hostile;

use std::sync::Arc;

use super::*;
use crate::genai::facts::{FinishReason, Operation};
use crate::genai::stream::Outcome;
use crate::glob::Glob;
use crate::pricing::{Attodollars, Status};

/// Nanoseconds in a millisecond.
const MS: u64 = 1_000_000;
/// The span that calls stand in which stand in no other call.
const ROOT: u64 = 1;

/// A session: its calls, and how they stand to one another.
#[derive(Clone, Debug, Default)]
struct Told {
    account: Account,
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
        self.account.calls.push(Call { span: at as u32, ..call });
        let within = within.map(|outer| outer as u32);
        self.kin.push(Kin { turn, id: 100 + at as u64, within, parent, ..Kin::default() });
        at
    }

    fn tool(&mut self, name: &str) -> u32 {
        named(&mut self.account, NameKind::Tool, name).unwrap()
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
        told.account.calls = order.iter().map(|old| self.account.calls[*old]).collect();
        let kin = |old: &usize| Kin { within: self.kin[*old].within.map(|at| place[at as usize]), ..self.kin[*old] };
        told.kin = order.iter().map(kin).collect();
        told
    }

    /// Closes the account as it is; by span, how it is billed.
    fn close_as_it_is(&mut self, frame: &Frame<'_>) -> (Sums, Vec<Billing>) {
        let sums = self.account.close(&self.kin, frame);
        let mut billing = vec![Billing::Nothing; self.kin.len()];
        self.account.calls.iter().for_each(|call| billing[call.span as usize] = call.billing);
        let again = self.account.calls.iter().filter(|call| call.again).count();
        assert_eq!(again, sums.repeated_tool_calls as usize, "each call that was made again is marked once");
        (sums, billing)
    }

    /// Closes the account in many orders.
    fn close_in(&self, frame: &Frame<'_>) -> (Sums, Vec<Billing>) {
        let (sums, billing) = self.clone().close_as_it_is(frame);
        for seed in 1..=30 {
            let (other, _) = self.shuffled(seed).close_as_it_is(frame);
            assert_eq!(format!("{other:?}"), format!("{sums:?}"), "order {seed}");
        }
        let billed = billing.iter().filter(|it| **it == Billing::Billed).count();
        let bearing = billing.iter().filter(|it| **it != Billing::Nothing).count();
        assert!(billed > 0 || bearing == 0, "{billing:?}");
        (sums, billing)
    }

    fn close(&self) -> (Sums, Vec<Billing>) {
        let turns = self.kin.iter().map(|kin| kin.turn as usize + 1).max().unwrap_or(0);
        self.close_in(&Frame { turns: &vec![0; turns], ..Frame::default() })
    }

    fn sums(&self) -> Sums {
        self.close().0
    }
}

/// A streamed call that is complete and tells nothing of usage, from and to milliseconds, by instrumentation 1.
fn untold(from: u64, to: u64) -> Call {
    Call {
        operation: Operation::Llm,
        streaming: true,
        outcome: Outcome::Complete,
        finish: FinishReason::Stop,
        start: from * MS,
        end: to * MS,
        model: 7,
        asked_model: 7,
        scope: 1,
        tool: NO_NAME,
        ttft: f64::NAN,
        ttc: f64::NAN,
        ..Call::default()
    }
}

/// The same with usage: input and output tokens.
fn llm(from: u64, to: u64, input: u32, output: u32) -> Call {
    Call { used: Used { input, output, ..Used::default() }, has_usage: true, ..untold(from, to) }
}

fn of(operation: Operation, from: u64, to: u64) -> Call {
    Call { operation, wrapper: operation.is_wrapper(), outcome: Outcome::Unknown, ..untold(from, to) }
}

fn priced(call: Call, usd: i128) -> Call {
    Call { status: Status::Ok, cost: Attodollars(usd * 1_000_000_000_000_000_000), ..call }
}

/// A name as it is made.
fn hash(name: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(name.as_bytes())
}

fn named(account: &mut Account, kind: NameKind, name: &str) -> Option<u32> {
    account.name(kind, hash(name), || shared(name))
}

fn shared(name: &str) -> Arc<str> {
    name.into()
}

fn tokens(sums: &Sums) -> (u32, u64, u64) {
    (sums.llm_calls, sums.tokens.input, sums.tokens.output)
}

#[test]
fn a_call_is_small() {
    assert!(size_of::<Call>() <= 128, "{}", size_of::<Call>());
}

#[test]
fn names_are_kept_once_and_not_without_end() {
    let mut account = Account::default();
    let first = named(&mut account, NameKind::Tool, "search");
    assert_eq!(account.name(NameKind::Tool, hash("search"), || panic!("made twice")), first);
    named(&mut account, NameKind::Agent, "search").unwrap();
    let taken = (0..1000).filter(|n| named(&mut account, NameKind::Agent, &format!("agent {n}")).is_some()).count();
    assert_eq!((taken, account.names.len()), (MAX_NAMES - 1, MAX_NAMES));
    assert!(named(&mut account, NameKind::Agent, "search").is_some(), "it was there before");
    let places: Vec<_> = (0..1000).filter_map(|n| named(&mut account, NameKind::Tool, &format!("tool {n}"))).collect();
    assert_eq!(places, (1..=1000).collect::<Vec<_>>(), "by tools their calls are counted: all of them are kept");
    assert_eq!(account.name(NameKind::Tool, hash("tool 999"), || panic!("made twice")), Some(1000));
    assert_eq!(named(&mut account, NameKind::Tool, "search"), first);
}
