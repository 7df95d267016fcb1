//! The table of connections of all receivers: what each takes of the memory, and which is cut when there are too many,
//! when they take too much, or when one of them makes no progress.
//!
//! 1. A connection counts its bytes here: what it takes while idle, its open requests and their answers, and what has come
//!    of a frame or of headers that are not finished.
//! 2. Where the sum passes the table's share of `memory.limit`, connections of peers above their fair share are cut:
//!    first those that never had a request answered, then those that were silent for longest ([`super::shed`]).
//! 3. A connection over the number that descriptors allow takes the place of one of the peer that has the most.
//! 4. Every [`TICK`] those are cut whose headers, answers or writes have stood still for too long.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::bounds::{Bounds, Cut};
use super::peers::{Peer, PeerKey, Peers};
use super::progress::Progress;
use super::shed::{self, Candidate};
use crate::clock::Clock;
use crate::observe::ledger::{DoorCounts, Ledger, Transport};

/// How often connections are looked at.
const TICK: Duration = Duration::from_millis(100);
/// Bytes of a connection that has sent nothing, and more once it speaks. Measured with thousands of them, with a margin.
const IDLE_BYTES: u64 = 10 << 10;
const SPEAKING_BYTES: u64 = 14 << 10;
/// Bytes more through TLS.
const TLS_BYTES: u64 = 32 << 10;

/// The table.
pub(super) struct Connections {
    /// Bytes that all connections may take.
    limit: u64,
    ledger: Arc<Ledger>,
    clock: Clock,
    started: Instant,
    /// Milliseconds since the start, as of the last tick.
    now: AtomicU32,
    /// Bytes from which connections are shed again: shedding takes effect a moment later.
    shed_from: AtomicU64,
    peers: AtomicUsize,
    left: Notify,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    peers: Peers,
    next: u64,
    connections: HashMap<u64, Arc<Connection>>,
}

/// One connection.
pub(super) struct Connection {
    table: Arc<Connections>,
    bounds: Arc<Bounds>,
    pub(super) peer: Arc<Peer>,
    transport: Transport,
    bytes: AtomicU64,
    progress: Progress,
    fate: AtomicU8,
    fated: Notify,
}

/// The place of a connection in the table; left when dropped.
pub(super) struct Seat {
    id: u64,
    pub(super) connection: Arc<Connection>,
}

// === impl Connections ===

