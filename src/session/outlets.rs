//! What the stage hands on.

use crate::flow::{Kept, Reason, Session, Verdict};

/// Judges a session.
pub type Judge = dyn Fn(&Session, Reason) -> Verdict + Send + Sync;

/// What the stage hands on, given by whoever wires it.
pub struct Outlets {
    /// Judges a session, on its shard's thread.
    pub judge: Box<Judge>,
    /// Takes what was kept, without waiting.
    pub keep: Box<dyn Fn(Kept) + Send + Sync>,
    /// Bytes that the shard that asks should let go of now because memory is short. The same are not told twice.
    pub relief: Box<dyn Fn() -> u64 + Send + Sync>,
}
