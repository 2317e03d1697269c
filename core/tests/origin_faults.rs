//! A cache over HTTP whose origin dies, is slow, flaps, or says what is wrong:
//! what is served, and how often the origin is asked, meanwhile and afterwards.
//!
//! A few seconds each; `make soak-origin` runs a minute each and prints the figures.
#![cfg(feature = "http")]
#![allow(clippy::disallowed_methods, reason = "the judge has a clock of its own")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use edgecmp::{Cache, Code, Options, ReadOptions};
use edgecmp_faulty_origin::{Mode, key, nanos};

#[path = "origin_faults/server.rs"]
mod server;
#[path = "origin_faults/stampede.rs"]
mod stampede;

use server::{SECOND, Server};

const KEYS: usize = 40;
const BOUND: Duration = Duration::from_millis(200);
const OUTAGE_BOUND: Duration = Duration::from_secs(600);
const ORIGIN_TIMEOUT: Duration = Duration::from_millis(400);
const STEADY: Duration = Duration::from_millis(2000);
const RETURN: Duration = Duration::from_millis(11_500);

fn seconds() -> u64 {
    std::env::var("EDGECMP_ORIGIN_SECONDS").map_or(4, |text| text.parse().expect("a number of seconds"))
}

fn open(server: &Server, settings: &[(&str, &str)]) -> Cache {
    let mut options = Options::default();
    options.origin = server.url();
    options.staleness_bound = BOUND;
    options.outage_bound = OUTAGE_BOUND;
    options.origin_timeout = ORIGIN_TIMEOUT;
    for (name, value) in settings {
        options.set(name, value).unwrap();
    }
    Cache::open(options).unwrap()
}

/// What readers were told.
#[derive(Debug, Default)]
struct Told {
    fresh: u64,
    degraded: u64,
    /// Reads that waited as long as the origin may take.
    waited: u64,
    errors: Vec<Code>,
    wrong: Vec<String>,
}

impl Told {
    fn and(mut self, other: Self) -> Self {
        self.fresh += other.fresh;
        self.degraded += other.degraded;
        self.waited += other.waited;
        self.errors.extend(other.errors);
        self.wrong.extend(other.wrong);
        self
    }

    fn reads(&self) -> u64 {
        self.fresh + self.degraded + self.errors.len() as u64
    }
}

/// Reads keys, one after another, until told to end, and judges each answer by the server's history.
fn read(cache: &Cache, server: &Server, first: usize, end: &AtomicBool) -> Told {
    let mut told = Told::default();
    let mut last = [0; KEYS];
    for index in (0..KEYS).cycle().skip(first) {
        if end.load(Ordering::Relaxed) {
            break;
        }
        thread::sleep(Duration::from_millis(2));
        let (start, began) = (Instant::now(), nanos());
        let answer = cache.get(key(index).as_bytes(), &ReadOptions::default());
        let took = start.elapsed();
        told.waited += u64::from(took >= ORIGIN_TIMEOUT);
        let value = match answer {
            Ok(value) => value,
            Err(error) => {
                told.errors.push(error.code());
                continue;
            }
        };
        let receipt = value.receipt();
        let bound = if receipt.degraded { OUTAGE_BOUND } else { BOUND };
        *if receipt.degraded { &mut told.degraded } else { &mut told.fresh } += 1;
        let version = receipt.version.get();
        match server.history().judge(index, value.bytes(), version, began) {
            Ok(behind) if u128::from(behind) <= bound.as_nanos() => {}
            Ok(behind) => told.wrong.push(format!("{}: {behind} ns behind: {receipt:?}", key(index))),
            Err(wrong) => told.wrong.push(wrong),
        }
        if version < last[index] {
            told.wrong.push(format!("{}: {version} after {}", key(index), last[index]));
        }
        last[index] = version;
    }
    told
}

/// The figures of one fault.
#[derive(Debug)]
struct Figures {
    steady: f64,
    /// Requests in the first second of the fault.
    first: usize,
    /// Requests in the busiest second thereafter, and a second.
    busiest: usize,
    attempts: f64,
    /// The most keys that one of them asked.
    largest: usize,
    /// Requests in the second from the first that was answered again, and in
    /// the busiest of all seconds from then on.
    returned: usize,
    peak: usize,
    /// In each of the first ten seconds.
    seconds: Vec<usize>,
    during: Told,
    after: Told,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { steady, first, busiest, attempts, largest, returned, peak, seconds, during, after } = self;
        write!(
            f,
            "{steady:.1}/s, then {first}, {busiest} and {attempts:.2}/s of {largest}; back: {returned}, {peak}, {seconds:?}"
        )?;
        for told in [during, after] {
            let (errors, wrong) = (told.errors.len(), told.wrong.len());
            let Told { fresh, degraded, waited, .. } = told;
            write!(
                f,
                "; {fresh} fresh, {degraded} degraded, {waited} waited, {errors} errors, {wrong} wrong"
            )?;
        }
        Ok(())
    }
}