impl Connections {
    pub(super) fn new(limit: u64, ledger: Arc<Ledger>, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            limit,
            ledger,
            clock,
            started: Instant::now(),
            now: AtomicU32::new(1),
            shed_from: AtomicU64::new(0),
            peers: AtomicUsize::new(0),
            left: Notify::new(),
            inner: Mutex::default(),
        })
    }

    /// Returns how many connections the table has memory for, of those that `descriptors` allow.
    pub(super) fn affordable(&self, descriptors: usize) -> usize {
        descriptors.min(usize::try_from(self.limit / IDLE_BYTES).unwrap_or(usize::MAX)).max(2)
    }

    /// Adds a connection; where `bounds` allow no more, another one is cut.
    pub(super) fn enter(
        self: &Arc<Self>,
        address: IpAddr,
        transport: Transport,
        bounds: &Arc<Bounds>,
        tls: bool,
    ) -> Seat {
        let mut inner = self.lock();
        let peer = inner.peers.join(PeerKey::of(address));
        let id = inner.next;
        inner.next += 1;
        let connection = Connection::new(self.clone(), bounds.clone(), peer, transport);
        inner.connections.insert(id, connection.clone());
        self.peers.store(inner.peers.len(), Ordering::Relaxed);
        if self.door(transport).connections.fetch_add(1, Ordering::Relaxed) >= bounds.max_connections as u64 {
            let mine = inner.connections.values().filter(|one| one.transport == transport);
            let candidates: Vec<Candidate<_>> = mine.filter(|one| one.is_live()).map(candidate).collect();
            shed::crowded(candidates, bounds.max_connections).iter().for_each(|one| one.cut(Cut::Crowded));
        }
        drop(inner);
        connection.grow(IDLE_BYTES + if tls { TLS_BYTES } else { 0 });
        Seat { id, connection }
    }

    /// Waits until the listener of `transport` has descriptors for another connection.
    pub(super) async fn room(&self, transport: Transport, bounds: &Bounds) {
        // Those that are being cut still have theirs.
        while self.door(transport).connections.load(Ordering::Relaxed) > bounds.max_connections as u64 {
            let _ = timeout(Duration::from_millis(10), self.left.notified()).await;
        }
    }

    /// Looks at all connections every [`TICK`] until it is dropped.
    pub(super) async fn watch(self: Arc<Self>) {
        let mut ticker = interval(TICK);
        ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticker.tick().await;
            let now = u32::try_from(self.started.elapsed().as_millis()).unwrap_or(u32::MAX).max(1);
            self.now.store(now, Ordering::Relaxed);
            self.shed_from.store(0, Ordering::Relaxed);
            for connection in self.lock().connections.values() {
                if let Some(cut) = connection.progress.overdue(&connection.bounds, now) {
                    connection.cut(cut);
                }
            }
            if self.used() > self.limit {
                self.shed();
            }
        }
    }

    /// Bytes that all connections take.
    fn used(&self) -> u64 {
        self.ledger.doors.iter().map(|door| door.connection_bytes.load(Ordering::Relaxed)).sum()
    }

    /// Cuts connections until the others fit.
    fn shed(&self) {
        self.shed_from.store(self.used().saturating_add(self.limit / 16), Ordering::Relaxed);
        let inner = self.lock();
        let live = inner.connections.values().filter(|one| one.is_live()).map(candidate).collect();
        shed::heavy(live, self.limit).iter().for_each(|one| one.cut(Cut::Memory));
    }

    fn now(&self) -> u32 {
        self.now.load(Ordering::Relaxed)
    }

    fn door(&self, transport: Transport) -> &DoorCounts {
        self.ledger.door(transport)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Connection ===

impl Connection {
    fn new(table: Arc<Connections>, bounds: Arc<Bounds>, peer: Arc<Peer>, transport: Transport) -> Arc<Self> {
        let progress = Progress::new(table.now());
        let (bytes, fate, fated) = Default::default();
        Arc::new(Self { table, bounds, peer, transport, bytes, progress, fate, fated })
    }

    /// A request begins, which takes `bytes`.
    pub(super) fn begin(&self, bytes: u64) {
        self.progress.begin(self.table.now());
        self.grow(bytes);
    }

    /// Its answer is made; returns the period in which that was.
    pub(super) fn answered(&self) -> usize {
        self.progress.answered(&self.bounds, self.table.now())
    }

    /// It has ended: answered in `period`, or without an answer.
    pub(super) fn end(&self, bytes: u64, period: Option<usize>) {
        self.progress.end(period, self.table.now());
        self.shrink(bytes);
    }

    /// What it has done and left undone.
    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Longest headers.
    pub(super) fn max_header_bytes(&self) -> usize {
        self.bounds.max_header_bytes
    }

    /// It has said something for the first time.
    pub(super) fn speaks(&self) {
        self.grow(SPEAKING_BYTES);
    }

    /// Headers or a frame begin, or have ended.
    pub(super) fn unfinished(&self, is_unfinished: bool) {
        self.progress.unfinished(is_unfinished, self.table.now());
    }

    /// Bytes cannot be written to the socket, or were.
    pub(super) fn blocked(&self, is_blocked: bool) {
        self.progress.blocked(is_blocked, self.table.now());
    }

    /// Counts `more` bytes of it.
    pub(super) fn grow(&self, more: u64) {
        self.bytes.fetch_add(more, Ordering::Relaxed);
        self.peer.bytes.fetch_add(more, Ordering::Relaxed);
        self.table.door(self.transport).connection_bytes.fetch_add(more, Ordering::Relaxed);
        let (used, limit) = (self.table.used(), self.table.limit);
        if used > limit.max(self.table.shed_from.load(Ordering::Relaxed)) {
            self.table.shed();
        }
    }

    /// Whether it may read more. What is read at once can open all of its requests, and those that were cut for them take
    /// a moment to go; therefore a connection of a peer above its share is cut here while the table is full.
    pub(super) fn may_read(&self) -> bool {
        let limit = self.table.limit;
        let limit = if self.progress.is_served() { limit / 4 * 5 } else { limit };
        let may = self.table.used() <= limit
            || self.peer.bytes.load(Ordering::Relaxed)
                <= limit / self.table.peers.load(Ordering::Relaxed).max(1) as u64;
        if !may {
            self.cut(Cut::Memory);
        }
        may
    }

    /// Counts `less` bytes of it.
    pub(super) fn shrink(&self, less: u64) {
        self.bytes.fetch_sub(less, Ordering::Relaxed);
        self.peer.bytes.fetch_sub(less, Ordering::Relaxed);
        self.table.door(self.transport).connection_bytes.fetch_sub(less, Ordering::Relaxed);
    }

    /// Ends it, unless it is being ended already.
    pub(super) fn cut(&self, cut: Cut) {
        let fate = self.fate.fetch_max(cut as u8, Ordering::Relaxed);
        // One that was asked to go may have to be cut as well.
        if fate == 0 || fate == Cut::Idle as u8 && cut != Cut::Idle {
            self.fated.notify_one();
            if cut != Cut::Idle {
                self.table.door(self.transport).cut_connections.fetch_add(1, Ordering::Relaxed);
                cut.tell(self.peer.key, self.transport, self.table.clock.now());
            }
        }
    }

    /// Its headers are longer than allowed: the protocol layer answers, where it can, and ends it.
    pub(super) fn too_long(&self) {
        self.table.door(self.transport).cut_connections.fetch_add(1, Ordering::Relaxed);
        Cut::TooLong.tell(self.peer.key, self.transport, self.table.clock.now());
    }

    /// Waits until it is to be ended; returns whether it may finish what is under way.
    pub(super) async fn fated(&self) -> bool {
        self.fated.notified().await;
        self.fate.load(Ordering::Relaxed) == Cut::Idle as u8
    }

    fn is_live(&self) -> bool {
        self.fate.load(Ordering::Relaxed) <= Cut::Idle as u8
    }
}

fn candidate(connection: &Arc<Connection>) -> Candidate<Arc<Connection>> {
    Candidate {
        connection: connection.clone(),
        peer: connection.peer.key,
        served: connection.progress.is_served(),
        active: connection.progress.active(),
        bytes: connection.bytes.load(Ordering::Relaxed),
    }
}

// === impl Seat ===

impl Drop for Seat {
    fn drop(&mut self) {
        let Self { id, connection } = self;
        let table = &connection.table;
        let mut inner = table.lock();
        inner.connections.remove(id);
        inner.peers.leave(connection.peer.key);
        table.peers.store(inner.peers.len(), Ordering::Relaxed);
        drop(inner);
        table.door(connection.transport).connections.fetch_sub(1, Ordering::Relaxed);
        table.left.notify_one();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.shrink(self.bytes.load(Ordering::Relaxed));
    }
}
