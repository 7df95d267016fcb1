//! The bounds of a listener's connections, and the reasons for which they are ended.

use std::time::Duration;

use super::peers::PeerKey;
use crate::clock::{Nanos, SECOND};
use crate::observe::ledger::Transport;
use crate::observe::throttle::Throttle;

/// How long the connections of a listener may take, and how many there may be.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub(super) max_connections: usize,
    pub(super) max_header_bytes: usize,
    /// Longest wait for the end of headers, or of any frame, that have begun.
    pub(super) header_timeout: Duration,
    /// Longest wait until an answer is read.
    pub(super) write_timeout: Duration,
    /// How long a connection may be without a request.
    pub(super) idle_timeout: Option<Duration>,
    /// Longest wait for a TLS handshake, and for the first request of a connection.
    pub(super) greeting: Duration,
}

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Without a request for too long. It may finish what is under way.
    Idle = 1,
    /// No request came on it.
    Silent,
    /// Headers or a frame did not end in time.
    Headers,
    /// An answer was not read in time.
    Unread,
    /// Headers are longer than allowed. The protocol layer ends it.
    TooLong,
    /// All connections take too much memory.
    Memory,
    /// There are too many connections.
    Crowded,
}

// === impl Cut ===

impl Cut {
    /// Logs it, each reason at most every ten seconds.
    pub(super) fn tell(self, peer: PeerKey, transport: Transport, now: Nanos) {
        static LINES: [Throttle; 6] = [const { Throttle::new(10 * SECOND) }; 6];
        let line = (self as usize).checked_sub(Self::Silent as usize).and_then(|line| LINES.get(line));
        let Some(line) = line else { return };
        let Some(suppressed) = line.admit(now) else { return };
        let reason = match self {
            Self::Idle => "idle",
            Self::Silent => "no request came on it",
            Self::Headers => "its headers or a frame did not end in time",
            Self::Unread => "its client does not read the answers",
            Self::TooLong => "its headers are longer than max_header_bytes",
            Self::Memory => "connections take more than their share of memory.limit",
            Self::Crowded => "there are more connections than max_connections",
        };
        tracing::warn!(%peer, ?transport, reason, suppressed, "connection cut");
    }
}
