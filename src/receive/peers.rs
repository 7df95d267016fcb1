//! Peers: who a connection belongs to, and what each of them holds.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use hashbrown::HashMap;

/// The party to which usage is attributed when shares are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum PeerKey {
    /// An IPv4 address, or the /64 network of an IPv6 address: a single host commonly owns all of a /64.
    Network(IpAddr),
}

/// The usage of one peer. Shared by its connections and its permits.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) key: PeerKey,
    /// Bytes of memory that its connections take, by estimate.
    pub(super) bytes: AtomicU64,
    /// Bytes of its requests in flight.
    pub(super) in_flight: AtomicU64,
}

/// The peers that have connections.
#[derive(Debug, Default)]
pub(super) struct Peers {
    peers: HashMap<PeerKey, (Arc<Peer>, usize)>,
}

// === impl PeerKey ===

impl PeerKey {
    /// Returns the key of a client at `address`.
    pub(super) fn of(address: IpAddr) -> Self {
        Self::Network(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

impl fmt::Display for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(v4 @ IpAddr::V4(_)) => v4.fmt(f),
            Self::Network(IpAddr::V6(v6)) => write!(f, "{v6}/64"),
        }
    }
}

// === impl Peer ===

impl Peer {
    pub(super) fn new(key: PeerKey) -> Arc<Self> {
        Arc::new(Self { key, bytes: AtomicU64::new(0), in_flight: AtomicU64::new(0) })
    }
}

// === impl Peers ===

impl Peers {
    /// Returns the peer of a new connection. Each call must be paired with one of [`Peers::leave`].
    pub(super) fn join(&mut self, key: PeerKey) -> Arc<Peer> {
        let (peer, joined) = self.peers.entry(key).or_insert_with(|| (Peer::new(key), 0));
        *joined += 1;
        peer.clone()
    }

    /// Forgets a connection of the peer, and the peer with its last connection.
    pub(super) fn leave(&mut self, key: PeerKey) {
        if let Some((_, joined)) = self.peers.get_mut(&key) {
            *joined -= 1;
            if *joined == 0 {
                self.peers.remove(&key);
            }
        }
    }

    /// The number of peers with connections.
    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> PeerKey {
        PeerKey::of(address.parse().unwrap())
    }

    #[test]
    fn a_peer_is_an_ipv4_address_or_an_ipv6_network() {
        assert_ne!(key("10.0.0.1"), key("10.0.0.2"));
        assert_eq!(key("10.0.0.1"), key("::ffff:10.0.0.1"));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
    }

    #[test]
    fn a_peer_is_forgotten_with_its_last_connection() {
        let mut peers = Peers::default();
        let (one, same) = (peers.join(key("10.0.0.1")), peers.join(key("10.0.0.1")));
        assert!(Arc::ptr_eq(&one, &same));
        peers.leave(one.key);
        assert_eq!(peers.len(), 1);
        peers.leave(one.key);
        assert_eq!(peers.len(), 0);
    }
}
