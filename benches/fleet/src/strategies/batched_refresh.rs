//! TTL with early refresh, as sturdyc does it: each entry is due at a random
//! age, and due keys gather for a while so that one request refreshes many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bench_common::random::Random;
use edgecmp_oracle::Source;

use super::Strategy;
use super::node::{Kept, Node};
use crate::done::Done;
use crate::job::Counts;

/// The window of ages, as shares of the TTL (`WithEarlyRefreshes`).
const WINDOW: (f64, f64) = (0.80, 0.95);
/// `WithRefreshCoalescing`.
const BUFFER: usize = 10;
const BUFFER_TIMEOUT: Duration = Duration::from_millis(20);

pub struct BatchedRefresh {
    node: Arc<Node>,
    buffer: Arc<Mutex<Buffer>>,
}

struct Buffer {
    random: Random,
    /// At which age each entry is due.
    due_ns: HashMap<u32, u64>,
    gathered: Vec<u32>,
}

fn lock(buffer: &Mutex<Buffer>) -> MutexGuard<'_, Buffer> {
    buffer.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BatchedRefresh {
    pub fn new(node: Arc<Node>, number: usize) -> Self {
        let random = Random::new(number as u64);
        let buffer = Buffer { random, due_ns: HashMap::new(), gathered: Vec::new() };
        Self { node, buffer: Arc::new(Mutex::new(buffer)) }
    }

    /// Whether an entry is due. Its age is drawn when it is first looked at.
    fn is_due(&self, key: u32, kept: &Kept) -> bool {
        let age_ns = kept.age_ns();
        if (age_ns as f64) < self.node.ttl_ns as f64 * WINDOW.0 {
            return false;
        }
        let mut buffer = lock(&self.buffer);
        let draw = buffer.random.unit();
        let drawn = (WINDOW.0 + (WINDOW.1 - WINDOW.0) * draw) * self.node.ttl_ns as f64;
        age_ns >= *buffer.due_ns.entry(key).or_insert(drawn as u64)
    }

    fn gather(&self, key: u32) {
        if !self.node.board(key, None) {
            return;
        }
        let mut buffer = lock(&self.buffer);
        buffer.due_ns.remove(&key);
        buffer.gathered.push(key);
        match buffer.gathered.len() {
            BUFFER => self.send(std::mem::take(&mut buffer.gathered)),
            1 => {
                let (node, buffer) = (Arc::clone(&self.node), Arc::clone(&self.buffer));
                self.node.spawn(async move {
                    tokio::time::sleep(BUFFER_TIMEOUT).await;
                    let keys = std::mem::take(&mut lock(&buffer).gathered);
                    refresh(node, keys).await;
                });
            }
            _ => {}
        }
    }

    fn send(&self, keys: Vec<u32>) {
        self.node.spawn(refresh(Arc::clone(&self.node), keys));
    }
}

async fn refresh(node: Arc<Node>, keys: Vec<u32>) {
    if keys.is_empty() {
        return;
    }
    for (key, outcome) in keys.iter().zip(node.fetch_many(&keys).await) {
        node.land(*key, &outcome);
    }
}

impl Strategy for BatchedRefresh {
    fn read(&self, key: u32, done: Done) {
        match self.node.fresh(key) {
            Some(kept) => {
                let due = self.is_due(key, &kept);
                kept.tell(Source::Hit, done);
                if due {
                    self.gather(key);
                }
            }
            None => self.node.fetch_in_flight(key, Some(done)),
        }
    }

    fn counts(&self) -> Counts {
        self.node.counts()
    }
}
