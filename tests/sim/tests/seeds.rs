//! Many seeds, each another run, all judged. A failing one prints the command
//! that replays it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use edgecmp_sim::{Fault, OUTCOMES, Outcome, Sabotage, run};

const SEEDS: u64 = 300;
/// Seeds whose failures are shown in full.
const SHOWN: usize = 3;
/// Lines of their traces.
const LINES: usize = 60;

#[derive(Default)]
struct Sum {
    reads: u64,
    writes: u64,
    steps: u64,
    tally: BTreeMap<&'static str, u64>,
    failed: Vec<u64>,
}

impl Sum {
    fn add(&mut self, seed: u64, outcome: &Outcome) {
        self.reads += outcome.report.reads_checked;
        self.writes += outcome.report.writes_checked;
        self.steps += outcome.steps;
        for (what, times) in &outcome.tally {
            *self.tally.entry(what).or_default() += times;
        }
        if !outcome.is_good() {
            self.failed.push(seed);
        }
    }
}

/// What a person needs to follow a failure. The run is repeated for its trace:
/// that is what determinism is for.
fn describe(seed: u64) -> String {
    let outcome = run(seed, Sabotage::None, true);
    let lines = outcome.first_trouble().map_or(Vec::new(), |at| outcome.trace_before(at, LINES));
    format!(
        "seed {seed}: the trace before the first wrong thing\n{}\n{}\
         replay: EDGECMP_SIM_SEED={seed} cargo test -p edgecmp-sim --test seeds -- --nocapture\n\
         trace:  cargo run -p edgecmp-sim -- --seed {seed} --trace\n\n",
        lines.join("\n"),
        outcome.explanation()
    )
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, not a number")))
}

#[test]
fn every_seed_keeps_the_guarantees() {
    let one = number("EDGECMP_SIM_SEED");
    let seeds = one.map_or(0..number("EDGECMP_SIM_SEEDS").unwrap_or(SEEDS), |seed| seed..seed + 1);
    let next = AtomicU64::new(seeds.start);
    let sum = Mutex::new(Sum::default());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = run(seed, Sabotage::None, false);
                    sum.lock().unwrap().add(seed, &outcome);
                }
            });
        }
    });
    let sum = sum.into_inner().unwrap();
    println!(
        "{} seeds, {} steps: {} reads and {} acknowledged writes judged, {} seeds failed",
        seeds.end - seeds.start,
        sum.steps,
        sum.reads,
        sum.writes,
        sum.failed.len()
    );
    for (what, times) in &sum.tally {
        println!("  {times:>9} {what}");
    }
    let shown: String = sum.failed.iter().take(SHOWN).map(|seed| describe(*seed)).collect();
    assert!(sum.failed.is_empty(), "{shown}failed seeds: {:?}", sum.failed);
    // A fault that never strikes proves nothing.
    if seeds.end - seeds.start >= SEEDS {
        let all = Fault::ALL.iter().map(|fault| fault.name()).chain(OUTCOMES.iter().copied());
        let never: Vec<_> = all.filter(|what| !sum.tally.contains_key(what)).collect();
        assert!(never.is_empty(), "never happened in any run: {never:?}");
    }
}
