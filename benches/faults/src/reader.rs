//! One thread that reads all keys of all nodes, round after round, times each
//! hit, and judges each answer by the origin's history.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use edgecmp::{Cache, ReadOptions, Receipt};

use crate::clock;
use crate::history::key;
use crate::origin::Origin;

/// In each of which hits have their percentiles.
const WINDOW: u64 = 500_000_000;
/// Rounds between pauses: what comes first after a pause finds the processor's
/// caches full of other things, servers' among them, and is to be less than 1%.
const ROUNDS: usize = 10;
/// Readers have other things to do, too.
const PAUSE: Duration = Duration::from_millis(1);

/// What was read in half a second.
#[derive(Clone, Debug, Default)]
pub struct Window {
    pub began: u64,
    pub ended: u64,
    pub hits: u64,
    pub p50: f64,
    pub p99: f64,
    /// Reads that found nothing they could return, and waited for the origin.
    pub waited: u64,
    pub failed: Vec<String>,
    /// Receipts over the bound, answers that truly were older, and other nonsense.
    pub wrong: Vec<String>,
    /// The greatest staleness of a receipt, and by the origin's history: nanoseconds.
    pub stalest: u64,
    pub truly: u64,
}

pub struct Reader {
    is_over: Arc<AtomicBool>,
    windows: Arc<Mutex<Vec<Window>>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    pub fn start(caches: &[Arc<Cache>], origin: &Origin, bound: Duration) -> Self {
        let (is_over, windows) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<Window>>>::default());
        let reading = Reading {
            caches: caches.to_vec(),
            origin: origin.clone(),
            bound,
            keys: (0..origin.history().len()).map(key).collect(),
            newest: vec![vec![0; origin.history().len()]; caches.len()],
            ticks: Vec::with_capacity(1 << 23),
            window: Window { began: clock::nanos(), ..Window::default() },
        };
        let (over, into) = (Arc::clone(&is_over), Arc::clone(&windows));
        let thread = Some(std::thread::spawn(move || reading.run(&over, &into)));
        Self { is_over, windows, thread }
    }

    /// Windows that overlap this time; percentiles only of those that lie in it.
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

struct Reading {
    caches: Vec<Arc<Cache>>,
    origin: Origin,
    bound: Duration,
    keys: Vec<String>,
    newest: Vec<Vec<u128>>,
    ticks: Vec<u32>,
    window: Window,
}

impl Reading {
    fn run(mut self, is_over: &AtomicBool, windows: &Mutex<Vec<Window>>) {
        let nodes = self.caches.len();
        while !is_over.load(Ordering::Relaxed) {
            for node in (0..ROUNDS * nodes).map(|turn| turn % nodes) {
                for index in 0..self.keys.len() {
                    self.read(node, index);
                }
            }
            std::thread::sleep(PAUSE);
            let now = clock::nanos();
            if now >= self.window.began + WINDOW {
                let done = self.close(now);
                windows.lock().expect("nobody panics with it").push(done);
                self.window.began = clock::nanos();
            }
        }
    }

    fn read(&mut self, node: usize, index: usize) {
        let (cache, key) = (Arc::clone(&self.caches[node]), std::mem::take(&mut self.keys[index]));
        let options = ReadOptions::default();
        let began = clock::nanos();
        let first = clock::tick();
        let hit = cache.lookup(key.as_bytes(), &options);
        let ticks = clock::tick() - first;
        match hit {
            Ok(Some(hit)) => {
                self.window.hits += 1;
                self.ticks.push(u32::try_from(ticks).unwrap_or(u32::MAX));
                self.judge(node, index, hit.bytes(), &hit.receipt(), began);
            }
            Ok(None) => {
                self.window.waited += 1;
                match cache.get(key.as_bytes(), &options) {
                    Ok(value) => self.judge(node, index, value.bytes(), &value.receipt(), began),
                    Err(error) => self.window.failed.push(error.to_string()),
                }
            }
            Err(error) => self.window.failed.push(error.to_string()),
        }
        self.keys[index] = key;
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
        let cost = clock::timing_cost();
        let mut at = |share: f64| {
            let Some(last) = self.ticks.len().checked_sub(1) else { return f64::NAN };
            let (_, tick, _) = self.ticks.select_nth_unstable((last as f64 * share) as usize);
            u64::from(*tick).saturating_sub(cost) as f64 / clock::ticks_per_nano()
        };
        let (p50, p99) = (at(0.5), at(0.99));
        self.ticks.clear();
        Window { ended: now, p50, p99, ..std::mem::take(&mut self.window) }
    }
}
