//! Calls of tools: how many, how many failed, and how often the same was asked again.

use foldhash::fast::RandomState;
use hashbrown::HashSet;

use super::call::Call;
use super::context::SessionContext;
use super::dedup::CallGroups;
use super::sums::{Sums, ToolCount};
use crate::genai::vocabulary::Operation;
use crate::intern::Name;

/// A call of a tool, whatever number of spans tell of it.
#[derive(Clone, Copy, Debug)]
struct ToolCall {
    /// The outermost of its spans, as a place among the calls.
    outermost: usize,
    start: u64,
    tool: Name,
    arguments: u64,
    failed: bool,
}

/// Counts the calls of tools, and marks those that were made before.
pub(super) fn count(calls: &mut [Call], events: &CallGroups, context: &SessionContext<'_>, sums: &mut Sums) {
    let made = made(calls, events);
    sums.tool_calls = made.len() as u32;
    sums.tool_failures = made.iter().filter(|call| call.failed).count() as u32;
    by_tool(&made, context, sums);
    let mut known: HashSet<(Name, u64), RandomState> =
        HashSet::with_capacity_and_hasher(made.len(), RandomState::default());
    let (mut run, mut last) = (0, None);
    for call in &made {
        // Without its arguments a call is like no other.
        let what = (call.arguments != 0).then_some((call.tool, call.arguments));
        run = if what.is_some() && what == last { run + 1 } else { 1 };
        last = what;
        sums.longest_tool_run = sums.longest_tool_run.max(run);
        if what.is_some_and(|what| !known.insert(what)) {
            sums.repeated_tool_calls += 1;
            calls.get_mut(call.outermost).into_iter().for_each(|call| call.again = true);
        }
    }
}

/// The calls of tools in the order of their start, each once: with what any of its spans tells, the outermost first.
fn made(calls: &[Call], events: &CallGroups) -> Vec<ToolCall> {
    let mut places: Vec<usize> = (0..calls.len()).collect();
    places.retain(|at| calls.get(*at).is_some_and(|call| call.operation == Operation::Tool));
    let order = |at: &usize| (events.nesting.depth(*at), calls.get(*at).map(Call::rank));
    places.sort_by(|one, other| order(one).cmp(&order(other)));
    let mut all: Vec<ToolCall> = Vec::with_capacity(places.len());
    // By event: where its call stands among them.
    let mut known: Vec<Option<usize>> = vec![None; calls.len()];
    for (at, call) in places.into_iter().filter_map(|at| Some((at, calls.get(at)?))) {
        let Call { start, tool, request: arguments, failed, .. } = *call;
        let own = ToolCall { outermost: at, start, tool, arguments, failed };
        let Some(known) = known.get_mut(events.event(at)) else { continue };
        let place = *known.get_or_insert_with(|| {
            all.push(own);
            all.len() - 1
        });
        let Some(made) = all.get_mut(place) else { continue };
        made.failed |= call.failed;
        made.start = made.start.min(call.start);
        if made.arguments == 0 {
            made.arguments = call.request;
        }
        if made.tool.is_none() {
            made.tool = call.tool;
        }
    }
    all.sort_by_key(|call| (call.start, call.arguments, call.tool));
    all
}

/// Counts calls by tool, beside the names of tools.
fn by_tool(made: &[ToolCall], context: &SessionContext<'_>, sums: &mut Sums) {
    let Sums { names, by_tool, failed_tools, irreversible_calls, .. } = sums;
    by_tool.resize(names.tools.as_slice().len(), ToolCount::default());
    for call in made {
        let count = names.tools.index(call.tool).and_then(|index| by_tool.get_mut(index));
        let Some(count) = count else { continue };
        count.calls += 1;
        count.failures += u32::from(call.failed);
    }
    for (name, count) in names.tools.as_slice().iter().zip(by_tool) {
        if count.failures > 0 {
            failed_tools.push(*name);
        }
        if context.irreversible.iter().any(|glob| glob.fits(name.text())) {
            *irreversible_calls += count.calls;
        }
    }
}
