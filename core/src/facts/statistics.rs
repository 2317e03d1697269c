//! The table of statistics: name, kind, unit, meaning. The stats structs of
//! all languages, the Prometheus text and the docs derive from it.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::utils::CachePadded;

use super::thread;

/// How a statistic moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Statistic {
    /// Name, snake_case, the same in every language.
    pub name: &'static str,
    /// Counter or gauge.
    pub kind: Kind,
    /// Unit: `1` is a count.
    pub unit: &'static str,
    /// What it counts.
    pub doc: &'static str,
}

macro_rules! statistics {
    ($($variant:ident, $name:ident, $kind:ident, $unit:literal, $doc:literal;)+) => {
        /// Index of a statistic in the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the table's own column says it")]
        #[repr(usize)]
        pub enum Stat { $($variant),+ }

        /// The table of statistics.
        pub const STATISTICS: &[Statistic] = &[
            $(Statistic { name: stringify!($name), kind: Kind::$kind, unit: $unit, doc: $doc }),+
        ];

        /// All statistics of a cache at one moment.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Statistics { $(#[doc = $doc] pub $name: u64),+ }

        impl Statistics {
            pub(crate) fn from_values(values: [u64; STATISTICS.len()]) -> Self {
                Self { $($name: values[Stat::$variant as usize]),+ }
            }

            /// The values in the order of [`STATISTICS`].
            pub fn values(&self) -> [u64; STATISTICS.len()] {
                [$(self.$name),+]
            }
        }
    };
}

statistics! {
    Hits, hits, Counter, "1", "Reads answered from the cache within their bound, without waiting.";
    Misses, misses, Counter, "1", "Reads that had to wait for the origin: nothing cached, or nothing proved within the bound.";
    DegradedReads, degraded_reads, Counter, "1", "Reads served past their bound, within outage_bound, because the origin was away.";
    FailedReads, failed_reads, Counter, "1", "Reads that ended in an error.";
    BoundViolationsAverted, bound_violations_averted, Counter, "1", "Reads that found an entry past their bound and did not return it.";
    FlightsStarted, flights_started, Counter, "1", "Flights started: fetches of one key, alone or in a batch.";
    FlightsJoined, flights_joined, Counter, "1", "Reads that joined a flight that another call had started.";
    OriginRequests, origin_requests, Counter, "1", "Requests sent to the origin; a compare of many keys is one.";
    OriginKeys, origin_keys, Counter, "1", "Keys asked of the origin, alone or in a compare.";
    OriginFailures, origin_failures, Counter, "1", "Requests to the origin that failed or timed out.";
    OriginUnchanged, origin_unchanged, Counter, "1", "Answers that proved a cached version without sending the value again.";
    Retries, retries, Counter, "1", "Requests repeated under the retry budget.";
    BreakerOpened, breaker_opened, Counter, "1", "Times the origin's circuit breaker opened.";
    BreakerRejected, breaker_rejected, Counter, "1", "Requests not sent because the breaker was open.";
    Overloaded, overloaded, Counter, "1", "Requests not sent because the queue for the origin was full.";
    RefreshesAsked, refreshes_asked, Counter, "1", "Keys whose reads said, once a proof, that a refresh is wanted; of a key whose rate is not known, the second read as well.";
    RefreshesFailed, refreshes_failed, Counter, "1", "Background refreshes that brought no proof; the value stays.";
    RefreshesDropped, refreshes_dropped, Counter, "1", "Background refreshes dropped because their queue was full.";
    Prefetches, prefetches, Counter, "1", "Refreshes of hot keys, begun before a read past refresh_after asked for them.";
    PrefetchesUnread, prefetches_unread, Counter, "1", "Prefetches of keys that nobody had read since they were refreshed before.";
    LeaseAttempts, lease_attempts, Counter, "1", "Leases asked for.";
    LeasesWon, leases_won, Counter, "1", "Leases won.";
    LeasesLost, leases_lost, Counter, "1", "Leases held by another node when asked for.";
    LeaseFailures, lease_failures, Counter, "1", "Lease requests that the lease store did not answer in time.";
    LeasesExtended, leases_extended, Counter, "1", "Leases extended because the origin took its time.";
    LeasesForgone, leases_forgone, Counter, "1", "Keys refreshed without their lease, lost again and again, because reads would have had to wait.";
    Writes, writes, Counter, "1", "Writes and deletes committed by the origin.";
    WritesFailed, writes_failed, Counter, "1", "Writes and deletes that failed and surely did not happen.";
    UnknownOutcomes, unknown_outcomes, Counter, "1", "Writes and deletes whose outcome is unknown.";
    VersionRegressions, version_regressions, Counter, "1", "Lower versions accepted because the origin itself went back.";
    StaleAnswersDropped, stale_answers_dropped, Counter, "1", "Answers not installed because a newer version or a fence came before them.";
    Evictions, evictions, Counter, "1", "Entries evicted to stay within capacity.";
    Expirations, expirations, Counter, "1", "Entries that left because they were past every bound.";
    NotKept, not_kept, Counter, "1", "Answers returned but not kept: larger than max_value_bytes, or no-store.";
    Entries, entries, Gauge, "1", "Entries held.";
    Bytes, bytes, Gauge, "By", "Bytes held by entries, their overhead included.";
    FlightsActive, flights_active, Gauge, "1", "Flights in progress.";
    BreakerState, breaker_state, Gauge, "1", "Circuit breaker of the origin: 0 closed, 1 half-open, 2 open.";
}

