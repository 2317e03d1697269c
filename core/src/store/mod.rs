//! The store: what is cached, in bounded memory.
//!
//! ```text
//!  readers                              writers
//!  load, load_many                      change, sweep
//!     |                                    |
//!     |                                 shard      a lock, an account, who leaves
//!     |                                 /   |  \
//!     |                        eviction     |   \
//!     +----------- table  ------------------+    \
//!                 (one line a bucket)             \
//!     +----------- reclaim  -----------------------+
//!                 (guards; what waits for them)
//! ```
//!
//! Sharded by hash. Readers load an entry under a guard: no lock, no count of
//! the entry, no wait. Writers publish *entries, not maps*, one at a time under
//! their shard's lock, which no reader ever takes; also a whole table is
//! replaced beside the readers in the old one.
//!
//! All memory is accounted for: entries, tables, the policy's queues, and what
//! was taken out and waits for its readers.

pub mod eviction;
mod limbo;
mod prefetch;
mod reclaim;
mod shard;
mod table;

use std::hash::{BuildHasher, Hasher};
use std::ops::Deref;

use crossbeam::utils::CachePadded;

use crate::facts::entry::Entry;
use crate::facts::memory;
use crate::facts::thread::Number;
use crate::sync::Ordering;
use prefetch::prefetch;
use reclaim::{Domain, Guard};
pub use shard::{Change, Outcome};
use shard::{Shard, Surroundings};
use table::{Published, value_offset};

/// More shards than that gain nothing; fewer bytes than that a shard, and the
/// entries spread unevenly over them.
const MAX_SHARDS: usize = 256;
const MIN_SHARD_BYTES: usize = 1 << 20;
/// Keys that are looked up at once: as many as the processor has misses of
/// memory under way, and a bit more.
const BATCH: usize = 32;
/// The largest values that a shard has room for at once.
const LARGEST_PER_SHARD: usize = 4;

#[cfg(not(edgecmp_loom))]
type HashState = foldhash::fast::RandomState;
/// A model runs the same way each time.
#[cfg(edgecmp_loom)]
type HashState = foldhash::fast::FixedState;

/// All entries of one cache.
#[derive(Debug)]
pub struct Store {
    /// Apart from the writers' side, which changes at every write.
    tables: Box<[Published]>,
    shards: Box<[CachePadded<Shard>]>,
    hasher: HashState,
    domain: Domain,
    /// After all that frees.
    _tidy: Tidy,
}

/// The last of a store to end.
#[derive(Debug)]
struct Tidy;

impl Drop for Tidy {
    fn drop(&mut self) {
        memory::tidy();
    }
}

/// What the store holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Entries.
    pub entries: usize,
    /// Bytes of all entries with their overhead.
    pub bytes: usize,
}

/// An entry as a reader holds it: no count was touched. Holds back, as long as
/// it lives, the freeing of whatever leaves the store.
#[derive(Debug)]
pub struct Loaded<'a> {
    entry: Entry,
    guard: Guard<'a>,
}

impl Loaded<'_> {
    /// The number of the thread that holds it.
    #[inline]
    pub fn thread(&self) -> usize {
        self.guard.thread()
    }
}

impl Deref for Loaded<'_> {
    type Target = Entry;

    #[inline]
    fn deref(&self) -> &Entry {
        &self.entry
    }
}

#[inline]
fn hash(hasher: &HashState, key: &[u8]) -> u64 {
    // Not `hash_one`: it would hash the length apart, which `write` knows.
    let mut hasher = hasher.build_hasher();
    hasher.write(key);
    hasher.finish()
}

impl Store {
    /// An empty store of at most `capacity` bytes, for values of at most
    /// `max_value_bytes`.
    pub fn new(capacity: usize, max_value_bytes: usize) -> Self {
        let shard_bytes = max_value_bytes.saturating_mul(LARGEST_PER_SHARD).max(MIN_SHARD_BYTES);
        let shards = (capacity / shard_bytes).clamp(1, MAX_SHARDS);
        // A power of two, rounded down: a mask picks the shard.
        let shards = 1 << shards.ilog2();
        Self {
            tables: (0..shards).map(|_| Published::new(Shard::first_table())).collect(),
            shards: (0..shards).map(|_| CachePadded::new(Shard::new(capacity / shards))).collect(),
            hasher: HashState::default(),
            domain: Domain::new(),
            _tidy: Tidy,
        }
    }

