//! A long randomized test beside an oracle: readers, writers and sweepers on
//! one store, threads that come and go, guards that are held long.
//!
//! Every value tells its key, its version, and a sum over its bytes: a torn or
//! freed one is noticed. The oracle is one word a key, written in `decide`, so
//! in the order in which the store itself sees the writes.
//!
//! A few seconds; `EDGECMP_STORE_SECONDS=600` for longer (`make soak-store`),
//! `EDGECMP_STORE_SEED` to go on with a seed that was printed. What threads do
//! follows from the seed, how they meet does not.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use super::*;
use crate::facts::entry::{ContentRef, Limits, Proved, SharedEntry};
use crate::facts::version::Version;

struct Random(u64);

impl Random {
    /// splitmix64
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// What was last done to a key: a number that grows, and whether it was a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Done(u64);

impl Done {
    fn number(self) -> u64 {
        self.0 >> 1
    }

    fn is_there(self) -> bool {
        self.0 & 1 == 1
    }

    fn next(self, is_put: bool) -> Self {
        Self((self.number() + 1) << 1 | u64::from(is_put))
    }
}

struct OracleKey {
    /// Written under the shard's lock.
    begun: AtomicU64,
    /// What a call had done when it returned.
    done: AtomicU64,
}

struct World {
    store: Store,
    keys: Vec<OracleKey>,
    /// Entries are evicted: a key that is missing proves nothing.
    evicts: bool,
    max_value: u64,
    evicted: AtomicUsize,
    reads: AtomicU64,
    stop: AtomicBool,
}

fn key_of(key: usize) -> [u8; 12] {
    let mut bytes = *b"key:........";
    bytes[4..].copy_from_slice(&(key as u64).to_be_bytes());
    bytes
}

fn sum(key: u64, number: u64, at: u64) -> u64 {
    Random(key << 40 ^ number << 8 ^ at).next()
}

fn entry_of(key: usize, number: u64, words: u64) -> SharedEntry {
    let words = (0..words).map(|at| sum(key as u64, number, at));
    let value: Vec<u8> = words.flat_map(u64::to_ne_bytes).collect();
    let content = ContentRef {
        value: Some(&value),
        version: Version::from(number),
        named: true,
        validator: number.is_multiple_of(3).then_some("\"tag\""),
        last_modified_at: None,
        limits: Limits::default(),
    };
    SharedEntry::new(&key_of(key), content, Proved::default())
}

/// That an entry is whole, and this key's; its version.
fn judge(key: usize, entry: &Entry) -> u64 {
    assert_eq!(entry.key(), key_of(key));
    let number = entry.version().get() as u64;
    assert_eq!(entry.validator(), number.is_multiple_of(3).then_some("\"tag\""));
    let value = entry.value().expect("there are no negative entries");
    for (at, word) in value.chunks(8).enumerate() {
        assert_eq!(word, sum(key as u64, number, at as u64).to_ne_bytes(), "key {key} version {number}");
    }
    number
}

impl World {
    fn begun(&self, key: usize) -> Done {
        Done(self.keys[key].begun.load(SeqCst))
    }

    fn done(&self, key: usize) -> Done {
        Done(self.keys[key].done.load(SeqCst))
    }

    /// Notes an operation, under the lock of the key's shard.
    fn begin(&self, key: usize, is_put: bool) -> Done {
        let next = self.begun(key).next(is_put);
        self.keys[key].begun.store(next.0, SeqCst);
        next
    }

    fn end(&self, key: usize, what: Done) {
        self.keys[key].done.fetch_max(what.0, SeqCst);
    }

    /// Some keys are hot: readers and writers meet there.
    fn draw(&self, random: &mut Random) -> usize {
        let bound = if random.below(2) == 0 { 16 } else { self.keys.len() as u64 };
        random.below(bound) as usize
    }

    fn write(&self, random: &mut Random, key: usize) {
        let is_put = random.below(8) > 0;
        let words = match random.below(16) {
            0 => random.below(self.max_value / 8),
            _ => random.below(12),
        };
        let mut what = None;
        let name = key_of(key);
        let outcome = self.store.change(self.store.hash(&name), &name, |present| {
            let before = self.begun(key);
            if let Some(entry) = present {
                assert!(before.is_there());
                assert_eq!(judge(key, entry), before.number());
            } else {
                assert!(self.evicts || !before.is_there(), "key {key} was lost: {before:?}");
            }
            let begun = self.begin(key, is_put);
            what = Some(begun);
            if is_put { Change::Put(entry_of(key, begun.number(), words)) } else { Change::Remove }
        });
        self.end(key, what.expect("decide was called"));
        self.evicted.fetch_add(outcome.evicted, SeqCst);
        // A reader that was interrupted may hold back so much that nothing more is kept.
        assert!(self.evicts || !outcome.not_kept);
        assert!(self.evicts || outcome.evicted == 0);
    }

    /// Judges what a look-up gave that began when `floor` was done.
    fn judge(&self, key: usize, floor: Done, found: Option<&Entry>) {
        match found {
            Some(entry) => {
                let number = judge(key, entry);
                assert!(number >= floor.number(), "key {key}: {number} is stale: {floor:?}");
                assert!(number != floor.number() || floor.is_there(), "key {key} was removed: {floor:?}");
                assert!(number <= self.begun(key).number());
            }
            None => {
                let untouched = self.begun(key) == floor;
                assert!(self.evicts || !(untouched && floor.is_there()), "key {key} was lost: {floor:?}");
            }
        }
    }

