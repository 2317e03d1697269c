//! TTL with single flight.

use std::sync::Arc;

use edgecmp_oracle::Source;

use super::Strategy;
use super::node::Node;
use crate::done::Done;
use crate::job::Counts;

pub struct SingleFlight(Arc<Node>);

impl SingleFlight {
    pub fn new(node: Arc<Node>) -> Self {
        Self(node)
    }
}

impl Strategy for SingleFlight {
    fn read(&self, key: u32, done: Done) {
        match self.0.fresh(key) {
            Some(kept) => kept.tell(Source::Hit, done),
            None => self.0.fetch_in_flight(key, Some(done)),
        }
    }

    fn counts(&self) -> Counts {
        self.0.counts()
    }
}
