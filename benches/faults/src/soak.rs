//! Nodes over one origin and etcd, both of which fail at random: every answer is
//! judged, and what the process has of the machine must not grow.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bench_common::quantile;
use bench_common::random::Random;
use edgecmp::{Cache, Options, ReadOptions, Value};
use edgecmp_faulty_origin::{Origin, key, nanos};

use crate::args::Soak;
use crate::chaos::{EtcdChaos, OriginChaos};
use crate::process::Process;

const KEYS: usize = 200;
const BOUND: Duration = Duration::from_millis(500);
const OUTAGE_BOUND: Duration = Duration::from_secs(60);
const ORIGIN_TIMEOUT: Duration = Duration::from_millis(400);
/// At the end of each minute nothing is broken, so that samples are alike.
const MINUTE: Duration = Duration::from_secs(60);
const CALM: Duration = Duration::from_secs(8);
/// What may come after the warm-up.
const RSS_SHARE: f64 = 0.05;
const RSS_KIB: u64 = 4 << 10;
const FILES: usize = 16;

/// What all readers were told.
#[derive(Default)]
struct Told {
    fresh: AtomicU64,
    degraded: AtomicU64,
    failed: AtomicU64,
    /// The greatest true staleness of answers within the bound, and of degraded ones.
    truly: AtomicU64,
    truly_degraded: AtomicU64,
    violations: AtomicU64,
    /// The first ones.
    messages: Mutex<Vec<String>>,
    errors: Mutex<BTreeMap<String, u64>>,
}

impl Told {
    fn violation(&self, message: String) {
        self.violations.fetch_add(1, Ordering::Relaxed);
        let mut messages = self.messages.lock().expect("nobody panics with it");
        if messages.len() < 20 {
            eprintln!("violation: {message}");
            messages.push(message);
        }
    }

    fn judge(
        &self,
        node: usize,
        index: usize,
        origin: &Origin,
        value: &Value,
        began: u64,
        newest: &mut u128,
    ) {
        let receipt = value.receipt();
        let (bound, count, most) = match receipt.degraded {
            true => (OUTAGE_BOUND, &self.degraded, &self.truly_degraded),
            false => (BOUND, &self.fresh, &self.truly),
        };
        count.fetch_add(1, Ordering::Relaxed);
        let version = receipt.version.get();
        match origin.history().judge(index, value.bytes(), version, began) {
            Ok(truly) => {
                most.fetch_max(truly, Ordering::Relaxed);
                if u128::from(truly) > bound.as_nanos() {
                    self.violation(format!("node {node} {}: truly {truly} ns old: {receipt:?}", key(index)));
                }
            }
            Err(wrong) => self.violation(format!("node {node}: {wrong}")),
        }
        if receipt.staleness > bound || receipt.bound > BOUND {
            self.violation(format!("node {node} {}: {receipt:?}", key(index)));
        }
        if version < *newest {
            self.violation(format!("node {node} {}: {version} after {newest}", key(index)));
        }
        *newest = version;
    }
}

