//! `make bench-c`: the same reads through the C ABI and in Rust, in one run.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

#[allow(dead_code, reason = "shared with bench-read, which uses all of it")]
#[path = "../../read/src/keys.rs"]
mod keys;
mod native;
mod rust;
#[path = "../../read/src/zipf.rs"]
mod zipf;

use keys::KEY;
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

/// The keys that are asked for, one after another in memory.
pub struct Draws {
    keys: Vec<[u8; KEY]>,
    nothing: usize,
}

impl Draws {
    fn zipf(n: usize) -> Self {
        let mut random = zipf::Random::new(n as u64);
        let mut ids: Vec<u32> = (0..n as u32).collect();
        random.shuffle(&mut ids);
        let zipf = zipf::Zipf::new(n, 0.99);
        let keys = (0..DRAWS).map(|_| keys::key(ids[zipf.draw(&mut random)])).collect();
        Self { keys, nothing: black_box(0) }
    }

    /// The key of operation `i`, the last of which found `last`.
    #[inline(always)]
    fn key(&self, i: usize, last: u64) -> &[u8] {
        &self.keys[(i & (self.keys.len() - 1)) + (last as usize & self.nothing)]
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
    pin();
    println!("ns a key, medians of {} rounds of {} reads; Zipf 0.99", args.rounds, args.ops);
    let mut rows = Vec::new();
    for &n in &args.sizes {
        rows.extend(measure(&args, n));
    }
    let failed = rows.iter().filter(|row| row["bar"].is_number() && row["pass"] == false).count();
    println!("bar C <= {BAR:.2} x Rust: {}", if failed == 0 { "PASS" } else { "FAIL" });
    write(&args.out, &json!({ "rows": rows }));
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
                let began = thread_cpu();
                let sum = run(start, args.ops);
                let took = thread_cpu() - began;
                assert_eq!(sum, expected(&draws, start, args.ops), "{}: wrong values, or misses", row.0);
                figures[turn].push(took / args.ops as f64);
            }
        }
    }
    let mut rows = Vec::new();
    println!("\n{n} keys\n{:14} {:>8} {:>8} {:>6}", "", "Rust", "C", "C/Rust");
    for ((name, what, judged), figures) in ROWS.iter().zip(&figures).filter(|(row, _)| args.measures(row.0)) {
        let ratios: Vec<f64> = figures[0].iter().zip(&figures[1]).map(|(rust, c)| c / rust).collect();
        let [rust, c] = figures.each_ref().map(|figures| median(figures));
        let ratio = median(&ratios);
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

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn thread_cpu() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: room for a timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// To the last processor: the first has the interrupts.
fn pin() {
    let last = std::thread::available_parallelism().map_or(1, |n| n.get()) - 1;
    // SAFETY: zeroes are an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: a valid set; numbers out of range are ignored.
    unsafe { libc::CPU_SET(last, &mut set) };
    // SAFETY: a valid set of this size. If it fails the run is only noisier.
    unsafe { libc::sched_setaffinity(0, size_of_val(&set), &set) };
}

fn write(folder: &Path, results: &serde_json::Value) {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = writeln!(text, "{results:#}");
    std::fs::create_dir_all(folder).expect("the folder for results can be made");
    std::fs::write(folder.join("c.json"), text).expect("the results can be written");
}
