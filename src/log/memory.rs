//! The bytes of segments: the one place that touches raw memory.
//!
//! A segment is written by one [`Writer`] and read by anybody, at the same time. That is sound because the two never
//! meet:
//!
//! - the writer alone may touch the bytes at and behind `committed`; there is one writer a segment, it is not `Clone`,
//!   and appending borrows it exclusively;
//! - readers see only bytes in front of `committed`, which are never written again while the segment is held;
//! - `committed` is raised with `Release` after the bytes are in place, and read with `Acquire` before they are read;
//! - the buffer goes back to the pool when the last `Arc<Segment>` is dropped, when neither readers nor a writer exist.
//!
//! `cargo test --features loom --lib log::memory` lets loom try the interleavings.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64 as StdAtomicU64, Ordering as StdOrdering};

use memmap2::MmapMut;

use super::pool::Pool;
#[cfg(feature = "loom")]
use loom::sync::atomic::{AtomicUsize, Ordering};
#[cfg(not(feature = "loom"))]
use std::sync::atomic::{AtomicUsize, Ordering};

/// A piece of the log: bytes that are appended to by one writer and read by all who hold it.
pub struct Segment {
    buffer: Buffer,
    committed: AtomicUsize,
    serial: u64,
    /// Counts the bytes, and takes those of a lane's segment back to be written again.
    pool: Arc<Pool>,
    /// Bytes that somebody still wants. Told by the holders, for whoever decides what to copy forward; guards nothing.
    live: StdAtomicU64,
    /// What was wanted when a holder last found that copying its part forward would take too much.
    kept: StdAtomicU64,
    /// Its writer is gone: nothing will be appended any more.
    sealed: AtomicBool,
}

/// The right to append to a segment. There is one for each segment.
pub(super) struct Writer {
    segment: Arc<Segment>,
    end: usize,
}

/// The bytes of a segment, before and after its life as one.
pub(super) struct Buffer {
    memory: UnsafeCell<Memory>,
    start: *mut u8,
    len: usize,
    #[cfg(feature = "loom")]
    touched: Vec<loom::cell::UnsafeCell<()>>,
}

/// Who owns the bytes. Never looked at while they are shared: kept only to be given back or freed.
pub(super) enum Memory {
    /// Page-aligned pages from the kernel: a lane's segment.
    Mapped(MmapMut),
    /// From the allocator: a segment of one record.
    Boxed(#[allow(dead_code, reason = "owned for its drop; read through `Buffer::start`")] Box<[u8]>),
}

// SAFETY: `start` points into `memory`, which moves with the buffer and whose heap or mapped bytes stay in place. Access
// to them is governed by the protocol in the module's head, which does not depend on the thread.
unsafe impl Send for Buffer {}
// SAFETY: as above; through `&Buffer` bytes are reached only by `Buffer::read` and `Buffer::write`, whose callers keep
// the two apart.
unsafe impl Sync for Buffer {}

// === impl Buffer ===

impl Buffer {
    pub(super) fn mapped(mut map: MmapMut) -> Self {
        let (start, len) = (map.as_mut_ptr(), map.len());
        Self::new(Memory::Mapped(map), start, len)
    }

    pub(super) fn boxed(mut bytes: Box<[u8]>) -> Self {
        let (start, len) = (bytes.as_mut_ptr(), bytes.len());
        Self::new(Memory::Boxed(bytes), start, len)
    }

