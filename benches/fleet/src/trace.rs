//! The reads: when each node reads which key. A function of the scenario's
//! seed, so every strategy is asked the same at the same time.

use bench_common::random::Random;

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
    let zipf = scenario.popularity();
    let end_s = scenario.length().as_secs_f64();
    let mut at_s = 0.0;
    let mut reads = Vec::new();
    loop {
        at_s += -(1.0 - random.unit()).ln() / scenario.reads_per_second;
        if at_s >= end_s {
            return reads;
        }
        reads.push(Intended { at_ns: (at_s * 1e9) as u64, key: zipf.draw(&mut random) as u32 });
    }
}
