//! What is run: how many nodes, which reads, for how long.

use std::time::Duration;

use bench_common::random::Zipf;
use serde::{Deserialize, Serialize};

/// A key is hot if a node expects to read it at least so often within a bound.
pub const HOT_READS: f64 = 4.0;
/// The exponent of the reads' popularity.
pub const ZIPF: f64 = 0.99;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scenario {
    pub nodes: usize,
    pub keys: usize,
    /// Of one node.
    pub reads_per_second: f64,
    /// Staleness bound, and TTL of those who have one.
    pub bound: Duration,
    pub warm_up: Duration,
    pub measured: Duration,
    /// How long the origin takes for a read.
    pub origin_delay: Duration,
    pub seed: u64,
}

impl Scenario {
    /// The main table's. Sized so that two cores are less than 60% busy, and
    /// that hits alone do not decide: the coldest keys are not hot.
    pub fn main(measured: Duration) -> Self {
        let bound = Duration::from_secs(2);
        Self {
            nodes: 8,
            keys: 150,
            reads_per_second: 1_500.0,
            bound,
            warm_up: bound * 2,
            measured,
            origin_delay: Duration::from_millis(5),
            seed: 20_130_101,
        }
    }

    /// The row from 2 to 16 nodes: fewer reads a node, so that 16 are bearable.
    pub fn scale(nodes: usize, measured: Duration) -> Self {
        Self { nodes, keys: 60, reads_per_second: 500.0, ..Self::main(measured) }
    }

    pub fn length(&self) -> Duration {
        self.warm_up + self.measured
    }

    /// How often keys are read, the most popular first.
    pub fn popularity(&self) -> Zipf {
        Zipf::new(self.keys, ZIPF)
    }

    /// How many of the keys are hot; they are the first ones.
    pub fn hot_keys(&self) -> usize {
        let reads = self.reads_per_second * self.bound.as_secs_f64();
        self.popularity().shares().take_while(|share| share * reads >= HOT_READS).count()
    }
}
