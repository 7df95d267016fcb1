//! The account of a session: what its spans told of models, tools and money, and what that comes to.
//!
//! 1. When a span arrives, all that is known is what the sums cannot be above ([`ceilings`]).
//! 2. When a rule hangs on it, or the session is kept, the facts of all spans become [`Call`]s and [names](NameKind)
//!    ([`call`], [`toolbox`]), some of which go together ([`pairs`]).
//! 3. Spans that tell of one and the same call are brought together ([`same`], by what they
//!    stand in: [`outside`]), so that it is billed once ([`bill`]) and counted once ([`once`]).
//! 4. What is left is summed up ([`sums`], [`close`], [`tools`]).

mod bill;
mod call;
mod ceilings;
mod close;
mod once;
mod outside;
mod pairs;
mod same;
mod sums;
mod toolbox;
mod tools;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::sync::Arc;

pub use call::{Billing, Call, NO_NAME, Used};
pub use ceilings::{Arguments, Ceiling, Ceilings, Share, at_least};
pub use pairs::{Pair, Together};
pub use same::within;
pub use sums::{Named, OutcomeSource, Sums, TokenSums, ToolCount};
pub use toolbox::Toolbox;

/// What a session's spans have told so far. Owned by the session.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// What the sums cannot be above.
    pub ceilings: Ceilings,
    /// One for each span that speaks of models, in the order in which they came: that of [`Call::span`].
    pub calls: Vec<Call>,
    /// Names that they gave but for those of tools, each once with its hash, in the order in which they came.
    pub names: Vec<(NameKind, u64, Arc<str>)>,
    /// Tools that they named.
    pub tools: Toolbox,
    /// Which of the names were told together, each two once; no more than [`MAX_NAMES`].
    pub pairs: Vec<Together>,
    /// What was said of how the session ended: the end of the span that said it, what it said, and who that is.
    pub outcome: Option<(u64, Arc<str>, OutcomeSource)>,
}

/// What a name is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum NameKind {
    /// A model.
    Model,
    /// A provider.
    Provider,
    /// A region of a provider.
    Region,
    /// A prompt.
    Prompt,
    /// A version of a prompt.
    PromptVersion,
    /// A tool.
    Tool,
    /// An agent.
    Agent,
}

/// How a call stands to the others of its session; beside [`Account::calls`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kin {
    /// Its turn.
    pub turn: u32,
    /// Id of its span; 0 for none.
    pub id: u64,
    /// The nearest call that it stands in, as a place in [`Account::calls`].
    pub within: Option<u32>,
    /// Id of its parent's span; 0 for none.
    pub parent: u64,
    /// A span around it has status ERROR.
    pub beneath_a_failure: bool,
    /// Its turn only tells once more of a call of another.
    pub beside: bool,
}

/// What is known of the whole session beside its calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame<'a> {
    /// Start of each turn's root, else of its earliest span.
    pub turns: &'a [u64],
    /// Status of the last turn's root: `ok` or `error`, where it has one.
    pub root_status: Option<&'static str>,
    /// Tools whose calls cannot be undone.
    pub irreversible: &'a [crate::glob::Glob],
}

/// Most names of one kind that a session keeps. Of tools it keeps all: their calls are counted by them.
pub const MAX_NAMES: usize = 64;

// === impl NameKind ===

impl NameKind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 7] =
        [Self::Model, Self::Provider, Self::Region, Self::Prompt, Self::PromptVersion, Self::Tool, Self::Agent];
}

// === impl Account ===

impl Account {
    /// Where the name of that kind and hash stands; `make` makes one that is not there yet. `None` for one too many, of
    /// which there are none of tools.
    pub fn name(&mut self, kind: NameKind, hash: u64, make: impl FnOnce() -> Arc<str>) -> Option<u32> {
        if kind == NameKind::Tool {
            return Some(self.tools.place(hash, make));
        }
        let mut same_kind = 0;
        for (at, (known_kind, known, _)) in self.names.iter().enumerate() {
            if *known_kind == kind {
                if *known == hash {
                    return u32::try_from(at).ok();
                }
                same_kind += 1;
            }
        }
        if same_kind >= MAX_NAMES {
            return None;
        }
        self.names.push((kind, hash, make()));
        u32::try_from(self.names.len() - 1).ok()
    }

    /// Takes what a span said of how the session ended: the source that ranks first counts, then the latest span. Of two
    /// that end at once it does not matter which came first.
    pub fn ended(&mut self, end: u64, source: OutcomeSource, outcome: &str, make: impl FnOnce(&str) -> Arc<str>) {
        let better = |(known_end, known, by): &(u64, Arc<str>, OutcomeSource)| {
            (Reverse(source), end, outcome) > (Reverse(*by), *known_end, known)
        };
        if self.outcome.as_ref().is_none_or(better) {
            self.outcome = Some((end, make(outcome), source));
        }
    }

    /// Names of one kind.
    fn names_of(&self, kind: NameKind) -> Vec<Arc<str>> {
        self.names.iter().filter(|(known, ..)| *known == kind).map(|(.., name)| name.clone()).collect()
    }
}
