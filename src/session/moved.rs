//! A turn on its way from one session to another: its spans, their records and what they say, so that nothing of it is read
//! again.

use std::sync::Arc;

use super::held::Held;
use super::open::Open;
use super::turn::OpenTurn;
use crate::flow::{ArrivedSpan, SessionKey, SpanRef, Turn, TurnRoot};
use crate::genai::calls::Call;
use crate::pricing::PriceBook;

/// A turn that was taken out of its session.
#[derive(Debug)]
pub(super) struct MovedTurn {
    /// The trace, its root and its earliest span; both are indexes into `spans`.
    pub(super) turn: Turn,
    /// Its state.
    pub(super) open: OpenTurn,
    /// Its spans, in the order of their arrival.
    pub(super) spans: Vec<SpanRef>,
    /// Their records; [`Call::span`] is an index into `spans`.
    pub(super) calls: Vec<Call>,
    /// The prices that the records were made with.
    pub(super) book: Option<Arc<PriceBook>>,
    /// Whether there were others.
    pub(super) mixed_prices: bool,
}

/// Where the spans of a moved turn are now, by their index in it.
struct Places(Vec<Option<u32>>);

// === impl MovedTurn ===

impl MovedTurn {
    /// A turn of spans that were not folded into any session yet. Duplicates among them are handed to `duplicate`.
    pub(super) fn of_arrived(
        turn: Turn,
        open: OpenTurn,
        arrived: &[ArrivedSpan],
        calls: &[Call],
        book: &Arc<PriceBook>,
        held: &Held,
        mut duplicate: impl FnMut(&SpanRef),
    ) -> Option<Self> {
        let mut session = Open::new(SessionKey::Trace(turn.trace_id), 0, u64::BITS as usize, open.first);
        let now = open.last;
        session.add_turn(turn, open);
        for arrived in arrived {
            let mut arrived = *arrived;
            arrived.span.turn = 0;
            if session.fold(&arrived, calls, book, held, now).is_duplicate() {
                duplicate(&arrived.span);
            }
        }
        session.into_turns().pop()
    }
}

// === impl Open ===

impl Open {
    /// Takes the session apart.
    pub(super) fn into_turns(self) -> Vec<MovedTurn> {
        let Self { facts, spans, turns, mixed_prices, .. } = self;
        let moved = |(turn, open)| MovedTurn {
            turn,
            open,
            spans: Vec::new(),
            calls: Vec::new(),
            book: facts.book.clone(),
            mixed_prices,
        };
        let mut moved: Vec<MovedTurn> = facts.turns.into_iter().zip(turns).map(moved).collect();
        let mut places = Places(Vec::with_capacity(spans.len()));
        for span in &spans {
            let own = moved.get_mut(span.turn as usize);
            places.0.push(own.map(|own| {
                own.spans.push(*span);
                own.spans.len() as u32 - 1
            }));
        }
        for call in facts.calls {
            let turn = spans.get(call.span as usize).and_then(|span| moved.get_mut(span.turn as usize));
            if let Some((own, place)) = turn.zip(places.of(call.span)) {
                own.calls.push(Call { span: place, ..call });
            }
        }
        moved.iter_mut().for_each(|own| places.renumber(&mut own.turn));
        moved
    }

    /// Puts a turn in, beside the spans of the same trace that are here already. Returns its number. Spans that are held
    /// already are handed to `duplicate`.
    pub(super) fn put_turn(&mut self, moved: MovedTurn, held: &Held, mut duplicate: impl FnMut(&SpanRef)) -> u32 {
        let MovedTurn { mut turn, open, spans, calls, book, mixed_prices } = moved;
        let known = self.facts.turns.iter().position(|known| known.trace_id == turn.trace_id);
        let number = match known {
            Some(number) => number as u32,
            None => {
                let blank = OpenTurn { blocking: 0, ..OpenTurn::new(open.version, open.first, open.last) };
                self.add_turn(Turn::new(turn.trace_id, turn.beside), blank)
            }
        };
        let mut places = Places(Vec::with_capacity(spans.len()));
        self.reserve(spans.len());
        for span in spans {
            let (span, place) = (SpanRef { turn: number, ..span }, self.spans.len() as u32);
            match self.hold(&span, held) {
                true => places.0.push(Some(place)),
                false => {
                    duplicate(&span);
                    places.0.push(None);
                }
            }
        }
        for call in calls {
            self.facts.calls.extend(places.of(call.span).map(|span| Call { span, ..call }));
        }
        if let Some(book) = &book {
            self.note_prices(book);
            self.mixed_prices |= mixed_prices;
        }
        places.renumber(&mut turn);
        self.merge_turn(number, turn, open);
        number
    }

    /// Merges what is known of a turn whose spans were put in.
    fn merge_turn(&mut self, number: u32, moved: Turn, state: OpenTurn) {
        let OpenTurn { version, first, last, reopened, links, answer, facts, blocking: _ } = state;
        let root = moved.root.filter(|root| self.may_be_root(number, root));
        let at = number as usize;
        let Some((turn, open)) = self.facts.turns.get_mut(at).zip(self.turns.get_mut(at)) else { return };
        let better =
            |root: &TurnRoot| turn.root.as_ref().is_none_or(|known| known.gives_way_to(root.local, root.start));
        if let Some(root) = root.filter(better) {
            turn.root = Some(root);
        }
        turn.earliest = turn.earliest.min(moved.earliest);
        turn.beside &= moved.beside;
        open.version = open.version.max(version);
        (open.first, open.last) = (open.first.min(first), open.last.max(last));
        open.reopened |= reopened;
        open.note_references(links, answer);
        open.facts.merge(facts);
        self.continued |= reopened;
        self.ended |= self.turns.iter().any(|open| open.facts.ended);
        self.arrived = (self.arrived.0.min(first), self.arrived.1.max(last));
    }

    /// Whether a span that was the root of its turn still may be: its remote parent may be here.
    fn may_be_root(&self, turn: u32, root: &TurnRoot) -> bool {
        root.local || self.missing.get(turn, root.parent).is_some()
    }
}

// === impl Places ===

impl Places {
    fn of(&self, index: u32) -> Option<u32> {
        self.0.get(index as usize).copied().flatten()
    }

    /// Renumbers the spans to which a turn refers. A root that was a duplicate is here already.
    fn renumber(&self, turn: &mut Turn) {
        turn.root = turn.root.take().and_then(|root| Some(TurnRoot { span: self.of(root.span)?, ..root }));
        turn.earliest = match self.of(turn.earliest.1) {
            Some(place) => (turn.earliest.0, place),
            None => (u64::MAX, 0),
        };
    }
}