/// Threads that have a stripe of their own; the others share one more.
const STRIPES: usize = 64;

/// Counters striped over cache lines: counting a hit must not make two
/// readers fight over one line (10 ns against 1 when they do). A stripe is
/// written by its thread alone, so that a count is a load and a store.
#[derive(Debug)]
pub struct Counters {
    stripes: Box<[CachePadded<[AtomicU64; STATISTICS.len()]>]>,
}

impl Default for Counters {
    fn default() -> Self {
        let stripe = || CachePadded::new([const { AtomicU64::new(0) }; STATISTICS.len()]);
        Self { stripes: (0..=STRIPES).map(|_| stripe()).collect() }
    }
}

impl Counters {
    /// Adds one.
    #[inline]
    pub fn add(&self, stat: Stat) {
        self.add_many(stat, 1);
    }

    /// Adds `n`.
    #[inline]
    pub fn add_many(&self, stat: Stat, n: u64) {
        // A thread that is ending has no number any more.
        self.add_by(thread::number().unwrap_or(STRIPES), stat, n);
    }

    /// The same for who knows the number of its thread.
    #[inline(always)]
    pub fn add_by(&self, thread: usize, stat: Stat, n: u64) {
        match self.stripes[..STRIPES].get(thread) {
            Some(stripe) => {
                let own = &stripe[stat as usize];
                own.store(own.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
            }
            // One of very many threads.
            None => {
                self.stripes[STRIPES][stat as usize].fetch_add(n, Ordering::Relaxed);
            }
        }
    }

    /// The sums. Counters are read one after another, not at one instant.
    pub fn sums(&self) -> [u64; STATISTICS.len()] {
        std::array::from_fn(|i| {
            self.stripes.iter().map(|s| s[i].load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
        })
    }
}

impl Statistics {
    /// Hits per read answered: hits / (hits + misses); zero before the first read.
    pub fn hit_ratio(&self) -> f64 {
        let reads = self.hits + self.misses;
        if reads == 0 { 0.0 } else { self.hits as f64 / reads as f64 }
    }

    /// Prometheus text exposition format 0.0.4, names prefixed `edgecmp_`.
    pub fn metrics_text(&self) -> String {
        let mut text = String::new();
        for (statistic, value) in STATISTICS.iter().zip(self.values()) {
            let Statistic { name, kind, doc, .. } = statistic;
            let (kind, suffix) = match kind {
                Kind::Counter => ("counter", "_total"),
                Kind::Gauge => ("gauge", ""),
            };
            // Writing to a String does not fail.
            let _ = write!(
                text,
                "# HELP edgecmp_{name}{suffix} {doc}\n# TYPE edgecmp_{name}{suffix} {kind}\nedgecmp_{name}{suffix} {value}\n"
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_over_threads() {
        let counters = Counters::default();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..1000).for_each(|_| counters.add(Stat::Hits)));
            }
        });
        let sums = Statistics::from_values(counters.sums());
        assert_eq!((sums.hits, sums.misses), (8000, 0));
        assert!(sums.metrics_text().contains("\nedgecmp_hits_total 8000\n"));
        assert!((sums.hit_ratio() - 1.0).abs() < f64::EPSILON);
    }
}
