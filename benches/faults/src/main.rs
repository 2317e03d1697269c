//! `make bench-faults`: what hits cost while the lease store fails, and how long
//! leases are missed. `make soak-fleet`: everything fails at random. See the
//! README beside this.
//!
//! ```text
//! run    bench, report             soak
//!        etcd, redis (the faults)
//!        reader, probe             chaos, process
//! origin, history, clock
//! ```

mod args;
mod bench;
mod chaos;
mod clock;
mod etcd;
mod history;
mod origin;
mod probe;
mod process;
mod reader;
mod redis;
mod report;
mod soak;

use std::process::ExitCode;

use args::Command;

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
    print!("{}", report::text(&bench.rows));
    let path = run.out.join("faults.json");
    let written = std::fs::create_dir_all(&run.out)
        .and_then(|()| std::fs::write(&path, format!("{:#}\n", report::json(&bench.rows))));
    written.map_err(|error| format!("{}: {error}", path.display()))?;
    println!("wrote {}", path.display());
    let is_fine = run.any_speed || report::passed(&bench.rows);
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
