//! The names of a session's tools, each once. There may be as many as the session has spans: what is counted by tool must
//! be right for any number of them.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// The tools that a session's spans named, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Toolbox {
    /// Each with the hash of its name.
    tools: Vec<(u64, Arc<str>)>,
    /// Where each stands, by that hash, once they are more than [`FEW`].
    places: Option<Box<HashMap<u64, u32, RandomState>>>,
}

/// So many are looked through one by one.
const FEW: usize = 32;

// === impl Toolbox ===

impl Toolbox {
    /// Where the tool whose name has that hash stands; `make` makes the name of one that is not there yet.
    pub(super) fn place(&mut self, hash: u64, make: impl FnOnce() -> Arc<str>) -> u32 {
        let known = match &self.places {
            Some(places) => places.get(&hash).copied(),
            None => self.tools.iter().position(|(known, _)| *known == hash).map(|at| at as u32),
        };
        if let Some(known) = known {
            return known;
        }
        let place = self.tools.len() as u32;
        self.tools.push((hash, make()));
        if let Some(places) = &mut self.places {
            places.insert(hash, place);
        } else if self.tools.len() > FEW {
            self.places = Some(Box::new((0_u32..).zip(&self.tools).map(|(at, (hash, _))| (*hash, at)).collect()));
        }
        place
    }

    /// Their names.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.tools.iter().map(|(_, name)| name)
    }
}
