//! The names that the spans of one request gave, each once: most spans of a request give the same few.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::flow::{ArrivedName, Name};
use crate::genai::account::{NO_NAME, NameKind};

/// Names, each with its place. Used again for every request.
#[derive(Debug)]
pub struct Naming {
    names: Vec<ArrivedName>,
    places: HashMap<(NameKind, u64), u16, RandomState>,
    /// By kind: the one that came last, which mostly comes again.
    last: [u16; NameKind::ALL.len()],
}

// === impl Naming ===

impl Default for Naming {
    fn default() -> Self {
        Self { names: Vec::new(), places: HashMap::default(), last: [NO_NAME; NameKind::ALL.len()] }
    }
}

impl Naming {
    /// The place of a name of that hash, which `name` makes when it is new; [`NO_NAME`] when there is no more room.
    pub(super) fn place(&mut self, kind: NameKind, hash: u64, name: impl FnOnce() -> Name) -> u16 {
        let Some(last) = self.last.get_mut(kind as usize) else { return NO_NAME };
        if self.names.get(usize::from(*last)).is_some_and(|known| known.hash == hash) {
            return *last;
        }
        let next = self.names.len();
        let place = *self.places.entry((kind, hash)).or_insert_with(|| match u16::try_from(next) {
            Ok(place) if place != NO_NAME => {
                self.names.push(ArrivedName { kind, hash, name: name() });
                place
            }
            _ => NO_NAME,
        });
        *last = place;
        place
    }

    /// The names, in the order of their places.
    pub(super) fn names(&self) -> &[ArrivedName] {
        &self.names
    }

    /// Forgets all names.
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.places.clear();
        self.last = [NO_NAME; NameKind::ALL.len()];
    }
}
