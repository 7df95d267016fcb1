//! Admission by bytes: how much may be read and inflated at once, over all connections of both transports.
//!
//! A request holds a [`Permit`] from its headers to its reply. It holds nothing until bytes come, then at most twice as much
//! as has come, so that a claim alone keeps nobody out, and what inflating and converting takes. Whoever is alone always
//! fits, so that no request that is allowed by its own limit is refused for ever.
//!
//! A fifth of the limit is kept for peers below their fair share, which is the rest of it divided by the number of peers
//! that have bytes in flight: a peer that floods is refused before its neighbors are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::outcome::Outcome;
use super::peers::Peer;
use crate::observe::ledger::{Ledger, Transport};

/// Most bytes beyond those that have come that a request may hold: about one frame.
const AHEAD: u64 = 64 << 10;

/// The bytes admitted now, and their limit.
pub(super) struct Admission {
    limit: u64,
    used: AtomicU64,
    /// Peers with bytes in flight.
    peers: AtomicUsize,
    ledger: Arc<Ledger>,
}

/// Bytes admitted for one request; given back when dropped.
pub(super) struct Permit {
    admission: Arc<Admission>,
    peer: Arc<Peer>,
    transport: Transport,
    held: u64,
}

// === impl Admission ===

impl Admission {
    pub(super) fn new(limit: u64, ledger: Arc<Ledger>) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicU64::new(0), peers: AtomicUsize::new(0), ledger })
    }

    /// Admits a request of `peer` that claims `bytes`, or says that there is no room. It holds nothing yet.
    pub(super) fn admit(
        self: &Arc<Self>,
        transport: Transport,
        peer: &Arc<Peer>,
        bytes: usize,
    ) -> Result<Permit, Outcome> {
        let permit = Permit { admission: self.clone(), peer: peer.clone(), transport, held: 0 };
        let claim = (bytes as u64).min(AHEAD);
        match permit.fits(self.used.load(Ordering::Relaxed), claim) {
            true => Ok(permit),
            false => Err(Outcome::Crowded),
        }
    }

    /// Bytes that `peer` may take, out of which everybody's sum may be how much.
    fn bound(&self, of_peer: u64) -> u64 {
        let shared = self.limit / 5 * 4;
        match of_peer > shared / self.peers.load(Ordering::Relaxed).max(1) as u64 {
            true => shared,
            false => self.limit,
        }
    }
}

// === impl Permit ===

impl Permit {
    /// Bytes held.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    /// Holds the `come` bytes that have come of at most `most`, ahead of them in steps that double while they are small.
    pub(super) fn follow(&mut self, come: usize, most: usize) -> Result<(), Outcome> {
        let come = come as u64;
        match come > self.held {
            true => self.raise(come.saturating_add(come.min(AHEAD)).min(most as u64).max(come)),
            false => Ok(()),
        }
    }

