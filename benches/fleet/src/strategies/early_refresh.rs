//! TTL with early refresh, as FusionCache's eager refresh does it: a read past
//! a share of the TTL is answered at once and starts one fetch behind it.

use std::sync::Arc;

use edgecmp_oracle::Source;

use super::Strategy;
use super::node::Node;
use crate::done::Done;
use crate::job::Counts;

/// `EagerRefreshThreshold` of FusionCache's own examples.
const THRESHOLD: f64 = 0.9;

pub struct EarlyRefresh {
    node: Arc<Node>,
    refresh_ns: u64,
}

impl EarlyRefresh {
    pub fn new(node: Arc<Node>) -> Self {
        let refresh_ns = (node.ttl_ns as f64 * THRESHOLD) as u64;
        Self { node, refresh_ns }
    }
}

impl Strategy for EarlyRefresh {
    fn read(&self, key: u32, done: Done) {
        match self.node.fresh(key) {
            Some(kept) => {
                let due = kept.age_ns() >= self.refresh_ns;
                kept.tell(Source::Hit, done);
                if due {
                    self.node.fetch_in_flight(key, None);
                }
            }
            None => self.node.fetch_in_flight(key, Some(done)),
        }
    }

    fn counts(&self) -> Counts {
        self.node.counts()
    }
}
