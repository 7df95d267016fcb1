//! Lanes: where threads append. A thread keeps to the lane it was dealt, so that its lock is its own.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::memory::{Buffer, Segment, Writer};
use super::pool::Pool;
use super::record::{HEADER_BYTES, Record, RecordKind, framed, header};
use crate::clock::Nanos;

/// Smallest and largest segment. Large ones waste less at their ends and keep less bookkeeping; small ones fit a small
/// limit.
const SEGMENT_BYTES: (usize, usize) = (1 << 20, 32 << 20);

/// Parts of the log that lanes may take at most to write into: what they have begun counts as held, though it be empty.
const OF_LANES: usize = 8;

/// The log. Cheap to share; every method may be called from any thread.
pub struct Log {
    pool: Arc<Pool>,
    lanes: Box<[Mutex<Option<Writer>>]>,
    appended: AtomicU64,
    copied: AtomicU64,
}

/// Why a record could not be appended.
#[derive(Debug, PartialEq, Eq)]
pub enum AppendError<E> {
    /// The log is at its limit.
    Full,
    /// What should have written the body failed.
    Fill(E),
}

/// How much the log holds, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogUsage {
    /// Segments that are written to or held, and records with a segment of their own.
    pub held: u64,
    /// Of those, bytes that somebody wants.
    pub live: u64,
    /// Segments that wait to be written again.
    pub free: u64,
    /// Most that both may come to.
    pub limit: u64,
    /// Record bytes appended since the start.
    pub appended: u64,
    /// Record bytes copied forward since the start.
    pub copied: u64,
    /// Bytes of one segment.
    pub segment: u64,
}

// === impl Log ===

impl Log {
    /// A log of at most `limit` bytes with room for `lanes` threads to append without waiting for each other, or for as many
    /// as there can be in an eighth of it.
    pub fn new(limit: usize, lanes: usize) -> Arc<Self> {
        let of_lane = (limit / OF_LANES / lanes.max(1)).checked_ilog2().map_or(0, |bits| 1 << bits);
        let segment = (limit / 64).next_power_of_two().min(of_lane).clamp(SEGMENT_BYTES.0, SEGMENT_BYTES.1);
        Self::with_segments(limit, segment, lanes.min(limit / OF_LANES / segment))
    }

    /// As [`Log::new`], with segments of `segment_bytes`.
    pub fn with_segments(limit: usize, segment_bytes: usize, lanes: usize) -> Arc<Self> {
        let pool = Pool::new(limit, segment_bytes);
        let watched = Arc::downgrade(&pool);
        let thread = std::thread::Builder::new().name("prefault".into()).spawn(move || Pool::prefault(&watched));
        if let Err(error) = thread {
            tracing::warn!(%error, "no thread to fault memory in ahead of need; requests will wait for it");
        }
        let lanes = (0..lanes.max(1)).map(|_| Mutex::new(None)).collect();
        Arc::new(Self { pool, lanes, appended: AtomicU64::new(0), copied: AtomicU64::new(0) })
    }