    /// Holds `to` bytes from now on, where that is more than before.
    pub(super) fn raise(&mut self, to: u64) -> Result<(), Outcome> {
        let more = to.saturating_sub(self.held);
        if more == 0 {
            return Ok(());
        }
        let fits = |used: u64| self.fits(used, more).then_some(used.saturating_add(more));
        let raised = self.admission.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits);
        raised.map_err(|_| Outcome::Crowded)?;
        self.held += more;
        if self.peer.in_flight.fetch_add(more, Ordering::Relaxed) == 0 {
            self.admission.peers.fetch_add(1, Ordering::Relaxed);
        }
        self.gauge().fetch_add(more, Ordering::Relaxed);
        Ok(())
    }

    /// Whether `more` bytes fit while everybody holds `used`.
    fn fits(&self, used: u64, more: u64) -> bool {
        let of_peer = self.peer.in_flight.load(Ordering::Relaxed).saturating_add(more);
        used == self.held || used.saturating_add(more) <= self.admission.bound(of_peer)
    }

    fn gauge(&self) -> &AtomicU64 {
        &self.admission.ledger.door(self.transport).in_flight_bytes
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.used.fetch_sub(self.held, Ordering::AcqRel);
        if self.held > 0 && self.peer.in_flight.fetch_sub(self.held, Ordering::Relaxed) == self.held {
            self.admission.peers.fetch_sub(1, Ordering::Relaxed);
        }
        self.gauge().fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receive::peers::PeerKey;

    fn peer(last: u8) -> Arc<Peer> {
        Peer::new(PeerKey::of([127, 0, 0, last].into()))
    }

    fn holding(admission: &Arc<Admission>, peer: &Arc<Peer>, bytes: u64) -> Result<Permit, Outcome> {
        let mut permit = admission.admit(Transport::Grpc, peer, bytes as usize)?;
        permit.raise(bytes).map(|()| permit)
    }

    #[test]
    fn the_sum_never_passes_the_limit_and_comes_back() {
        let ledger = Arc::new(Ledger::default());
        let admission = Admission::new(100, ledger.clone());
        let mut first = holding(&admission, &peer(1), 60).unwrap();
        let second = holding(&admission, &peer(2), 40).unwrap();
        assert!(holding(&admission, &peer(3), 1).is_err());
        assert!(first.raise(61).is_err() && first.raise(10).is_ok());
        assert_eq!(first.held(), 60);
        drop(second);
        assert!(first.raise(90).is_ok());
        let door = ledger.door(Transport::Grpc);
        assert_eq!(door.in_flight_bytes.load(Ordering::Relaxed), 90);
        drop(first);
        assert_eq!(door.in_flight_bytes.load(Ordering::Relaxed), 0);
        assert_eq!((admission.used.load(Ordering::Relaxed), admission.peers.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn whoever_is_alone_fits_whatever_its_size() {
        let admission = Admission::new(100, Arc::default());
        let mut large = holding(&admission, &peer(1), 1000).unwrap();
        assert!(large.raise(2000).is_ok());
        assert!(holding(&admission, &peer(2), 1).is_err());
    }

    #[test]
    fn a_request_holds_what_has_come_and_about_one_frame() {
        let admission = Admission::new(1 << 30, Arc::default());
        let flooder = peer(1);
        let claims: Vec<_> = (0..1000).map(|_| admission.admit(Transport::Grpc, &flooder, 64 << 20).unwrap()).collect();
        assert_eq!(admission.used.load(Ordering::Relaxed), 0, "claims keep nobody out");
        drop(claims);
        let mut one = admission.admit(Transport::Grpc, &flooder, 1_000_000).unwrap();
        for come in 0..=1_000_000_usize {
            one.follow(come, 1_000_000).unwrap();
            let most = come as u64 + AHEAD.min(come as u64);
            assert!((come as u64..=most).contains(&one.held()), "{} held of {come}", one.held());
        }
        assert_eq!(one.held(), 1_000_000);
    }

    #[test]
    fn a_peer_that_floods_is_refused_before_its_neighbors() {
        let admission = Admission::new(1000, Arc::default());
        let (flooder, neighbor) = (peer(1), peer(2));
        let mut flood: Vec<_> = std::iter::from_fn(|| holding(&admission, &flooder, 10).ok()).collect();
        assert_eq!(flood.len(), 80);
        let good = holding(&admission, &neighbor, 200).unwrap();
        assert!(holding(&admission, &flooder, 10).is_err());
        // What the flooder gives back, the neighbor may have up to its share; the flooder may not.
        flood.truncate(60);
        assert!(holding(&admission, &flooder, 10).is_err());
        let more = holding(&admission, &neighbor, 200).unwrap();
        drop((good, more));
        assert!(holding(&admission, &flooder, 10).is_ok());
    }

    #[test]
    fn a_size_near_the_end_of_the_range_does_not_wrap() {
        let admission = Admission::new(100, Arc::default());
        let _one = holding(&admission, &peer(1), 1).unwrap();
        assert!(holding(&admission, &peer(1), u64::MAX).is_err());
    }
}