/// Steady load, then `fault` for a while, then the return. `fault` says what the
/// server does as time goes by, and has its own sleep.
fn run(name: &str, cache: &Cache, server: &Server, fault: impl Fn(Duration)) -> Figures {
    let readers = |of: &dyn Fn()| {
        let end = AtomicBool::new(false);
        thread::scope(|scope| {
            let reading: Vec<_> = [0, KEYS / 2]
                .map(|first| {
                    scope.spawn({
                        let end = &end;
                        move || read(cache, server, first, end)
                    })
                })
                .into();
            let writing = scope.spawn(|| {
                for index in (0..KEYS).cycle().step_by(7) {
                    if end.load(Ordering::Relaxed) {
                        break;
                    }
                    server.history().write(index);
                    thread::sleep(Duration::from_millis(20));
                }
            });
            of();
            end.store(true, Ordering::Relaxed);
            writing.join().unwrap();
            reading.into_iter().map(|r| r.join().unwrap()).fold(Told::default(), Told::and)
        })
    };
    let began = Instant::now();
    let before = readers(&|| thread::sleep(STEADY));
    let broke = Instant::now();
    let warm = began + SECOND / 2;
    let steady = server.requests(warm, broke) as f64 / (broke - warm).as_secs_f64();
    let during = readers(&|| fault(Duration::from_secs(seconds())));
    server.set_mode(Mode::Well);
    let back = Instant::now();
    let after = readers(&|| thread::sleep(RETURN));
    let end = Instant::now();
    let settled = broke + SECOND + ORIGIN_TIMEOUT;
    let first_back = server.first_request(back).unwrap_or(back);
    let returned = server.requests(first_back, first_back + SECOND);
    let figures = Figures {
        steady,
        first: server.requests(broke, settled),
        busiest: server.busiest_second(settled, back),
        attempts: server.requests(settled, back) as f64 / (back - settled).as_secs_f64(),
        largest: server.largest(settled, back),
        returned,
        peak: server.busiest_second(back, end),
        seconds: (0..10)
            .map(|s| server.requests(first_back + s * SECOND, first_back + (s + 1) * SECOND))
            .collect(),
        during,
        after,
    };
    // fault | requests a second before | until it was left alone | in the busiest second then |
    // a second then | in the first second after the return | in the busiest | by the steady rate |
    // reads meanwhile: fresh / degraded / errors | those that waited
    println!(
        "| {name:<10} | {:>7.1} | {:>5} | {:>7} | {:>8.2} | {:>8} | {:>4} | {:>5.2} | {:>5} / {:>5} / {:>5} | {:>4} |",
        figures.steady,
        figures.first,
        figures.busiest,
        figures.attempts,
        figures.returned,
        figures.peak,
        figures.peak as f64 / steady,
        figures.during.fresh,
        figures.during.degraded,
        figures.during.errors.len(),
        figures.during.waited,
    );
    println!("{name}: in the first ten seconds {:?}", figures.seconds);
    assert_eq!(before.errors, [], "{name}");
    for told in [&before, &figures.during, &figures.after] {
        assert_eq!(told.wrong, [] as [String; 0], "{name}");
    }
    assert!(figures.after.fresh > figures.after.degraded, "{name}: it came back: {figures}");
    figures
}

/// What holds of every origin that gives no answer at all.
fn assert_left_alone(name: &str, figures: &Figures) {
    // One a second, and one at either end of a second.
    assert!(figures.attempts <= 1.5 && figures.busiest <= 2, "{name}: {figures}");
    assert_eq!(figures.largest, 1, "{name}: a probe is for one key: {figures}");
    assert_no_herd(name, figures);
    assert_eq!(figures.during.errors, [], "{name}: degraded instead");
    assert!(figures.during.degraded > 0, "{name}: {figures}");
    // Those that were on their way when it broke, and who shares a probe.
    assert!(figures.during.waited * 10 <= figures.during.reads(), "{name}: {figures}");
}

