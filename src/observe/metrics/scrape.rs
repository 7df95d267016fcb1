//! The scrape: the values of all metrics at one time.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::clock::{Clock, Nanos};
use crate::intern;
use crate::log::{Log, LogUsage};
use crate::observe::ledger::{LaneCounts, Ledger, ShardCounts, Spans, Verdicts};
use crate::observe::machine;
use crate::observe::pressure::Pressure;
use crate::pricing::{PriceBook, Prices, Source};

/// What a scrape reads. The pipeline creates it once.
#[derive(Clone)]
pub struct Sources {
    /// The ledger of spans.
    pub ledger: Arc<Ledger>,
    /// The log, for its usage.
    pub log: Arc<Log>,
    /// The memory pressure.
    pub pressure: Arc<Pressure>,
    /// The prices in use.
    pub prices: Arc<Prices>,
    /// The time.
    pub clock: Clock,
    /// When the process started.
    pub started: Nanos,
}

/// The values of all metrics, read once.
#[derive(Clone, Debug, Default)]
pub(super) struct Scrape {
    pub(super) doors: [Door; 2],
    pub(super) total: ShardCounts,
    pub(super) lanes: Vec<(String, LaneCounts)>,
    pub(super) verdicts: Verdicts,
    pub(super) log: LogUsage,
    pub(super) memory: Memory,
    pub(super) names: intern::Usage,
    /// Editions of prices: the book, its source, its version.
    pub(super) editions: Vec<[String; 3]>,
    /// Price reloads: applied, and refused.
    pub(super) reloads: (u64, u64),
    pub(super) uptime: Duration,
    pub(super) cpu: Option<Duration>,
    pub(super) resident: Option<u64>,
}

/// What one transport accepted and refused.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Door {
    pub(super) transport: &'static str,
    pub(super) accepted_spans: u64,
    pub(super) refused: Spans,
    pub(super) accepted_requests: u64,
    pub(super) full_requests: u64,
    pub(super) bad_requests: u64,
    pub(super) request_bytes: u64,
    pub(super) in_flight_bytes: u64,
    pub(super) connections: u64,
    pub(super) connection_bytes: u64,
    pub(super) cut_connections: u64,
}

/// The memory limit and usage, in bytes, and the level of pressure.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    pub(super) limit: u64,
    pub(super) used: u64,
    pub(super) level: u8,
}

// === impl Scrape ===

impl Scrape {
    /// Reads all sources.
    pub(super) fn take(sources: &Sources) -> Self {
        let ledger = &sources.ledger;
        let pressure = &sources.pressure;
        Self {
            doors: Door::read(ledger),
            total: ledger.total(),
            lanes: ledger.lanes.iter().map(|lane| (lane.name.clone(), lane.read())).collect(),
            verdicts: ledger.verdicts.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            log: sources.log.usage(),
            memory: Memory { limit: pressure.limit(), used: pressure.used(), level: pressure.level() as u8 },
            names: intern::usage(),
            editions: editions(&sources.prices.current()),
            reloads: sources.prices.reloads(),
            uptime: Duration::from_nanos(sources.clock.now().saturating_sub(sources.started)),
            cpu: machine::cpu_time(),
            resident: machine::resident(),
        }
    }

    /// Returns the spans that the receivers refused.
    pub(super) fn refused(&self) -> Spans {
        let mut refused = Spans::default();
        self.doors.iter().for_each(|door| refused += door.refused);
        refused
    }

    /// Returns all received spans: those the shards took, and those the receivers refused.
    pub(super) fn received(&self) -> Spans {
        let mut received = self.refused();
        received += self.total.taken;
        received
    }
}

/// Returns the editions in `book`, and that of the custom prices.
fn editions(book: &PriceBook) -> Vec<[String; 3]> {
    let books = book.editions().iter().map(|edition| [edition.name(), edition.source().name(), edition.version()]);
    let own = Some(["own prices", Source::Override.name(), book.own_version()]);
    let own = own.filter(|[.., version]| !version.is_empty());
    books.chain(own).map(|edition| edition.map(str::to_owned)).collect()
}

// === impl Door ===

impl Door {
    fn read(ledger: &Ledger) -> [Self; 2] {
        let [grpc, http] = &ledger.doors;
        [("grpc", grpc), ("http", http)].map(|(transport, door)| Self {
            transport,
            accepted_spans: door.accepted_spans.load(Ordering::Relaxed),
            refused: Spans::new(door.refused_spans.load(Ordering::Relaxed), door.refused_bytes.load(Ordering::Relaxed)),
            accepted_requests: door.accepted_requests.load(Ordering::Relaxed),
            full_requests: door.full_requests.load(Ordering::Relaxed),
            bad_requests: door.bad_requests.load(Ordering::Relaxed),
            request_bytes: door.request_bytes.load(Ordering::Relaxed),
            in_flight_bytes: door.in_flight_bytes.load(Ordering::Relaxed),
            connections: door.connections.load(Ordering::Relaxed),
            connection_bytes: door.connection_bytes.load(Ordering::Relaxed),
            cut_connections: door.cut_connections.load(Ordering::Relaxed),
        })
    }
}
