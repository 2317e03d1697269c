//! `make bench-faults`: what hits cost while the lease store fails, and how long
//! leases are missed. `make soak-fleet`: everything fails at random. See the
//! README beside this.
//!
//! ```text
//! run    bench, row, report, plot      soak
//!        etcd, redis (the faults)
//!        reader, probe, gaps           chaos, process
//!        foreground
//! ```

mod args;
mod bench;
mod chaos;
mod etcd;
mod foreground;
mod gaps;
mod plot;
mod probe;
mod process;
mod reader;
mod redis;
mod report;
mod row;
mod soak;

use std::process::ExitCode;

use args::Command;
use bench_common::output;

fn main() -> ExitCode {
    let outcome = match args::parse(std::env::args().skip(1)) {
        Ok(Command::Run(run)) => bench(&run),
        Ok(Command::Soak(soak)) => Ok(soak::run(&soak)),
        Err(message) => Err(message),
    };
    outcome.unwrap_or_else(|message| {
        eprintln!("{message}");
        ExitCode::from(2)
    })
}

fn bench(run: &args::Run) -> Result<ExitCode, String> {
    let mut bench = bench::Bench::new();
    if run.wants("etcd") {
        etcd::run(run, &mut bench);
    }
    if run.wants("redis") {
        redis::run(run, &mut bench);
    }
    let bars = report::bars(&bench.rows);
    print!("{}", report::text(&bench.rows, &bars));
    let json = report::json(&bench.rows, &bars);
    output::write(&run.out, "faults", &json, &plot::svg(&bench.rows))?;
    let is_fine = run.any_speed || bars.iter().all(|bar| bar.passed() == Some(true));
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
