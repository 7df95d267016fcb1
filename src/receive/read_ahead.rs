//! Reading ahead: one large read from the socket where the protocol above asks for many small ones.
//!
//! h2 reads a frame in two steps, 8 KiB and the rest. Clients that ignore the largest frame that the server offers
//! (grpc-go) send frames of 16 KiB, so that a request of 800 KB takes a hundred reads. Reading ahead costs one more copy,
//! which is cheaper than the reads only while the socket has much to give. Therefore:
//!
//! 1. Small reads go to the socket until [`FULL_READS`] in a row came back full: short requests are not copied.
//! 2. From then on one read takes [`AHEAD_BYTES`], and small reads are served from those.
//! 3. A read that leaves the socket nearly empty, or a large one, begins anew with 1.
//!
//! Large reads that find nothing read ahead go to the socket: frames of 128 KiB are never copied.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// Bytes that are read ahead at most. Twice as many saved no more CPU; with half as many a byte cost up to a quarter more.
const AHEAD_BYTES: usize = 128 << 10;
/// Largest read that is served from what was read ahead: more than either step in which h2 reads a frame of 16 KiB.
const SMALL_BYTES: usize = 16 << 10;
/// Full small reads in a row after which the next one reads ahead: requests of up to 64 KiB never get there.
const FULL_READS: u8 = 8;

thread_local! {
    /// A buffer that waits for the next connection of this thread that reads ahead, so that connections hold one only
    /// while there are bytes in it, and it stays in the core's cache.
    static SPARE: Cell<BytesMut> = Cell::default();
}

/// A stream that is read ahead. Writes pass through.
pub(super) struct ReadAhead<S> {
    stream: S,
    /// Bytes that were read and not yet asked for.
    held: BytesMut,
    full_reads: u8,
}

// === impl ReadAhead ===

impl<S> ReadAhead<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, held: BytesMut::new(), full_reads: 0 }
    }

    /// Moves bytes that were read ahead into `room`.
    fn serve(&mut self, room: &mut ReadBuf<'_>) {
        let len = self.held.len().min(room.remaining());
        room.put_slice(self.held.get(..len).unwrap_or_default());
        self.held.advance(len);
        if self.held.is_empty() {
            SPARE.set(std::mem::take(&mut self.held));
        }
    }
}

impl<S: AsyncRead + Unpin> ReadAhead<S> {
    /// Reads from the stream into `room`.
    fn poll_direct(&mut self, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let asked = room.remaining();
        ready!(Pin::new(&mut self.stream).poll_read(cx, room))?;
        let full = room.remaining() == 0 && asked <= SMALL_BYTES;
        self.full_reads = if full { self.full_reads + 1 } else { 0 };
        Poll::Ready(Ok(()))
    }

    /// Reads from the stream into an empty buffer of [`AHEAD_BYTES`].
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut buffer = SPARE.take();
        buffer.reserve(AHEAD_BYTES);
        let read = pin!(self.stream.read_buf(&mut buffer)).poll(cx);
        if !matches!(read, Poll::Ready(Ok(1..))) {
            SPARE.set(buffer);
            return read.map_ok(drop);
        }
        if buffer.len() < AHEAD_BYTES / 2 {
            self.full_reads = 0;
        }
        self.held = buffer;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadAhead<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.held.is_empty() {
            if this.full_reads < FULL_READS || room.remaining() > SMALL_BYTES {
                return this.poll_direct(cx, room);
            }
            ready!(this.poll_ahead(cx))?;
        }
        this.serve(room);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadAhead<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket that has `left` bytes and gives at most `portion` a read.
    struct Socket {
        given: usize,
        left: usize,
        portion: usize,
        reads: Vec<usize>,
    }

    impl Socket {
        fn new(left: usize, portion: usize) -> Self {
            Self { given: 0, left, portion, reads: Vec::new() }
        }
    }

    impl AsyncRead for Socket {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let len = room.remaining().min(self.left).min(self.portion);
            let bytes: Vec<u8> = (self.given..self.given + len).map(|at| (at % 251) as u8).collect();
            room.put_slice(&bytes);
            self.reads.push(len);
            (self.given, self.left) = (self.given + len, self.left - len);
            Poll::Ready(Ok(()))
        }
    }

    /// Reads to the end, in steps of `asks` by turns; the bytes, and the sizes of the socket's reads.
    async fn read(socket: Socket, asks: &[usize]) -> (Vec<u8>, Vec<usize>) {
        let mut stream = ReadAhead::new(socket);
        let mut bytes = Vec::new();
        for ask in asks.iter().cycle() {
            let mut room = vec![0; *ask];
            match stream.read(&mut room).await.unwrap() {
                0 => break,
                len => bytes.extend_from_slice(&room[..len]),
            }
        }
        assert!(bytes.iter().enumerate().all(|(at, byte)| *byte == (at % 251) as u8), "bytes changed or moved");
        (bytes, stream.stream.reads)
    }

    #[tokio::test]
    async fn a_large_request_in_small_frames_takes_few_reads() {
        let (bytes, reads) = read(Socket::new(800 << 10, usize::MAX), &[8192, 8201]).await;
        assert_eq!(bytes.len(), 800 << 10);
        assert!(reads.len() < 20, "{reads:?}");
    }

    #[tokio::test]
    async fn large_frames_are_not_copied() {
        let frames = [8192, 122_889].repeat(32);
        let (_, reads) = read(Socket::new(frames.iter().sum(), usize::MAX), &[8192, 122_889]).await;
        assert_eq!(reads, [frames, vec![0]].concat());
    }

    #[tokio::test]
    async fn a_socket_with_little_to_give_is_not_read_ahead() {
        let (bytes, reads) = read(Socket::new(1 << 20, 8000), &[8192, 8201]).await;
        assert_eq!((bytes.len(), reads.len()), (1 << 20, (1_usize << 20).div_ceil(8000) + 1));
    }

    #[tokio::test]
    async fn connections_hold_no_buffer_without_bytes_in_it() {
        let mut stream = ReadAhead::new(Socket::new(1 << 20, usize::MAX));
        let mut room = vec![0; 8192];
        let mut held = 0;
        while stream.read(&mut room).await.unwrap() > 0 {
            held = held.max(stream.held.capacity());
            assert_eq!(stream.held.is_empty(), stream.held.capacity() == 0);
        }
        assert!(held > 0 && held <= AHEAD_BYTES, "{held}");
    }
}
