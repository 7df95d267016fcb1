//! Spans that tell of one and the same call: a client and a gateway, two instrumentations on one client, the provider's own
//! SDK beside them. They are brought together by the answer's id, else by one standing in the other, else by standing side
//! by side in time with equal usage; never two of one instrumentation side by side, which are two calls.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::Kin;
use super::call::{Billing, Call};
use crate::genai::facts::Operation;
use crate::genai::stream::Outcome;

/// The calls of a session by what they tell of.
#[derive(Debug)]
pub(super) struct Events {
    /// By call: its event, named by the first of its calls.
    event: Vec<u32>,
    /// By call: it stands around calls of models that are others than itself.
    around: Vec<bool>,
    /// By call: the nearest call of a model that it stands in, with no tool and no agent between.
    model_outside: Vec<Option<u32>>,
    /// By call: the nearest call of a tool that it stands in.
    tool_outside: Vec<Option<u32>>,
    /// The calls, outer ones before those within them.
    order: Vec<u32>,
}

/// Calls side by side are looked at this far on in the order of their start.
const NEIGHBOURS: usize = 64;
/// Of the shorter of two calls, this part must be within the longer, in hundredths.
const CONTAINED_PERCENT: u128 = 90;

// === impl Events ===

impl Events {
    /// Brings the model calls and the tool calls of a session together. `kin` is beside `calls`.
    pub(super) fn of(calls: &[Call], kin: &[Kin]) -> Self {
        let mut events = Self {
            event: (0..calls.len() as u32).collect(),
            around: vec![false; calls.len()],
            model_outside: vec![None; calls.len()],
            tool_outside: vec![None; calls.len()],
            order: order(kin),
        };
        events.look_outside(calls, kin);
        events.by_id(calls);
        events.nested(calls);
        events.side_by_side(calls, kin);
        for at in 0..events.event.len() {
            let event = events.find(at) as u32;
            events.event.get_mut(at).into_iter().for_each(|own| *own = event);
        }
        events
    }

    /// The call that names the event of a call.
    pub(super) fn event(&self, call: usize) -> usize {
        self.event.get(call).map_or(call, |event| *event as usize)
    }

    /// Whether a call stands around calls of models that are others than itself.
    pub(super) fn is_around(&self, call: usize) -> bool {
        self.around.get(call) == Some(&true)
    }

