//! `make bench-fleet`: a fleet of edge nodes over one origin, with edgecmp and
//! with other ways to keep caches fresh, in one run. See the README beside this.
//!
//! ```text
//! run         the rounds: origin, etcd, nodes, writes; then
//! judge       logs and history -> figures     lower_bound
//! edge        one node: a process of its own  trace, done, strategies
//! processes   the others                      writes
//! stampede    one process, many readers
//! bars, report, plot
//! ```

mod args;
mod bars;
mod done;
mod edge;
mod job;
mod judge;
mod lower_bound;
mod plot;
mod processes;
mod report;
mod results;
mod run;
mod scenario;
mod stampede;
mod strategies;
mod trace;
mod writes;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use args::Args;
use bench_common::{bar, output};
use edgecmp_demo::failure::{Doing, Failure};
use scenario::Scenario;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let parts: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match parts.as_slice() {
        ["origin", "--port", port, "--delay-ms", delay] => serve(port, delay),
        ["edge", "--job", job, "--node", node] => {
            { node.parse().doing("--node").and_then(|node| edge::run(Path::new(job), node)) }
                .map(|()| ExitCode::SUCCESS)
        }
        _ => Args::parse(words.into_iter()).map_err(Failure::new).and_then(|args| bench(&args)),
    };
    outcome.unwrap_or_else(|failure| {
        eprintln!("{failure}");
        ExitCode::from(2)
    })
}

fn serve(port: &str, delay_ms: &str) -> Result<ExitCode, Failure> {
    let delay = Duration::from_millis(delay_ms.parse().doing("--delay-ms")?);
    processes::serve(port.parse().doing("--port")?, delay).map(|()| ExitCode::SUCCESS)
}

fn bench(args: &Args) -> Result<ExitCode, Failure> {
    let results = run::run(args)?;
    let scenario = Scenario::main(args.measured());
    let bars = bars::bars(&results);
    print!("{}", report::text(&results, &bars, &scenario, args.rounds()));
    let json = report::json(&results, &bars, &scenario);
    output::write(&args.out, "fleet", &json, &plot::svg(&results)).map_err(Failure::new)?;
    Ok(if bar::is_any_missed(&bars) && !args.any_speed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