    fn read(&self, random: &mut Random, held: &mut Vec<(usize, u64, SharedEntry)>) {
        let key = self.draw(random);
        let name = key_of(key);
        let floor = self.done(key);
        let loaded = self.store.load(self.store.hash(&name), &name);
        self.judge(key, floor, loaded.as_deref());
        let others: Vec<usize> = (0..random.below(40)).map(|_| self.draw(random)).collect();
        let names: Vec<_> = others.iter().map(|key| key_of(*key)).collect();
        let floors: Vec<_> = others.iter().map(|key| self.done(*key)).collect();
        self.store.load_many(&names, |_, first, entries| {
            for (at, entry) in entries.iter().enumerate() {
                self.judge(others[first + at], floors[first + at], entry.as_ref());
            }
        });
        // Under the first guard still; and what was kept without one.
        if let Some(entry) = &loaded {
            let number = judge(key, entry);
            entry.visit();
            if held.len() < 8 {
                held.push((key, number, entry.share()));
            } else {
                let (key, number, kept) = held.swap_remove(random.below(8) as usize);
                assert_eq!(judge(key, &kept), number);
            }
        }
        self.reads.fetch_add(1 + others.len() as u64, SeqCst);
    }

    /// Removes by the sweep; sometimes so many that tables shrink.
    fn sweep(&self, random: &mut Random) {
        let shard = random.below(self.store.shards() as u64) as usize;
        let (share, buckets) = match random.below(20) {
            0 => (97, usize::MAX / 16),
            _ => (5, random.below(64) as usize + 1),
        };
        let draw = random.next();
        let swept = std::cell::RefCell::new(Vec::new());
        let (count, _) = self.store.sweep(shard, buckets, |entry| {
            let key = u64::from_be_bytes(entry.key()[4..].try_into().unwrap()) as usize;
            assert_eq!(judge(key, entry), self.begun(key).number());
            let leaves = Random(draw ^ key as u64).below(100) < share;
            if leaves {
                swept.borrow_mut().push((key, self.begin(key, false)));
            }
            leaves
        });
        assert_eq!(count, swept.borrow().len());
        for (key, what) in swept.into_inner() {
            self.end(key, what);
        }
    }

    /// Threads of one kind, one after another: their numbers are used again.
    fn run(&self, seed: u64, mut work: impl FnMut(&mut Random) + Send) {
        let mut random = Random(seed);
        while !self.stop.load(SeqCst) {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for _ in 0..random.below(20_000) {
                        if self.stop.load(SeqCst) {
                            break;
                        }
                        work(&mut random);
                    }
                });
            });
        }
    }

    /// With all threads gone: the store and the oracle say the same.
    fn compare(&self) {
        let mut there = 0;
        for key in 0..self.keys.len() {
            let name = key_of(key);
            let done = self.done(key);
            assert_eq!(done, self.begun(key));
            let found = self.store.load(self.store.hash(&name), &name);
            self.judge(key, done, found.as_deref());
            assert!(found.is_none() || judge(key, found.as_ref().unwrap()) == done.number());
            there += usize::from(found.is_some());
        }
        assert_eq!(self.store.usage().entries, there);
    }
}

fn soak(seed: u64, capacity: usize, keys: usize, max_value: u64, evicts: bool, time: Duration) {
    println!("EDGECMP_STORE_SEED={seed}: {keys} keys in {capacity} bytes");
    let world = World {
        store: Store::new(capacity, max_value as usize),
        keys: (0..keys).map(|_| OracleKey { begun: AtomicU64::new(0), done: AtomicU64::new(0) }).collect(),
        evicts,
        max_value,
        evicted: AtomicUsize::new(0),
        reads: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    };
    for key in 0..keys {
        world.write(&mut Random(seed ^ key as u64), key);
    }
    std::thread::scope(|scope| {
        let world = &world;
        for thread in 0..3 {
            let seed = Random(seed ^ thread).next();
            let mut held = Vec::new();
            scope.spawn(move || world.run(seed, |random| world.read(random, &mut held)));
            scope.spawn(move || {
                world.run(seed + 1, |random| {
                    let key = world.draw(random);
                    world.write(random, key);
                });
            });
        }
        scope.spawn(move || {
            world.run(seed, |random| {
                world.sweep(random);
                std::thread::sleep(Duration::from_micros(200));
            });
        });
        std::thread::sleep(time);
        world.stop.store(true, SeqCst);
    });
    world.compare();
    // Nobody reads any more: what waits to be freed is freed by the next changes.
    for key in 0..keys {
        let name = key_of(key);
        world.store.change(world.store.hash(&name), &name, |_| {
            let what = world.begin(key, true);
            world.end(key, what);
            Change::Put(entry_of(key, what.number(), 4))
        });
        assert!(world.store.usage().bytes <= capacity);
    }
    world.compare();
    for key in 0..keys {
        let name = key_of(key);
        world.store.change(world.store.hash(&name), &name, |_| Change::Remove);
    }
    assert_eq!(world.store.usage().entries, 0);
    let (reads, evicted) = (world.reads.load(SeqCst), world.evicted.load(SeqCst));
    println!("  {reads} reads, {evicted} evicted");
    assert!(reads > 0 && (evicted > 0) == evicts, "evicted: {evicted}");
}

#[test]
fn many_threads_see_what_an_oracle_allows() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seconds: u64 = number("EDGECMP_STORE_SECONDS").unwrap_or(3);
    let seed = number("EDGECMP_STORE_SEED").unwrap_or_else(|| std::process::id().into());
    // Another mixture each time round.
    let rounds = (seconds / 15).max(1);
    for round in 0..rounds {
        let seed = seed + round;
        let time = Duration::from_secs(seconds) / (3 * rounds as u32);
        soak(seed, 256 << 10, 2_000, 4_000, true, time);
        soak(seed, 2 << 20, 20_000, 400, true, time);
        soak(seed, 64 << 20, [30, 3_000, 40_000][seed as usize % 3], 1_000, false, time);
    }
}
