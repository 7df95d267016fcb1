//! Which traces tell of an answer: a model SDK that writes a span of its own, in a trace of its own, tells of a call of
//! which an instrumentation tells elsewhere. By the answer's id its trace finds the other.
//!
//! Nothing is noted until such a span has been seen. What is noted is bounded: two generations, of which the older is
//! forgotten as a whole when the younger is full.

use std::fmt;
use std::hash::BuildHasher;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::flow::Answer;
use crate::genai::calls::within;
use crate::otlp::span::TraceId;

/// Answers and the traces that tell of them. Shared by all receiving threads and shards.
pub struct Answers {
    /// Each answer in one of them, so that threads seldom wait for one another.
    parts: Box<[Part]>,
    hasher: RandomState,
    /// Somebody asks for them.
    wanted: AtomicBool,
    /// Some trace went on from an earlier answer.
    continued: AtomicBool,
}

/// A part of the answers, on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Part(Mutex<Generations>);

/// What spans of instrumentations have told.
#[derive(Default)]
struct Generations {
    young: HashTable<Telling>,
    old: HashTable<Telling>,
}

/// A span that tells of an answer.
#[derive(Clone, Copy, Debug)]
struct Telling {
    answer: Answer,
    trace: TraceId,
    /// The trace of an SDK that tells of it once more: there is only one.
    follower: Option<TraceId>,
}

/// How many parts there are.
const PARTS: usize = 16;
/// Most answers of one generation of a part: what a table takes before it grows. All of both are 17 MB.
const MOST: usize = 7 << 10;
/// So many answers with one id are told apart: small servers give ids that come again. Of more the latest count.
const NAMESAKES: usize = 8;

// === impl Answers ===

impl Answers {
    /// Whether anybody asks which trace tells of an answer.
    pub fn are_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// From now on somebody does.
    pub fn want(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Returns whether a trace went on from an earlier answer.
    pub fn are_continued(&self) -> bool {
        self.continued.load(Ordering::Relaxed)
    }

    /// Records that a trace went on from an earlier answer.
    pub fn continue_from(&self) {
        self.continued.store(true, Ordering::Relaxed);
    }

    /// Notes that `trace` tells of an answer.
    pub fn note(&self, answer: Answer, trace: TraceId) {
        let hash = self.hasher.hash_one(answer.id);
        let mut part = self.part(hash);
        let Generations { young, old } = &mut *part;
        let told = Telling { answer, trace, follower: None };
        let (mut namesakes, mut first) = (0, None::<&mut Telling>);
        for known in young.iter_hash_mut(hash).filter(|known| known.answer.id == answer.id) {
            if known.trace == trace && known.answer == answer {
                return;
            }
            namesakes += 1;
            let earlier = first.as_ref().is_none_or(|first| known.answer.end < first.answer.end);
            first = if earlier { Some(known) } else { first };
        }
        if let Some(first) = first.filter(|_| namesakes >= NAMESAKES) {
            *first = told;
            return;
        }
        if young.len() >= MOST {
            mem::swap(young, old);
            young.clear();
        }
        young.insert_unique(hash, told, |told| self.hasher.hash_one(told.answer.id));
    }

    /// The trace whose span tells of the same answer as `own` does, at the same time but for a tenth of the shorter of the
    /// two; of several the one whose ends are nearest. It is `own`'s from then on.
    pub fn follow(&self, answer: &Answer, own: TraceId) -> Option<TraceId> {
        let hash = self.hasher.hash_one(answer.id);
        let mut part = self.part(hash);
        let time = |answer: &Answer| (answer.start, answer.end);
        let fits = |told: &&mut Telling| {
            let free = told.follower.is_none_or(|follower| follower == own);
            free && told.trace != own && within(time(&told.answer), time(answer))
        };
        let apart =
            |told: &Answer| u128::from(told.start.abs_diff(answer.start)) + u128::from(told.end.abs_diff(answer.end));
        let nearest = part.of_mut(hash, answer.id).filter(fits);
        let told = nearest.min_by_key(|told| (told.follower.is_none(), apart(&told.answer)))?;
        told.follower = Some(own);
        Some(told.trace)
    }

    /// The trace whose span told of the answer that `own` goes on from, and when that began: of several the last before it.
    /// None where `own` told of it itself.
    pub fn before(&self, answer: &Answer, own: TraceId) -> Option<(TraceId, u64)> {
        let hash = self.hasher.hash_one(answer.id);
        let mut part = self.part(hash);
        let told = part.of_mut(hash, answer.id).filter(|told| told.answer.start <= answer.start);
        let last = told.max_by_key(|told| (told.trace == own, told.answer.start))?;
        (last.trace != own).then_some((last.trace, last.answer.start))
    }

    /// How many it remembers.
    pub fn len(&self) -> usize {
        let len = |part: &Part| {
            let part = part.0.lock().unwrap_or_else(PoisonError::into_inner);
            part.young.len() + part.old.len()
        };
        self.parts.iter().map(len).sum()
    }

    /// Whether it remembers none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn part(&self, hash: u64) -> MutexGuard<'_, Generations> {
        // Not the bits that the table itself goes by.
        #[allow(clippy::indexing_slicing, reason = "taken modulo the length")]
        let part = &self.parts[(hash >> 32) as usize % PARTS];
        part.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            parts: (0..PARTS).map(|_| Part::default()).collect(),
            hasher: RandomState::default(),
            wanted: AtomicBool::new(false),
            continued: AtomicBool::new(false),
        }
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answers({})", self.len())
    }
}

