//! Spans that tell of one and the same call: a client and a gateway, two instrumentations on one client, the provider's own
//! SDK beside them. They are brought together by the answer's id, else by one standing in the other, else by standing side
//! by side in time with equal usage; never two of one instrumentation side by side, which are two calls.
//!
//! Nothing here depends on the order in which the spans came.

use super::call::{Call, Used};
use super::context::Kin;
use super::nesting::Nesting;
use crate::genai::vocabulary::Operation;
use crate::intern::Name;

/// The calls of a session by what they tell of.
#[derive(Debug)]
pub(super) struct CallGroups {
    /// By call: its event, named by the first of its calls.
    event: Vec<u32>,
    /// By call: it stands around calls of models that are others than itself.
    around: Vec<bool>,
    /// By call: a span around it tells of the same call, or it is a span that came before with other bytes.
    echo: Vec<bool>,
    /// What the calls stand in.
    pub(super) nesting: Nesting,
}

/// What is known of an event. Two calls of one instrumentation side by side are never one event. Neither are two calls with
/// different usage, even if a span that reports less, or nothing, agrees with both.
#[derive(Clone, Debug, Default)]
struct Known {
    scopes: Vec<Name>,
    id: u64,
    /// The distinct usages that its spans report.
    used: Vec<Used>,
}

/// Calls side by side are looked at this far on in the order of their start.
const NEIGHBOURS: usize = 64;
/// So many answers with one id are told apart.
const NAMESAKES: usize = 8;
/// So many instrumentations may tell of one call.
const MAX_SCOPES: usize = 8;
/// Of the shorter of two calls, this part must be within the longer, in hundredths.
const CONTAINED_PERCENT: u128 = 90;
/// Two spans that count one call differently have at least this share of one another's tokens, in hundredths.
const NEAR_PERCENT: u64 = 90;

// === impl CallGroups ===

