//! Stampedes: very many readers on keys that nobody has yet, in one process,
//! over an origin that takes 50 ms.

use std::path::Path;
use std::sync::Barrier;
use std::time::Duration;

use bench_common::random::Random;
use edgecmp::{Cache, Options, ReadOptions};
use edgecmp_demo::failure::{Doing, Failure};

use crate::processes::{Asked, Origin};

const DELAY: Duration = Duration::from_millis(50);
pub const WAITERS: usize = 10_000;
pub const COLD_KEYS: usize = 1_000;
pub const THREADS: usize = 64;

/// What the origin was asked.
#[derive(Clone, Copy, Debug)]
pub struct Stampede {
    /// By the waiters for one key.
    pub one_key: Asked,
    /// By threads that each read all the keys, one after another, in an order
    /// of their own.
    pub many_keys: Asked,
}

pub fn run(directory: &Path) -> Result<Stampede, Failure> {
    let origin = Origin::start(directory, DELAY)?;
    let names: Vec<String> = (0..COLD_KEYS).map(|key| format!("cold/{key}")).collect();
    for name in names.iter().map(String::as_str).chain(["one"]) {
        origin.client.put_item(name, b"value")?;
    }
    let before = origin.asked()?;
    wait_for_one(&open(&origin)?)?;
    let between = origin.asked()?;
    read_all(&open(&origin)?, &names)?;
    let after = origin.asked()?;
    Ok(Stampede { one_key: since(before, between), many_keys: since(between, after) })
}

fn open(origin: &Origin) -> Result<Cache, Failure> {
    let mut options = Options::default();
    let settings = [
        ("origin", format!("{}/items/{{key}}", origin.client.url())),
        // What is asked twice is not to be asked twice for being old.
        ("staleness_bound", "60s".to_owned()),
        ("read_timeout", "10s".to_owned()),
    ];
    for (name, text) in settings {
        options.set(name, &text).doing(name)?;
    }
    Cache::open(options).doing("opening the cache")
}

fn wait_for_one(cache: &Cache) -> Result<(), Failure> {
    let started = (0..WAITERS).map(|_| cache.start_get(b"one", &ReadOptions::DEFAULT));
    let waiting = started.collect::<Result<Vec<_>, _>>().doing("a waiter")?;
    waiting.into_iter().try_for_each(|read| read.wait().map(drop)).doing("a waiter")
}

fn read_all(cache: &Cache, names: &[String]) -> Result<(), Failure> {
    let barrier = Barrier::new(THREADS);
    let read = |thread: usize| {
        let mut order: Vec<usize> = (0..names.len()).collect();
        Random::new(thread as u64).shuffle(&mut order);
        barrier.wait();
        order
            .into_iter()
            .try_for_each(|key| cache.get(names[key].as_bytes(), &ReadOptions::DEFAULT).map(drop))
    };
    let read = &read;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || read(thread))).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(outcome) => outcome.doing("a cold read"),
            Err(_) => Err(Failure::new("a cold read panicked")),
        })
    })
}

fn since(before: Asked, after: Asked) -> Asked {
    Asked { requests: after.requests - before.requests, keys: after.keys - before.keys }
}
