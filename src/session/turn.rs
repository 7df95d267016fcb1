//! The state of one turn of an open session: what settles it, and what its spans say.

use std::cmp::Reverse;

use smallvec::SmallVec;

use crate::clock::Nanos;
use crate::flow::{Answer, ArrivedSpan, Session};
use crate::genai::vocabulary::OutcomeSource;
use crate::intern::Name;
use crate::otlp::span::TraceId;

/// The state of an open turn.
#[derive(Debug)]
pub(super) struct OpenTurn {
    /// Version of the trace's binding.
    pub(super) version: u32,
    /// When its first span arrived. The turn takes this along to another session.
    pub(super) first: Nanos,
    /// When its last span arrived.
    pub(super) last: Nanos,
    /// Parents that have not come and whose children are not known to be remote from them.
    pub(super) blocking: u32,
    /// Whether the trace was decided before: its root will not arrive again.
    pub(super) reopened: bool,
    /// Traces that it links to, while nothing better names its session.
    pub(super) links: Vec<TraceId>,
    /// The response that a model SDK reports in it, for as long.
    pub(super) answer: Option<Box<Answer>>,
    /// What its spans say of the session.
    pub(super) facts: TurnFacts,
}

/// What the spans of a turn say of their session beside their number. Merging is idempotent, so that a turn can move.
#[derive(Clone, Debug)]
pub(super) struct TurnFacts {
    /// Start of the earliest span, nanoseconds since the epoch.
    pub(super) start: u64,
    /// End of the latest span.
    pub(super) end: u64,
    /// Names of services, in the order in which they came.
    pub(super) services: Names,
    /// Error types, likewise.
    pub(super) error_types: Names,
    /// The outcome that a span reports, the source, and the end of that span.
    pub(super) outcome: Option<(OutcomeSource, u64, Name)>,
    /// Whether a span said that the session is over.
    pub(super) ended: bool,
    /// The first explicit `ot=rv`, or `u64::MAX`.
    pub(super) incoming_rv: u64,
}

/// Most links that are kept of a trace without a session.
pub(super) const MAX_LINKS: usize = 8;

/// A few names of a turn.
pub(super) type Names = SmallVec<[Name; 4]>;

// === impl OpenTurn ===

impl OpenTurn {
    /// A turn whose first and last span arrived then.
    pub(super) fn new(version: u32, first: Nanos, last: Nanos) -> Self {
        let facts = TurnFacts::default();
        Self { version, first, last, blocking: 0, reopened: false, links: Vec::new(), answer: None, facts }
    }

    /// Notes what the turn may follow: traces that it links to, and a response.
    pub(super) fn note_references(&mut self, links: Vec<TraceId>, answer: Option<Box<Answer>>) {
        self.links.extend(links);
        self.links.truncate(MAX_LINKS);
        self.answer = self.answer.take().or(answer);
    }
}

// === impl TurnFacts ===

impl TurnFacts {
    /// Takes in what a span says.
    pub(super) fn add(&mut self, arrived: &ArrivedSpan) {
        if arrived.start > 0 {
            self.start = self.start.min(arrived.start);
        }
        self.end = self.end.max(arrived.end).max(arrived.start);
        add_name(&mut self.services, arrived.service);
        add_name(&mut self.error_types, arrived.error_type);
        if let Some((source, outcome)) = arrived.outcome {
            self.add_outcome((source, arrived.end, outcome));
        }
        self.ended |= arrived.ends_session;
        if self.incoming_rv == u64::MAX {
            self.incoming_rv = arrived.incoming_rv;
        }
    }

    /// Takes in what other spans of the same turn say.
    pub(super) fn merge(&mut self, other: Self) {
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
        other.services.into_iter().for_each(|name| add_name(&mut self.services, name));
        other.error_types.into_iter().for_each(|name| add_name(&mut self.error_types, name));
        other.outcome.into_iter().for_each(|outcome| self.add_outcome(outcome));
        self.ended |= other.ended;
        self.incoming_rv = self.incoming_rv.min(other.incoming_rv);
    }

    /// The source that ranks first counts, then the latest span. The text decides between spans that end at once, so that
    /// the order of arrival does not matter.
    pub(super) fn add_outcome(&mut self, (source, end, outcome): (OutcomeSource, u64, Name)) {
        let rank = |source, end, outcome: Name| (Reverse(source), end, outcome.text());
        let better =
            |(known_source, known_end, known)| rank(source, end, outcome) > rank(known_source, known_end, known);
        if self.outcome.is_none_or(better) {
            self.outcome = Some((source, end, outcome));
        }
    }
}

impl Default for TurnFacts {
    fn default() -> Self {
        Self {
            start: u64::MAX,
            end: 0,
            services: Names::new(),
            error_types: Names::new(),
            outcome: None,
            ended: false,
            incoming_rv: u64::MAX,
        }
    }
}

fn add_name(names: &mut Names, name: Name) {
    if !name.is_none() && names.len() < Session::MAX_NAMES && !names.contains(&name) {
        names.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intern::Kind;

    #[test]
    fn of_several_outcomes_the_first_source_then_the_latest_span_counts_in_whichever_order_they_came() {
        let name = |text| Name::new(Kind::Outcome, text);
        let (attribute, tool) = (OutcomeSource::Attribute, OutcomeSource::DoneTool);
        let said = [
            (tool, 900, name("later, by a tool")),
            (attribute, 100, name("a")),
            (attribute, 200, name("b")),
            (attribute, 200, name("c")),
        ];
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
            let mut facts = TurnFacts::default();
            let mut other = TurnFacts::default();
            let (first, rest) = order.split_at(2);
            first.iter().for_each(|at| facts.add_outcome(said[*at]));
            rest.iter().for_each(|at| other.add_outcome(said[*at]));
            facts.merge(other);
            assert_eq!(facts.outcome, Some((attribute, 200, name("c"))), "{order:?}");
        }
    }
}
