//! Requests that are made here, the same in every run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use bench_common::random::{Random, Zipf, hash};

use crate::workload::Workload;

const REQUESTS: usize = 500_000;
/// Keys that are requested once come after all others.
const ONCE: u64 = 1 << 40;

/// Zipf with scans, which the bars are judged by; and what shows where a
/// policy's limits are.
pub fn all() -> Vec<Workload> {
    vec![
        zipf_with_scans("zipf 0.7 + scans", 0.7, 1),
        zipf_with_scans("zipf 0.99 + scans", 0.99, 2),
        zipf_with_scans("zipf 1.2 + scans", 1.2, 3),
        one_hit_wonders(4).not_judged(),
        shifting(5).not_judged(),
        recency(6).not_judged(),
        scans_again(7).not_judged(),
        twice(8).not_judged(),
    ]
}

/// Every 10,000 requests a scan of 4,000 keys that are not wanted again.
fn zipf_with_scans(name: &str, exponent: f64, seed: u64) -> Workload {
    let (zipf, mut random, mut once) = (Zipf::new(20_000, exponent), draws(seed), ONCE);
    let keys = (0..REQUESTS).map(|at| {
        if at % 14_000 < 10_000 {
            return zipf.draw(&mut random) as u64;
        }
        once += 1;
        once
    });
    Workload::new(name, keys)
}

/// Three in ten keys are wanted once only, evenly mixed.
fn one_hit_wonders(seed: u64) -> Workload {
    let (zipf, mut random, mut once) = (Zipf::new(20_000, 0.9), draws(seed), ONCE);
    let keys = (0..REQUESTS).map(|_| {
        if random.unit() >= 0.3 {
            return zipf.draw(&mut random) as u64;
        }
        once += 1;
        once
    });
    Workload::new("one-hit wonders", keys)
}

/// Every 50,000 requests other keys are the popular ones.
fn shifting(seed: u64) -> Workload {
    let (zipf, mut random) = (Zipf::new(20_000, 0.99), draws(seed));
    let keys = (0..REQUESTS).map(|at| {
        let shift = (at / 50_000) as u64 * 1_000_003;
        (zipf.draw(&mut random) as u64 * 7919 + shift) % 100_003
    });
    Workload::new("shifting zipf", keys)
}

/// The distance since the last request of a key is Zipf-distributed, and all
/// that matters: LRU's own ground.
fn recency(seed: u64) -> Workload {
    let (zipf, mut random) = (Zipf::new(20_000, 1.1), draws(seed));
    let mut stack: Vec<u64> = (0..20_000).collect();
    let keys = (0..REQUESTS / 2).map(|_| {
        let depth = zipf.draw(&mut random);
        stack[..=depth].rotate_right(1);
        stack[0]
    });
    Workload::new("recency", keys)
}

/// Zipf, and between it scans of one of four large ranges: loops of a kind.
fn scans_again(seed: u64) -> Workload {
    let (zipf, mut random) = (Zipf::new(30_000, 0.8), draws(seed));
    let mut keys = Vec::with_capacity(REQUESTS);
    while keys.len() < REQUESTS {
        keys.extend((0..5_000).map(|_| zipf.draw(&mut random) as u64));
        let from = ONCE + random.below(4) * 10_000;
        keys.extend(from..from + 8_000);
    }
    Workload::new("scans that recur", keys)
}

/// Every key is wanted a second time, after 1,500 other requests on the mean,
/// and never again.
fn twice(seed: u64) -> Workload {
    let mut random = draws(seed);
    let mut due = BinaryHeap::new();
    let mut next = 0;
    let keys = (0..REQUESTS as u64 / 2).map(|at| match due.peek() {
        Some(&Reverse((time, key))) if time <= at => {
            due.pop();
            key
        }
        _ => {
            next += 1;
            due.push(Reverse((at + 500 + random.below(2_000), next)));
            next
        }
    });
    Workload::new("everything twice", keys)
}

/// Seeds are 1, 2, 3: their draws would be each other's but for the place. One is
/// skipped, so that requests are those of the figures published before.
fn draws(seed: u64) -> Random {
    let mut random = Random::new(hash(seed));
    random.bits();
    random
}
