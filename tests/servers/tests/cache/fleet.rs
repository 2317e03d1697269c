//! Two caches over one origin and one lease store, somebody who reads them all the
//! time, and the verdict on what was read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use edgecmp::{Cache, Options, ReadOptions, Value};
use edgecmp_oracle::{Kind, Outcome, Read, Source, check};
use edgecmp_servers::{LATEST, PATIENCE, poll};

use crate::origin::{Origin, key, now_ns};

const BOUND: Duration = Duration::from_secs(1);
const KEYS: usize = 100;
const BETWEEN_ROUNDS: Duration = Duration::from_millis(15);

pub struct Fleet {
    store: &'static str,
    origin: Origin,
    caches: [Arc<Cache>; 2],
    readers: [Reader; 2],
}

impl Fleet {
    /// Caches with these options that win leases.
    pub fn open(store: &'static str, settings: &[(&str, &str)]) -> Self {
        let origin = Origin::start(KEYS);
        let mut options = Options::default();
        let ours = [("origin", origin.url()), ("staleness_bound", format!("{} ms", BOUND.as_millis()))];
        let ours = ours.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in ours.chain(settings.iter().copied()) {
            options.set(name, value).expect("an option");
        }
        let caches = [0, 1].map(|_| Arc::new(Cache::open(options.clone()).expect("a cache")));
        let reader = |number: usize| Reader::start(&caches[number], number as u32);
        let readers = [reader(0), reader(1)];
        let fleet = Self { store, origin, caches, readers };
        // To connect and log in to a busy server takes longer than a lease waits.
        fleet.leases_within("opened", PATIENCE);
        fleet
    }

    /// Each cache wins leases, from now on within [`LATEST`].
    pub fn leases_again(&self, what: &str) {
        self.leases_within(what, LATEST);
    }

    fn leases_within(&self, what: &str, limit: Duration) {
        let won = |cache: &Cache| cache.statistics().expect("statistics").leases_won;
        let before = self.caches.each_ref().map(|cache| won(cache));
        let at_first = self.say();
        let now = || format!("{} {what}: {at_first}\nnow {}", self.store, self.say());
        let took = poll(now, limit, || {
            // Nothing is refreshed that nobody reads; its error is the one to be seen.
            for reader in &self.readers {
                assert!(reader.failure.get().is_none(), "{what}: {:?}", reader.failure);
            }
            self.caches.iter().zip(before).all(|(cache, before)| won(cache) > before)
        });
        println!("{} {what}: both caches win leases after {:.2} s", self.store, took.as_secs_f64());
    }

    /// Lease requests that failed until now, of each cache.
    pub fn failures(&self) -> [u64; 2] {
        self.caches.each_ref().map(|cache| cache.statistics().expect("statistics").lease_failures)
    }

    /// Closes the caches, and has the oracle judge what was read.
    pub fn end(self) {
        let figures = self.say();
        let reads = self.readers.map(Reader::end).concat();
        for cache in &self.caches {
            assert!(cache.close(Duration::from_secs(5)).expect("closed"), "nothing runs on");
        }
        let report = check(&self.origin.end(), &reads);
        println!("{}: {report}{figures}", self.store);
        assert_eq!((report.violations(), report.unchecked_total(), report.errors), (0, 0, 0), "{report}");
        assert!(report.ok > 1000 && report.ok == reads.len() as u64, "{report}");
        let oldest = Duration::from_nanos(report.staleness.proven.max());
        println!("{}: the oldest answer was {oldest:?} old, by its receipt {:?}", self.store, {
            Duration::from_nanos(report.staleness.receipt.max())
        });
    }

    fn say(&self) -> String {
        self.caches.each_ref().map(|cache| statistics(cache)).join("; ")
    }
}

fn statistics(cache: &Cache) -> String {
    let now = cache.statistics().expect("statistics");
    format!(
        "hits {} misses {}, attempts {} won {} lost {} failures {} forgone {}, prefetches {}",
        now.hits,
        now.misses,
        now.lease_attempts,
        now.leases_won,
        now.leases_lost,
        now.lease_failures,
        now.leases_forgone,
        now.prefetches,
    )
}

/// A thread that reads all keys, round after round, and notes what it was told.
struct Reader {
    is_over: Arc<AtomicBool>,
    failure: Arc<OnceLock<String>>,
    thread: JoinHandle<Vec<Read>>,
}

impl Reader {
    fn start(cache: &Arc<Cache>, number: u32) -> Self {
        let (is_over, failure) = (Arc::<AtomicBool>::default(), Arc::<OnceLock<String>>::default());
        let (cache, over, failed) = (Arc::clone(cache), Arc::clone(&is_over), Arc::clone(&failure));
        let thread = std::thread::spawn(move || {
            let keys: Vec<_> = (0..KEYS).map(key).collect();
            let mut reads = Vec::new();
            while !over.load(Ordering::Relaxed) {
                reads.extend(read_all(&cache, number, &keys, &failed));
                std::thread::sleep(BETWEEN_ROUNDS);
            }
            reads
        });
        Self { is_over, failure, thread }
    }

    fn end(self) -> Vec<Read> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the reader does not panic")
    }
}

/// In one call: after a stall of the machine all keys are to be proved again, and one
/// after another they would take longer than the bound, round after round.
fn read_all(cache: &Cache, number: u32, keys: &[String], failed: &OnceLock<String>) -> Vec<Read> {
    let start_ns = now_ns();
    let answers = cache.get_many(keys, &ReadOptions::default()).expect("an open cache");
    let asked = Read {
        start_ns,
        end_ns: now_ns(),
        bound_ns: BOUND.as_nanos() as u64,
        cache: number,
        kind: Kind::Read,
        ..Read::default()
    };
    let told = answers.into_iter().enumerate().map(|(index, answer)| {
        // Keys are numbered in the order in which the origin first heard of them.
        let read = Read { key: index as u32, ..asked };
        answer.map_or_else(
            |error| {
                let _ = failed.set(format!("{}: {error}", keys[index]));
                Read { outcome: Outcome::Error, error_code: error.code() as u32, ..read }
            },
            |value| answered(read, &value),
        )
    });
    told.collect()
}

fn answered(read: Read, value: &Value) -> Read {
    let receipt = value.receipt();
    let outcome = match value.bytes() {
        _ if receipt.degraded => Outcome::Degraded,
        Some(_) => Outcome::Ok,
        None => Outcome::NotFound,
    };
    Read {
        outcome,
        staleness_ns: receipt.staleness.as_nanos() as u64,
        version: receipt.version.get(),
        crc: value.bytes().map_or(0, crc32fast::hash),
        source: if receipt.source == edgecmp::Source::Cache { Source::Hit } else { Source::Fetched },
        ..read
    }
}
