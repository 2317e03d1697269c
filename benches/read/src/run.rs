//! The rounds. In each round every cell is measured for every implementation,
//! one after another, in an order that rotates: what disturbs the machine for a
//! while hits all alike.

use crate::args::Args;
use crate::cell::{Effort, LARGE, cells};
use crate::measure::{Figure, Load};
use crate::memory;
use crate::registry;
use crate::results::Results;
use bench_common::keys::Stream;

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

/// Beyond [`LARGE`] keys filling twice takes too long: what is filled for its
/// times is counted then, and only the others here.
fn footprints(args: &Args, n: usize, results: &mut Results) {
    eprintln!("n = {n}: memory");
    let listings = registry::all();
    let wanted: Vec<_> = listings
        .iter()
        .filter(|listing| !listing.package.is_empty() && args.wants(listing.name))
        .filter(|listing| n <= LARGE || !listing.large)
        .map(|listing| listing.name)
        .collect();
    for pair in wanted.chunks(2) {
        let footprints: Vec<_> = std::thread::scope(|scope| {
            let children: Vec<_> =
                pair.iter().map(|name| scope.spawn(|| memory::in_child(name, n))).collect();
            children.into_iter().map(|child| child.join().ok().flatten()).collect()
        });
        for (name, footprint) in pair.iter().zip(footprints) {
            match footprint {
                Some(footprint) => results.add_footprint(n, name, footprint),
                None => eprintln!("  {name}: no figure"),
            }
        }
    }
}

fn times(args: &Args, n: usize, results: &mut Results) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let draws = if n <= 100_000 { 1 << 20 } else { 1 << 22 };
    let load = Load { zipf: Stream::zipf(n, draws), hot: Stream::single(n) };
    let runners = registry::filled(args, n, |listing, footprint| {
        if args.memory && n > LARGE && !listing.package.is_empty() {
            results.add_footprint(n, listing.name, footprint);
        }
    });
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
        if best.is_undisturbed() {
            return best;
        }
        let again = measure();
        if again.cpu_share > best.cpu_share {
            best = again;
        }
    }
    *disturbed += usize::from(!best.is_undisturbed());
    best
}
