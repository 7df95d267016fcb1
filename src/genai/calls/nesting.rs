//! What each call stands in.

use super::call::Call;
use super::context::Kin;
use crate::genai::vocabulary::Operation;

/// What the calls of a session stand in; beside them.
#[derive(Debug)]
pub(super) struct Nesting {
    /// The calls, outer ones before those within them.
    order: Vec<u32>,
    places: Vec<Place>,
}

/// What one call stands in.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// How many calls.
    depth: u32,
    /// The nearest call of a model, with no tool and no agent between.
    model: Option<u32>,
    /// The nearest call of a tool, with no model and no agent between.
    tool: Option<u32>,
}

// === impl Nesting ===

impl Nesting {
    pub(super) fn of(calls: &[Call], kin: &[Kin]) -> Self {
        let mut nesting = Self { order: order(kin), places: vec![Place::default(); calls.len()] };
        for at in &nesting.order {
            let Some(outer) = kin.get(*at as usize).and_then(|kin| kin.within) else { continue };
            let Some((call, above)) = calls.get(outer as usize).zip(nesting.places.get(outer as usize).copied()) else {
                continue;
            };
            let (model, tool) = match call.operation {
                Operation::Tool => (None, Some(outer)),
                Operation::Agent | Operation::Workflow => (None, None),
                operation if operation.is_model_call() => (Some(outer), None),
                _ => (above.model, above.tool),
            };
            if let Some(place) = nesting.places.get_mut(*at as usize) {
                *place = Place { depth: above.depth.saturating_add(1), model, tool };
            }
        }
        nesting
    }

    /// The calls, outer ones before those within them.
    pub(super) fn order(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.order.iter().map(|at| *at as usize)
    }

    /// How many calls a call stands in.
    pub(super) fn depth(&self, call: usize) -> u32 {
        self.places.get(call).map_or(0, |place| place.depth)
    }

    /// The nearest call of a model that a call stands in, with no tool and no agent between.
    pub(super) fn model(&self, call: usize) -> Option<usize> {
        self.places.get(call)?.model.map(|at| at as usize)
    }

    /// The nearest call of a tool that a call stands in, with no model and no agent between.
    pub(super) fn tool(&self, call: usize) -> Option<usize> {
        self.places.get(call)?.tool.map(|at| at as usize)
    }
}

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
