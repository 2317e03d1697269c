//! `make demo`.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;
use edgecmp_demo::args::{Arguments, Command, DemoArguments};
use edgecmp_demo::baseline;
use edgecmp_demo::failure::{Doing, Failure};
use edgecmp_demo::places::Places;
use edgecmp_demo::report::report;
use edgecmp_demo::run::{run, write_report};
use edgecmp_demo::table::table;
use signal_hook::consts::{SIGINT, SIGTERM};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.command {
        Some(Command::Baseline(arguments)) => baseline::run(arguments).map(|()| Vec::new()),
        None => demo(&arguments.demo),
    };
    match result {
        Ok(failures) if failures.is_empty() => ExitCode::SUCCESS,
        Ok(failures) => {
            eprintln!("edgecmp-demo: not good enough: {}", failures.join("; "));
            ExitCode::FAILURE
        }
        Err(failure) => {
            eprintln!("edgecmp-demo: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Gives why the run is not good enough.
fn demo(arguments: &DemoArguments) -> Result<Vec<String>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted)).doing("signals")?;
    }
    let places = Places::prepare(arguments.python.as_deref())?;
    let mut summary = run(arguments, &places, &interrupted)?;
    write_report(&places, &report(&mut summary))?;
    println!("{}", table(&mut summary));
    println!("report   {}", places.demo.join("report.json").display());
    Ok(summary.failures())
}