/// The first second after the return. That none of the first ten has more than twice the
/// steady rate is shown in virtual time (`tests/sim/tests/outage.rs`): here a machine that
/// is busy with other things makes of the steady rate itself up to seven times as much,
/// without any outage. Never more than all keys one by one.
fn assert_no_herd(name: &str, figures: &Figures) {
    assert!(figures.returned as f64 <= 2.0 * figures.steady, "{name}: {figures}");
    let one_by_one = KEYS as f64 / (0.75 * BOUND.as_secs_f64());
    assert!(figures.seconds.iter().all(|requests| *requests as f64 <= one_by_one), "{name}: {figures}");
}

fn down(name: &str, mode: Mode) {
    let server = Server::start(KEYS, Duration::from_millis(2));
    let cache = open(&server, &[]);
    let figures = run(name, &cache, &server, |length| {
        server.set_mode(mode);
        thread::sleep(length);
    });
    assert_left_alone(name, &figures);
}

#[test]
fn an_origin_that_gives_no_answer_is_left_alone() {
    let faults = [
        ("dead", Mode::Dead),
        ("slow", Mode::Slow(2 * SECOND)),
        ("500", Mode::Status500),
        ("503", Mode::Busy),
        ("garbage", Mode::Garbage),
        ("half body", Mode::HalfBody),
    ];
    thread::scope(|scope| {
        for (name, mode) in faults {
            scope.spawn(move || down(name, mode));
        }
    });
}

#[test]
fn flapping() {
    let server = Server::start(KEYS, Duration::from_millis(2));
    let cache = open(&server, &[]);
    let dead = Mutex::new(Vec::new());
    let figures = run("flapping", &cache, &server, |length| {
        let end = Instant::now() + length;
        while Instant::now() < end {
            let died = Instant::now();
            server.set_mode(Mode::Dead);
            thread::sleep(SECOND * 7 / 10);
            dead.lock().unwrap().push((died, Instant::now()));
            server.set_mode(Mode::Well);
            thread::sleep(SECOND * 3 / 10);
        }
    });
    // While it is well it may be asked. The first time is when the breaker learns of it.
    let dead = &dead.into_inner().unwrap()[1..];
    let asked: usize = dead.iter().map(|(from, to)| server.requests(*from, *to)).sum();
    let seconds: f64 = dead.iter().map(|(from, to)| (*to - *from).as_secs_f64()).sum();
    println!(
        "flapping: {asked} attempts in {seconds:.1} s in which it was dead: {:.2}/s",
        asked as f64 / seconds
    );
    // One at either end.
    assert!(asked as f64 <= seconds + 2.0, "{figures}");
    assert_eq!(figures.during.errors, [], "degraded instead");
    assert!(figures.busiest as f64 <= 2.0 * figures.steady + 6.0, "{figures}");
    assert_no_herd("flapping", &figures);
}

#[test]
fn who_allows_no_degraded_answers_is_told_at_once() {
    let server = Server::start(KEYS, Duration::from_millis(2));
    let cache = open(&server, &[("outage_bound", "0s")]);
    let figures = run("dead, 0s", &cache, &server, |length| {
        server.set_mode(Mode::Dead);
        thread::sleep(length);
    });
    assert!(figures.attempts <= 1.5 && figures.busiest <= 2, "{figures}");
    assert_no_herd("dead, 0s", &figures);
    assert_eq!((figures.during.degraded, figures.after.degraded), (0, 0));
    let known = [Code::BreakerOpen, Code::OriginUnavailable, Code::DeadlineExceeded];
    assert!(figures.during.errors.iter().all(|code| known.contains(code)), "{figures}");
    assert!(figures.during.errors.contains(&Code::BreakerOpen));
    assert!(figures.during.waited * 10 <= figures.during.reads(), "{figures}");
}

/// An origin that goes back is believed (it is the system of record) and counted;
/// never is a value served under a version that is not its own.
#[test]
fn lower_versions() {
    let server = Server::start(KEYS, Duration::from_millis(2));
    let cache = open(&server, &[]);
    let get = |index: usize| cache.get(key(index).as_bytes(), &ReadOptions::default()).unwrap();
    (0..KEYS).for_each(|index| server.history().write(index));
    for (mode, version) in [(Mode::Well, 2), (Mode::Behind, 1), (Mode::Well, 2)] {
        server.set_mode(mode);
        thread::sleep(2 * BOUND);
        for index in 0..KEYS {
            let value = get(index);
            assert_eq!(value.receipt().version.get(), version);
            assert!(!value.receipt().degraded);
            server.history().judge(index, value.bytes(), version, nanos()).unwrap();
        }
    }
    assert_eq!(cache.statistics().unwrap().version_regressions, KEYS as u64);
}
