//! How full the memory is, and what follows from it.
//!
//! 1. [`split`] divides `memory.limit` once, at the start, among those that hold bytes.
//! 2. [`watch`] reads every 100 ms what they hold: what was counted, and what the system says; the greater is believed.
//! 3. Between two readings the receivers add what the counted bytes grew by since the last one ([`Pressure::is_full`]): tables
//!    of tiny spans grow faster than the readings come.
//! 4. From 85 % sessions are judged early ([`Level::Early`]), from 95 % the door refuses ([`Level::Refuse`]). A level is
//!    left three points below where it was entered, so that it does not flap.
//!
//! Free segments count as free memory. They are given back to the system once the process nears its limit, so that they are;
//! so is what the allocator keeps, which counts as used. Segments that stay free for minutes are given back in any case.
//!
//! The log's own fill counts as well as the process's: the log has a part of the limit only, and is full long before the
//! process is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use super::ledger::Ledger;
use super::throttle::Throttle;
use super::{allocator, machine};
use crate::clock::{Clock, Nanos, SECOND};
use crate::log::{Log, LogUsage};

/// How often the memory is looked at.
const PERIOD: Duration = Duration::from_millis(100);
/// How often the allocator is asked for what it keeps: what it gives back costs page faults where it is wanted again.
const COLLECT_PERIOD: Nanos = SECOND / 2;
/// The part of the limit that is held back for what nobody counts: memory that the allocator keeps between sizes, tables
/// while they grow, and bytes in the buffers of connections. Measured with large and tiny sessions side by side at 256 MiB:
/// resident memory passes the mark at which the door refuses by 9 %.
const HELD_BACK: u64 = 12;
/// Parts of a thousand from which sessions are judged early.
const EARLY: u64 = 850;
/// Parts of a thousand from which the door refuses.
const REFUSE: u64 = 950;
/// How far below its mark a level is left.
const SLACK: u64 = 30;

/// The memory's level, shared by all. Only [`watch`] changes it.
#[derive(Debug)]
pub struct Pressure {
    limit: u64,
    /// What the levels are measured against: the limit without the part that is held back.
    usable: u64,
    used: AtomicU64,
    permille: AtomicU64,
    excess: AtomicU64,
    /// What of the excess nobody has set about yet.
    unclaimed: AtomicU64,
    /// The counted bytes of the last reading.
    counted: AtomicU64,
    level: AtomicU8,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    #[default]
    Normal,
    /// Judge sessions early, the heaviest and oldest first.
    Early,
    /// And refuse new requests.
    Refuse,
}

/// Who holds how many bytes at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The log.
    pub log: LogUsage,
    /// Requests being read or worked on.
    pub in_flight: u64,
    /// Connections of the receivers.
    pub connections: u64,
    /// The exporters' queues.
    pub queued: u64,
    /// The shards' tables, by their own estimate, and what is on its way to them.
    pub tables: u64,
    /// Resident bytes of the process, where the system says.
    pub resident: Option<u64>,
}

/// How `memory.limit` is divided, in bytes. The sum is the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// The program itself: code, stacks, runtime, rules, what the allocator keeps back. Does not grow with traffic.
    pub base: u64,
    /// Requests being read or worked on: an eighth, so that bursts of large requests are taken, and no more than 1 GiB,
    /// which is enough for any number of cores.
    pub in_flight: u64,
    /// Connections with their headers and unsent answers: a sixteenth, and no more than 256 MiB.
    pub connections: u64,
    /// All exporters' queues together: twice what the configuration asks for, because what is under way is there as it was
    /// queued and as it is sent; up to a quarter.
    pub queues: u64,
    /// Tables of the shards: an eighth. 48 bytes a span beside spans that seldom have less than 500.
    pub tables: u64,
    /// The log: all that is left.
    pub log: u64,
}

const MIB: u64 = 1 << 20;

/// Divides `limit` bytes among exporters whose queues may come to `queues` bytes, and the rest of the process. Meant for
/// 64 MiB and more; with less the log may get nothing.
pub fn split(limit: u64, queues: u64) -> Shares {
    let base = limit.min(24 * MIB);
    let rest = limit - base;
    let in_flight = (rest / 8).clamp(8 * MIB, 1024 * MIB).min(rest);
    let queues = queues.saturating_mul(2).min(rest / 4);
    let tables = rest / 8;
    let connections = (rest / 16).min(256 * MIB);
    let log = rest.saturating_sub(in_flight + connections + queues + tables);
    Shares { base, in_flight, connections, queues, tables, log }
}

/// Samples the memory until it is dropped.
pub async fn watch(pressure: Arc<Pressure>, ledger: Arc<Ledger>, log: Arc<Log>, clock: Clock) {
    let collect = Throttle::new(COLLECT_PERIOD);
    let mut ticker = tokio::time::interval(PERIOD);
    ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticker.tick().await;
        let before = pressure.level();
        let reading = Reading::take(&ledger, &log);
        let level = pressure.sample(&reading);
        let excess = pressure.resident_excess(&reading);
        log.give_back(excess.min(reading.log.free));
        log.give_back_idle(clock.now());
        if excess > 0 && collect.admit(clock.now()).is_some() {
            allocator::give_back();
        }
        if level != before {
            tell(&pressure, level, clock.now());
        }
    }
}

