//! The longest time in which a node won no lease, and what it did meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use edgecmp::Cache;
use edgecmp_faulty_origin::nanos;

/// What a node did with its leases in some milliseconds.
pub struct Change {
    pub at: u64,
    node: usize,
    attempts: u64,
    won: u64,
    lost: u64,
    failures: u64,
}

impl Change {
    pub fn print(&self, since: u64) {
        let seconds = self.at.saturating_sub(since) as f64 / 1e9;
        let Self { node, attempts, won, lost, failures, .. } = self;
        eprintln!(
            "  {seconds:.2} s: node {node} asked for {attempts}: {won} won, {lost} lost, {failures} failed"
        );
    }
}

/// Looks for the longest time in which a node won no lease.
pub struct Gaps {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<(f64, Vec<Change>)>,
}

impl Gaps {
    pub fn watch(caches: &[Arc<Cache>]) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let (caches, over) = (caches.to_vec(), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            let figures = |cache: &Cache| cache.statistics().expect("statistics");
            let mut last: Vec<_> = caches.iter().map(|cache| (figures(cache), Instant::now())).collect();
            let (mut longest, mut changes) = (Duration::ZERO, Vec::new());
            while !over.load(Ordering::Relaxed) {
                for (node, (cache, (before, at))) in caches.iter().zip(&mut last).enumerate() {
                    let now = figures(cache);
                    longest = longest.max(at.elapsed());
                    let change = Change {
                        at: nanos(),
                        node,
                        attempts: now.lease_attempts - before.lease_attempts,
                        won: now.leases_won - before.leases_won,
                        lost: now.leases_lost - before.leases_lost,
                        failures: now.lease_failures - before.lease_failures,
                    };
                    if change.won > 0 {
                        *at = Instant::now();
                    }
                    if change.attempts + change.won + change.lost + change.failures > 0 {
                        changes.push(change);
                    }
                    *before = now;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            (longest.as_secs_f64(), changes)
        });
        Self { is_over, thread }
    }

    pub fn end(self) -> (f64, Vec<Change>) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("nothing panics in it")
    }
}
