//! The sweep: entries that are past every bound leave without being asked for.
//!
//! A walk through all shards, round after round, in steps so small that a
//! shard's lock is held for some tens of microseconds. Its pace is set by what
//! it has looked at: a look costs a cache miss, about 0.1 microseconds, and is
//! followed by a hundred times as much of rest.

use std::sync::Arc;
use std::time::Duration;

use super::Node;
use crate::facts::clock::Span;
use crate::facts::statistics::Stat;
use crate::rules::freshness::{Standing, is_spent};

/// Buckets of one step: some three hundred entries under the shard's lock.
const STEP: usize = 64;
/// Rest for each entry looked at: 1% of one processor, 12 s a round for a million.
const REST: Duration = Duration::from_micros(12);
/// The rest is taken at once when it has come to this: not a wake-up a step.
const NAP: Duration = Duration::from_millis(10);
/// A round takes as long at the least, and at the most if there is little to look at.
const ROUND: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// The sweep of a node. Ends with its environment.
pub async fn run(node: Arc<Node>) {
    let kept = node.policy.keep_expired;
    // What is to be kept for long may leave a quarter of that later.
    let round = (kept / 4).clamp(ROUND.0, ROUND.1);
    loop {
        let next = node.now().after(round);
        let mut rest = Duration::ZERO;
        for shard in 0..node.store.shards() {
            loop {
                let (looked_at, over) = step(&node, shard, kept.into());
                rest += REST * looked_at;
                if rest >= NAP {
                    node.env.sleep_until(node.now().after(rest)).await;
                    rest = Duration::ZERO;
                }
                if over {
                    break;
                }
            }
        }
        node.env.sleep_until(next.max(node.now().after(rest))).await;
    }
}

/// One step; how many entries it looked at, and whether the shard is done.
fn step(node: &Node, shard: usize, kept: Span) -> (u32, bool) {
    let now = node.now();
    let mut looked_at = 0;
    let (left, over) = node.store.sweep(shard, STEP, |entry| {
        looked_at += 1;
        let bounds = node.policy.key_bounds(entry.key());
        is_spent(&Standing::of(entry), &bounds, node.policy.drift, kept, now)
    });
    node.counters.add_many(Stat::Expirations, left as u64);
    (looked_at, over)
}
