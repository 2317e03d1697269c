//! TTL and a centralized lock with fixed retry: who finds a value expired
//! fetches it under the key's lock, or asks for the lock again and again.

use std::sync::Arc;
use std::time::Duration;

use edgecmp_oracle::Source;

use super::Strategy;
use super::locks::Locks;
use super::node::{Kept, Node};
use crate::done::Done;
use crate::job::Counts;

const RETRY: Duration = Duration::from_millis(10);
/// A second of retries; the reader would have given up by then.
const ATTEMPTS: usize = 100;

pub struct CentralLock {
    node: Arc<Node>,
    locks: Arc<Locks>,
}

impl CentralLock {
    pub fn new(node: Arc<Node>, locks: Locks) -> Self {
        Self { node, locks: Arc::new(locks) }
    }
}

async fn fetch_locked(node: &Node, locks: &Locks, key: u32) -> Result<Kept, String> {
    for _ in 0..ATTEMPTS {
        if let Some(held) = locks.try_lock(key).await? {
            let outcome = node.fetch(key).await;
            locks.release(held).await;
            return outcome;
        }
        tokio::time::sleep(RETRY).await;
    }
    Err("no lock within a second".into())
}

impl Strategy for CentralLock {
    fn read(&self, key: u32, done: Done) {
        if let Some(kept) = self.node.fresh(key) {
            return kept.tell(Source::Hit, done);
        }
        // One try for the lock a node: less would be a straw man.
        if self.node.board(key, Some(done)) {
            let (node, locks) = (Arc::clone(&self.node), Arc::clone(&self.locks));
            self.node.spawn(async move {
                let outcome = fetch_locked(&node, &locks, key).await;
                node.land(key, &outcome);
            });
        }
    }

    fn counts(&self) -> Counts {
        self.locks.counts(self.node.counts())
    }
}
