//! Entries past every bound leave without being asked for.

use super::giving_up::eventually;
use super::*;

fn filled(bound: &str, keep_expired: &str, keys: u32) -> Cache {
    let mut options = options(bound);
    options.set("keep_expired", keep_expired).unwrap();
    let cache = Cache::open(options).unwrap();
    for key in 0..keys {
        cache.set(&key.to_be_bytes(), &[7; 100], &WriteOptions::default()).unwrap();
    }
    cache
}

#[test]
fn what_is_past_every_bound_leaves_without_a_read() {
    // All of them are there before the first leaves: what is written while its neighbours
    // leave need not be kept.
    let cache = filled("3s", "0s", 10_000);
    assert_eq!(cache.statistics().unwrap().entries, 10_000);
    eventually("all entries leave", || cache.statistics().unwrap().entries == 0);
    eventually("their memory is freed", || cache.statistics().unwrap().bytes < 64 << 10);
    let statistics = cache.statistics().unwrap();
    assert_eq!((statistics.expirations, statistics.evictions), (10_000, 0));
}

#[test]
fn what_is_proved_in_time_stays() {
    let cache = filled("400ms", "0s", 100);
    for _ in 0..125 {
        cache.get(&0_u32.to_be_bytes(), &read()).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    let statistics = cache.statistics().unwrap();
    assert_eq!((statistics.entries, statistics.expirations), (1, 99));
}

#[test]
fn what_is_past_its_bound_is_kept_to_be_compared() {
    let cache = filled("50ms", "1h", 100);
    thread::sleep(Duration::from_millis(1500));
    let statistics = cache.statistics().unwrap();
    assert_eq!((statistics.entries, statistics.expirations), (100, 0));
}
