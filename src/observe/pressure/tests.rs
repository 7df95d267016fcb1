use super::*;
use crate::observe::ledger::ShardCounts;

/// What is left of the limit when a part is held back.
const LIMIT: u64 = 1_000_000;
/// The limit of the process.
const WHOLE: u64 = LIMIT * HELD_BACK / (HELD_BACK - 1);

fn held(bytes: u64) -> Reading {
    Reading { log: LogUsage { held: bytes, limit: u64::MAX, ..LogUsage::default() }, ..Reading::default() }
}

/// The levels that a process goes through as its memory fills to these parts of a thousand.
fn levels<const N: usize>(permille: [u64; N]) -> [Level; N] {
    let pressure = Pressure::new(WHOLE);
    permille.map(|part| pressure.sample(&held(part * LIMIT / 1000)))
}

#[test]
fn sessions_are_judged_early_from_85_percent_and_the_door_refuses_from_95() {
    use Level::{Early, Normal, Refuse};
    assert_eq!(levels([0, 849, 850, 949, 950, 2000]), [Normal, Normal, Early, Early, Refuse, Refuse]);
}

#[test]
fn a_level_is_left_three_points_below_its_mark() {
    use Level::{Early, Normal, Refuse};
    assert_eq!(levels([850, 820, 819, 849]), [Early, Early, Normal, Normal]);
    assert_eq!(levels([950, 920, 919, 949]), [Refuse, Refuse, Early, Early]);
    assert_eq!(levels([950, 920, 819]), [Refuse, Refuse, Normal]);
    // Whoever comes down from refusing is in the early level, and leaves that at its own mark.
    assert_eq!(levels([950, 830, 819]), [Refuse, Early, Normal]);
}

#[test]
fn everything_counted_adds_up() {
    let pressure = Pressure::new(WHOLE);
    let reading = Reading { in_flight: 200, queued: 3_000, tables: 40, resident: Some(5), ..held(10_000) };
    pressure.sample(&reading);
    assert_eq!(pressure.used(), 13_240);
}

#[test]
fn the_system_is_believed_where_it_says_more_but_free_segments_are_free() {
    let pressure = Pressure::new(WHOLE);
    let mut reading = Reading { resident: Some(900_000), ..held(10_000) };
    assert_eq!(pressure.sample(&reading), Level::Early);
    assert_eq!(pressure.percent(), 90);
    reading.log.free = 600_000;
    assert_eq!(pressure.sample(&reading), Level::Normal);
    assert_eq!(pressure.used(), 300_000);
    reading.log.free = u64::MAX;
    pressure.sample(&reading);
    assert_eq!(pressure.used(), 10_000);
}

#[test]
fn a_full_log_is_pressure_although_the_process_is_not_full() {
    let pressure = Pressure::new(WHOLE);
    let log = LogUsage { held: 90, limit: 100, ..LogUsage::default() };
    assert_eq!(pressure.sample(&Reading { log, ..Reading::default() }), Level::Early);
    assert_eq!((pressure.used(), pressure.percent()), (90, 90));
}

#[test]
fn the_excess_is_what_brings_the_level_back_to_normal() {
    let pressure = Pressure::new(WHOLE);
    pressure.sample(&held(840_000));
    assert_eq!(pressure.excess(), 0, "nothing is to be done before the mark");
    pressure.sample(&held(900_000));
    assert_eq!(pressure.excess(), 80_000);
    assert_eq!(pressure.sample(&held(900_000 - pressure.excess() - 1)), Level::Normal);
    assert_eq!(pressure.excess(), 0);
    let log = LogUsage { held: 90_000, limit: 100_000, ..LogUsage::default() };
    pressure.sample(&Reading { log, ..Reading::default() });
    assert_eq!(pressure.excess(), 8_000, "the log's own");
}

#[test]
fn an_excess_is_given_out_once() {
    let pressure = Pressure::new(WHOLE);
    pressure.sample(&held(900_000));
    assert_eq!(
        [pressure.claim(3), pressure.claim(3), pressure.claim(3), pressure.claim(3)],
        [26_667, 26_667, 26_666, 0]
    );
    pressure.sample(&held(860_000));
    assert_eq!((pressure.claim(1), pressure.claim(1)), (40_000, 0));
}

#[test]
fn what_is_let_in_between_two_readings_counts_on_top_of_the_last() {
    let pressure = Pressure::new(WHOLE);
    // The system says more than was counted, so that growth counts from there.
    pressure.sample(&Reading { resident: Some(900_000), ..held(500_000) });
    assert!(!pressure.is_full(549_999) && !pressure.is_full(0));
    assert!(pressure.is_full(550_000) && pressure.level() == Level::Early);
    pressure.sample(&held(900_000));
    assert!(!pressure.is_full(900_000));
}

#[test]
fn what_is_free_goes_back_to_the_system_when_the_process_nears_its_limit() {
    let pressure = Pressure::new(WHOLE);
    let excess = |resident| pressure.resident_excess(&Reading { resident: Some(resident), ..held(0) });
    assert_eq!([820_000, 850_000, 990_000].map(excess), [0, 30_000, 170_000]);
}

#[test]
fn counts_that_overflow_mean_full() {
    let pressure = Pressure::new(WHOLE);
    assert_eq!(pressure.sample(&Reading { tables: u64::MAX, ..held(u64::MAX) }), Level::Refuse);
}

#[test]
fn shares_add_up_to_the_limit_and_leave_the_log_the_most() {
    let gib = 1024 * MIB;
    for limit in [64 * MIB, 100 * MIB, 512 * MIB, gib, 16 * gib, 300 * gib, u64::MAX] {
        for queues in [0, 64 * MIB, 640 * MIB, u64::MAX] {
            let shares = split(limit, queues);
            let sum = shares.base + shares.in_flight + shares.connections + shares.queues + shares.tables + shares.log;
            assert_eq!(sum, limit, "{limit} {queues}");
            assert!(shares.in_flight >= 8 * MIB && shares.in_flight <= gib);
            assert!(shares.queues <= queues.saturating_mul(2));
            let others = [shares.in_flight, shares.connections, shares.queues, shares.tables];
            assert!(others.iter().all(|share| *share <= shares.log), "{shares:?}");
        }
    }
}

#[test]
fn the_smallest_limit_leaves_a_log_that_works() {
    let shares = split(64 * MIB, 64 * MIB);
    assert_eq!(shares.log, 14 * MIB + MIB / 2);
    assert_eq!(shares.queues, 10 * MIB);
}

#[test]
fn a_limit_that_is_far_too_small_divides_without_overflow() {
    for limit in [0, 1, MIB, 24 * MIB, 30 * MIB] {
        let shares = split(limit, 64 * MIB);
        assert!(shares.base + shares.in_flight <= limit);
    }
}

#[test]
fn a_reading_sums_doors_lanes_and_shards() {
    let ledger = Ledger::new(1, ["a".into(), "b".into()]);
    for door in &ledger.doors {
        door.in_flight_bytes.store(5, Ordering::Relaxed);
    }
    for lane in &ledger.lanes {
        lane.change(|counts| counts.queue_bytes = 7);
    }
    ledger.shards[0].publish(&ShardCounts { table_bytes: 9, ..ShardCounts::default() });
    ledger.arriving_bytes.store(3, Ordering::Relaxed);
    let log = Log::new(4 << 20, 1);
    let reading = Reading::take(&ledger, &log);
    assert_eq!((reading.in_flight, reading.queued, reading.tables), (10, 14, 12));
    assert_eq!(reading.log.limit, 4 << 20);
}
