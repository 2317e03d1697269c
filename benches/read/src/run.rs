//! The rounds. In each round every cell is measured for every implementation,
//! one after another, in an order that rotates: what disturbs the machine for a
//! while hits all alike.

use crate::args::Args;
use crate::cell::{Effort, LARGE, cells};
use crate::keys::Stream;
use crate::measure::{Figure, Load};
use crate::memory;
use crate::registry;
use crate::results::Results;

/// Below this share of a processor a measurement is taken again.
const UNDISTURBED: f64 = 0.97;
const ATTEMPTS: usize = 3;
/// What implementations of more than [`LARGE`] keys need side by side, a key.
const LARGE_BYTES: u64 = 1_400;

pub fn run(args: &Args) -> Results {
    let mut results = Results::default();
    for &n in &args.n {
        if n > LARGE && memory::available().is_some_and(|bytes| bytes < n as u64 * LARGE_BYTES) {
            eprintln!("n = {n}: not enough memory free, left out");
            continue;
        }
        if args.memory {
            footprints(args, n, &mut results);
        }
        times(args, n, &mut results);
    }
    results
}

fn footprints(args: &Args, n: usize, results: &mut Results) {
    eprintln!("n = {n}: memory");
    for listing in registry::all() {
        if listing.package.is_empty() || !args.wants(listing.name) {
            continue;
        }
        match memory::in_child(listing.name, n) {
            Some(footprint) => results.add_footprint(n, listing.name, footprint),
            None => eprintln!("  {}: no figure", listing.name),
        }
    }
}

fn times(args: &Args, n: usize, results: &mut Results) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let draws = if n <= 100_000 { 1 << 20 } else { 1 << 22 };
    let load = Load { zipf: Stream::zipf(n, draws), hot: Stream::single(n) };
    let runners = registry::filled(args, n);
    let rounds = if n > LARGE { args.rounds.div_ceil(3).max(3) } else { args.rounds };
    for round in 0..rounds {
        eprintln!("n = {n}: round {} of {rounds}", round + 1);
        for cell in cells(n, cores).into_iter().filter(|cell| args.wants_cell(*cell)) {
            let effort = Effort::of(n, cell.mix, args.quick);
            let able: Vec<_> = runners.iter().filter(|runner| runner.measures(cell)).collect();
            for place in 0..able.len() {
                let runner = able[(place + round) % able.len()];
                let measure = || runner.measure(cell, &load, effort, round);
                let figure = undisturbed(measure, &mut results.disturbed);
                results.add(n, cell, runner.name(cell.mix), figure);
            }
        }
    }
}

/// Measures again when somebody else took the processor; keeps the best of these.
fn undisturbed(measure: impl Fn() -> Figure, disturbed: &mut usize) -> Figure {
    let mut best = measure();
    for _ in 1..ATTEMPTS {
        if best.cpu_share >= UNDISTURBED {
            return best;
        }
        let again = measure();
        if again.cpu_share > best.cpu_share {
            best = again;
        }
    }
    *disturbed += usize::from(best.cpu_share < UNDISTURBED);
    best
}
