//! Requests from their headers to the last byte of their answer: a request counts against the memory of its connection
//! until the protocol layer has let go of the answer's bytes, and an answer must be read in time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::connections::Connection;

/// Bytes that a request takes while it is open: its task, its stream, its head and the answer. Measured with 200 streams
/// a connection, with a margin.
const REQUEST_BYTES: u64 = 9 << 9;
/// Bytes of a header beside those of its name and value.
const HEADER_BYTES: usize = 96;

/// A request that is open. Ends when dropped.
pub(super) struct Open {
    connection: Arc<Connection>,
    bytes: u64,
    /// The period in which it was answered, as [`Connection::answered`] gives it out; none before.
    period: AtomicUsize,
}

const NOT_ANSWERED: usize = usize::MAX;

/// The body of an answer, whose request is open until all of it was sent.
pub(super) struct Answer<B> {
    body: B,
    open: Arc<Open>,
}

/// Bytes of an answer. The protocol layer holds them until they are written to the socket.
pub(super) struct Held {
    bytes: Bytes,
    _open: Arc<Open>,
}

// === impl Open ===

impl Open {
    /// Counts a request with these headers.
    pub(super) fn new(connection: Arc<Connection>, headers: &HeaderMap) -> Arc<Self> {
        let of_headers = headers.iter().map(|(name, value)| HEADER_BYTES + name.as_str().len() + value.len());
        let bytes = REQUEST_BYTES + of_headers.sum::<usize>() as u64;
        connection.begin(bytes);
        Arc::new(Self { connection, bytes, period: AtomicUsize::new(NOT_ANSWERED) })
    }

    /// The answer is made, and must be read in time.
    pub(super) fn answered(&self) {
        self.period.store(self.connection.answered(), Ordering::Relaxed);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let period = Some(self.period.load(Ordering::Relaxed)).filter(|period| *period != NOT_ANSWERED);
        self.connection.end(self.bytes, period);
    }
}

// === impl Answer ===

impl<B> Answer<B> {
    pub(super) fn new(body: B, open: Arc<Open>) -> Self {
        Self { body, open }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answer<B> {
    type Data = Held;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Held>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let held = |bytes| Held { bytes, _open: self.open.clone() };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(held))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

// === impl Held ===

impl Buf for Held {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, len: usize) {
        self.bytes.advance(len);
    }
}
