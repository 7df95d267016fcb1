use super::*;

const BYTES: usize = 4096;
const TICK: Nanos = SECOND / 10;

/// A pool with `count` free segments, in the order in which they came back.
fn pool(count: usize) -> (Arc<Pool>, Vec<*const u8>) {
    let pool = Pool::new(16 * BYTES, BYTES);
    let maps: Vec<MmapMut> = (0..count).map(|_| pool.take().unwrap()).collect();
    let addresses = maps.iter().map(|map| map.as_ptr()).collect();
    maps.into_iter().for_each(|map| pool.give_back(map));
    (pool, addresses)
}

fn free(pool: &Pool) -> Vec<*const u8> {
    pool.lock().ready.iter().map(|free| free.map.as_ptr()).collect()
}

#[test]
fn the_segment_that_was_used_last_is_taken_first() {
    let (pool, returned) = pool(3);
    for expected in returned.iter().rev() {
        assert_eq!(pool.take().unwrap().as_ptr(), *expected);
    }
}

#[test]
fn segments_that_came_back_are_taken_before_one_that_was_mapped_ahead() {
    let (pool, returned) = pool(2);
    let ahead = fault_in(BYTES).unwrap();
    let expected = [&[ahead.as_ptr()], &returned[..]].concat();
    pool.add_mapped(ahead);
    assert_eq!(free(&pool), expected);
}

#[test]
fn nothing_is_mapped_ahead_while_enough_segments_are_free() {
    for (count, lacks) in [(0, true), (1, true), (2, false), (5, false)] {
        let (pool, _) = pool(count);
        assert_eq!(pool.lacks_free(&pool.lock()), lacks, "{count} free");
    }
    let (pool, _) = pool(16);
    let held: Vec<MmapMut> = (0..16).filter_map(|_| pool.take()).collect();
    assert!(held.len() == 16 && !pool.lacks_free(&pool.lock()), "at the limit");
}

#[test]
fn short_of_memory_the_least_recently_used_segments_are_unmapped() {
    let (pool, returned) = pool(5);
    pool.unmap(2 * BYTES);
    assert_eq!(free(&pool), returned[2..]);
    pool.unmap(usize::MAX);
    assert_eq!(free(&pool), returned[3..]);
    assert_eq!((pool.free(), pool.used()), (AHEAD * BYTES, 0));
}

#[test]
fn an_idle_process_shrinks_to_the_segments_ahead_of_need_in_five_minutes() {
    let (pool, returned) = pool(6);
    let start = 7 * IDLE;
    pool.unmap_idle(start);
    pool.unmap_idle(start + IDLE - 1);
    assert_eq!(free(&pool), returned);
    // One a call, the oldest first.
    pool.unmap_idle(start + IDLE);
    assert_eq!(free(&pool), returned[1..]);
    (1..100).for_each(|tick| pool.unmap_idle(start + IDLE + tick * TICK));
    assert_eq!(free(&pool), returned[4..]);
    assert_eq!((pool.free(), pool.used()), (AHEAD * BYTES, 0));
}

#[test]
fn segments_in_use_stay_mapped_and_the_others_age_beside_them() {
    let (pool, returned) = pool(6);
    for now in (1..).map(|tick| tick * TICK).take_while(|now| *now < 2 * IDLE) {
        // Never more than three at once, so that the first three are not needed.
        let taken: Vec<MmapMut> = (0..3).map(|_| pool.take().unwrap()).collect();
        taken.into_iter().rev().for_each(|map| pool.give_back(map));
        pool.unmap_idle(now);
    }
    assert_eq!(free(&pool), returned[3..]);
}