    /// The root of a call's event, while they are brought together; the way to it is made shorter.
    fn find(&mut self, call: usize) -> usize {
        let mut at = call;
        loop {
            let next = self.event(at);
            if next == at {
                return at;
            }
            let after = self.event(next);
            self.event.get_mut(at).into_iter().for_each(|own| *own = after as u32);
            at = after;
        }
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.find(one), self.find(other));
        if let Some(event) = self.event.get_mut(one.max(other)) {
            *event = one.min(other) as u32;
        }
    }

    /// What each call stands in, from the outside to the inside.
    fn look_outside(&mut self, calls: &[Call], kin: &[Kin]) {
        for at in self.order.iter().map(|at| *at as usize) {
            let Some(outer) = kin.get(at).and_then(|kin| kin.within) else { continue };
            let Some(call) = calls.get(outer as usize) else { continue };
            let above = |list: &[Option<u32>]| list.get(outer as usize).copied().flatten();
            let tool = if call.operation == Operation::Tool { Some(outer) } else { above(&self.tool_outside) };
            let model = match call.operation {
                operation if operation.is_model_call() => Some(outer),
                Operation::Tool | Operation::Agent | Operation::Workflow => None,
                _ => above(&self.model_outside),
            };
            self.tool_outside.get_mut(at).into_iter().for_each(|own| *own = tool);
            self.model_outside.get_mut(at).into_iter().for_each(|own| *own = model);
        }
    }

    /// The same answer is the same call, wherever its spans stand. A tool call is known by the model's id of it.
    fn by_id(&mut self, calls: &[Call]) {
        let mut known: HashMap<(u64, bool), usize, RandomState> = HashMap::default();
        for (at, call) in calls.iter().enumerate() {
            let tool = call.operation == Operation::Tool;
            if call.response_id == 0 || !(tool || call.is_leaf_call()) {
                continue;
            }
            match known.get(&(call.response_id, tool)) {
                Some(first) => self.join(*first, at),
                None => drop(known.insert((call.response_id, tool), at)),
            }
        }
    }

    /// A call of a model within a call of a model: one call when they agree, else the outer one stands around others.
    fn nested(&mut self, calls: &[Call]) {
        let mut inside: Vec<u32> = vec![0; calls.len()];
        for (call, outer) in calls.iter().zip(&self.model_outside) {
            let count = outer.and_then(|outer| inside.get_mut(outer as usize));
            count.into_iter().for_each(|count| *count += u32::from(call.operation.is_model_call()));
        }
        for (at, call) in calls.iter().enumerate() {
            let tool = call.operation == Operation::Tool;
            let outside = if tool { &self.tool_outside } else { &self.model_outside };
            let Some(outer) = outside.get(at).copied().flatten().map(|outer| outer as usize) else { continue };
            let Some(other) = calls.get(outer) else { continue };
            if tool {
                let same = other.tool == call.tool || other.request != 0 && other.request == call.request;
                if same {
                    self.join(outer, at);
                }
            } else if call.operation.is_model_call() {
                if !other.wrapper && inside.get(outer) == Some(&1) && agree(other, call) {
                    self.join(outer, at);
                } else if let Some(around) = self.around.get_mut(outer) {
                    *around = true;
                }
            }
        }
    }

    /// Two instrumentations on one call: side by side, or in traces of their own.
    fn side_by_side(&mut self, calls: &[Call], kin: &[Kin]) {
        let leaf = |at: &usize| calls.get(*at).is_some_and(Call::is_leaf_call) && !self.is_around(*at);
        let mut order: Vec<usize> = (0..calls.len()).filter(leaf).collect();
        order.sort_by_key(|at| calls.get(*at).map_or(0, |call| call.start));
        let mut taken: HashMap<(usize, u32), (), RandomState> = HashMap::default();
        for (place, at) in order.iter().enumerate() {
            let Some((one, own)) = calls.get(*at).zip(kin.get(*at)) else { continue };
            for other_at in order.iter().skip(place + 1).take(NEIGHBOURS) {
                let Some((other, others)) = calls.get(*other_at).zip(kin.get(*other_at)) else { continue };
                if other.start > one.end {
                    break;
                }
                let apart = own.turn != others.turn && (own.parent == 0 || others.parent == 0);
                let beside = own.turn == others.turn && own.parent == others.parent || apart;
                let distinct = one.response_id != 0 && other.response_id != 0;
                if one.scope == other.scope || distinct || !beside || !contained(one, other) || !alike(one, other) {
                    continue;
                }
                // One span of each instrumentation: the nearest in time comes first.
                let event = self.find(*at);
                if taken.contains_key(&(event, other.scope)) || self.find(*other_at) == event {
                    continue;
                }
                taken.insert((event, one.scope), ());
                taken.insert((event, other.scope), ());
                self.join(*at, *other_at);
                break;
            }
        }
    }

    /// Decides which span of each event is billed, and which outcome the event has: by event, the place of the call that
    /// tells best and the outcome.
    pub(super) fn bill(&self, calls: &mut [Call], kin: &[Kin]) -> HashMap<usize, Outcome, RandomState> {
        let covered = self.covered(calls, kin);
        let mut best: HashMap<usize, usize, RandomState> = HashMap::default();
        let mut outcomes: HashMap<usize, (u8, Outcome), RandomState> = HashMap::default();
        for (at, call) in calls.iter().enumerate() {
            let event = self.event(at);
            if call.is_leaf_call() && !self.is_around(at) {
                let outcome = (knows(call), call.outcome);
                let known = outcomes.entry(event).or_insert(outcome);
                if outcome.0 > known.0 || outcome.0 == known.0 && call.native {
                    *known = outcome;
                }
            }
            if bears(call) && covered.get(at) == Some(&false) {
                let rank = |at: usize| calls.get(at).map(|call| (call.native, call.used.output > 0, call.start));
                let known = best.entry(event).or_insert(at);
                if rank(at) > rank(*known) {
                    *known = at;
                }
            }
        }
        for (at, call) in calls.iter_mut().enumerate().filter(|(_, call)| bears(call)) {
            call.billing = match best.get(&self.event(at)) {
                Some(billed) if *billed == at => Billing::Billed,
                _ if covered.get(at) == Some(&true) => Billing::Wrapper,
                _ => Billing::Repeated,
            };
        }
        outcomes.into_iter().map(|(event, (_, outcome))| (event, outcome)).collect()
    }

    /// By call: it stands around calls that bear usage of their own.
    fn covered(&self, calls: &[Call], kin: &[Kin]) -> Vec<bool> {
        let mut below = vec![false; calls.len()];
        for at in self.order.iter().rev().map(|at| *at as usize) {
            let usage = below.get(at) == Some(&true) || calls.get(at).is_some_and(|call| call.has_usage);
            let outer = kin.get(at).and_then(|kin| kin.within).and_then(|outer| below.get_mut(outer as usize));
            outer.into_iter().for_each(|outer| *outer |= usage);
        }
        let around = |(at, call): (usize, &Call)| call.wrapper || call.operation.is_wrapper() || self.is_around(at);
        calls.iter().enumerate().zip(below).map(|(call, below)| below && around(call)).collect()
    }
}

