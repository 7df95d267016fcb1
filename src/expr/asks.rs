//! What rules ask of a session that only its spans tell, and when a verdict hangs on it.
//!
//! Most of what is asked are questions like `session.cost_usd > 0.5`, to which the [`Ceilings`] of nearly all sessions know
//! the answer: not that much. Where they do, the field says the same read or unread.

use super::fields::{Field, Needs, SessionRead};
use super::tree::{Node, Test};
use super::value::Literal;
use crate::genai::account::{Ceiling, Ceilings};

/// What all rules together ask.
#[derive(Clone, Debug)]
pub struct Asks {
    /// A rule asks for what no ceiling answers: all sessions are read.
    pub calls: bool,
    /// A rule asks for a ceiling. This and what follows is told by `least`, and asked of every span.
    any: bool,
    /// Of those, one for which it must be known what calls used.
    usage: bool,
    /// And one for which it must be known how they ended.
    endings: bool,
    /// A rule asks whether the session failed.
    failed: bool,
    /// By ceiling: the least at which a verdict may hang on it.
    least: [f64; Ceiling::COUNT],
}

// === impl Asks ===

impl Default for Asks {
    fn default() -> Self {
        let least = [f64::INFINITY; Ceiling::COUNT];
        Self { calls: false, any: false, usage: false, endings: false, failed: false, least }
    }
}

impl Asks {
    /// Asks for all that spans say.
    pub fn everything() -> Self {
        Self { calls: true, ..Self::default() }
    }

    /// Asks for that ceiling from `least` on.
    pub fn from(&mut self, ceiling: Ceiling, least: f64) {
        self.least.get_mut(ceiling as usize).into_iter().for_each(|known| *known = known.min(least));
        self.any = true;
        self.usage |= ceiling.is_of_usage();
        self.endings |= ceiling.is_of_ending();
    }

    /// Whether ceilings are of any use.
    pub fn asks_for_ceilings(&self) -> bool {
        self.any && !self.calls
    }

    /// Whether it must be known for them how calls ended.
    pub fn asks_for_endings(&self) -> bool {
        self.endings
    }

    /// Whether it must be known for them what calls used.
    pub fn asks_for_usage(&self) -> bool {
        self.usage
    }

    /// The least of a ceiling at which a verdict may hang on it: infinity where no rule asks for it.
    pub fn least(&self, ceiling: Ceiling) -> f64 {
        self.least.get(ceiling as usize).copied().unwrap_or(f64::INFINITY)
    }

    /// Whether a rule asks for that ceiling.
    pub fn asks_for(&self, ceiling: Ceiling) -> bool {
        self.least(ceiling) < f64::INFINITY
    }

    /// Whether the verdict on a session with these ceilings may hang on what its spans say. Of one whose root failed it is
    /// known that it did, see [`Session::failed`](crate::flow::Session::failed).
    pub fn hang_on(&self, ceilings: &Ceilings, root_failed: bool) -> bool {
        let may_fail = || self.failed && !root_failed && ceilings.of(Ceiling::Failed) > 0.0;
        let mut asked = Ceiling::ALL.into_iter().zip(self.least).filter(|(_, least)| *least < f64::INFINITY);
        self.calls || may_fail() || asked.any(|(which, least)| ceilings.of(which) >= least)
    }

    /// Adds what the expression of a rule asks.
    pub(super) fn add(&mut self, node: &Node) {
        match node {
            // What is false and what is absent come to the same here: what is only true where a part is true.
            Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| self.add(part)),
            Node::Order(test, sides) => match bound(*test, sides) {
                Some((ceiling, least)) => self.from(ceiling, least),
                None => self.add_all(node),
            },
            _ => self.add_all(node),
        }
    }

    /// Adds every field in a part of an expression, whatever is made of it.
    fn add_all(&mut self, node: &Node) {
        match node {
            Node::Session(read) => match Field::<SessionRead>::find(read.0).map(|field| field.needs) {
                Some(Needs::Calls(_)) => self.calls = true,
                Some(Needs::Endings) => (self.any, self.endings, self.failed) = (true, true, true),
                Some(Needs::Nothing) | None => {}
            },
            Node::ToolCount(..) => self.calls = true,
            Node::Not(part) | Node::Negate(part) | Node::Size(part) | Node::ToInt(part) | Node::ToDouble(part) => {
                self.add_all(part);
            }
            Node::Matches(part, _) | Node::Present(part) | Node::EachEvent(_, part) => self.add_all(part),
            Node::And(parts)
            | Node::Or(parts)
            | Node::Equal(parts)
            | Node::Order(_, parts)
            | Node::Arithmetic(_, parts)
            | Node::In(parts)
            | Node::Text(_, parts)
            | Node::Each(_, parts) => parts.iter().for_each(|part| self.add_all(part)),
            Node::If(parts) => parts.iter().for_each(|part| self.add_all(part)),
            Node::Literal(_) | Node::List(_) | Node::Span(_) | Node::Attribute(_) | Node::Resource(_) => {}
            Node::EventCount | Node::Item(_) | Node::Event(..) | Node::EventAttribute(..) | Node::Count(_) => {}
        }
    }
}

/// Of a field that is asked to be above a number: its ceiling, and from where on it matters.
fn bound(test: Test, sides: &[Node; 2]) -> Option<(Ceiling, f64)> {
    let (field, number, equal) = match (test, sides) {
        (Test::Greater, [Node::Session(field), Node::Literal(number)]) => (field, number, false),
        (Test::GreaterEqual, [Node::Session(field), Node::Literal(number)]) => (field, number, true),
        (Test::Less, [Node::Literal(number), Node::Session(field)]) => (field, number, false),
        (Test::LessEqual, [Node::Literal(number), Node::Session(field)]) => (field, number, true),
        _ => return None,
    };
    let number = match number {
        Literal::Int(number) => *number as f64,
        Literal::Uint(number) => *number as f64,
        Literal::Double(number) => *number,
        _ => return None,
    };
    let Needs::Calls(Some(ceiling)) = Field::<SessionRead>::find(field.0)?.needs else { return None };
    // Large whole numbers are rounded: what is asked is not to be above them then.
    let above = !equal && number.abs() < 1e15;
    Some((ceiling, if above { number.next_up() } else { number }))
}
