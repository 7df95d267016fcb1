//! A session: the spans of an agent that talks with a user, in one to three traces.

use std::ops::Range;

use super::Ids;

/// Most traces of a session.
const TURNS: usize = 3;
/// Sessions after which errors repeat.
const PERIOD: usize = 256;
/// The sessions of a period that fail: the root of the last trace has an error.
const FAILED: [usize; 2] = [17, 145];
/// The session of a period in which a stream breaks. The agent recovers.
const BROKEN: usize = 99;

/// A span's place in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Number of the session.
    pub session: usize,
    /// Number of the span in the session. Spans are sent when they end, so a root is the last one of its trace.
    pub number: usize,
    /// Spans in the session.
    of: usize,
    /// Traces in the session.
    turns: usize,
}

/// What a span describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A turn of the agent: the root of a trace.
    Agent,
    /// A call of a model.
    Model,
    /// A call of a tool.
    Tool,
}

// === impl Step ===

impl Step {
    /// The span `number` of a session with `of` spans. Two sessions in three have three traces, the third has one.
    pub fn new(session: usize, number: usize, of: usize) -> Self {
        let turns = if session % 3 < 2 && of >= 2 * TURNS { TURNS } else { 1 };
        Self { session, number, of, turns }
    }

    /// The span `number` of a session that is one trace.
    pub fn of_one_trace(session: usize, number: usize, of: usize) -> Self {
        Self { session, number, of, turns: 1 }
    }

    /// The ids of the span.
    pub fn ids(&self) -> Ids {
        let trace = self.session * TURNS + self.turn().0;
        Ids { trace, conversation: Some(self.session), last: self.number + 1 == self.of }
    }

    /// What the span describes.
    pub fn kind(&self) -> Kind {
        let (_, turn) = self.turn();
        match self.number - turn.start {
            _ if self.number == self.root() => Kind::Agent,
            nth if nth.is_multiple_of(3) => Kind::Model,
            _ => Kind::Tool,
        }
    }

    /// Number of the root of its trace.
    pub fn root(&self) -> usize {
        self.turn().1.end - 1
    }

    /// Number of the first span of its trace.
    pub fn first(&self) -> usize {
        self.turn().1.start
    }

    /// Whether it is the last call of a model in its trace.
    pub fn is_last_call(&self) -> bool {
        self.kind() == Kind::Model && self.number + 3 >= self.root()
    }

    /// Whether it is the root span with the error of a session that fails.
    pub fn fails(&self) -> bool {
        self.number + 1 == self.of && FAILED.contains(&(self.session % PERIOD))
    }

    /// Whether it is the call of a model whose stream breaks after the first token.
    pub fn breaks(&self) -> bool {
        let (turn, spans) = self.turn();
        let first_of_last = turn + 1 == self.turns && self.number == spans.start;
        first_of_last && self.kind() == Kind::Model && self.session % PERIOD == BROKEN
    }

    /// Its trace within the session, and the numbers of the spans of that trace.
    fn turn(&self) -> (usize, Range<usize>) {
        let start = |turn| turn * self.of / self.turns;
        let turn = (0..self.turns).rev().find(|turn| start(*turn) <= self.number).unwrap_or(0);
        (turn, start(turn)..start(turn + 1))
    }
}