impl CallGroups {
    /// Brings the model calls and the tool calls of a session together. `kin` is beside `calls`.
    pub(super) fn of(calls: &[Call], kin: &[Kin]) -> Self {
        let mut events = Self {
            event: (0..calls.len() as u32).collect(),
            around: vec![false; calls.len()],
            echo: vec![false; calls.len()],
            nesting: Nesting::of(calls, kin),
        };
        let single = |call: &Call| call.is_leaf_call() || call.operation == Operation::Tool;
        let mut places: Vec<usize> = (0..calls.len()).filter(|at| calls.get(*at).is_some_and(single)).collect();
        let rank = |at: &usize| calls.get(*at).map(Call::rank);
        places.sort_by(|one, other| rank(one).cmp(&rank(other)));
        if places.len() > 1 {
            events.same_span(calls, kin, &places);
            events.same_answer(calls, &places);
            events.nested(calls, &places);
            events.side_by_side(calls, kin, &places);
        }
        events.read_again(calls);
        // What stood in one call as two may be one by now.
        events.nested(calls, &places);
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

    /// Whether a span around it tells of the same call, or a span of the same ids.
    pub(super) fn is_echo(&self, call: usize) -> bool {
        self.echo.get(call) == Some(&true)
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

    fn mark_echo(&mut self, call: usize) {
        self.echo.get_mut(call).into_iter().for_each(|echo| *echo = true);
    }

    /// A span that came twice with different bytes is one.
    fn same_span(&mut self, calls: &[Call], kin: &[Kin], places: &[usize]) {
        let span = |at: &usize| {
            let (call, kin) = calls.get(*at).zip(kin.get(*at)).filter(|(_, kin)| kin.id != 0)?;
            Some((kin.turn, kin.id, call.operation == Operation::Tool))
        };
        for same in groups(places, span).chunk_by(|one, next| one.0 == next.0) {
            let [(_, first), others @ ..] = same else { continue };
            for (_, at) in others {
                self.join(*first, *at);
                self.mark_echo(*at);
            }
        }
    }

    /// The same answer is the same call, wherever its spans stand. Small servers give ids that come again: time or usage
    /// must agree.
    fn same_answer(&mut self, calls: &[Call], places: &[usize]) {
        let answer = |at: &usize| {
            let call = calls.get(*at).filter(|call| call.response_id != 0 && call.is_leaf_call())?;
            Some(call.response_id)
        };
        let same = |one: &Call, other: &Call| {
            other.operation == one.operation
                && same_model(other, one)
                && (contained(other, one) || same_usage(&other.used, &one.used))
        };
        let mut namesakes: Vec<(usize, &Call)> = Vec::new();
        for told in groups(places, answer).chunk_by(|one, next| one.0 == next.0) {
            namesakes.clear();
            for (at, call) in told.iter().filter_map(|(_, at)| Some((*at, calls.get(*at)?))) {
                if let Some((first, _)) = namesakes.iter().find(|(_, other)| same(call, other)) {
                    self.join(*first, at);
                } else if namesakes.len() < NAMESAKES {
                    namesakes.push((at, call));
                }
            }
        }
    }

    /// What is no call but tells of an answer, and of the same usage, has read it once more.
    fn read_again(&mut self, calls: &[Call]) {
        let other = |call: &Call| call.operation == Operation::Other && call.has_usage;
        if !calls.iter().any(other) {
            return;
        }
        let all: Vec<usize> = (0..calls.len()).collect();
        let answer = |at: &usize| {
            let call = calls.get(*at).filter(|call| call.response_id != 0 && (call.is_leaf_call() || other(call)))?;
            Some(call.response_id)
        };
        for told in groups(&all, answer).chunk_by(|one, next| one.0 == next.0) {
            let told = || told.iter().filter_map(|(_, at)| Some((*at, calls.get(*at)?)));
            for (at, call) in told().filter(|(_, call)| other(call)) {
                let first =
                    told().take(NAMESAKES).find(|(_, it)| it.is_leaf_call() && same_usage(&it.used, &call.used));
                if let Some((first, _)) = first {
                    self.join(first, at);
                }
            }
        }
    }

    /// A call within a call of its kind: one call when they agree. Around several the outer one is none itself.
    fn nested(&mut self, calls: &[Call], places: &[usize]) {
        self.around.fill(false);
        if !places.iter().any(|at| self.same_kind_around(calls, *at).is_some()) {
            return;
        }
        // By outer call: an event within it, whether there are several, and whether one agrees.
        let mut inside: Vec<Option<(usize, bool, bool)>> = vec![None; calls.len()];
        for at in places.iter().copied() {
            let Some((call, outer, other)) = self.same_kind_around(calls, at) else { continue };
            let (event, agrees) = (self.find(at), agree(other, call));
            if call.operation == Operation::Tool {
                if agrees {
                    self.join(outer, at);
                    self.mark_echo(at);
                }
                continue;
            }
            let Some(known) = inside.get_mut(outer) else { continue };
            let (first, several, agree) = known.unwrap_or((event, false, false));
            *known = Some((first, several || first != event, agree || agrees));
        }
        for at in places.iter().copied() {
            let Some((_, outer, other)) = self.same_kind_around(calls, at) else { continue };
            let Some((_, several, agrees)) = inside.get(outer).copied().flatten() else { continue };
            if several || other.wrapper {
                self.around.get_mut(outer).into_iter().for_each(|around| *around = true);
            } else if agrees {
                self.join(outer, at);
                self.mark_echo(at);
            }
        }
    }

    /// A call, and the call of its kind that it stands in.
    fn same_kind_around<'c>(&self, calls: &'c [Call], at: usize) -> Option<(&'c Call, usize, &'c Call)> {
        let call = calls.get(at)?;
        let tool = call.operation == Operation::Tool;
        let outer = if tool { self.nesting.tool(at) } else { self.nesting.model(at) }?;
        let other = calls.get(outer).filter(|other| other.operation == call.operation && outer != at)?;
        Some((call, outer, other))
    }

    /// Two instrumentations on one call: side by side, or in traces of their own.
    fn side_by_side(&mut self, calls: &[Call], kin: &[Kin], places: &[usize]) {
        let order: Vec<usize> = places.iter().copied().filter(|at| !self.is_around(*at)).collect();
        let mut scopes = order.iter().filter_map(|at| calls.get(*at)).map(|call| call.scope);
        let first = scopes.next();
        if scopes.all(|scope| Some(scope) == first) {
            return;
        }
        let mut known = vec![Known::default(); calls.len()];
        for at in order.iter().copied() {
            let event = self.find(at);
            if let Some((known, call)) = known.get_mut(event).zip(calls.get(at)) {
                known.add(call);
            }
        }
        for (place, at) in order.iter().copied().enumerate() {
            let Some((one, own)) = calls.get(at).zip(kin.get(at)) else { continue };
            for other_at in order.iter().copied().skip(place + 1).take(NEIGHBOURS) {
                let Some((other, others)) = calls.get(other_at).zip(kin.get(other_at)) else { continue };
                if other.start > one.end {
                    break;
                }
                if one.scope == other.scope || !beside(own, others) || !contained(one, other) || !alike(one, other) {
                    continue;
                }
                let (event, other_event) = (self.find(at), self.find(other_at));
                let Some((mine, theirs)) = known.get(event).zip(known.get(other_event)) else { continue };
                if event == other_event || !mine.may_join(theirs) {
                    continue;
                }
                let both = mine.with(theirs);
                self.join(at, other_at);
                let event = self.find(at);
                known.get_mut(event).into_iter().for_each(|known| *known = both.clone());
                break;
            }
        }
    }
}

// === impl Known ===

impl Known {
    fn add(&mut self, call: &Call) {
        // One more than may be: it takes no others in.
        if self.scopes.len() <= MAX_SCOPES && !self.scopes.contains(&call.scope) {
            self.scopes.push(call.scope);
        }
        if self.id == 0 {
            self.id = call.response_id;
        }
        if call.has_usage && self.used.len() <= MAX_SCOPES && !self.used.contains(&call.used) {
            self.used.push(call.used);
        }
    }

