//! Which connections go when there are too many, or when they take too much.

use std::cmp::Reverse;

use hashbrown::HashMap;

use super::peers::PeerKey;

/// A connection that may be cut, with its figures at one moment.
pub(super) struct Candidate<C> {
    pub(super) connection: C,
    pub(super) peer: PeerKey,
    /// Whether a request of it was accepted.
    pub(super) served: bool,
    /// When something came or went of a request.
    pub(super) active: u32,
    pub(super) bytes: u64,
}

/// Chooses connections until the bytes of the others are an eighth below `limit`. A peer keeps its fair share of that.
pub(super) fn heavy<C>(mut candidates: Vec<Candidate<C>>, limit: u64) -> Vec<C> {
    let mut usage: HashMap<PeerKey, u64> = HashMap::new();
    candidates.iter().for_each(|one| *usage.entry(one.peer).or_default() += one.bytes);
    let mut total: u64 = usage.values().sum();
    let target = limit - limit / 8;
    let share = target / usage.len().max(1) as u64;
    if total <= limit {
        return Vec::new();
    }
    candidates.sort_unstable_by_key(|one| (one.served, one.active, Reverse(one.bytes)));
    let mut chosen = Vec::new();
    for Candidate { connection, peer, bytes, .. } in candidates {
        if total <= target {
            break;
        }
        if let Some(used) = usage.get_mut(&peer).filter(|used| **used > share) {
            *used -= bytes;
            total -= bytes;
            chosen.push(connection);
        }
    }
    chosen
}

/// Chooses connections of the peer that has most of them, so that there are at most `max`: a few more than necessary where
/// there are many, because every choice looks at all.
pub(super) fn crowded<C>(mut candidates: Vec<Candidate<C>>, max: usize) -> Vec<C> {
    if candidates.len() <= max {
        return Vec::new();
    }
    let mut usage: HashMap<PeerKey, usize> = HashMap::new();
    candidates.iter().for_each(|one| *usage.entry(one.peer).or_default() += 1);
    let most = usage.values().copied().max().unwrap_or_default();
    candidates.retain(|one| usage.get(&one.peer) == Some(&most));
    candidates.sort_unstable_by_key(|one| (one.served, one.active));
    let number = 1 + most / 64;
    candidates.into_iter().take(number).map(|one| one.connection).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(connection: u32, peer: u8, served: bool, bytes: u64) -> Candidate<u32> {
        let peer = PeerKey::of([127, 0, 0, peer].into());
        Candidate { connection, peer, served, active: connection, bytes }
    }

    #[test]
    fn nothing_is_cut_within_the_limit() {
        let all = || (0..100).map(|number| one(number, 1, false, 10)).collect::<Vec<_>>();
        assert!(heavy(all(), 1000).is_empty());
        assert!(crowded(all(), 100).is_empty());
    }

    #[test]
    fn the_peer_above_its_share_loses_what_was_never_served_and_was_silent_for_longest() {
        let mut all: Vec<_> = (10..100).map(|number| one(number, 1, false, 10)).collect();
        all.push(one(1, 1, true, 10));
        all.push(one(2, 2, false, 200));
        // 1110 bytes; 875 are left over the two peers.
        assert_eq!(heavy(all, 1000), (10..34).collect::<Vec<_>>());
    }

    #[test]
    fn a_peer_keeps_its_share_however_many_connections_others_have() {
        let flood = (100..1100).map(|number| one(number, 1, true, 10));
        let good = (0..10).map(|number| one(number, 2, false, 10));
        let cut = heavy(flood.chain(good).collect(), 1000);
        assert!(!cut.is_empty() && cut.iter().all(|number| *number >= 100), "{cut:?}");
    }

    #[test]
    fn the_peer_with_most_connections_makes_room() {
        let flood = (100..163).map(|number| one(number, 1, number == 100, 10));
        let good = (0..10).map(|number| one(number, 2, false, 10));
        assert_eq!(crowded(flood.chain(good).collect(), 72), [101]);
    }
}