    /// Appends a record on this thread's lane: `fill` is given `capacity` bytes to write its body into and says how many
    /// it wrote.
    ///
    /// # Errors
    /// [`AppendError::Full`] when there is no room under the limit; what `fill` fails with.
    pub fn append<E>(
        &self,
        kind: RecordKind,
        arrived: Nanos,
        capacity: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<Record, AppendError<E>> {
        let whole = framed(capacity);
        if u32::try_from(whole).is_err() {
            return Err(AppendError::Full);
        }
        if whole > self.pool.segment_bytes() / 2 {
            // A segment of its own: the end of a shared one would be wasted.
            return self.append_large(kind, arrived, capacity, fill);
        }
        let mut lane = self.lane().lock().unwrap_or_else(PoisonError::into_inner);
        if lane.as_ref().is_none_or(|writer| writer.room() < whole) {
            // The old one is let go of first, so that it can be the one that is taken.
            *lane = None;
            let map = self.pool.take().ok_or(AppendError::Full)?;
            *lane = Some(Segment::pooled(Buffer::mapped(map), self.pool.next_serial(), self.pool.clone()));
        }
        let writer = lane.as_mut().ok_or(AppendError::Full)?;
        let written = writer.append(whole, |room| frame(room, kind, arrived, capacity, fill));
        let range = written.ok_or(AppendError::Full)?.map_err(AppendError::Fill)?;
        let len = self.body_len(writer.segment(), range.start);
        self.appended.fetch_add(range.len() as u64, Ordering::Relaxed);
        Ok(Record::new(writer.segment().clone(), (range.start + HEADER_BYTES) as u32, len))
    }

    /// Copies `body` into a segment of its own, whatever the limit: what is copied forward lets go of more than it takes.
    pub fn append_own(&self, kind: RecordKind, arrived: Nanos, body: &[u8]) -> Option<Record> {
        let len = u32::try_from(body.len()).ok().filter(|len| *len < u32::MAX - 64)?;
        let mut bytes = Vec::with_capacity(framed(body.len()));
        bytes.extend_from_slice(&header(kind, len, arrived));
        bytes.extend_from_slice(body);
        bytes.resize(framed(body.len()), 0);
        self.pool.own_taken(bytes.len());
        self.copied.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let segment = Segment::own(bytes.into(), self.pool.next_serial(), self.pool.clone());
        Some(Record::new(segment, HEADER_BYTES as u32, len))
    }

    /// Bytes of the largest record that there is always room for in the end: beside it are what lanes write into and what
    /// makes sessions be judged early.
    pub fn largest_record(&self) -> usize {
        (self.pool.limit() / 4 * 3).saturating_sub(HEADER_BYTES)
    }

    /// What the log holds now.
    pub fn usage(&self) -> LogUsage {
        LogUsage {
            held: (self.pool.used() + self.pool.own_bytes()) as u64,
            live: self.pool.live(),
            free: self.pool.free() as u64,
            limit: self.pool.limit() as u64,
            appended: self.appended.load(Ordering::Relaxed),
            copied: self.copied.load(Ordering::Relaxed),
            segment: self.pool.segment_bytes() as u64,
        }
    }

    /// Gives up to `bytes` of segments that wait to be written back to the system.
    pub fn give_back(&self, bytes: u64) {
        self.pool.unmap(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    /// Gives a segment back to the system that was free for five minutes, if there is one. To be called periodically; one
    /// call gives back at most one.
    pub fn give_back_idle(&self, now: Nanos) {
        self.pool.unmap_idle(now);
    }

    fn append_large<E>(
        &self,
        kind: RecordKind,
        arrived: Nanos,
        capacity: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<Record, AppendError<E>> {
        let whole = framed(capacity);
        if !self.pool.own_wanted(whole) {
            return Err(AppendError::Full);
        }
        let mut bytes = vec![0; whole].into_boxed_slice();
        let framed = frame(&mut bytes, kind, arrived, capacity, fill);
        let segment = Segment::own(bytes, self.pool.next_serial(), self.pool.clone());
        framed.map_err(AppendError::Fill)?;
        let len = self.body_len(&segment, 0);
        self.appended.fetch_add(whole as u64, Ordering::Relaxed);
        Ok(Record::new(segment, HEADER_BYTES as u32, len))
    }

    fn body_len(&self, segment: &Segment, start: usize) -> u32 {
        let length = segment.bytes(start as u32, 4).and_then(|bytes| bytes.first_chunk());
        length.map_or(0, |length| u32::from_le_bytes(*length))
    }

    fn lane(&self) -> &Mutex<Option<Writer>> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed));
        let mine = MINE.with(|mine| *mine) % self.lanes.len();
        #[allow(clippy::indexing_slicing, reason = "taken modulo the length, which is at least one")]
        &self.lanes[mine]
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.pool.close();
    }
}

/// Writes header and body into `room` and pads them; how many bytes that came to.
fn frame<E>(
    room: &mut [u8],
    kind: RecordKind,
    arrived: Nanos,
    capacity: usize,
    fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
) -> Result<usize, E> {
    let (head, body) = room.split_at_mut(HEADER_BYTES.min(room.len()));
    let end = capacity.min(body.len());
    let len = fill(body.get_mut(..end).unwrap_or_default())?.min(end);
    head.copy_from_slice(&header(kind, len as u32, arrived));
    let framed = framed(len);
    if let Some(padding) = body.get_mut(len..framed - HEADER_BYTES) {
        padding.fill(0);
    }
    Ok(framed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(log: &Log, body: &[u8]) -> Result<Record, AppendError<()>> {
        log.append(RecordKind::Traces, 7, body.len(), |room| {
            room.copy_from_slice(body);
            Ok(body.len())
        })
    }

    #[test]
    fn a_record_reads_back_and_knows_its_arrival() {
        let log = Log::with_segments(1 << 20, 4096, 1);
        let first = put(&log, b"hello").unwrap();
        let second = put(&log, &[3; 1000]).unwrap();
        let large = put(&log, &[4; 100_000]).unwrap();
        let own = log.append_own(RecordKind::Copied, 9, b"own").unwrap();
        assert_eq!((first.bytes(), first.arrived()), (&b"hello"[..], 7));
        assert_eq!(second.bytes(), &[3; 1000]);
        assert_eq!(large.bytes().len(), 100_000);
        assert_eq!((own.bytes(), own.arrived()), (&b"own"[..], 9));
        assert!(!first.segment().is_sealed() && large.segment().is_sealed());
    }

    #[test]
    fn a_shorter_body_than_reserved_takes_only_its_bytes() {
        let log = Log::with_segments(1 << 20, 4096, 1);
        let record = log.append(RecordKind::Traces, 0, 1000, |room| {
            room[..3].copy_from_slice(b"abc");
            Ok::<_, ()>(3)
        });
        assert_eq!(record.unwrap().bytes(), b"abc");
        assert_eq!(log.usage().appended, 24);
        let failed = log.append(RecordKind::Traces, 0, 10, |_| Err("no"));
        assert_eq!(failed.unwrap_err(), AppendError::Fill("no"));
        assert_eq!(log.usage().appended, 24);
    }

    #[test]
    fn held_records_keep_their_bytes_and_released_segments_are_written_again() {
        let log = Log::with_segments(8 * 4096, 4096, 1);
        let kept = put(&log, &[1; 1000]).unwrap();
        for round in 0..1000 {
            assert!(put(&log, &[2; 1000]).is_ok(), "round {round}");
        }
        assert_eq!(kept.bytes(), &[1; 1000]);
        assert!(log.usage().held + log.usage().free <= 8 * 4096);
    }

    #[test]
    fn free_segments_are_given_back_and_mapped_again_when_they_are_wanted() {
        let log = Log::with_segments(16 * 4096, 4096, 1);
        let mut held: Vec<Record> = (0..20).map(|_| put(&log, &[5; 1500]).unwrap()).collect();
        held.clear();
        let free = log.usage().free;
        assert!(free >= 9 * 4096, "{free}");
        log.give_back(5 * 4096);
        assert!(log.usage().free <= free - 5 * 4096);
        log.give_back(u64::MAX);
        // Some are kept ready, or made ready again.
        assert!(log.usage().free <= 2 * 4096);
        held.extend((0..20).map(|_| put(&log, &[6; 1500]).unwrap()));
        assert!(held.iter().all(|record| record.bytes() == [6; 1500]));
    }

    #[test]
    fn lanes_that_have_begun_a_segment_never_fill_the_log() {
        const MIB: usize = 1 << 20;
        for limit in [8 * MIB, 17 * MIB, 116 * MIB, 622 * MIB, 1390 * MIB, 15 << 30] {
            for lanes in [1, 3, 37, 65, 257] {
                let log = Log::new(limit, lanes);
                let begun = log.lanes.len() * log.pool.segment_bytes();
                assert!(begun <= (limit / 8).max(MIB), "{limit} bytes, {lanes} lanes: {begun}");
                assert!(limit < 622 * MIB || lanes > 65 || log.lanes.len() == lanes, "{limit} {lanes}");
            }
        }
    }

    #[test]
    fn the_limit_holds_and_freed_room_is_used() {
        let log = Log::with_segments(4 * 4096, 4096, 1);
        let mut held = Vec::new();
        // A segment that is being made ready counts before it is.
        for _ in 0..1000 {
            while let Ok(record) = put(&log, &[5; 1500]) {
                held.push(record);
            }
            std::thread::sleep(std::time::Duration::from_millis(u64::from(held.len() < 8)));
        }
        assert_eq!(held.len(), 8);
        assert!(put(&log, &[5; 100_000]).is_err());
        held.clear();
        assert!(put(&log, &[5; 1500]).is_ok());
    }
}
