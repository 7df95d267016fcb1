//! A stream whose progress is told to the table of connections: what has come of headers and frames that are not finished,
//! and whether writing stands still.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connections::Connection;
use super::frames::{Frames, TooLong};

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes by which what is counted may differ from what is buffered.
const TOLERANCE: u64 = 1024;
/// Bytes from which unfinished bytes are counted while more are at hand.
const LARGE: u64 = 32 << 10;

/// The stream.
pub(super) struct Watched<S> {
    stream: S,
    connection: Arc<Connection>,
    protocol: Protocol,
    /// Unfinished bytes that are counted.
    counted: u64,
}

enum Protocol {
    /// So many bytes of the preface of HTTP/2 have come.
    Unknown(usize),
    /// So many bytes since the last request.
    Http1(usize),
    Http2(Frames),
}

// === impl Watched ===

impl<S> Watched<S> {
    pub(super) fn new(stream: S, connection: Arc<Connection>) -> Self {
        Self { stream, connection, protocol: Protocol::Unknown(0), counted: 0 }
    }

    /// Follows bytes that were read.
    fn follow(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Protocol::Unknown(seen) = &mut self.protocol {
            if *seen == 0 && !bytes.is_empty() {
                self.connection.speaks();
            }
            let rest = PREFACE.get(*seen..).unwrap_or_default();
            let common = rest.iter().zip(bytes).take_while(|(expected, byte)| expected == byte).count();
            if common < rest.len().min(bytes.len()) {
                self.protocol = Protocol::Http1(*seen);
            } else if *seen + common < PREFACE.len() {
                *seen += common;
                return Ok(());
            } else {
                let mut frames = Frames::new();
                // The frames count the preface, some of which has been seen.
                let _ = frames.follow(PREFACE.get(..*seen).unwrap_or_default(), usize::MAX);
                self.protocol = Protocol::Http2(frames);
            }
        }
        match &mut self.protocol {
            Protocol::Unknown(_) => {}
            Protocol::Http1(since) => {
                // The bytes of a body are counted with its request.
                let before = if self.connection.progress().take_begun() { 0 } else { *since };
                *since = if self.connection.progress().is_open() { 0 } else { before.saturating_add(bytes.len()) };
                let longest = self.connection.max_header_bytes();
                if before < longest && *since >= longest {
                    self.connection.too_long();
                }
                self.connection.unfinished(*since > 0);
            }
            Protocol::Http2(frames) => {
                if let Err(TooLong) = frames.follow(bytes, self.connection.max_header_bytes()) {
                    self.connection.too_long();
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "headers are longer than allowed"));
                }
                self.connection.progress().take_begun();
                self.connection.unfinished(frames.is_unfinished());
            }
        }
        Ok(())
    }

    /// Counts the bytes that the protocol layer has to buffer.
    fn settle(&mut self, idle: bool) {
        let unfinished = match &self.protocol {
            Protocol::Unknown(_) => 0,
            Protocol::Http1(_) if self.connection.progress().has_begun() => 0,
            Protocol::Http1(since) => (*since).min(self.connection.max_header_bytes()) as u64,
            Protocol::Http2(frames) => frames.unfinished() as u64,
        };
        if unfinished.abs_diff(self.counted) < TOLERANCE || !idle && unfinished < LARGE {
            return;
        }
        match unfinished > self.counted {
            true => self.connection.grow(unfinished - self.counted),
            false => self.connection.shrink(self.counted - unfinished),
        }
        self.counted = unfinished;
    }

    fn wrote<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.connection.blocked(polled.is_pending());
        polled
    }
}

impl<S> Drop for Watched<S> {
    fn drop(&mut self) {
        self.connection.shrink(self.counted);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.connection.may_read() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::OutOfMemory, "connections take too much memory")));
        }
        let before = room.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, room);
        if let Poll::Ready(Ok(())) = &polled {
            this.follow(room.filled().get(before..).unwrap_or_default())?;
        }
        this.settle(polled.is_pending());
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(polled)
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
