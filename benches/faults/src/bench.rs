//! Calm, a fault, the return, calm again, and so on: one row.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bench_common::quantile::median;
use edgecmp::{Cache, Options, ReadOptions};
use edgecmp_faulty_origin::{Origin, key, nanos};

use crate::args::Run;
use crate::foreground::Foreground;
use crate::gaps::Gaps;
use crate::probe::Probe;
use crate::reader::{Reader, Times, Window};
use crate::row::{NOTHING, Return, Row, Told, Turns};

const KEYS: usize = 200;
const NODES: usize = 2;
const BOUND: Duration = Duration::from_secs(1);
const ORIGIN: Duration = Duration::from_millis(5);
/// Writes at the origin, to keys in turn.
const BETWEEN_WRITES: Duration = Duration::from_millis(5);
/// After the return, for what comes late.
const SETTLE: Duration = Duration::from_secs(1);
/// How often a fault comes.
const TURNS: usize = 3;
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

/// A fault: its name, how it heals, and whether the store is away for good.
pub type Fault = (&'static str, Heals, bool);

/// No fault.
pub const CONTROL: Fault = (NOTHING, Heals::Itself, false);

pub struct Bench {
    foreground: Foreground,
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
        Self { foreground: Foreground::split(), origin, rows: Vec::new(), is_over, writer: Some(writer) }
    }

    /// Opens nodes with this lease store, and reads until they win leases.
    pub fn fleet(&self, store: &'static str, settings: &[(&str, &str)]) -> Fleet {
        let mut options = Options::default();
        options.origin = self.origin.url();
        options.staleness_bound = BOUND;
        for (name, value) in settings {
            options.set(name, value).expect("an option");
        }
        let origin = self.origin.clone();
        let (caches, reader) = self.foreground.run(move || {
            let open = |_| Arc::new(Cache::open(options.clone()).expect("a cache"));
            let caches: Vec<_> = (0..NODES).map(open).collect();
            // One after another they would take longer than the bound, round after round.
            let keys: Vec<_> = (0..KEYS).map(key).collect();
            for cache in &caches {
                let values = cache.get_many(&keys, &ReadOptions::default()).expect("an open cache");
                assert!(values.iter().all(Result::is_ok), "an origin that works");
            }
            let reader = Reader::start(&caches, &origin, BOUND);
            (caches, reader)
        });
        let fleet = Fleet { store, caches, reader, probe: None };
        let again = fleet.leases_again();
        assert!(again.is_some(), "{store}: no leases at first: {:?}", fleet.reader.last());
        std::thread::sleep(SETTLE);
        fleet
    }

    /// One fault of the store `of`: `breaks` it for so long, and `mends` it with what
    /// that returned; as often as there are turns.
    pub fn row<S, T>(
        &mut self,
        run: &Run,
        fleet: &Fleet,
        of: &mut S,
        (fault, heals, is_long): Fault,
        mut breaks: impl FnMut(&mut S, Duration) -> T,
        mut mends: impl FnMut(&mut S, T),
    ) {
        if fault != NOTHING && !run.wants_fault(fault) {
            return;
        }
        eprint!("{} {fault} ...", fleet.store);
        let mut row = Row {
            store: fleet.store,
            fault,
            seconds: 0.0,
            heals_itself: heals == Heals::Itself,
            turns: Turns::default(),
            calm: Told::default(),
            told: Told::default(),
            lease_failures: 0,
            returns: Vec::new(),
        };
        for turn in 0..TURNS {
            fleet.calm(run, &mut row);
            let failures = fleet.failures();
            let broke = nanos();
            let gaps = Gaps::watch(&fleet.caches);
            if let Some(probe) = &fleet.probe {
                probe.reset();
            }
            let length = run.fault(is_long, turn == 0);
            let broken = breaks(of, length);
            std::thread::sleep(length.saturating_sub(Duration::from_nanos(nanos() - broke)));
            let mending = nanos();
            mends(of, broken);
            let again = fleet.leases_again();
            std::thread::sleep(SETTLE);
            let (gaps, changes) = gaps.end();
            let windows = fleet.reader.between(broke, nanos());
            windows.iter().for_each(|window| row.told.add(window));
            row.turns.fault.push(times(&windows, broke, mending));
            row.seconds += (mending - broke) as f64 / 1e9;
            row.lease_failures += fleet.failures() - failures;
            let back = if row.heals_itself {
                let away = fleet.probe.as_ref().map(Probe::away).unwrap_or_default();
                again.map_or(Return::NEVER, |_| Return::worst(&gaps, &away))
            } else {
                Return { again, away: 0.0 }
            };
            eprint!(" {:.2} s", back.late());
            if back.late() > SUSPECT {
                eprintln!();
                changes.iter().filter(|change| change.at >= mending).for_each(|change| change.print(mending));
            }
            row.returns.push(back);
        }
        fleet.calm(run, &mut row);
        eprintln!(" without leases; p99 x {:.2}", row.turns.ratio(|times| times.p99));
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
    /// Lets it be calm, and notes how it was.
    fn calm(&self, run: &Run, row: &mut Row) {
        let began = nanos();
        std::thread::sleep(run.calm());
        let ended = nanos();
        let windows = self.reader.between(began, ended);
        windows.iter().for_each(|window| row.calm.add(window));
        row.turns.calm.push(times(&windows, began, ended));
    }

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

/// Medians of the windows that lie in this time: a disturbance of one of them does
/// not count.
fn times(windows: &[Window], from: u64, to: u64) -> Times {
    let within: Vec<_> = windows.iter().filter(|w| w.began >= from && w.ended <= to).collect();
    let of = |figure: fn(&Times) -> f64| {
        median(within.iter().map(|window| figure(&window.times)).filter(|figure| !figure.is_nan()))
    };
    Times { p50: of(|t| t.p50), p99: of(|t| t.p99), single_p99: of(|t| t.single_p99) }
}