/// Logs a new level, each at most every ten seconds.
fn tell(pressure: &Pressure, level: Level, now: Nanos) {
    static EASE: Throttle = Throttle::new(10 * SECOND);
    static SHORT: Throttle = Throttle::new(10 * SECOND);
    static FULL: Throttle = Throttle::new(10 * SECOND);
    let (used, limit, percent) = (pressure.used(), pressure.limit(), pressure.percent());
    let line = match level {
        Level::Normal => &EASE,
        Level::Early => &SHORT,
        Level::Refuse => &FULL,
    };
    let Some(suppressed) = line.admit(now) else { return };
    match level {
        Level::Normal => tracing::info!(used, limit, percent, suppressed, "memory is at ease again"),
        Level::Early => tracing::warn!(used, limit, percent, suppressed, "memory is short: sessions are judged early"),
        Level::Refuse => tracing::warn!(used, limit, percent, suppressed, "memory is full: requests are refused"),
    }
}

// === impl Pressure ===

impl Pressure {
    /// For a process that may use `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            usable: limit - limit / HELD_BACK,
            used: AtomicU64::new(0),
            permille: AtomicU64::new(0),
            excess: AtomicU64::new(0),
            unclaimed: AtomicU64::new(0),
            counted: AtomicU64::new(0),
            level: AtomicU8::new(0),
        }
    }

    /// Returns whether nothing more may be let in, given the bytes that are counted now ([`Reading::counted`]).
    pub fn is_full(&self, counted: u64) -> bool {
        let grown = counted.saturating_sub(self.counted.load(Ordering::Relaxed));
        self.level() == Level::Refuse || permille(self.used().saturating_add(grown), self.usable) >= REFUSE
    }

    /// Resident bytes without which the process would be at ease: as much of them as is free, the system should have back.
    fn resident_excess(&self, reading: &Reading) -> u64 {
        above_ease(reading.resident.unwrap_or(0), self.usable)
    }

    /// Takes a reading in and says what follows from it. One caller at a time.
    pub fn sample(&self, reading: &Reading) -> Level {
        let log = reading.log;
        let counted = reading.counted();
        // Free segments stay resident and are as good as free memory.
        let resident = reading.resident.map_or(0, |bytes| bytes.saturating_sub(log.free));
        let used = counted.max(resident);
        let permille = permille(used, self.usable).max(permille(log.held, log.limit));
        let level = self.level().next(permille);
        let excess = match level {
            Level::Normal => 0,
            _ => above_ease(used, self.usable).max(above_ease(log.held, log.limit)),
        };
        self.excess.store(excess, Ordering::Relaxed);
        self.unclaimed.store(excess, Ordering::Relaxed);
        self.counted.store(counted, Ordering::Relaxed);
        self.used.store(used, Ordering::Relaxed);
        self.permille.store(permille, Ordering::Relaxed);
        self.level.store(level as u8, Ordering::Release);
        level
    }

    /// What is to be done.
    pub fn level(&self) -> Level {
        match self.level.load(Ordering::Acquire) {
            0 => Level::Normal,
            1 => Level::Early,
            _ => Level::Refuse,
        }
    }

    /// Bytes that the process may use.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes that it used when it was last looked at.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes to let go of until sessions need no longer be judged early; zero when they need not.
    pub fn excess(&self) -> u64 {
        self.excess.load(Ordering::Relaxed)
    }

    /// Sets about one of `parts` of the excess: that many bytes are the caller's to let go of. Those of one reading are given
    /// out once, because what is let go of shows in the next.
    pub fn claim(&self, parts: u64) -> u64 {
        let part = self.excess().div_ceil(parts.max(1));
        let left = |unclaimed: u64| Some(unclaimed.saturating_sub(part));
        self.unclaimed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).map_or(0, |was| was.min(part))
    }

    /// How full the memory was when it was last looked at: the process or the log, whichever is nearer to its limit.
    pub fn percent(&self) -> u64 {
        self.permille.load(Ordering::Relaxed) / 10
    }
}

/// Parts of a thousand; a limit of zero is no limit.
fn permille(used: u64, limit: u64) -> u64 {
    let parts = (u128::from(used) * 1000).checked_div(u128::from(limit)).unwrap_or(0);
    u64::try_from(parts).unwrap_or(u64::MAX)
}

/// Bytes above the mark at which [`Level::Early`] is left; a limit of zero is no limit.
fn above_ease(used: u64, limit: u64) -> u64 {
    let ease = u128::from(limit) * u128::from(EARLY - SLACK) / 1000;
    if limit == 0 { 0 } else { used.saturating_sub(u64::try_from(ease).unwrap_or(u64::MAX)) }
}

// === impl Level ===

impl Level {
    /// The level at `permille` that follows on this one.
    fn next(self, permille: u64) -> Self {
        let holds = |level, mark| permille >= mark || self >= level && permille >= mark - SLACK;
        match () {
            () if holds(Self::Refuse, REFUSE) => Self::Refuse,
            () if holds(Self::Early, EARLY) => Self::Early,
            () => Self::Normal,
        }
    }
}

// === impl Reading ===

impl Reading {
    /// Who holds what now.
    pub fn take(ledger: &Ledger, log: &Log) -> Self {
        Self { resident: machine::resident(), ..Self::without_system(ledger, log) }
    }

    /// Takes a reading without asking the system.
    pub fn without_system(ledger: &Ledger, log: &Log) -> Self {
        let arriving = ledger.arriving_bytes.load(Ordering::Relaxed);
        Self {
            log: log.usage(),
            in_flight: ledger.doors.iter().map(|door| door.in_flight_bytes.load(Ordering::Relaxed)).sum(),
            connections: ledger.doors.iter().map(|door| door.connection_bytes.load(Ordering::Relaxed)).sum(),
            queued: ledger.lanes.iter().map(|lane| lane.read().queue_bytes).sum(),
            tables: ledger.total().table_bytes.saturating_add(arriving),
            resident: None,
        }
    }

    /// The sum of the bytes that are counted.
    pub fn counted(&self) -> u64 {
        let parts = [self.log.held, self.in_flight, self.connections, self.queued, self.tables];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests;
