use proptest::prelude::*;

use super::*;

/// A stream of good hashes that is the same in every run.
fn hash(purpose: u64, n: u64) -> u128 {
    xxhash_rust::xxh3::xxh3_128_with_seed(&n.to_le_bytes(), purpose)
}

#[test]
fn thresholds_are_those_of_the_specification() {
    assert_eq!(threshold_of(1.0), 0);
    assert_eq!(threshold_of(0.5), 0x80_0000_0000_0000);
    assert_eq!(threshold_of(0.25), 0xc0_0000_0000_0000);
    // "1%" in the specification's table: fd70a3d70a3d71 with full precision.
    assert_eq!(threshold_of(0.01), 0xfd_70a3_d70a_3d71);
    assert_eq!(threshold_of(0.0), NEVER);
    assert_eq!(threshold_of(-1.0), NEVER);
    assert_eq!(threshold_of(f64::NAN), NEVER);
    assert_eq!(threshold_of(7.0), 0);
    assert_eq!(threshold_of(f64::MIN_POSITIVE), NEVER - 1);
    assert_eq!(probability_of(NEVER), 0.0);
    assert_eq!(probability_of(0), 1.0);
}

#[test]
fn the_randomness_of_a_trace_is_the_low_seven_bytes_of_its_id() {
    let id = TraceId([0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    assert_eq!(trace_randomness(id), 0x09_0a0b_0c0d_0e0f);
}

#[test]
fn an_incoming_threshold_that_its_own_randomness_fails_is_ignored() {
    let (th, r) = (threshold_of(0.5), NEVER - 1);
    assert_eq!(compose(true, th, 0xf0 << 48, 0xf0 << 48, Some(0xf1 << 48)), (th, None));
    assert_eq!(compose(false, th, r, 1, Some(2)), (th, Some(r)));
    assert_eq!(compose(false, th, r, NEVER - 1, Some(u64::MAX)), (th, Some(r)));
}

#[test]
fn without_incoming_sampling_an_id_decides_alone() {
    assert_eq!(compose(false, 5 << 40, 6 << 40, 0, None), (5 << 40, Some(6 << 40)));
    assert_eq!(compose(true, 5 << 40, 6 << 40, 6 << 40, None), (5 << 40, None));
    assert_eq!(compose(true, 5 << 40, 9 << 40, 9 << 40, Some(8 << 40)), (8 << 40, None));
}

proptest! {
    #[test]
    fn probabilities_survive_the_way_through_thresholds(p in 1e-9..=1.0_f64) {
        prop_assert!((probability_of(threshold_of(p)) - p).abs() <= f64::EPSILON * p + 2.0_f64.powi(-56));
    }

    /// Whatever came in, what is written passes its own test exactly when our own did.
    #[test]
    fn what_is_kept_passes_the_threshold_that_is_written_with_it(
        threshold in 0..=NEVER,
        id in 0..NEVER,
        trace in 0..NEVER,
        incoming in proptest::option::of(0..NEVER),
        by_trace: bool,
    ) {
        let randomness = if by_trace { trace } else { id };
        let (th, rv) = compose(by_trace, threshold, randomness, trace, incoming);
        prop_assert_eq!(rv.is_none(), by_trace);
        let rv = rv.unwrap_or(trace);
        prop_assert!(rv < NEVER);
        if randomness >= threshold {
            prop_assert!(th < NEVER && rv >= th, "{rv:x} {th:x}");
        } else if by_trace {
            prop_assert!(rv < th);
        } else {
            // Scaling down can make two neighbours one.
            prop_assert!(rv <= th);
        }
    }

    /// The product of two thresholds that are no finer than 2^-28 is exact.
    #[test]
    fn composed_probabilities_are_the_product(ours in 1..=1_u64 << 28, theirs in 1..=1_u64 << 28) {
        let threshold = |kept: u64| NEVER - (kept << 28);
        let (th, _) = compose(false, threshold(ours), NEVER - 1, NEVER - 1, Some(threshold(theirs)));
        prop_assert_eq!(NEVER - th, ours * theirs);
    }
}

/// Simulates `head` sampling by trace in front of ours, with sessions of several classes, and restores their number from
/// what was kept. Gives the restored number and its standard deviation.
fn restored(by_trace: bool, head: Option<f64>, sessions: u64) -> (f64, f64) {
    let (mut count, mut variance) = (0.0_f64, 0.0_f64);
    for n in 0..sessions {
        let ours = [1.0_f64, 0.5, 0.1, 0.037][(n % 4) as usize];
        let trace = hash_randomness(hash(1, n));
        let incoming = head.map(threshold_of);
        let chance = match (by_trace, head) {
            (_, None) => ours,
            (true, Some(head)) => ours.min(head),
            (false, Some(head)) => ours * head,
        };
        variance += (1.0 - chance) / chance;
        if incoming.is_some_and(|th| trace < th) {
            continue;
        }
        let randomness = if by_trace { trace } else { hash_randomness(hash(2, n)) };
        if randomness >= threshold_of(ours) {
            let (th, _) = compose(by_trace, threshold_of(ours), randomness, trace, incoming);
            count += 1.0 / probability_of(th);
        }
    }
    (count, variance.sqrt())
}

#[test]
fn what_was_dropped_can_be_counted_from_what_was_kept() {
    for by_trace in [true, false] {
        for head in [None, Some(1.0), Some(0.5), Some(0.2)] {
            let (count, deviation) = restored(by_trace, head, 100_000);
            let off = (count - 100_000.0).abs();
            assert!(off < 3.0 * deviation, "by trace {by_trace}, head {head:?}: {count} +- {deviation}");
        }
    }
}

/// So that a sampler behind us that asks for less still keeps the right share.
#[test]
fn written_randomness_is_uniform_above_the_written_threshold() {
    let (ours, head, wanted) = (threshold_of(0.5), threshold_of(0.4), threshold_of(0.05));
    let (mut kept, mut again) = (0.0_f64, 0.0_f64);
    for n in 0..200_000 {
        let (trace, id) = (hash_randomness(hash(3, n)), hash_randomness(hash(4, n)));
        if trace < head || id < ours {
            continue;
        }
        let (th, rv) = compose(false, ours, id, trace, Some(head));
        assert!(th < wanted);
        kept += 1.0;
        again += f64::from(u8::from(rv.unwrap() >= wanted));
    }
    let share: f64 = 0.05 / (0.5 * 0.4);
    let deviation = (kept * share * (1.0 - share)).sqrt();
    assert!((again - kept * share).abs() < 3.0 * deviation, "{again} of {kept}");
}
