//! One thread that reads all keys of all nodes, round after round, times its
//! hits, and judges each answer by the origin's history.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bench_common::{processor, quantile, ticks};
use edgecmp::{Cache, ReadOptions, Receipt};
use edgecmp_faulty_origin::{Origin, key, nanos};

/// In each of which hits have their percentiles.
const WINDOW: u64 = 250_000_000;
/// Reads that are timed together, but for the first, which is timed by itself. An
/// interrupt falls into one of a thousand of these.
const BATCH: usize = 50;
/// Rounds between pauses that are timed. One before them is not: after a pause the
/// processor's caches are full of other things, servers' among them.
const ROUNDS: usize = 10;
/// Readers have other things to do, too.
const PAUSE: Duration = Duration::from_millis(1);
/// Longer values are not the origin's.
const LONGEST: usize = 128;

/// What was read in a quarter of a second.
#[derive(Clone, Debug, Default)]
pub struct Window {
    pub began: u64,
    pub ended: u64,
    pub hits: u64,
    pub times: Times,
    /// Reads that found nothing they could return, and waited for the origin.
    pub waited: u64,
    pub failed: Vec<String>,
    /// Receipts over the bound, answers that truly were older, and other nonsense.
    pub wrong: Vec<String>,
    /// The greatest staleness of a receipt, and by the origin's history: nanoseconds.
    pub stalest: u64,
    pub truly: u64,
}

/// Nanoseconds a hit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Of hits one after another, a batch at a time.
    pub p50: f64,
    pub p99: f64,
    /// Of hits by themselves.
    pub single_p99: f64,
}

