//! Which connections go when there are too many, or when they take too much.

use std::cmp::Reverse;
use std::sync::Arc;

use hashbrown::HashMap;

use super::connections::Connection;
use super::peers::PeerKey;

/// A connection that may be cut, with its figures at one moment.
pub(super) struct Candidate {
    connection: Arc<Connection>,
    peer: PeerKey,
    served: bool,
    active: u32,
    bytes: u64,
}

/// Chooses connections until the bytes of the others are an eighth below `limit`. A peer keeps its fair share of that.
pub(super) fn heavy(mut candidates: Vec<Candidate>, limit: u64) -> Vec<Arc<Connection>> {
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
pub(super) fn crowded(mut candidates: Vec<Candidate>, max: usize) -> Vec<Arc<Connection>> {
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

// === impl Candidate ===

impl Candidate {
    pub(super) fn of(connection: &Arc<Connection>) -> Self {
        let (served, active, bytes) = connection.standing();
        Self { connection: connection.clone(), peer: connection.peer.key, served, active, bytes }
    }
}
