//! Hit ratios of edgecmp's eviction beside those of other policies, on the
//! same requests, at the same sizes.

mod args;
mod plot;
mod policies;
mod report;
mod run;
mod synthetic;
mod traces;
mod workload;

use std::process::ExitCode;

use args::Args;
use bench_common::output;
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
    let plot = plot::svg(&workloads, &rows);
    if let Err(message) = output::write(&args.out, "hit_ratio", &json(&workloads, &rows), &plot) {
        eprintln!("{message}");
        return ExitCode::FAILURE;
    }
    if !is_whole {
        eprintln!("\n{}", traces::HOW_TO_GET);
    }
    if met && is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn json(workloads: &[Workload], rows: &[Row]) -> serde_json::Value {
    let measured = rows.iter().filter(|row| !row.measured.hit_ratio.is_nan());
    let of = |row: &Row| {
        let workload = &workloads[row.workload];
        serde_json::json!({
            "trace": workload.name,
            "cache_entries": row.entries,
            "policy": row.policy,
            "hit_ratio": row.measured.hit_ratio,
            "is_trace": workload.is_trace,
            "judged": workload.is_judged,
        })
    };
    measured.map(of).collect()
}