    fn may_join(&self, other: &Self) -> bool {
        let distinct = self.id != 0 && other.id != 0 && self.id != other.id;
        let room = self.scopes.len() + other.scopes.len() <= MAX_SCOPES;
        let same_scope = || self.scopes.iter().any(|scope| other.scopes.contains(scope));
        room && !distinct && !same_scope() && self.may_have_used(other)
    }

    /// Returns whether a usage of one event agrees with a usage of the other, or one of them reports none.
    fn may_have_used(&self, other: &Self) -> bool {
        let agree = |used| other.certain_usages().any(|it| same_usage(used, it));
        self.used.is_empty() || other.used.is_empty() || self.certain_usages().any(agree)
    }

    /// The usages with a certain input, or else all.
    fn certain_usages(&self) -> impl Iterator<Item = &Used> {
        let any = self.used.iter().any(|used| used.certain_input() != 0);
        self.used.iter().filter(move |used| !any || used.certain_input() != 0)
    }

    fn with(&self, other: &Self) -> Self {
        let scopes = [self.scopes.as_slice(), other.scopes.as_slice()].concat();
        let mut used = self.used.clone();
        used.extend(other.used.iter().filter(|it| !self.used.contains(it)));
        Self { scopes, id: if self.id == 0 { other.id } else { self.id }, used }
    }
}

// === parts ===

/// The places for which `key` tells something, with that: those of one key side by side, otherwise as they came.
fn groups<K: Ord + Copy>(places: &[usize], key: impl Fn(&usize) -> Option<K>) -> Vec<(K, usize)> {
    let keyed = |(number, at): (u32, &usize)| Some((key(at)?, number, *at));
    let mut groups: Vec<(K, u32, usize)> = (0..).zip(places).filter_map(keyed).collect();
    // By key and number no two are equal: an unstable sort, which needs no memory, keeps their order.
    groups.sort_unstable_by_key(|(key, number, _)| (*key, *number));
    groups.into_iter().map(|(key, _, at)| (key, at)).collect()
}

/// Whether two calls have one parent, or are in traces of their own, of which at least one has nothing else around it.
fn beside(one: &Kin, other: &Kin) -> bool {
    if one.turn == other.turn { one.parent == other.parent } else { one.parent == 0 || other.parent == 0 }
}

/// Whether a call within another of its kind tells of the same: the same answer, the same usage at the same time, or the
/// same model for as long; of a tool: the same one, not asked for something else. Gateways give answers ids of their own
/// and count a little differently: answers of two ids are one where the times and the counts agree.
fn agree(outer: &Call, inner: &Call) -> bool {
    if outer.operation == Operation::Tool {
        let other_id = differ(outer.response_id, inner.response_id);
        let other_arguments = outer.scope == inner.scope && differ(outer.request, inner.request);
        let same_arguments = outer.request != 0 && outer.request == inner.request;
        let same_name = outer.tool == inner.tool && !outer.tool.is_none();
        let same_id = outer.response_id != 0 && outer.response_id == inner.response_id;
        return same_id || !other_id && (same_arguments || same_name && !other_arguments);
    }
    let answer = outer.response_id != 0 && outer.response_id == inner.response_id;
    let other_answer = differ(outer.response_id, inner.response_id);
    let usage = outer.has_usage && inner.has_usage && same_usage(&outer.used, &inner.used);
    let other_usage = outer.has_usage && inner.has_usage && !near_usage(&outer.used, &inner.used);
    let contained = contained(outer, inner);
    answer
        || usage && (contained || !other_answer && overlap(outer, inner))
        || same_model(outer, inner) && contained && !(other_answer && other_usage)
}

/// Whether two calls of one model used the same, or two calls of one tool were asked the same, as far as both tell.
fn alike(one: &Call, other: &Call) -> bool {
    if one.operation != other.operation || differ(one.response_id, other.response_id) {
        return false;
    }
    if one.operation == Operation::Tool {
        return one.tool == other.tool && !differ(one.request, other.request);
    }
    let contradict = one.has_usage && other.has_usage && !same_usage(&one.used, &other.used);
    !contradict && same_model(one, other)
}

/// Whether two spans tell of equal counts, as far as both tell: nothing is not told.
fn same_usage(one: &Used, other: &Used) -> bool {
    let counts = |used: &Used| [used.certain_input(), used.output, used.cache_read, used.cache_write, used.reasoning];
    let mut pairs = counts(one).into_iter().zip(counts(other));
    let told = one.input != 0 && one.input == other.input || one.output != 0 && one.output == other.output;
    told && pairs.all(|(one, other)| !differ(one, other))
}

/// Whether two spans may tell of one call that they count differently: by a tenth, and by a token. Nothing is not told.
fn near_usage(one: &Used, other: &Used) -> bool {
    let near = |one: u32, other: u32| {
        let (less, more) = (u64::from(one.min(other)), u64::from(one.max(other)));
        less == 0 || (less + 1) * 100 >= more * NEAR_PERCENT
    };
    near(one.certain_input(), other.certain_input()) && near(one.output, other.output)
}

fn same_model(one: &Call, other: &Call) -> bool {
    !differ(one.bare_model, other.bare_model)
        || !one.requested_model.is_none() && one.requested_model == other.requested_model
}

/// Whether both are told, and not the same.
fn differ<N: Default + PartialEq>(one: N, other: N) -> bool {
    let untold = N::default();
    one != untold && other != untold && one != other
}

fn contained(one: &Call, other: &Call) -> bool {
    within((one.start, one.end), (other.start, other.end))
}

fn overlap(one: &Call, other: &Call) -> bool {
    one.start.max(other.start) <= one.end.min(other.end)
}

/// Whether the shorter of two times, each from its start to its end, is within the longer, but for a tenth of it.
pub fn within(one: (u64, u64), other: (u64, u64)) -> bool {
    let length = |time: (u64, u64)| u128::from(time.1.saturating_sub(time.0));
    let (start, end) = (one.0.max(other.0), one.1.min(other.1));
    let both = u128::from(end.saturating_sub(start));
    start <= end && both * 100 >= length(one).min(length(other)) * CONTAINED_PERCENT
}
