//! The memory: a log of large, pre-faulted, recycled segments of wire bytes.
//!
//! 1. A receiving thread appends a request to the segment of its own lane ([`lane`]): one copy, no lock that another
//!    thread waits for.
//! 2. It gets a [`Record`], whose bytes stay valid for as long as the record or any clone of its segment is held.
//! 3. Shards hold a segment once, however many of its spans they have, and let go of it when they have none.
//! 4. A segment that nobody holds goes back to the pool ([`pool`]) and is written again: its pages stay faulted in.
//!    The one that was used last is written first; those that were not used for five minutes go back to the system.
//! 5. When few bytes of the log are still wanted, shards copy theirs forward into segments of their own
//!    ([`Log::append_own`]), so that one long session costs its bytes and not its segments.
//!
//! Only [`memory`] touches raw memory.

mod lane;
mod memory;
mod pool;
mod record;

pub use lane::{AppendError, Log, LogUsage};
pub use memory::Segment;
pub use record::{HEADER_BYTES, Record, RecordKind};
