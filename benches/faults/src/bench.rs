//! Calm, a fault, the return: one row.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use edgecmp::{Cache, Options, ReadOptions};

use crate::args::Run;
use crate::clock;
use crate::history::key;
use crate::origin::Origin;
use crate::probe::Probe;
use crate::reader::{Reader, Window};

const KEYS: usize = 200;
const NODES: usize = 2;
const BOUND: Duration = Duration::from_secs(1);
const ORIGIN: Duration = Duration::from_millis(5);
/// Writes at the origin, to keys in turn.
const BETWEEN_WRITES: Duration = Duration::from_millis(5);
/// After the return, for what comes late.
const SETTLE: Duration = Duration::from_secs(2);
/// Leases that are not won by then are not won.
const LATEST: Duration = Duration::from_secs(10);

/// A row that takes longer is explained.
const SUSPECT: f64 = 1.0;

/// From when on leases are to be won again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Heals {
    /// From the fault on: the others take over, or nothing is really away. What
    /// counts is the longest time without a lease, the return included.
    Itself,
    /// Only when it is over.
    Returned,
}

/// No fault: what ratio the machine itself makes.
pub const NOTHING: (&str, Heals, bool) = ("nothing", Heals::Itself, false);

/// The figures of one fault.
#[derive(Debug)]
pub struct Row {
    pub store: &'static str,
    pub fault: &'static str,
    pub seconds: f64,
    pub heals_itself: bool,
    /// p50 and p99 of hits in ns: medians over windows.
    pub before: (f64, f64),
    pub during: (f64, f64),
    pub hits: u64,
    pub waited_before: u64,
    pub waited: u64,
    pub failed: Vec<String>,
    pub wrong: Vec<String>,
    pub stalest: u64,
    pub truly: u64,
    pub lease_failures: u64,
    /// Seconds without leases, of the node that was later; `None`: not within 10 s.
    pub again: Option<f64>,
    /// Of which the store itself did nothing for anybody, if it heals itself.
    pub away: f64,
}

impl Row {
    pub fn ratio(&self) -> f64 {
        self.during.1 / self.before.1
    }

    /// Seconds without leases that the store did not cause.
    pub fn late(&self) -> f64 {
        self.again.map_or(f64::INFINITY, |again| (again - self.away).max(0.0))
    }
}

pub struct Bench {
    origin: Origin,
    pub rows: Vec<Row>,
    is_over: Arc<AtomicBool>,
    writer: Option<JoinHandle<()>>,
}

/// Two nodes and who reads them.
pub struct Fleet {
    store: &'static str,
    caches: Vec<Arc<Cache>>,
    reader: Reader,
    pub probe: Option<Probe>,
}

