//! `make bench-read`: edgecmp's reads beside its peers', in one run. See the
//! README beside this.

mod args;
mod bars;
mod cell;
mod measure;
mod memory;
mod peers;
mod plot;
mod registry;
mod report;
mod results;
mod run;
mod subject;

use std::process::ExitCode;

use args::Args;
use bench_common::{bar, output};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

fn main() -> ExitCode {
    match Args::parse(std::env::args().skip(1)).and_then(|args| bench(&args)) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

fn bench(args: &Args) -> Result<ExitCode, String> {
    if let Some(name) = &args.footprint_of {
        return footprint(name, args.n[0]);
    }
    let names = registry::names();
    if let Some(name) = args.only.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(format!("no implementation {name}; there are {}", names.join(", ")));
    }
    let results = run::run(args);
    let bars = bars::bars(&results);
    print!("{}", report::text(&results, &bars, &args.n));
    output::write(&args.out, "read", &report::json(&results, &bars), &plot::svg(&results, &args.n))?;
    let failed = bar::is_any_missed(&bars);
    let valid = results.missed().is_empty();
    Ok(if !valid || (args.check && failed) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The child process of [`memory::in_child`].
fn footprint(name: &str, n: usize) -> Result<ExitCode, String> {
    let listings = registry::all();
    let listing = listings.iter().find(|listing| listing.name == name).ok_or("no such implementation")?;
    let footprint = (listing.footprint)(n);
    println!("{} {}", footprint.allocated, footprint.resident);
    Ok(ExitCode::SUCCESS)
}
