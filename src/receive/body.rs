//! Reading a request's body: with a pace that it must keep, into parts that are not copied.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use super::outcome::Outcome;

/// Frames shorter than this are copied together, so that a body of tiny ones costs little more than its bytes: each keeps the
/// buffer of up to 64 KiB into which it was read.
const OWN_PART: usize = 8 << 10;

/// How fast a body must come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Longest wait for the next bytes.
    pub(super) stall: Duration,
    /// Bytes per second that it must reach on the average, `stall` aside.
    pub(super) rate: u64,
    /// Longest time for all of it.
    pub(super) total: Option<Duration>,
}

/// A body that is being read.
pub(super) struct Source<B> {
    body: B,
    pace: Pace,
    started: Instant,
    received: u64,
}

/// The bytes of a body, in the parts in which they came.
#[derive(Debug, Default)]
pub(super) struct Parts {
    parts: Vec<Bytes>,
    tail: BytesMut,
    len: usize,
}

// === impl Source ===

impl<B: Body<Data = Bytes> + Unpin> Source<B>
where
    B::Error: std::fmt::Display,
{
    pub(super) fn new(body: B, pace: Pace) -> Self {
        Self { body, pace, started: Instant::now(), received: 0 }
    }

    /// Bytes that came so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// The next bytes, or `None` at the end of the body. Trailers are skipped.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Outcome> {
        loop {
            let earned = Duration::from_millis(self.received.saturating_mul(1000) / self.pace.rate.max(1));
            let allowed = self.pace.stall.saturating_add(earned);
            let average = self.started.checked_add(self.pace.total.map_or(allowed, |total| total.min(allowed)));
            let now = Instant::now();
            if average.is_some_and(|average| average < now) {
                return Err(Outcome::TooSlow);
            }
            let stall = now + self.pace.stall;
            let deadline = average.map_or(stall, |average| average.min(stall));
            let frame = match timeout_at(deadline, self.body.frame()).await {
                Err(_) => return Err(Outcome::TooSlow),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(Outcome::Malformed(format!("body cut short: {error}"))),
                Ok(Some(Ok(frame))) => frame,
            };
            if let Ok(data) = frame.into_data() {
                self.received += data.len() as u64;
                return Ok(Some(data));
            }
        }
    }

    /// Bytes that are still to come, where the sender said so.
    pub(super) fn exact_len(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// Whether all of it was read.
    pub(super) fn is_end(&self) -> bool {
        self.body.is_end_stream()
    }
}

// === impl Parts ===

impl Parts {
    /// Bytes in all parts.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Appends bytes.
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.len += bytes.len();
        if bytes.len() < OWN_PART {
            return self.tail.extend_from_slice(&bytes);
        }
        if !self.tail.is_empty() {
            self.parts.push(self.tail.split().freeze());
        }
        self.parts.push(bytes);
    }

    /// Copies everything to the front of `room`; how many bytes that were. `None` when they do not fit.
    pub(super) fn copy_to(&self, room: &mut [u8]) -> Option<usize> {
        let mut at = 0;
        for part in self.slices() {
            room.get_mut(at..at + part.len())?.copy_from_slice(part);
            at += part.len();
        }
        Some(at)
    }

    /// Everything in one piece; copied only where it came in several.
    pub(super) fn into_bytes(mut self) -> Bytes {
        match self.parts.pop() {
            None => self.tail.freeze(),
            Some(part) if self.parts.is_empty() && self.tail.is_empty() => part,
            Some(part) => {
                self.parts.push(part);
                let mut whole = Vec::with_capacity(self.len);
                self.slices().for_each(|part| whole.extend_from_slice(part));
                whole.into()
            }
        }
    }

    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().map(AsRef::as_ref).chain([self.tail.as_ref()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Frame;
    use http_body_util::Full;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    const PACE: Pace = Pace { stall: Duration::from_secs(30), rate: 1000, total: None };

    #[test]
    fn parts_keep_their_order_whatever_their_sizes() {
        let mut parts = Parts::default();
        let mut wanted = Vec::new();
        for size in [1, 9000, 3, 4, OWN_PART, OWN_PART - 1, 20_000, 1] {
            let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
            wanted.extend_from_slice(&bytes);
            parts.push(bytes.into());
        }
        let mut room = vec![0; wanted.len()];
        assert_eq!(parts.copy_to(&mut room), Some(wanted.len()));
        assert_eq!(room, wanted);
        assert_eq!(parts.copy_to(&mut room[1..]), None);
        assert_eq!(parts.into_bytes(), wanted);
    }

    #[test]
    fn one_part_is_not_copied() {
        let mut parts = Parts::default();
        let bytes = Bytes::from(vec![7; OWN_PART]);
        parts.push(bytes.clone());
        assert_eq!(parts.into_bytes().as_ptr(), bytes.as_ptr());
        assert!(Parts::default().into_bytes().is_empty());
    }

    #[test]
    fn frames_are_held_where_they_were_read_until_the_one_copy_into_the_log() {
        let frames: Vec<Bytes> = (0..50).map(|_| Bytes::from(vec![7; 16 << 10])).collect();
        let mut parts = Parts::default();
        frames.iter().cloned().for_each(|frame| parts.push(frame));
        parts.push(Bytes::from_static(&[7; OWN_PART]));
        let addresses = |parts: &[Bytes]| parts.iter().map(|part| part.as_ptr()).collect::<Vec<_>>();
        assert_eq!(addresses(&parts.parts[..50]), addresses(&frames));
        assert_eq!((parts.parts.len(), parts.tail.capacity()), (51, 0));
    }

    #[tokio::test]
    async fn a_body_that_stands_still_is_ended() {
        let mut source = Source::new(Still, Pace { stall: Duration::from_millis(20), rate: 1, total: None });
        assert_eq!(source.next().await, Err(Outcome::TooSlow));
    }

    #[tokio::test]
    async fn a_body_that_drips_is_ended_although_it_never_stands_still() {
        let mut source = Source::new(Drip, Pace { stall: Duration::from_millis(20), rate: u64::MAX, total: None });
        let ended = loop {
            match source.next().await {
                Ok(Some(_)) => {}
                other => break other,
            }
        };
        assert_eq!(ended, Err(Outcome::TooSlow));
        assert!(source.received() > 0);
    }

    #[tokio::test]
    async fn what_comes_at_once_is_read_to_its_end() {
        let mut source = Source::new(Full::new(Bytes::from_static(b"abc")), PACE);
        assert_eq!(source.next().await, Ok(Some(Bytes::from_static(b"abc"))));
        assert_eq!(source.next().await, Ok(None));
        assert_eq!(source.received(), 3);
    }

    /// A body whose bytes never come.
    struct Still;

    /// A body without end, a byte at a time.
    struct Drip;

    type Polled = Poll<Option<Result<Frame<Bytes>, Infallible>>>;

    impl Body for Still {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Polled {
            Poll::Pending
        }
    }

    impl Body for Drip {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Polled {
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }
}