impl Bench {
    pub fn new() -> Self {
        let origin = Origin::start(KEYS, ORIGIN);
        let is_over = Arc::<AtomicBool>::default();
        let (writing, over) = (origin.clone(), Arc::clone(&is_over));
        let writer = std::thread::spawn(move || {
            // Not one after another, but each as often as the others.
            for index in (0..KEYS).map(|n| n * 73 % KEYS).cycle() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                writing.history().write(index);
                std::thread::sleep(BETWEEN_WRITES);
            }
        });
        Self { origin, rows: Vec::new(), is_over, writer: Some(writer) }
    }

    /// Opens nodes with this lease store, and reads until they win leases.
    pub fn fleet(&self, store: &'static str, settings: &[(&str, &str)]) -> Fleet {
        let mut options = Options::default();
        options.origin = self.origin.url();
        options.staleness_bound = BOUND;
        for (name, value) in settings {
            options.set(name, value).expect("an option");
        }
        let open = |_| Arc::new(Cache::open(options.clone()).expect("a cache"));
        let caches: Vec<_> = (0..NODES).map(open).collect();
        // One after another they would take longer than the bound, round after round.
        let keys: Vec<_> = (0..KEYS).map(key).collect();
        for cache in &caches {
            let values = cache.get_many(&keys, &ReadOptions::default()).expect("an open cache");
            assert!(values.iter().all(Result::is_ok), "an origin that works");
        }
        let reader = Reader::start(&caches, &self.origin, BOUND);
        let fleet = Fleet { store, caches, reader, probe: None };
        let again = fleet.leases_again();
        assert!(again.is_some(), "{store}: no leases at first: {:?}", fleet.reader.last());
        std::thread::sleep(SETTLE);
        fleet
    }

    /// One fault of the store `of`: `breaks` it, and `mends` it with what that returned.
    pub fn row<S, T>(
        &mut self,
        run: &Run,
        fleet: &Fleet,
        of: &mut S,
        (fault, heals, is_long): (&'static str, Heals, bool),
        breaks: impl FnOnce(&mut S) -> T,
        mends: impl FnOnce(&mut S, T),
    ) {
        if !run.wants_fault(fault) {
            return;
        }
        eprint!("{} {fault} ...", fleet.store);
        let calm = clock::nanos();
        std::thread::sleep(run.calm());
        let failures = fleet.failures();
        let broke = clock::nanos();
        let gaps = Gaps::watch(fleet);
        if let Some(probe) = &fleet.probe {
            probe.reset();
        }
        let broken = breaks(of);
        let length = run.fault(is_long);
        std::thread::sleep(length.saturating_sub(Duration::from_nanos(clock::nanos() - broke)));
        let mending = clock::nanos();
        mends(of, broken);
        let back = clock::nanos();
        let again = fleet.leases_again();
        std::thread::sleep(SETTLE);
        let (longest, changes) = gaps.end();
        let end = clock::nanos();
        let before = fleet.reader.between(calm, broke);
        let during = fleet.reader.between(broke, end);
        let within = |windows: &[Window], from, to| {
            percentiles(windows.iter().filter(|w| w.began >= from && w.ended <= to))
        };
        let row = Row {
            store: fleet.store,
            fault,
            seconds: (mending - broke) as f64 / 1e9,
            heals_itself: heals == Heals::Itself,
            before: within(&before, calm, broke),
            during: within(&during, broke, mending.max(broke + 2_000_000_000)),
            hits: during.iter().map(|w| w.hits).sum(),
            waited_before: before.iter().map(|w| w.waited).sum(),
            waited: during.iter().map(|w| w.waited).sum(),
            failed: during.iter().flat_map(|w| w.failed.clone()).collect(),
            wrong: during.iter().flat_map(|w| w.wrong.clone()).collect(),
            stalest: during.iter().map(|w| w.stalest).max().unwrap_or(0),
            truly: during.iter().map(|w| w.truly).max().unwrap_or(0),
            lease_failures: fleet.failures() - failures,
            again: again.map(|again| if heals == Heals::Itself { again.max(longest) } else { again }),
            away: match (&fleet.probe, heals) {
                (Some(probe), Heals::Itself) => probe.longest(),
                _ => 0.0,
            },
        };
        eprintln!(
            " back after {:.1} s, {:.2} s to the next lease, longest {longest:.2} s without",
            (back - mending) as f64 / 1e9,
            row.again.unwrap_or(f64::NAN)
        );
        if row.late() > SUSPECT {
            changes.iter().filter(|change| change.at >= mending).for_each(|change| change.print(mending));
        }
        self.rows.push(row);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.writer.take().map(JoinHandle::join);
    }
}

impl Fleet {
    fn failures(&self) -> u64 {
        self.caches.iter().map(|cache| cache.statistics().expect("statistics").lease_failures).sum()
    }

    /// Seconds from now until each node has won a lease.
    fn leases_again(&self) -> Option<f64> {
        let began = Instant::now();
        let mut before: Vec<_> = self.caches.iter().map(|cache| (cache, won(cache))).collect();
        while began.elapsed() < LATEST {
            before.retain(|(cache, before)| won(cache) == *before);
            if before.is_empty() {
                return Some(began.elapsed().as_secs_f64());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

fn won(cache: &Cache) -> u64 {
    cache.statistics().expect("statistics").leases_won
}

/// What a node did with its leases in some milliseconds.
struct Change {
    at: u64,
    node: usize,
    attempts: u64,
    won: u64,
    lost: u64,
    failures: u64,
}

impl Change {
    fn print(&self, since: u64) {
        let seconds = self.at.saturating_sub(since) as f64 / 1e9;
        let Self { node, attempts, won, lost, failures, .. } = self;
        eprintln!(
            "  {seconds:.2} s: node {node} asked for {attempts}: {won} won, {lost} lost, {failures} failed"
        );
    }
}

/// Looks for the longest time in which a node won no lease.
struct Gaps {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<(f64, Vec<Change>)>,
}

impl Gaps {
    fn watch(fleet: &Fleet) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let (caches, over) = (fleet.caches.clone(), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            let figures = |cache: &Cache| cache.statistics().expect("statistics");
            let mut last: Vec<_> = caches.iter().map(|cache| (figures(cache), Instant::now())).collect();
            let (mut longest, mut changes) = (Duration::ZERO, Vec::new());
            while !over.load(Ordering::Relaxed) {
                for (node, (cache, (before, at))) in caches.iter().zip(&mut last).enumerate() {
                    let now = figures(cache);
                    longest = longest.max(at.elapsed());
                    let change = Change {
                        at: clock::nanos(),
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

    fn end(self) -> (f64, Vec<Change>) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("nothing panics in it")
    }
}

fn percentiles<'a>(windows: impl Iterator<Item = &'a Window>) -> (f64, f64) {
    let (mut p50, mut p99): (Vec<_>, Vec<_>) = windows.filter(|w| w.hits > 0).map(|w| (w.p50, w.p99)).unzip();
    (median(&mut p50), median(&mut p99))
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
