//! The seed's sketch as written: a lock around a map, TTL, one lease per key
//! under a grant of its own, retry after base * 1.2^attempt, no coalescing.
//! Every read that finds its value near expiry, or past it, tries for itself.

use std::sync::Arc;
use std::time::Duration;

use bench_common::random::Random;
use edgecmp_oracle::Source;

use super::Strategy;
use super::locks::Locks;
use super::node::Node;
use crate::done::Done;
use crate::job::Counts;

/// "Close to expiry", as a share of the TTL.
const NEAR: f64 = 0.9;
const BACKOFF_BASE: Duration = Duration::from_millis(10);
const BACKOFF_GROWTH: f64 = 1.2;
/// About a second; then it asks without a lease.
const ATTEMPTS: i32 = 17;

pub struct Sketch {
    node: Arc<Node>,
    locks: Arc<Locks>,
    near_ns: u64,
}

impl Sketch {
    pub fn new(node: Arc<Node>, locks: Locks) -> Self {
        let near_ns = (node.ttl_ns as f64 * NEAR) as u64;
        Self { node, locks: Arc::new(locks), near_ns }
    }
}

/// Behind a read that has its answer.
async fn refresh(node: Arc<Node>, locks: Arc<Locks>, key: u32) {
    if let Ok(Some(held)) = locks.try_lease(key).await {
        if let Err(message) = node.fetch(key).await {
            eprintln!("refresh of key {key}: {message}");
        }
        locks.release(held).await;
    }
}

/// For a read that waits.
async fn fetch(node: Arc<Node>, locks: Arc<Locks>, key: u32, done: Done) {
    let mut random = Random::new(done.start_ns);
    for attempt in 0..ATTEMPTS {
        // Another reader of this node may have brought it.
        if let Some(kept) = node.fresh(key) {
            return kept.tell(Source::Joined, done);
        }
        match locks.try_lease(key).await {
            Ok(Some(held)) => {
                let outcome = node.fetch(key).await;
                match outcome {
                    Ok(kept) => kept.tell(Source::Fetched, done),
                    Err(message) => done.tell(Err(message)),
                }
                return locks.release(held).await;
            }
            Ok(None) => {
                let wait = BACKOFF_BASE.mul_f64(BACKOFF_GROWTH.powi(attempt) * random.unit());
                tokio::time::sleep(wait).await;
            }
            Err(message) => {
                eprintln!("lease of key {key}: {message}");
                break;
            }
        }
    }
    match node.fetch(key).await {
        Ok(kept) => kept.tell(Source::Fetched, done),
        Err(message) => done.tell(Err(message)),
    }
}

impl Strategy for Sketch {
    fn read(&self, key: u32, done: Done) {
        let (node, locks) = (Arc::clone(&self.node), Arc::clone(&self.locks));
        match self.node.fresh(key) {
            Some(kept) => {
                let near = kept.age_ns() >= self.near_ns;
                kept.tell(Source::Hit, done);
                if near {
                    self.node.spawn(refresh(node, locks, key));
                }
            }
            None => self.node.spawn(fetch(node, locks, key, done)),
        }
    }

    fn counts(&self) -> Counts {
        self.locks.counts(self.node.counts())
    }
}
