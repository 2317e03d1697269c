//! The fewest keys that any cache could ask the origin for.
//!
//! A proof asked for at t serves the reads of its node and key up to
//! t + bound. So the first read needs one, asked for no later than then; asked
//! for exactly then it serves longest; the first read beyond it needs the next.
//! That greedy choice is the least number of points that stab all intervals
//! [read - bound, read]. Without a change stream nodes share no proofs, so the
//! sum over nodes and keys is the bound of the fleet.

use std::collections::HashMap;

use crate::scenario::Scenario;
use crate::trace::{self, Intended};

/// Of all nodes, over the whole run, warm-up included.
pub fn keys(scenario: &Scenario) -> u64 {
    let bound_ns = scenario.bound.as_nanos() as u64;
    (0..scenario.nodes).map(|node| of_node(&trace::reads(scenario, node), bound_ns)).sum()
}

fn of_node(reads: &[Intended], bound_ns: u64) -> u64 {
    let mut proved_until: HashMap<u32, u64> = HashMap::new();
    let mut proofs = 0;
    for read in reads {
        let until = proved_until.entry(read.key).or_insert(0);
        if *until == 0 || read.at_ns > *until {
            *until = read.at_ns + bound_ns;
            proofs += 1;
        }
    }
    proofs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_serves_until_its_bound() {
        let read = |at_ns, key| Intended { at_ns, key };
        let reads = [read(0, 1), read(5, 1), read(10, 1), read(11, 1), read(11, 2), read(30, 1)];
        assert_eq!(of_node(&reads, 10), 4);
    }
}
