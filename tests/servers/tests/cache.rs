//! A cache keeps its promise whatever becomes of its lease store: no read is older
//! than its bound, none fails, and leases are used again afterwards.

#![allow(clippy::disallowed_methods, reason = "servers and tests live in the time of the machine")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use edgecmp::{Cache, Options, ReadOptions, WriteOptions};
use edgecmp_servers::{EtcdCluster, Redis, poll};

const BOUND: Duration = Duration::from_millis(200);
const KEYS: usize = 50;
/// After a fault leases are to be won again within two seconds; this much is failure.
const LATEST: Duration = Duration::from_secs(6);

fn key(number: usize) -> String {
    format!("carrier/{number}")
}

fn open(lease_store: &str) -> Arc<Cache> {
    let mut options = Options::default();
    for (name, value) in [("origin", "memory:"), ("staleness_bound", "200ms"), ("lease_store", lease_store)] {
        options.set(name, value).expect("an option");
    }
    let cache = Cache::open(options).expect("a cache");
    for number in 0..KEYS {
        cache.set(key(number).as_bytes(), b"value", &WriteOptions::default()).expect("written");
    }
    Arc::new(cache)
}

/// A thread that reads all the time.
struct Reading {
    is_over: Arc<AtomicBool>,
    reads: Arc<AtomicU64>,
    failure: Arc<OnceLock<String>>,
    thread: std::thread::JoinHandle<Duration>,
}

impl Reading {
    fn start(cache: &Arc<Cache>) -> Self {
        let (is_over, reads) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let failure = Arc::<OnceLock<String>>::default();
        let (cache, over, count) = (Arc::clone(cache), Arc::clone(&is_over), Arc::clone(&reads));
        let failed = Arc::clone(&failure);
        let thread = std::thread::spawn(move || {
            let mut oldest = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                for number in 0..KEYS {
                    match read(&cache, &key(number)) {
                        Ok(staleness) => oldest = oldest.max(staleness),
                        Err(error) => {
                            let _ = failed.set(error);
                            return oldest;
                        }
                    }
                }
                count.fetch_add(KEYS as u64, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
            }
            oldest
        });
        Self { is_over, reads, failure, thread }
    }

    fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        let oldest = self.thread.join().expect("the reader does not panic");
        assert!(self.failure.get().is_none(), "{:?}", self.failure);
        println!("{} reads, the oldest {oldest:?}", self.reads.load(Ordering::Relaxed));
    }
}

/// Reads a key and judges the receipt: its staleness, or what is wrong.
fn read(cache: &Cache, key: &str) -> Result<Duration, String> {
    let value = cache.get(key.as_bytes(), &ReadOptions::default());
    let value = value.map_err(|error| format!("a read failed: {error}"))?;
    let receipt = value.receipt();
    if receipt.staleness > BOUND || receipt.degraded || value.bytes() != Some(b"value") {
        return Err(format!("{receipt:?}"));
    }
    Ok(receipt.staleness)
}

fn won(cache: &Cache) -> u64 {
    cache.statistics().expect("statistics").leases_won
}

fn failures(cache: &Cache) -> u64 {
    cache.statistics().expect("statistics").lease_failures
}

/// How long it takes until leases are won, from now on.
fn leases_again(cache: &Cache, readers: &[Reading], what: &str) {
    let before = won(cache);
    let at_first = statistics(cache);
    let now = || format!("{what}: {at_first}, now {}", statistics(cache));
    let took = poll(now, LATEST, || {
        // Nothing is refreshed that nobody reads; its error is the one to be seen.
        for reader in readers {
            assert!(reader.failure().is_none(), "{what}: {:?}", reader.failure());
        }
        won(cache) > before
    });
    println!("{what}: the cache wins leases again after {:.2} s", took.as_secs_f64());
}

#[test]
fn with_etcd() {
    let mut cluster = EtcdCluster::start(3);
    let caches = [open(&cluster.url()), open(&cluster.url())];
    let readers = caches.each_ref().map(Reading::start);
    for cache in &caches {
        leases_again(cache, &readers, "at first");
    }
    let leader = cluster.leader();
    cluster.kill(leader);
    std::thread::sleep(Duration::from_secs(2));
    for cache in &caches {
        leases_again(cache, &readers, "leader killed 2 s ago");
    }
    cluster.restart(leader);
    cluster.wait_healthy();
    for index in 0..cluster.len() {
        cluster.pause(index);
        std::thread::sleep(Duration::from_secs(2));
        for cache in &caches {
            leases_again(cache, &readers, &format!("member {index} paused 2 s ago"));
        }
        cluster.resume(index);
    }
    let failed = caches.each_ref().map(|cache| failures(cache));
    for index in 0..cluster.len() {
        cluster.kill(index);
    }
    std::thread::sleep(Duration::from_secs(3));
    for (cache, failed) in caches.iter().zip(failed) {
        let now = failures(cache);
        assert!(now > failed, "lease_failures {now}, {failed} before etcd was gone");
    }
    for index in 0..cluster.len() {
        cluster.restart(index);
    }
    cluster.wait_healthy();
    for cache in &caches {
        leases_again(cache, &readers, "all members back");
    }
    readers.into_iter().for_each(Reading::end);
    println!("{}", statistics(&caches[0]));
}

#[test]
fn with_redis() {
    let mut redis = Redis::start();
    let caches = [open(&redis.url()), open(&redis.url())];
    let readers = caches.each_ref().map(Reading::start);
    for cache in &caches {
        leases_again(cache, &readers, "at first");
    }
    redis.pause();
    std::thread::sleep(Duration::from_secs(2));
    redis.resume();
    for cache in &caches {
        leases_again(cache, &readers, "Redis resumed");
    }
    let failed = caches.each_ref().map(|cache| failures(cache));
    redis.kill();
    std::thread::sleep(Duration::from_secs(3));
    for (cache, failed) in caches.iter().zip(failed) {
        let now = failures(cache);
        assert!(now > failed, "lease_failures {now}, {failed} before Redis was gone");
    }
    redis.restart();
    redis.wait_healthy();
    for cache in &caches {
        leases_again(cache, &readers, "Redis back");
    }
    readers.into_iter().for_each(Reading::end);
    println!("{}", statistics(&caches[0]));
}

fn statistics(cache: &Cache) -> String {
    let now = cache.statistics().expect("statistics");
    format!(
        "hits {} misses {}, attempts {} won {} lost {} failures {} forgone {}, refreshes asked {} dropped {}, prefetches {}, flights {}",
        now.hits,
        now.misses,
        now.lease_attempts,
        now.leases_won,
        now.leases_lost,
        now.lease_failures,
        now.leases_forgone,
        now.refreshes_asked,
        now.refreshes_dropped,
        now.prefetches,
        now.flights_started,
    )
}
