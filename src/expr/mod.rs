//! Rule expressions: CEL in, checked and compiled against typed fields, evaluated on spans and on sessions.
//!
//! A text goes through four hands: `scan` bounds its size and nesting, the `cel` crate parses it, `check` gives every
//! part of the tree a type from the tables in [`fields`] and turns it into our own small `tree`, which is evaluated on
//! borrowed values. `spans.exists(s, ...)` and its like are taken out of the rules: they become the [`Predicates`], which
//! are evaluated on each span as it arrives, and which a session only counts.
//!
//! What is absent (an attribute that is not there, a session without root, a division by zero) behaves as an error does
//! in CEL: `absent && false` is false, `absent || true` is true, everything else of it is absent, and at the top it is
//! false.

mod check;
mod duration;
mod error;
mod eval;
pub mod fields;
mod functions;
mod macros;
mod names;
mod operators;
mod parse;
mod scan;
mod tree;
mod value;

#[cfg(test)]
mod tests;

use crate::flow::Session;
use crate::otlp::keys::KeyTable;
use crate::otlp::walk::Visit;
use eval::Env;
use tree::Node;
pub(crate) use value::{IdText, Value};

pub use error::ExprError;
pub use scan::{MAX_BYTES, MAX_NESTING};

/// Most different span predicates that all rules together may have: one bit each on every held span.
pub const MAX_PREDICATES: usize = 64;

/// Compiles the expressions of all rules: what they ask of spans is collected once.
#[derive(Debug)]
pub struct Compiler<'k> {
    keys: &'k mut KeyTable,
    predicates: Vec<Node>,
}

/// One rule's expression.
#[derive(Clone, Debug)]
pub struct SessionExpr {
    node: Node,
}

/// The span predicates of all rules, no two of them the same.
#[derive(Clone, Debug, Default)]
pub struct Predicates {
    nodes: Box<[Node]>,
}

// === impl Compiler ===

impl<'k> Compiler<'k> {
    /// A compiler that adds the attribute keys it needs to `keys`.
    pub fn new(keys: &'k mut KeyTable) -> Self {
        Self { keys, predicates: Vec::new() }
    }

    /// Compiles one rule's expression.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of the text.
    pub fn rule(&mut self, text: &str) -> Result<SessionExpr, Vec<ExprError>> {
        scan::scan(text).map_err(|error| vec![error])?;
        let parsed = parse::parse(text)?;
        let node = check::rule(&parsed, self.keys, &mut self.predicates)?;
        Ok(SessionExpr { node })
    }

    /// What is to be evaluated on every span.
    pub fn finish(self) -> Predicates {
        Predicates { nodes: self.predicates.into() }
    }
}

// === impl SessionExpr ===

impl SessionExpr {
    /// Whether the expression is true of `session`, whose predicates were counted by the same compiler's
    /// [`Predicates`].
    pub fn matches(&self, session: &Session) -> bool {
        let id = IdText::default();
        self.node.holds(&Env::session(session, &id)) == Some(true)
    }
}

// === impl Predicates ===

impl Predicates {
    /// Which predicates the span meets, one bit each from the lowest. Allocates nothing.
    #[inline]
    pub fn evaluate(&self, visit: &Visit<'_, '_>) -> u64 {
        let env = Env::span(visit);
        let mut bits = 0;
        for (bit, node) in self.nodes.iter().enumerate() {
            let met = node.holds(&env) == Some(true);
            bits |= u64::from(met) << bit;
        }
        bits
    }

    /// How many there are, at most [`MAX_PREDICATES`].
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}