// === impl Generations ===

impl Generations {
    fn of_mut(&mut self, hash: u64, id: u64) -> impl Iterator<Item = &mut Telling> {
        let both = self.young.iter_hash_mut(hash).chain(self.old.iter_hash_mut(hash));
        both.filter(move |told| told.answer.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(id: u64, start: u64, end: u64) -> Answer {
        Answer { id, start, end }
    }

    fn trace(number: u8) -> TraceId {
        TraceId([number; 16])
    }

    #[test]
    fn an_answer_is_followed_once_and_only_where_its_time_agrees() {
        let answers = Answers::default();
        answers.note(answer(7, 100, 200), trace(1));
        assert_eq!(answers.follow(&answer(8, 101, 199), trace(9)), None, "another answer");
        assert_eq!(answers.follow(&answer(7, 150, 300), trace(9)), None, "at another time");
        assert_eq!(answers.follow(&answer(7, 101, 199), trace(1)), None, "itself");
        assert_eq!(answers.follow(&answer(7, 95, 195), trace(9)), Some(trace(1)), "but for a tenth");
        assert_eq!(answers.follow(&answer(7, 101, 199), trace(8)), None, "followed already");
        assert_eq!(answers.follow(&answer(7, 95, 195), trace(9)), Some(trace(1)), "by the same once more");
    }

    #[test]
    fn of_several_of_one_id_the_nearest_is_followed() {
        let answers = Answers::default();
        for (number, start, end) in [(1, 0, 1000), (2, 100, 204), (3, 90, 210), (4, 500, 600)] {
            answers.note(answer(7, start, end), trace(number));
        }
        assert_eq!(answers.follow(&answer(7, 101, 203), trace(9)), Some(trace(2)));
        assert_eq!(answers.follow(&answer(7, 101, 203), trace(9)), Some(trace(2)));
        assert_eq!(answers.follow(&answer(7, 102, 203), trace(8)), Some(trace(3)));
    }

    #[test]
    fn what_is_remembered_is_bounded_however_many_come_and_the_latest_stay() {
        let answers = Answers::default();
        for id in 0..1_000_000 {
            answers.note(answer(id, id, id + 1), trace(1));
        }
        assert!(answers.len() <= 2 * PARTS * MOST, "{}", answers.len());
        let last = answer(999_999, 999_999, 1_000_000);
        assert_eq!(answers.follow(&last, trace(9)), Some(trace(1)));
        assert_eq!(answers.follow(&answer(0, 0, 1), trace(9)), None);

        let answers = Answers::default();
        for time in 0..100_000 {
            answers.note(answer(7, time, time + 1), trace(1));
        }
        assert_eq!(answers.len(), NAMESAKES);
        assert_eq!(answers.follow(&answer(7, 99_999, 100_000), trace(9)), Some(trace(1)));
    }

    #[test]
    fn what_is_told_twice_is_noted_once() {
        let answers = Answers::default();
        (0..5).for_each(|_| answers.note(answer(7, 1, 2), trace(1)));
        assert_eq!(answers.len(), 1);
    }
}
