//! A million new keys a minute, each read once: all of them leave by
//! themselves, and memory stays level. `churn [MINUTES]`, ten by default.
//!
//! Prints entries, bytes and resident memory every ten seconds. Fails if
//! resident memory grows by more than 1% after the first two minutes, or if
//! the entries do not leave. On a machine that is busy otherwise they leave late, and
//! memory grows by as much.

use std::process::ExitCode;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use bytes::Bytes;
use edgecmp::facts::clock::{BootClock, Clock};
use edgecmp::origin::callback::{HostOrigin, OriginCall};
use edgecmp::{Cache, Options, ReadOptions, Version};

const KEYS_PER_MINUTE: u64 = 1_000_000;
const BATCH: u64 = 250;
/// Large enough that a huge page, by which memory may grow, is less than a hundredth of it.
const VALUE: usize = 1000;
/// In which an entry leaves: bound, `keep_expired`, and a round of the sweep.
const BOUND: &str = "5s";
const KEPT: &str = "5s";
const MOST_ENTRIES: u64 = KEYS_PER_MINUTE / 60 * (5 + 5 + 6);
const WARM_UP: Duration = Duration::from_secs(120);
const GROWTH_PERCENT: u64 = 1;
const REPORT: Duration = Duration::from_secs(10);

/// Every key is there, and nothing is kept of it: what grows is the cache.
struct Endless;

impl HostOrigin for Endless {
    fn call(&self, call: OriginCall) {
        call.responder.value(Bytes::from_static(&[7; VALUE]), Some(Version::new(1)));
    }
}

fn kilobytes(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn main() -> ExitCode {
    let minutes: f64 = std::env::args().nth(1).map_or(10.0, |text| text.parse().expect("minutes, a number"));
    let mut options = Options::default();
    for (name, value) in [("capacity", "1GiB"), ("staleness_bound", BOUND), ("keep_expired", KEPT)] {
        options.set(name, value).expect("a valid option");
    }
    let cache = Cache::open_with_origin(options, Arc::new(Endless)).expect("the cache opens");
    let (start, end) = (BootClock.now(), Duration::from_secs_f64(minutes * 60.0));
    let elapsed = || BootClock.now().since(start);
    let (mut key, mut reported, mut base) = (0_u64, Duration::ZERO, None);
    while elapsed() < end {
        let keys: Vec<_> = (key..key + BATCH).map(u64::to_be_bytes).collect();
        let values = cache.get_many(&keys, &ReadOptions::default()).expect("the cache is open");
        if let Some(error) = values.iter().find_map(|value| value.as_ref().err()) {
            eprintln!("every key is there, and yet: {error}");
            return ExitCode::FAILURE;
        }
        key += BATCH;
        let due = Duration::from_secs_f64(key as f64 / (KEYS_PER_MINUTE as f64 / 60.0));
        sleep(due.saturating_sub(elapsed()));
        if elapsed() < reported + REPORT {
            continue;
        }
        reported += REPORT;
        let (now, resident) = (cache.statistics().expect("statistics"), kilobytes("VmRSS:"));
        println!(
            "{:>5} s  {key:>9} keys read  {:>7} entries  {:>10} bytes  {:>9} expired  {:>3} evicted  RSS {resident:>7} KiB",
            reported.as_secs(),
            now.entries,
            now.bytes,
            now.expirations,
            now.evictions,
        );
        if now.entries > MOST_ENTRIES {
            eprintln!("{} entries, more than {MOST_ENTRIES}: they do not leave", now.entries);
            return ExitCode::FAILURE;
        }
        if elapsed() < WARM_UP.min(end / 2) {
            continue;
        }
        let base = *base.get_or_insert(resident);
        if resident > base + base * GROWTH_PERCENT / 100 {
            eprintln!("RSS grew from {base} to {resident} KiB, more than {GROWTH_PERCENT}%");
            return ExitCode::FAILURE;
        }
    }
    println!("memory stayed level");
    ExitCode::SUCCESS
}
