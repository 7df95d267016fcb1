//! The session stage of the processor, run in this process: requests go in, sessions come out as they would be judged.
//!
//! Time stands still while files are read, so that nothing is over before all of it is there: the bounds of a session that
//! would split it are lifted, and everything is judged at the end.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::config;
use crate::flow::{Kept, Reason, Receipt, Session, Verdict};
use crate::log::{AppendError, Log, RecordKind};
use crate::observe::ledger::Ledger;
use crate::session::intake::Intake;
use crate::session::{Lens, Outlets, Sessions};

/// Most spans of one request: each takes memory beside its bytes.
const MOST_SPANS: usize = 4 << 20;
/// Longer than anything that is waited for.
const EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// The running stage.
pub(super) struct Assembly {
    clock: Clock,
    log: Arc<Log>,
    intake: Arc<Intake>,
    sessions: Sessions,
    kept: Arc<Mutex<Vec<Kept>>>,
}

// === impl Assembly ===

impl Assembly {
    /// Starts the stage, with room for `memory` bytes of requests.
    pub(super) fn start(config: &config::Sessions, lens: Arc<Lens>, memory: u64) -> std::io::Result<Self> {
        let clock = Clock::manual(Clock::system().now());
        let log = Log::new(usize::try_from(memory).unwrap_or(usize::MAX), 1);
        // One shard: sessions come out in the same order every time.
        let ledger = Arc::new(Ledger::new(1, []));
        let kept = Arc::new(Mutex::new(Vec::new()));
        let to = kept.clone();
        let outlets = Outlets {
            judge: Box::new(keep),
            keep: Box::new(move |kept| to.lock().unwrap_or_else(PoisonError::into_inner).push(kept)),
            relief: Box::new(|| 0),
        };
        let sessions = Sessions::start(&unbounded(config), lens, &log, &ledger, outlets, &clock, MOST_SPANS)?;
        let intake = sessions.intake();
        // Files are told in any order: what a model SDK tells may come behind what tells of the same answer.
        intake.directory.answers.want();
        Ok(Self { clock, log, intake, sessions, kept })
    }

    /// Takes a request in.
    ///
    /// # Errors
    /// Why it is none, or which spans of it are refused.
    pub(super) fn take(&self, request: &[u8]) -> Result<(), String> {
        let fill = |room: &mut [u8]| -> Result<usize, Infallible> {
            room.copy_from_slice(request);
            Ok(request.len())
        };
        let record = match self.log.append(RecordKind::Traces, self.clock.now(), request.len(), fill) {
            Ok(record) => record,
            Err(AppendError::Full) => return Err("does not fit into memory beside the others".into()),
            Err(AppendError::Fill(never)) => match never {},
        };
        match self.intake.take(record) {
            Receipt::Accepted { accepted: 0, refused: 0, .. } => Err("has no spans".into()),
            Receipt::Accepted { refused: 0, .. } => Ok(()),
            Receipt::Accepted { accepted, refused, reason, .. } => {
                let all = accepted + refused;
                Err(format!("{refused} of {all} spans are refused: {}", reason.unwrap_or_default()))
            }
            Receipt::Malformed(reason) => Err(reason),
            Receipt::TooMany { spans, limit } => Err(format!("has {spans} spans, {limit} is the most")),
            Receipt::Full => Err("does not fit into memory beside the others".into()),
        }
    }

    /// Has everything judged: the sessions, in the order in which they began.
    pub(super) fn finish(self) -> Vec<Kept> {
        let Self { intake, sessions, kept, .. } = self;
        drop(intake);
        sessions.stop(Instant::now() + EVER);
        let mut kept = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
        kept.sort_by_cached_key(|kept| kept.session.as_ref().map(|session| (session.start, session.key.to_string())));
        kept
    }
}

/// The configuration without what would split a session.
fn unbounded(config: &config::Sessions) -> config::Sessions {
    config::Sessions {
        // What is there at the end is all there is: a trace that is whole is so at once.
        settle: Duration::ZERO,
        idle_timeout: EVER,
        trace_timeout: EVER,
        max_duration: EVER,
        max_spans: u32::MAX,
        max_bytes: u64::MAX,
        max_open_traces: u32::MAX,
        ..config.clone()
    }
}

fn keep(session: &Session, reason: Reason) -> Verdict {
    Verdict {
        keep: true,
        probability: 1.0,
        drop_rule: false,
        threshold: 0,
        randomness: session.randomness,
        rule: "(all)".into(),
        matched: Vec::new(),
        reason,
    }
}
