//! A seed is a run: whoever replays it sees the same steps.

use edgecmp_sim::{Sabotage, run};

#[test]
fn the_same_seed_gives_the_same_trace_byte_for_byte() {
    for seed in 1000..1010 {
        let (first, second) = (run(seed, Sabotage::None, true), run(seed, Sabotage::None, true));
        let differs = first.trace.lines().zip(second.trace.lines()).position(|(a, b)| a != b);
        assert_eq!(differs, None, "seed {seed}: first line that differs");
        assert!(first.trace == second.trace && first.trace.lines().count() > 100);
        assert_eq!(first.digest, second.digest, "seed {seed}: the schedule differs where no trace shows it");
        assert_eq!((first.steps, &first.tally), (second.steps, &second.tally));
    }
}

#[test]
fn different_seeds_give_different_runs() {
    assert_ne!(run(1, Sabotage::None, false).digest, run(2, Sabotage::None, false).digest);
}
