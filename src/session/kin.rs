//! How the calls of a session stand to one another: which stands in which, over whatever spans are between.

use super::open::Open;
use crate::flow::SpanRef;
use crate::genai::calls::Kin;

/// Stands for no call.
const NONE: u32 = u32::MAX;

/// What is known of a span's ancestors.
#[derive(Clone, Copy, Debug)]
enum Above {
    /// Nothing yet.
    Unknown,
    /// It is on the way that is being looked at: spans that are each other's ancestors have none.
    Looking,
    /// The nearest call, or [`NONE`], and whether any of them failed.
    Known(u32, bool),
}

// === impl Open ===

impl Open {
    /// How each call stands to the others.
    pub(super) fn kin(&self) -> Vec<Kin> {
        let calls = &self.facts.calls;
        let mut call_of = vec![NONE; self.spans.len()];
        for (at, call) in calls.iter().enumerate() {
            call_of.get_mut(call.span as usize).into_iter().for_each(|place| *place = at as u32);
        }
        let mut above = vec![Above::Unknown; self.spans.len()];
        let mut kin = Vec::with_capacity(calls.len());
        for call in calls {
            let (within, beneath_a_failure) = self.above(call.span, &call_of, &mut above);
            let within = Some(within).filter(|at| *at != NONE);
            let own = self.spans.get(call.span as usize).map(|span| Kin {
                turn: span.turn,
                id: u64::from_le_bytes(span.span_id.0),
                within,
                parent: u64::from_le_bytes(span.parent_id.0),
                beneath_a_failure,
                superseded: self.is_superseded(span),
                beside: self.facts.turns.get(span.turn as usize).is_some_and(|turn| turn.beside),
            });
            kin.push(own.unwrap_or_default());
        }
        kin
    }

    /// What is above a span; each span's way up is gone once.
    fn above(&self, span: u32, call_of: &[u32], above: &mut [Above]) -> (u32, bool) {
        let mut way = Vec::new();
        let mut at = span;
        let mut found = loop {
            let Some(known) = above.get_mut(at as usize) else { break (NONE, false) };
            match known {
                Above::Known(call, failed) => break (*call, *failed),
                Above::Looking => {
                    close_circle(at, &mut way, above);
                    break (NONE, false);
                }
                Above::Unknown => *known = Above::Looking,
            }
            way.push(at);
            let parent = self.spans.get(at as usize).and_then(|span| self.parent_of(span));
            let Some(parent) = parent else {
                above.get_mut(at as usize).into_iter().for_each(|place| *place = Above::Known(NONE, false));
                way.pop();
                break (NONE, false);
            };
            at = parent;
        };
        // `at` is the uppermost that was reached, `found` what is above it: from there down, each adds itself.
        for span in way.into_iter().rev() {
            let own = call_of.get(at as usize).copied().filter(|call| *call != NONE);
            let failed = self.spans.get(at as usize).is_some_and(|span| span.failed);
            found = (own.unwrap_or(found.0), found.1 || failed);
            above.get_mut(span as usize).into_iter().for_each(|place| *place = Above::Known(found.0, found.1));
            at = span;
        }
        match above.get(span as usize) {
            Some(Above::Known(call, failed)) => (*call, *failed),
            _ => (NONE, false),
        }
    }

    /// Whether a span was sent before it was over, and is here as a whole.
    fn is_superseded(&self, span: &SpanRef) -> bool {
        span.whole().is_some_and(|whole| self.unfinished.get(span.turn, whole).is_none())
    }

    pub(super) fn parent_of(&self, span: &SpanRef) -> Option<u32> {
        if span.parent_id.is_zero() { None } else { self.place_of(span.turn, span.parent_id) }
    }
}

/// Spans that are each other's ancestors, from `at` up the way to `at` again, have nothing above them.
fn close_circle(at: u32, way: &mut Vec<u32>, above: &mut [Above]) {
    let begin = way.iter().position(|span| *span == at).unwrap_or(way.len());
    for span in way.drain(begin..) {
        above.get_mut(span as usize).into_iter().for_each(|place| *place = Above::Known(NONE, false));
    }
}
