//! Spans into sessions.
//!
//! 1. [`intake`] walks a request once, on the thread that received it, and groups its spans by trace.
//! 2. [`directory`] says which session a trace belongs to, as far as anybody knows, and so which shard.
//!    A trace that nothing names may follow another one: one that it links to, or one that tells of the same [`answers`].
//! 3. One [`flow::Arrival`](crate::flow::Arrival) a request and shard goes to [`shard`], a thread that owns its sessions
//!    alone: it folds the spans into [`open`] sessions, keeps their [`wheel`] of timers, and has them judged when due.
//! 4. What a span says of models arrives as a record, which is kept beside the session's spans. Decisions rest on these
//!    records: no span is read again before its session is kept. A trace that changes its session ([`reassign`]) takes its
//!    spans and records along, as a [`moved`] turn.
//! 5. Segments that spans stand in are [`held`] for as long as they are wanted, and what little is wanted of one in the end
//!    is copied [`forward`].
//! 6. What was judged is [`remembered`] for the spans that come late.

mod answers;
mod batch;
mod by_id;
mod describe;
pub mod directory;
mod early;
mod fold;
mod follow;
mod footprint;
mod forward;
mod held;
pub mod intake;
mod judge;
mod kin;
pub mod mail;
mod moved;
mod open;
mod outlets;
mod reassign;
mod remembered;
mod sessions;
pub mod shard;
mod table;
mod turn;
mod warm;
mod wheel;

#[cfg(test)]
mod tests;

pub use describe::{Frame, Lens};
pub use footprint::LARGE_SPAN_BYTES;
pub use outlets::Outlets;
pub use sessions::Sessions;