    /// The hash of a key; seeded, so that nobody can choose keys that collide.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        hash(&self.hasher, key)
    }

    /// The entry of a key. Takes no lock, makes no system call, allocates nothing.
    #[inline(always)]
    pub fn load(&self, hash: u64, key: &[u8]) -> Option<Loaded<'_>> {
        let guard = self.domain.pin();
        // SAFETY: the guard is held.
        let table = unsafe { self.tables[self.shard_of(hash)].load() };
        // SAFETY: the guard was there before the table, and goes with the view.
        let entry = unsafe { table.find(hash, key) }?;
        Some(Loaded { entry, guard })
    }

    /// Shows the entry of a key to `visit`, as [`Store::load`] finds it.
    #[inline(always)]
    pub fn load_as<T>(
        &self,
        number: &mut Number,
        hash: u64,
        key: &[u8],
        visit: impl FnOnce(&Entry) -> T,
    ) -> Option<T> {
        let guard = self.domain.pin_as(number);
        // SAFETY: the guard is held.
        let table = unsafe { self.tables[self.shard_of(hash)].load() };
        // SAFETY: the guard was there before the table, and goes after the view.
        let found = unsafe { table.find(hash, key) }.map(|entry| visit(&entry));
        drop(guard);
        found
    }

    /// The entries of many keys, a batch at a time: `visit` gets the number of
    /// the thread, the index of the batch's first key, and its entries. The
    /// misses of memory of a whole batch go on at once: for keys that are not in
    /// the processor's cache a third of the time of as many [`Store::load`]s.
    pub fn load_many<K: AsRef<[u8]>>(
        &self,
        keys: &[K],
        mut visit: impl FnMut(usize, usize, &[Option<Entry>]),
    ) {
        let guard = self.domain.pin();
        let mut hashes = [0; BATCH];
        let mut entries = [const { None }; BATCH];
        for (batch, keys) in keys.chunks(BATCH).enumerate() {
            // SAFETY: the guard is held to the end.
            let table = |hash| unsafe { self.tables[self.shard_of(hash)].load() };
            for (hash, key) in hashes.iter_mut().zip(keys) {
                *hash = self.hash(key.as_ref());
                table(*hash).prefetch(*hash);
            }
            for (hash, key) in hashes.iter().zip(keys) {
                let block = table(*hash).likely(*hash);
                prefetch(block);
                prefetch(block.wrapping_byte_add(value_offset(key.as_ref())));
            }
            for (entry, (hash, key)) in entries.iter_mut().zip(hashes.iter().zip(keys)) {
                // SAFETY: as above.
                *entry = unsafe { table(*hash).find(*hash, key.as_ref()) };
            }
            visit(guard.thread(), batch * BATCH, &entries[..keys.len()]);
        }
        drop(guard);
    }

    /// Changes the entry of a key as `decide` says, which sees what is there
    /// and runs under the shard's lock: keep it short, and no second key in it.
    pub fn change(&self, hash: u64, key: &[u8], decide: impl FnOnce(Option<&Entry>) -> Change) -> Outcome {
        let shard = self.shard_of(hash);
        self.shards[shard].change(self.around(shard), hash, key, decide)
    }

    /// Takes out entries that `spent` says are of no use any more, of the next
    /// `buckets` buckets of one shard; how many left, and whether the round
    /// through the shard is over.
    pub fn sweep(&self, shard: usize, buckets: usize, spent: impl FnMut(&Entry) -> bool) -> (usize, bool) {
        self.shards[shard].sweep(self.around(shard), buckets, spent)
    }

    /// Number of shards.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Grows whenever an entry of the key's shard leaves or is not kept. While
    /// it stands still, a key that is not there was not there before either.
    pub fn departures(&self, hash: u64) -> u64 {
        self.shards[self.shard_of(hash)].departures()
    }

    /// Grows with every entry of a shard that leaves or is replaced, after it says
    /// so itself ([`Entry::is_in_store`]) and before readers can find it gone. Who
    /// saw an entry in the store after asking for this knows that it is there as
    /// long as this stands still.
    #[inline]
    pub fn removals(&self, shard: usize) -> u64 {
        self.shards[shard].removals().load(Ordering::Acquire)
    }

    /// What is held, summed over the shards one after another.
    pub fn usage(&self) -> Usage {
        self.shards
            .iter()
            .map(|shard| shard.usage())
            .fold(Usage::default(), |a, b| Usage { entries: a.entries + b.entries, bytes: a.bytes + b.bytes })
    }

    /// The shard of a hash.
    #[inline]
    pub fn shard_of(&self, hash: u64) -> usize {
        // The tags take the lowest 16 bits, the buckets the highest.
        (hash >> 16) as usize & (self.shards.len() - 1)
    }

    fn around(&self, shard: usize) -> Surroundings<'_> {
        Surroundings {
            published: &self.tables[shard],
            domain: &self.domain,
            hasher: &self.hasher,
            removals: self.shards[shard].removals(),
        }
    }
}

#[cfg(all(test, edgecmp_loom))]
mod models;
#[cfg(all(test, not(edgecmp_loom)))]
mod soak;
#[cfg(all(test, not(edgecmp_loom)))]
mod tests;
