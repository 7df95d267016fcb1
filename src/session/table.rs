//! The open sessions of a shard.

use super::open::Open;
use crate::clock::Nanos;
use crate::flow::SessionKey;

/// The open sessions, each at an index that is used again after it. Owned by a shard's thread.
#[derive(Debug, Default)]
pub(super) struct Table {
    places: Vec<Place>,
    free: Vec<u32>,
    len: usize,
    /// Sessions that were judged a moment ago: their memory is still in the cache.
    #[allow(clippy::vec_box, reason = "the boxes are what is used again")]
    spare: Vec<Box<Open>>,
}

/// Most sessions that are kept to be used again.
const SPARE: usize = 512;

/// Names one session for as long as it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) index: u32,
    generation: u32,
}

#[derive(Debug, Default)]
struct Place {
    generation: u32,
    session: Option<Box<Open>>,
}

// === impl Table ===

impl Table {
    /// Opens a session. `predicates` are how many span predicates the rules have, now and for ever.
    pub(super) fn open(&mut self, key: SessionKey, sequence: u32, predicates: usize, now: Nanos) -> Ticket {
        let session = match self.spare.pop() {
            Some(mut session) => {
                session.begin(key, sequence, now);
                session
            }
            None => Box::new(Open::new(key, sequence, predicates, now)),
        };
        self.insert(session)
    }

    /// Puts a session in.
    pub(super) fn insert(&mut self, session: Box<Open>) -> Ticket {
        let index = self.free.pop().unwrap_or(self.places.len() as u32);
        if index as usize == self.places.len() {
            self.places.push(Place::default());
        }
        self.len += 1;
        let place = self.places.get_mut(index as usize);
        let generation = place.map_or(0, |place| {
            place.session = Some(session);
            place.generation
        });
        Ticket { index, generation }
    }

    /// Takes back a session that was taken out, to be used again.
    pub(super) fn give_back(&mut self, mut session: Box<Open>) {
        if self.spare.len() < SPARE {
            session.clear();
            self.spare.push(session);
        }
    }

    /// Takes a session out.
    pub(super) fn remove(&mut self, index: u32) -> Option<Box<Open>> {
        let place = self.places.get_mut(index as usize)?;
        let session = place.session.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(index);
        self.len -= 1;
        Some(session)
    }

    pub(super) fn get(&self, index: u32) -> Option<&Open> {
        self.places.get(index as usize)?.session.as_deref()
    }

    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut Open> {
        self.places.get_mut(index as usize)?.session.as_deref_mut()
    }

    /// What names the session at `index`.
    pub(super) fn ticket(&self, index: u32) -> Option<Ticket> {
        let place = self.places.get(index as usize)?;
        Some(Ticket { index, generation: place.generation })
    }

    /// The session that `ticket` names, if it is still open.
    pub(super) fn named(&self, ticket: Ticket) -> Option<&Open> {
        let place = self.places.get(ticket.index as usize)?;
        place.session.as_deref().filter(|_| place.generation == ticket.generation)
    }

    /// All open sessions with their indexes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Open)> {
        self.places.iter().enumerate().filter_map(|(index, place)| Some((index as u32, place.session.as_deref()?)))
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}
