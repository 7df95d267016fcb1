//! What is known of a session beside its calls.

use crate::genai::vocabulary::OutcomeSource;
use crate::glob::Glob;
use crate::intern::Name;
use crate::pricing::PriceBook;

/// How a call relates to the others of its session; beside the list of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kin {
    /// Its turn.
    pub turn: u32,
    /// Id of its span; 0 for none.
    pub id: u64,
    /// Index of the nearest call that contains it.
    pub within: Option<u32>,
    /// Id of its parent's span; 0 for none.
    pub parent: u64,
    /// Whether an ancestor has status ERROR.
    pub beneath_a_failure: bool,
    /// Whether its turn only repeats a call of another turn.
    pub beside: bool,
    /// Whether it was sent before it was over, and once more when it was.
    pub superseded: bool,
}

/// The session around the calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionContext<'a> {
    /// Start of each turn's root, or else of its earliest span.
    pub turns: &'a [u64],
    /// The outcome that a span reports.
    pub outcome: Option<(OutcomeSource, Name)>,
    /// Status of the last turn's root: `ok` or `error`, if it has one.
    pub root_status: Option<&'static str>,
    /// Tools whose calls cannot be undone.
    pub irreversible: &'a [Glob],
    /// The prices that its calls were read at, for usage that is put together of several spans.
    pub book: Option<&'a PriceBook>,
}