    fn new(memory: Memory, start: *mut u8, len: usize) -> Self {
        Self {
            memory: UnsafeCell::new(memory),
            start,
            len,
            #[cfg(feature = "loom")]
            touched: (0..len.div_ceil(BLOCK)).map(|_| loom::cell::UnsafeCell::new(())).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// # Safety
    /// `range` lies inside the buffer, and nobody writes to it for as long as the slice lives.
    unsafe fn read(&self, range: Range<usize>) -> &[u8] {
        #[cfg(feature = "loom")]
        self.blocks(&range).for_each(|block| block.with(|_| ()));
        // SAFETY: inside the allocation and not written to, by this function's contract.
        unsafe { std::slice::from_raw_parts(self.start.add(range.start), range.len()) }
    }

    /// # Safety
    /// `range` lies inside the buffer, and nobody else reads or writes it for as long as the slice lives.
    #[allow(clippy::mut_from_ref, reason = "exclusive by the caller's word; the writer's own borrow is exclusive")]
    unsafe fn write(&self, range: Range<usize>) -> &mut [u8] {
        #[cfg(feature = "loom")]
        self.blocks(&range).for_each(|block| block.with_mut(|_| ()));
        // SAFETY: inside the allocation and exclusive, by this function's contract.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    #[cfg(feature = "loom")]
    fn blocks(&self, range: &Range<usize>) -> impl Iterator<Item = &loom::cell::UnsafeCell<()>> {
        self.touched.iter().take(range.end.div_ceil(BLOCK)).skip(range.start / BLOCK)
    }
}

/// Granularity of loom's tracking; records are aligned to it.
#[cfg(feature = "loom")]
const BLOCK: usize = 8;

// === impl Segment ===

impl Segment {
    /// A segment of the pool's, with the right to write it.
    pub(super) fn pooled(buffer: Buffer, serial: u64, pool: Arc<Pool>) -> Writer {
        let committed = AtomicUsize::new(0);
        Writer { segment: Arc::new(Self::new(buffer, committed, serial, pool)), end: 0 }
    }

    /// A full segment that nobody writes any more.
    pub(super) fn own(bytes: Box<[u8]>, serial: u64, pool: Arc<Pool>) -> Arc<Self> {
        let committed = AtomicUsize::new(bytes.len());
        let segment = Self::new(Buffer::boxed(bytes), committed, serial, pool);
        segment.sealed.store(true, StdOrdering::Release);
        Arc::new(segment)
    }

    fn new(buffer: Buffer, committed: AtomicUsize, serial: u64, pool: Arc<Pool>) -> Self {
        let (live, kept) = (StdAtomicU64::new(0), StdAtomicU64::new(u64::MAX));
        Self { buffer, committed, serial, pool, live, kept, sealed: AtomicBool::new(false) }
    }

    /// `len` committed bytes from `start`, or `None` where there are not so many.
    #[inline]
    pub fn bytes(&self, start: u32, len: u32) -> Option<&[u8]> {
        let start = start as usize;
        let end = start.checked_add(len as usize)?;
        if end > self.committed.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: `committed` never exceeds the buffer, and the writer does not touch bytes in front of it.
        Some(unsafe { self.buffer.read(start..end) })
    }

    /// All committed bytes from `start`.
    pub fn bytes_from(&self, start: u32) -> &[u8] {
        let len = self.committed.load(Ordering::Acquire).saturating_sub(start as usize);
        self.bytes(start, u32::try_from(len).unwrap_or(0)).unwrap_or_default()
    }

    /// Bytes of memory that the segment takes, written or not.
    pub fn capacity(&self) -> usize {
        self.buffer.len()
    }

    /// Tells segments apart; never used twice in a process.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Bytes that its holders said they want.
    pub fn live(&self) -> u64 {
        self.live.load(StdOrdering::Relaxed)
    }

    /// A holder wants `bytes` more of it.
    pub fn want(&self, bytes: u64) {
        self.live.fetch_add(bytes, StdOrdering::Relaxed);
        self.pool.want(bytes);
    }

    /// A holder wants `bytes` less of it.
    pub fn release(&self, bytes: u64) {
        self.live.fetch_sub(bytes, StdOrdering::Relaxed);
        self.pool.release(bytes);
    }

    /// A holder keeps its part where it is, because to copy that forward would take too much: for the others to copy theirs
    /// would free nothing.
    pub fn keep(&self) {
        self.kept.store(self.live(), StdOrdering::Relaxed);
    }

    /// Bytes that its holders wanted when one of them last kept its part where it is; `u64::MAX` where none has.
    pub fn kept(&self) -> u64 {
        self.kept.load(StdOrdering::Relaxed)
    }

    /// Whether nothing will be appended to it any more.
    pub fn is_sealed(&self) -> bool {
        self.sealed.load(StdOrdering::Acquire)
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        let len = self.buffer.len();
        let memory = std::mem::replace(self.buffer.memory.get_mut(), Memory::Boxed(Box::default()));
        match memory {
            Memory::Mapped(map) => self.pool.give_back(map),
            Memory::Boxed(_) => self.pool.own_freed(len),
        }
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segment({}, {} bytes)", self.serial, self.buffer.len())
    }
}

// === impl Writer ===

impl Writer {
    /// Bytes that can still be appended.
    pub(super) fn room(&self) -> usize {
        self.segment.buffer.len() - self.end
    }

    /// Lets `fill` write up to `len` bytes behind what is there and commits as many as it says it wrote. `None`,
    /// without calling it, where there is no room; nothing is committed when it fails.
    pub(super) fn append<E>(
        &mut self,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Option<Result<Range<usize>, E>> {
        if len > self.room() {
            return None;
        }
        let start = self.end;
        // SAFETY: behind `committed`, where readers do not look, and `&mut self` is the segment's only writer.
        let room = unsafe { self.segment.buffer.write(start..start + len) };
        Some(fill(room).map(|written| {
            self.end = start + written.min(len);
            self.segment.committed.store(self.end, Ordering::Release);
            start..self.end
        }))
    }

    /// The segment that is written to.
    pub(super) fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.segment.sealed.store(true, StdOrdering::Release);
    }
}

#[cfg(all(test, feature = "loom"))]
mod loom_tests {
    use super::*;
    use loom::thread;

    fn writer() -> Writer {
        Segment::pooled(Buffer::boxed(vec![0; 32].into()), 1, Pool::new(0, 0))
    }

    fn put(writer: &mut Writer, byte: u8) -> Range<usize> {
        let fill = |room: &mut [u8]| {
            room.fill(byte);
            Ok::<_, ()>(room.len())
        };
        writer.append(8, fill).unwrap().unwrap()
    }

    #[test]
    fn a_reader_never_meets_the_writer() {
        loom::model(|| {
            let mut writer = writer();
            let segment = writer.segment().clone();
            let reader = thread::spawn(move || {
                for at in [0_u32, 8] {
                    if let Some(bytes) = segment.bytes(at, 8) {
                        assert!(bytes.iter().all(|byte| *byte == at as u8 + 1));
                    }
                }
                segment.bytes_from(0).len()
            });
            put(&mut writer, 1);
            put(&mut writer, 9);
            drop(writer);
            assert!(reader.join().unwrap() <= 16);
        });
    }

    #[test]
    fn the_last_holder_frees_the_bytes() {
        loom::model(|| {
            let mut writer = writer();
            put(&mut writer, 7);
            let first = writer.segment().clone();
            let second = first.clone();
            drop(writer);
            let other = thread::spawn(move || assert_eq!(first.bytes(0, 8).map(<[u8]>::len), Some(8)));
            assert_eq!(second.bytes(0, 8).map(<[u8]>::len), Some(8));
            drop(second);
            other.join().unwrap();
        });
    }
}
