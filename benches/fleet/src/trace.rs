//! The reads: when each node reads which key. A function of the scenario's
//! seed, so every strategy is asked the same at the same time.

use crate::scenario::Scenario;

/// One read of the trace.
#[derive(Clone, Copy, Debug)]
pub struct Intended {
    /// After the start of the run.
    pub at_ns: u64,
    pub key: u32,
}

/// The reads of one node: arrivals of a Poisson process, keys by Zipf.
pub fn reads(scenario: &Scenario, node: usize) -> Vec<Intended> {
    let mut random = Random::new(scenario.seed ^ (node as u64 + 1).wrapping_mul(0xa076_1d64_78bd_642f));
    let mut sum = 0.0;
    let cumulated: Vec<f64> = scenario
        .shares()
        .iter()
        .map(|share| {
            sum += share;
            sum
        })
        .collect();
    let end_s = scenario.length().as_secs_f64();
    let mut at_s = 0.0;
    let mut reads = Vec::new();
    loop {
        at_s += -(1.0 - random.unit()).ln() / scenario.reads_per_second;
        if at_s >= end_s {
            return reads;
        }
        let draw = random.unit() * sum;
        let key = cumulated.partition_point(|sum| *sum <= draw).min(cumulated.len() - 1);
        reads.push(Intended { at_ns: (at_s * 1e9) as u64, key: key as u32 });
    }
}

/// splitmix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn shuffle(&mut self, items: &mut [usize]) {
        for i in (1..items.len()).rev() {
            items.swap(i, (self.unit() * (i + 1) as f64) as usize);
        }
    }
}
