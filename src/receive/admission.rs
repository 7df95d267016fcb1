//! Admission by bytes: how much may be read and inflated at once, over all connections of both transports.
//!
//! A request holds a [`Permit`] from its headers to its reply. It begins with the size that the request claims, as far as
//! that is small, and is topped up as bytes come and before more memory is used for it: a claim alone costs its sender
//! nothing, and must not keep others out. Whoever is alone always fits, so that no request that is allowed by its own limit
//! is refused for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::outcome::Outcome;
use crate::observe::ledger::{Ledger, Transport};

/// Most bytes that are admitted for a claim, before any have come.
pub(super) const ON_TRUST: usize = 64 << 10;

/// The bytes admitted now, and their limit.
pub(super) struct Admission {
    limit: u64,
    used: AtomicU64,
    ledger: Arc<Ledger>,
}

/// Bytes admitted for one request; given back when dropped.
pub(super) struct Permit {
    admission: Arc<Admission>,
    transport: Transport,
    held: u64,
}

// === impl Admission ===

impl Admission {
    pub(super) fn new(limit: u64, ledger: Arc<Ledger>) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicU64::new(0), ledger })
    }

    /// Admits a request that claims `bytes`, for as many of them as are taken on trust, or says that there is no room.
    pub(super) fn admit(self: &Arc<Self>, transport: Transport, bytes: usize) -> Result<Permit, Outcome> {
        let mut permit = Permit { admission: self.clone(), transport, held: 0 };
        permit.raise(bytes.min(ON_TRUST) as u64).map(|()| permit)
    }
}

// === impl Permit ===

impl Permit {
    /// Bytes held.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    /// Holds the `come` bytes that have come of at most `most`, ahead of them in steps that double.
    pub(super) fn follow(&mut self, come: usize, most: usize) -> Result<(), Outcome> {
        let come = come as u64;
        match come > self.held {
            true => self.raise(self.held.saturating_mul(2).min(most as u64).max(come)),
            false => Ok(()),
        }
    }

    /// Holds `to` bytes from now on, where that is more than before.
    pub(super) fn raise(&mut self, to: u64) -> Result<(), Outcome> {
        let held = self.held;
        let more = to.saturating_sub(held);
        let fits = |used: u64| {
            let sum = used.saturating_add(more);
            (used == held || sum <= self.admission.limit).then_some(sum)
        };
        let raised = self.admission.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits);
        raised.map_err(|_| Outcome::Full)?;
        self.held += more;
        self.gauge().fetch_add(more, Ordering::Relaxed);
        Ok(())
    }

    fn gauge(&self) -> &AtomicU64 {
        &self.admission.ledger.door(self.transport).in_flight_bytes
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.used.fetch_sub(self.held, Ordering::AcqRel);
        self.gauge().fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_never_passes_the_limit_and_comes_back() {
        let ledger = Arc::new(Ledger::default());
        let admission = Admission::new(100, ledger.clone());
        let mut first = admission.admit(Transport::Grpc, 60).unwrap();
        let second = admission.admit(Transport::Http, 40).unwrap();
        assert!(admission.admit(Transport::Http, 1).is_err());
        assert!(first.raise(61).is_err() && first.raise(10).is_ok());
        assert_eq!(first.held(), 60);
        drop(second);
        assert!(first.raise(90).is_ok());
        let door = ledger.door(Transport::Grpc);
        assert_eq!(door.in_flight_bytes.load(Ordering::Relaxed), 90);
        drop(first);
        assert_eq!(door.in_flight_bytes.load(Ordering::Relaxed), 0);
        assert_eq!(admission.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn whoever_is_alone_fits_whatever_its_size() {
        let admission = Admission::new(100, Arc::default());
        let mut large = admission.admit(Transport::Grpc, 1000).unwrap();
        assert!(large.raise(2000).is_ok());
        assert!(admission.admit(Transport::Grpc, 1).is_err());
    }

    #[test]
    fn claims_keep_nobody_out_until_their_bytes_come() {
        let admission = Admission::new(1 << 30, Arc::default());
        let claims: Vec<_> = (0..1000).map(|_| admission.admit(Transport::Grpc, 64 << 20).unwrap()).collect();
        assert_eq!(admission.used.load(Ordering::Relaxed), 1000 * ON_TRUST as u64);
        drop(claims);
        let mut one = admission.admit(Transport::Grpc, 1_000_000).unwrap();
        let mut held = Vec::new();
        for come in (0..=1_000_000).step_by(1000) {
            one.follow(come, 1_000_000).unwrap();
            assert!(one.held() >= come as u64);
            held.push(one.held());
        }
        held.dedup();
        assert_eq!(held, [65_536, 131_072, 262_144, 524_288, 1_000_000]);
    }

    #[test]
    fn a_size_near_the_end_of_the_range_does_not_wrap() {
        let admission = Admission::new(100, Arc::default());
        let _one = admission.admit(Transport::Grpc, 1).unwrap();
        assert!(admission.admit(Transport::Grpc, 1).unwrap().raise(u64::MAX).is_err());
    }
}
