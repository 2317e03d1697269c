//! The times in which a node won no lease, and what it did meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

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

/// A time in which nothing came, in nanoseconds of the clock of boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub from: u64,
    pub to: u64,
}

impl Gap {
    pub fn seconds(self) -> f64 {
        self.to.saturating_sub(self.from) as f64 / 1e9
    }

    /// The seconds of it that lie in some of these, none of which overlap.
    pub fn within(self, others: &[Self]) -> f64 {
        let common =
            |other: &Self| Self { from: self.from.max(other.from), to: self.to.min(other.to) }.seconds();
        others.iter().map(common).fold(0.0, |sum, seconds| sum + seconds)
    }
}

/// Notes when nodes win no leases.
pub struct Gaps {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<(Vec<Gap>, Vec<Change>)>,
}

impl Gaps {
    pub fn watch(caches: &[Arc<Cache>]) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let (caches, over) = (caches.to_vec(), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            let figures = |cache: &Cache| cache.statistics().expect("statistics");
            let mut last: Vec<_> = caches.iter().map(|cache| (figures(cache), nanos())).collect();
            let (mut gaps, mut changes) = (Vec::new(), Vec::new());
            while !over.load(Ordering::Relaxed) {
                for (node, (cache, (before, at))) in caches.iter().zip(&mut last).enumerate() {
                    let now = figures(cache);
                    let change = Change {
                        at: nanos(),
                        node,
                        attempts: now.lease_attempts - before.lease_attempts,
                        won: now.leases_won - before.leases_won,
                        lost: now.leases_lost - before.leases_lost,
                        failures: now.lease_failures - before.lease_failures,
                    };
                    if change.won > 0 {
                        gaps.push(Gap { from: std::mem::replace(at, change.at), to: change.at });
                    }
                    if change.attempts + change.won + change.lost + change.failures > 0 {
                        changes.push(change);
                    }
                    *before = now;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            // Those that have not ended.
            gaps.extend(last.iter().map(|(_, at)| Gap { from: *at, to: nanos() }));
            (gaps, changes)
        });
        Self { is_over, thread }
    }

    pub fn end(self) -> (Vec<Gap>, Vec<Change>) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("nothing panics in it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_others() {
        let gap = |from: u64, to: u64| Gap { from: from * 1_000_000_000, to: to * 1_000_000_000 };
        let away = [gap(1, 2), gap(4, 7), gap(9, 20)];
        assert_eq!(gap(0, 10).within(&away), 1.0 + 3.0 + 1.0);
        assert_eq!(gap(5, 6).within(&away), 1.0);
        assert_eq!(gap(2, 4).within(&away), 0.0);
    }
}
