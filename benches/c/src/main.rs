//! `make bench-c`: the same reads through the C ABI and in Rust, in one run.

use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;

use bench_common::keys::{self, KEY, Stream};
use bench_common::quantile::median;
use bench_common::{output, processor};
use serde_json::json;

mod native;
mod rust;

use native::Native;
use rust::Core;

/// The bar: C may take this much of the time that Rust takes.
const BAR: f64 = 1.10;
/// Name, what it is, whether the bar is for it.
const ROWS: &[(&str, &str, bool)] = &[
    ("into", "edgecmp_lookup_into, value copied out", true),
    ("into_receipt", "the same, with the receipt", true),
    ("into_chained", "edgecmp_lookup_into, each key known after the last value", true),
    ("value", "edgecmp_get, value_bytes, copy, value_release", false),
    ("value_receipt", "the same, with the receipt", false),
    ("get_many", "edgecmp_get_many of 32, a key, values copied out", true),
];
const DRAWS: usize = 1 << 20;
const FILL: usize = 1024;

/// The keys that are asked for.
pub struct Draws {
    stream: Stream,
    nothing: usize,
    /// Not known to the compiler: else it makes a look-up for keys of this length
    /// alone, which no library can offer, and few programs could use.
    key_len: usize,
}

impl Draws {
    fn zipf(n: usize) -> Self {
        Self { stream: Stream::zipf(n, DRAWS), nothing: black_box(0), key_len: black_box(KEY) }
    }

    /// The key of operation `i`, the last of which found `last`.
    #[inline(always)]
    fn key(&self, i: usize, last: u64) -> &[u8] {
        &self.stream.key(i, last & self.nothing as u64)[..self.key_len]
    }
}

struct Args {
    loops: PathBuf,
    out: PathBuf,
    rounds: usize,
    ops: usize,
    sizes: Vec<usize>,
    /// This row alone: for a profiler.
    only: Option<String>,
    check: bool,
}

impl Args {
    fn measures(&self, row: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == row)
    }
}

const USAGE: &str =
    "bench-c --loops LIBRARY --out FOLDER [--rounds N] [--ops N] [--n N,N] [--only ROW] [--check]";

fn args() -> Option<Args> {
    let mut args = Args {
        loops: PathBuf::new(),
        out: "target/bench".into(),
        rounds: 15,
        ops: 1 << 18,
        sizes: vec![10_000, 1_000_000],
        only: None,
        check: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--loops" => args.loops = words.next()?.into(),
            "--out" => args.out = words.next()?.into(),
            "--rounds" => args.rounds = words.next()?.parse().ok()?,
            "--ops" => args.ops = words.next()?.parse::<usize>().ok()?.next_multiple_of(32),
            "--n" => args.sizes = words.next()?.split(',').map(str::parse).collect::<Result<_, _>>().ok()?,
            "--only" => args.only = Some(words.next()?),
            "--check" => args.check = true,
            _ => return None,
        }
    }
    Some(args)
}

fn main() -> ExitCode {
    let Some(args) = args() else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    // If it fails the run is only noisier.
    let _ = processor::pin(0);
    println!("ns a key, medians of {} rounds of {} reads; Zipf 0.99", args.rounds, args.ops);
    let mut rows = Vec::new();
    for &n in &args.sizes {
        rows.extend(measure(&args, n));
    }
    let failed = rows.iter().filter(|row| row["bar"].is_number() && row["pass"] == false).count();
    println!("bar C <= {BAR:.2} x Rust: {}", if failed == 0 { "PASS" } else { "FAIL" });
    let text = format!("{:#}\n", json!({ "rows": rows }));
    output::write_file(&args.out, "c.json", &text).expect("the results can be written");
    if args.check && failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn measure(args: &Args, n: usize) -> Vec<serde_json::Value> {
    let options = [
        ("staleness_bound", "1h".to_owned()),
        ("capacity", format!("{}MiB", 64 + n / 1024)),
        ("max_value_bytes", "64KiB".to_owned()),
        ("read_timeout", "60s".to_owned()),
    ];
    let (core, native) = (Core::open(&options), Native::open(&args.loops, &options));
    // In turn, so that neither has the better place in memory.
    for start in (0..n).step_by(FILL) {
        let ids = start..n.min(start + FILL);
        core.fill(ids.clone());
        native.fill(ids);
    }
    let draws = Draws::zipf(n);
    let mut figures = vec![[Vec::new(), Vec::new()]; ROWS.len()];
    for round in 0..args.rounds {
        let start = round * args.ops;
        for (row, figures) in ROWS.iter().zip(&mut figures).filter(|(row, _)| args.measures(row.0)) {
            for turn in [round % 2, 1 - round % 2] {
                let run = |start, ops| match turn {
                    0 => core.run(&draws, row.0, start, ops),
                    _ => native.run(&draws, row.0, start, ops),
                };
                // Warm: its own entries in the processor's cache.
                black_box(run(start.wrapping_sub(args.ops / 4), args.ops / 4));
                // Time of this thread: who else runs on this machine counts less.
                let began = processor::thread_cpu();
                let sum = run(start, args.ops);
                let took = processor::thread_cpu() - began;
                assert_eq!(sum, expected(&draws, start, args.ops), "{}: wrong values, or misses", row.0);
                figures[turn].push(took.as_nanos() as f64 / args.ops as f64);
            }
        }
    }
    let mut rows = Vec::new();
    println!("\n{n} keys\n{:14} {:>8} {:>8} {:>6}", "", "Rust", "C", "C/Rust");
    for ((name, what, judged), figures) in ROWS.iter().zip(&figures).filter(|(row, _)| args.measures(row.0)) {
        let ratios: Vec<f64> = figures[0].iter().zip(&figures[1]).map(|(rust, c)| c / rust).collect();
        let [rust, c] = figures.each_ref().map(|figures| median(figures.iter().copied()));
        let ratio = median(ratios);
        let pass = ratio <= BAR;
        let verdict = if *judged { if pass { "PASS" } else { "FAIL" } } else { "" };
        println!("{name:14} {rust:8.1} {c:8.1} {ratio:6.2} {verdict:4}  {what}");
        rows.push(json!({ "row": name, "n": n, "rust_ns": rust, "c_ns": c, "ratio": ratio,
            "bar": judged.then_some(BAR), "pass": pass }));
    }
    rows
}

/// What a loop that misses nothing returns.
fn expected(draws: &Draws, start: usize, ops: usize) -> u64 {
    (start..start + ops).map(|i| keys::word(keys::id_of(draws.key(i, 0)) as u32)).fold(0, u64::wrapping_add)
}