fn read(node: usize, cache: &Cache, origin: &Origin, told: &Told, is_over: &AtomicBool, seed: u64) {
    let mut random = Random::new(seed);
    let mut newest = vec![0_u128; KEYS];
    let options = ReadOptions::default();
    while !is_over.load(Ordering::Relaxed) {
        for _ in 0..20 {
            // Some are hot, some are read now and then.
            let index = random.below(KEYS as u64).min(random.below(KEYS as u64)) as usize;
            let name = key(index);
            let began = nanos();
            let hit = cache.lookup(name.as_bytes(), &options);
            let value = match hit {
                Ok(Some(hit)) => Ok(hit.into_value()),
                Ok(None) => cache.get(name.as_bytes(), &options),
                Err(error) => Err(error),
            };
            match value {
                Ok(value) => told.judge(node, index, origin, &value, began, &mut newest[index]),
                Err(error) => {
                    told.failed.fetch_add(1, Ordering::Relaxed);
                    let mut errors = told.errors.lock().expect("nobody panics with it");
                    *errors.entry(format!("{:?}", error.code())).or_default() += 1;
                }
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn write(origin: &Origin, is_over: &AtomicBool, seed: u64) {
    let mut random = Random::new(seed);
    while !is_over.load(Ordering::Relaxed) {
        origin.history().write(random.below(KEYS as u64) as usize);
        std::thread::sleep(Duration::from_millis(random.below(30)));
    }
}

fn open(origin: &Origin, lease_store: &str) -> Cache {
    let mut options = Options::default();
    options.origin = origin.url();
    options.staleness_bound = BOUND;
    options.outage_bound = OUTAGE_BOUND;
    options.origin_timeout = ORIGIN_TIMEOUT;
    options.set("lease_store", lease_store).expect("an option");
    Cache::open(options).expect("a cache")
}

struct Sums {
    flights_active: u64,
    won: u64,
    lease_failures: u64,
    breaker_opened: u64,
    regressions: u64,
}

fn sums(caches: &[Cache]) -> Sums {
    let all: Vec<_> = caches.iter().map(|cache| cache.statistics().expect("statistics")).collect();
    Sums {
        flights_active: all.iter().map(|s| s.flights_active).sum(),
        won: all.iter().map(|s| s.leases_won).sum(),
        lease_failures: all.iter().map(|s| s.lease_failures).sum(),
        breaker_opened: all.iter().map(|s| s.breaker_opened).sum(),
        regressions: all.iter().map(|s| s.version_regressions).sum(),
    }
}

pub fn run(soak: &Soak) -> ExitCode {
    let seed = soak.seed;
    println!("{} minutes, {} nodes, --seed {seed}", soak.minutes, soak.nodes);
    let origin = Origin::start(KEYS, Duration::from_millis(2));
    let mut etcd = EtcdChaos::start(seed ^ 1);
    let caches: Vec<_> = (0..soak.nodes).map(|_| open(&origin, &etcd.url())).collect();
    // An outage is answered from what was read before it.
    for cache in &caches {
        for index in 0..KEYS {
            cache.get(key(index).as_bytes(), &ReadOptions::default()).expect("an origin that works");
        }
    }
    let mut broken = OriginChaos::new(seed ^ 2, origin.clone());
    let (told, is_over) = (Told::default(), AtomicBool::new(false));
    let mut samples: Vec<Process> = Vec::new();
    let mut problems = Vec::new();
    std::thread::scope(|scope| {
        for (node, cache) in caches.iter().enumerate() {
            let (origin, told, is_over) = (&origin, &told, &is_over);
            scope.spawn(move || read(node, cache, origin, told, is_over, seed ^ (node as u64 + 10)));
        }
        scope.spawn(|| write(&origin, &is_over, seed ^ 3));
        let minutes = (soak.minutes.ceil() as u32).max(2);
        println!(
            "{:>3}  {:>9} {:>7} {:>8} {:>5}  {:>10} {:>5} {:>7}  {:>7} {:>7} {:>8} {:>9} {:>7}  {:>13} {:>9}",
            "min",
            "RSS KiB",
            "files",
            "threads",
            "fl.",
            "fresh",
            "degr.",
            "failed",
            "ms old",
            "degr.",
            "won",
            "l. fail.",
            "breaker",
            "faults o./e.",
            "violations"
        );
        let began = Instant::now();
        for minute in 1..=minutes {
            let end = began + MINUTE * minute;
            while Instant::now() + CALM < end {
                broken.tick();
                etcd.tick();
                std::thread::sleep(Duration::from_millis(10));
            }
            broken.calm();
            etcd.calm();
            etcd.wait_healthy();
            let before = sums(&caches).won;
            // On a busy machine etcd may take most of the calm to come back.
            let end = end.max(Instant::now() + CALM / 2);
            std::thread::sleep(end.saturating_duration_since(Instant::now()));
            let (now, process) = (sums(&caches), Process::now());
            let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
            println!(
                "{minute:>3}  {:>9} {:>7} {:>8} {:>5}  {:>10} {:>5} {:>7}  {:>7} {:>7} {:>8} {:>9} {:>7}  {:>13} {:>9}",
                process.rss_kib,
                process.files,
                process.threads,
                now.flights_active,
                count(&told.fresh),
                count(&told.degraded),
                count(&told.failed),
                count(&told.truly) / 1_000_000,
                count(&told.truly_degraded) / 1_000_000,
                now.won,
                now.lease_failures,
                now.breaker_opened,
                format!("{} / {}", broken.faults, etcd.faults),
                count(&told.violations),
            );
            if now.won == before {
                problems.push(format!("minute {minute}: no leases in the calm at its end"));
            }
            if now.regressions > 0 {
                problems.push(format!("minute {minute}: {} versions taken for lower", now.regressions));
            }
            samples.push(process);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    // Without readers nothing is asked for any more.
    std::thread::sleep(2 * ORIGIN_TIMEOUT + BOUND);
    let active = sums(&caches).flights_active;
    if active > 0 {
        problems.push(format!("{active} flights active though nobody reads"));
    }
    problems.extend(growth(&samples));
    let violations = told.violations.load(Ordering::Relaxed);
    if violations > 0 {
        problems.push(format!("{violations} violations"));
    }
    let errors = told.errors.lock().expect("nobody panics with it");
    if !errors.is_empty() {
        problems.push(format!("reads that failed, though they might have been degraded: {errors:?}"));
    }
    for problem in &problems {
        println!("FAIL  {problem}");
    }
    if problems.is_empty() {
        println!("PASS  no violation, no failed read, memory and files level");
        return ExitCode::SUCCESS;
    }
    println!("again: --seed {seed}");
    ExitCode::FAILURE
}

/// What grew after the first quarter: the median of the last quarter, against that of the one after it.
fn growth(samples: &[Process]) -> Vec<String> {
    let quarter = (samples.len() / 4).max(1);
    let early = &samples[quarter.min(samples.len() - 1)..(2 * quarter).max(quarter + 1).min(samples.len())];
    let late = &samples[samples.len() - quarter..];
    let median = |of: &[Process], figure: fn(&Process) -> u64| {
        quantile::median(of.iter().map(|process| figure(process) as f64)) as u64
    };
    let mut grown = Vec::new();
    let (was, is) = (median(early, |s| s.rss_kib), median(late, |s| s.rss_kib));
    if is > was + (was as f64 * RSS_SHARE) as u64 + RSS_KIB {
        grown.push(format!("RSS grew from {was} to {is} KiB"));
    }
    let (was, is) = (median(early, |s| s.files as u64), median(late, |s| s.files as u64));
    if is > was + FILES as u64 {
        grown.push(format!("open files grew from {was} to {is}"));
    }
    let (was, is) = (median(early, |s| s.threads), median(late, |s| s.threads));
    if is > was + FILES as u64 {
        grown.push(format!("threads grew from {was} to {is}"));
    }
    grown
}
