//! Replays one seed: `cargo run -p edgecmp-sim -- --seed 123 --trace`.

use std::process::ExitCode;

use edgecmp_sim::{Sabotage, run};

fn main() -> ExitCode {
    let mut seed = None;
    let mut trace = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seed" => seed = arguments.next().and_then(|seed| seed.parse().ok()),
            "--trace" => trace = true,
            other => {
                eprintln!("unknown argument {other:?}");
                seed = None;
                break;
            }
        }
    }
    let Some(seed) = seed else {
        eprintln!("usage: edgecmp-sim --seed <number> [--trace]");
        return ExitCode::from(2);
    };
    let outcome = run(seed, Sabotage::None, trace);
    if trace {
        print!("{}", outcome.trace);
    }
    println!("seed {seed}, {} steps, digest {:016x}", outcome.steps, outcome.digest);
    print!("{}", outcome.explanation());
    if outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