// === parts ===

/// The calls, outer ones before those within them.
fn order(kin: &[Kin]) -> Vec<u32> {
    let mut order = Vec::with_capacity(kin.len());
    let mut seen = vec![false; kin.len()];
    let mut way = Vec::new();
    for at in 0..kin.len() {
        let mut next = Some(at as u32);
        while let Some(at) = next
            && let Some(seen) = seen.get_mut(at as usize).filter(|seen| !**seen)
        {
            *seen = true;
            way.push(at);
            next = kin.get(at as usize).and_then(|kin| kin.within);
        }
        order.extend(way.drain(..).rev());
    }
    order
}

/// Whether it has something to be billed.
fn bears(call: &Call) -> bool {
    call.has_usage || call.status.has_cost()
}

/// Whether a call within another tells of the same: the same answer, the same usage, or the same model for as long.
fn agree(outer: &Call, inner: &Call) -> bool {
    if outer.response_id != 0 && outer.response_id == inner.response_id {
        return true;
    }
    let usage = outer.has_usage && inner.has_usage && outer.used == inner.used;
    usage || same_model(outer, inner) && contained(outer, inner)
}

/// Whether two calls of one model used the same, as far as both tell.
fn alike(one: &Call, other: &Call) -> bool {
    let usage = !one.has_usage || !other.has_usage || one.used == other.used;
    usage && one.operation == other.operation && same_model(one, other)
}

fn same_model(one: &Call, other: &Call) -> bool {
    let untold = one.model == 0 || other.model == 0;
    untold || one.model == other.model || one.asked_model != 0 && one.asked_model == other.asked_model
}

/// Whether the shorter is within the longer, but for a tenth of it.
fn contained(one: &Call, other: &Call) -> bool {
    let length = |call: &Call| u128::from(call.end.saturating_sub(call.start));
    let both = u128::from(one.end.min(other.end).saturating_sub(one.start.max(other.start)));
    let within = one.start.max(other.start) <= one.end.min(other.end);
    within && both * 100 >= length(one).min(length(other)) * CONTAINED_PERCENT
}

/// How much an outcome says: of two spans of a call the one that knows more is believed.
fn knows(call: &Call) -> u8 {
    match call.outcome {
        Outcome::Unknown => 0,
        Outcome::Errored => 1,
        Outcome::Abandoned if call.or_broken => 2,
        _ => 3,
    }
}
