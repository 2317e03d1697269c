//! Hit ratios of edgecmp's eviction beside those of other policies, on the
//! same requests, at the same sizes.

mod args;
mod plot;
mod policies;
mod random;
mod report;
mod run;
mod synthetic;
mod traces;
mod workload;

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use args::Args;
use run::Row;
use workload::Workload;

fn main() -> ExitCode {
    let args = match Args::parse() {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let mut workloads = Vec::new();
    let mut is_whole = true;
    match args.traces.as_deref().map(traces::load) {
        _ if args.synthetic_only => {}
        Some(Ok(traces)) if !traces.is_empty() => workloads.extend(traces),
        outcome => {
            if let Some(Err(error)) = outcome {
                eprintln!("{error}");
            }
            eprintln!("{}\n", traces::HOW_TO_GET);
            is_whole = false;
        }
    }
    workloads.extend(synthetic::all());
    let rows = run::all(&workloads);
    let (report, met) = report::report(&workloads, &rows);
    println!("{report}");
    if let Err(error) = write(&args.out, &workloads, &rows) {
        eprintln!("{}: {error}", args.out.display());
        return ExitCode::FAILURE;
    }
    println!("In {}: hit_ratio.json, hit_ratio.svg", args.out.display());
    if !is_whole {
        eprintln!("\n{}", traces::HOW_TO_GET);
    }
    if met && is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn write(out: &Path, workloads: &[Workload], rows: &[Row]) -> io::Result<()> {
    fs::create_dir_all(out)?;
    let rows_json: Vec<_> = rows
        .iter()
        .filter(|row| !row.measured.hit_ratio.is_nan())
        .map(|row| {
            let workload = &workloads[row.workload];
            serde_json::json!({
                "trace": workload.name,
                "cache_entries": row.entries,
                "policy": row.policy,
                "hit_ratio": row.measured.hit_ratio,
                "is_trace": workload.is_trace,
                "judged": workload.is_judged,
            })
        })
        .collect();
    fs::write(out.join("hit_ratio.json"), serde_json::to_vec_pretty(&rows_json)?)?;
    fs::write(out.join("hit_ratio.svg"), plot::svg(workloads, rows))
}