pub struct Reader {
    is_over: Arc<AtomicBool>,
    windows: Arc<Mutex<Vec<Window>>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    pub fn start(caches: &[Arc<Cache>], origin: &Origin, bound: Duration) -> Self {
        let (is_over, windows) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<Window>>>::default());
        let keys = origin.history().keys();
        assert_eq!(keys % BATCH, 0, "whole batches");
        let reading = Reading {
            caches: caches.to_vec(),
            origin: origin.clone(),
            bound,
            keys: (0..keys).map(key).collect(),
            newest: vec![vec![0; keys]; caches.len()],
            told: Vec::with_capacity(BATCH),
            batches: Vec::with_capacity(1 << 16),
            singles: Vec::with_capacity(1 << 16),
            window: Window { began: nanos(), ..Window::default() },
        };
        let (over, into) = (Arc::clone(&is_over), Arc::clone(&windows));
        let thread = Some(std::thread::spawn(move || reading.run(&over, &into)));
        Self { is_over, windows, thread }
    }

    /// Windows that overlap this time.
    pub fn between(&self, from: u64, to: u64) -> Vec<Window> {
        // The last one ends a little later.
        while self.windows().last().is_none_or(|last| last.ended < to) {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.windows().iter().filter(|w| w.ended > from && w.began < to).cloned().collect()
    }

    /// What was read of late.
    pub fn last(&self) -> Option<Window> {
        self.windows().last().cloned()
    }

    fn windows(&self) -> std::sync::MutexGuard<'_, Vec<Window>> {
        self.windows.lock().expect("the reader does not panic")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// What a hit handed out, copied as a reader would.
struct Told {
    receipt: Receipt,
    bytes: Option<[u8; LONGEST]>,
    length: usize,
}

struct Reading {
    caches: Vec<Arc<Cache>>,
    origin: Origin,
    bound: Duration,
    keys: Vec<String>,
    newest: Vec<Vec<u128>>,
    /// Of a batch: it is judged when it has been timed.
    told: Vec<Option<Told>>,
    /// Ticks.
    batches: Vec<u64>,
    singles: Vec<u64>,
    window: Window,
}

impl Reading {
    fn run(mut self, is_over: &AtomicBool, windows: &Mutex<Vec<Window>>) {
        // Where it fails the run is only noisier.
        let _ = processor::pin(0);
        while !is_over.load(Ordering::Relaxed) {
            for round in 0..=ROUNDS {
                for node in 0..self.caches.len() {
                    for first in (0..self.keys.len()).step_by(BATCH) {
                        self.batch(node, first, round > 0);
                    }
                }
            }
            std::thread::sleep(PAUSE);
            let now = nanos();
            if now >= self.window.began + WINDOW {
                let done = self.close(now);
                windows.lock().expect("nobody panics with it").push(done);
                self.window.began = nanos();
            }
        }
    }

    fn batch(&mut self, node: usize, first: usize, is_timed: bool) {
        let (cache, options) = (Arc::clone(&self.caches[node]), ReadOptions::default());
        let began = nanos();
        let start = ticks::fenced();
        self.look(&cache, first, &options);
        let one = ticks::fenced();
        (first + 1..first + BATCH).for_each(|index| self.look(&cache, index, &options));
        let end = ticks::fenced();
        if is_timed && self.told.iter().all(Option::is_some) {
            self.singles.push(one - start);
            self.batches.push(end - one);
        }
        let mut told = std::mem::take(&mut self.told);
        let mut missing = Vec::new();
        for (index, told) in (first..).zip(told.drain(..)) {
            match told {
                Some(Told { receipt, bytes, length }) => {
                    self.window.hits += 1;
                    self.judge(node, index, bytes.as_ref().map(|bytes| &bytes[..length]), &receipt, began);
                }
                None => missing.push(index),
            }
        }
        self.told = told;
        if !missing.is_empty() {
            self.wait(&cache, node, &missing, &options);
        }
    }

    /// What is timed: the lookup, its receipt, and a copy of the value.
    #[inline(always)]
    fn look(&mut self, cache: &Cache, index: usize, options: &ReadOptions) {
        let hit = match cache.lookup(self.keys[index].as_bytes(), options) {
            Ok(hit) => hit,
            Err(error) => {
                self.window.failed.push(error.to_string());
                None
            }
        };
        self.told.push(hit.map(|hit| {
            let mut copy = [0; LONGEST];
            let value = hit.bytes().map(|bytes| bytes.get(..LONGEST).unwrap_or(bytes));
            let length = value.map_or(0, <[u8]>::len);
            copy[..length].copy_from_slice(value.unwrap_or_default());
            Told { receipt: hit.receipt(), bytes: value.map(|_| copy), length }
        }));
    }

    /// Together: one after another they would take longer than the bound, and once
    /// all were missing they would be missing for ever.
    fn wait(&mut self, cache: &Cache, node: usize, missing: &[usize], options: &ReadOptions) {
        self.window.waited += missing.len() as u64;
        let names: Vec<_> = missing.iter().map(|index| self.keys[*index].clone()).collect();
        let began = nanos();
        match cache.get_many(&names, options) {
            Ok(answers) => {
                for (index, answer) in missing.iter().zip(answers) {
                    match answer {
                        Ok(value) => self.judge(node, *index, value.bytes(), &value.receipt(), began),
                        Err(error) => self.window.failed.push(error.to_string()),
                    }
                }
            }
            Err(error) => self.window.failed.push(error.to_string()),
        }
    }

    fn judge(&mut self, node: usize, index: usize, bytes: Option<&[u8]>, receipt: &Receipt, began: u64) {
        let window = &mut self.window;
        let version = receipt.version.get();
        match self.origin.history().judge(index, bytes, version, began) {
            Ok(truly) => {
                window.truly = window.truly.max(truly);
                if u128::from(truly) > self.bound.as_nanos() {
                    window.wrong.push(format!("truly {truly} ns old: {receipt:?}"));
                }
            }
            Err(wrong) => window.wrong.push(wrong),
        }
        window.stalest = window.stalest.max(receipt.staleness.as_nanos() as u64);
        if receipt.staleness > self.bound || receipt.degraded {
            window.wrong.push(format!("{receipt:?}"));
        }
        let newest = &mut self.newest[node][index];
        if version < *newest {
            window.wrong.push(format!("{version} after {newest}"));
        }
        *newest = version;
    }

    fn close(&mut self, now: u64) -> Window {
        let at = |sorted: &[u64], share| quantile::nearest(sorted, share).map_or(f64::NAN, ticks::nanos);
        self.batches.sort_unstable();
        self.singles.sort_unstable();
        let a_hit = (BATCH - 1) as f64;
        let times = Times {
            p50: at(&self.batches, 0.5) / a_hit,
            p99: at(&self.batches, 0.99) / a_hit,
            single_p99: at(&self.singles, 0.99),
        };
        self.batches.clear();
        self.singles.clear();
        Window { ended: now, times, ..std::mem::take(&mut self.window) }
    }
}
