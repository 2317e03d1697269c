//! The store: what is cached, in bounded memory.
//!
//! Sharded by hash. Readers load an entry without a lock; writers publish
//! *entries, not maps*, one at a time under their shard's lock, which no reader
//! ever takes. The index of a shard is an open-addressing table ([`table`]);
//! who leaves when memory is short is decided by [`eviction`].

pub mod eviction;
pub mod shard;
pub mod table;

use std::hash::BuildHasher;
use std::sync::Arc;

use crate::facts::entry::Entry;
use shard::Shard;
pub use shard::{Change, Outcome};
pub use table::Loaded;

/// More shards than that gain nothing; fewer bytes than that a shard waste.
const MAX_SHARDS: usize = 64;
const MIN_SHARD_BYTES: usize = 256 * 1024;
/// The largest values that a shard has room for at once.
const LARGEST_PER_SHARD: usize = 4;

/// All entries of one cache.
#[derive(Debug)]
pub struct Store {
    shards: Box<[Shard]>,
    hasher: foldhash::fast::RandomState,
}

/// What the store holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Entries.
    pub entries: usize,
    /// Bytes of all entries with their overhead.
    pub bytes: usize,
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
            shards: (0..shards).map(|_| Shard::new(capacity / shards)).collect(),
            hasher: foldhash::fast::RandomState::default(),
        }
    }

    /// The hash of a key; seeded, so that nobody can choose keys that collide.
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The entry of a key. Takes no lock, makes no system call, allocates nothing.
    pub fn load(&self, hash: u64, key: &[u8]) -> Option<Loaded> {
        self.shard(hash).load(hash, key)
    }

    /// Changes the entry of a key as `decide` says, which sees what is there
    /// and runs under the shard's lock: keep it short, and no second key in it.
    pub fn change(
        &self,
        hash: u64,
        key: &[u8],
        decide: impl FnOnce(Option<&Arc<Entry>>) -> Change,
    ) -> Outcome {
        self.shard(hash).change(hash, key, decide)
    }

    /// Grows whenever an entry of the key's shard leaves or is not kept. While
    /// it stands still, a key that is not there was not there before either.
    pub fn departures(&self, hash: u64) -> u64 {
        self.shard(hash).departures()
    }

    /// What is held, summed over the shards one after another.
    pub fn usage(&self) -> Usage {
        self.shards
            .iter()
            .map(Shard::usage)
            .fold(Usage::default(), |a, b| Usage { entries: a.entries + b.entries, bytes: a.bytes + b.bytes })
    }

    fn shard(&self, hash: u64) -> &Shard {
        // The table takes the low bits, its tags the top seven.
        &self.shards[(hash >> 40) as usize & (self.shards.len() - 1)]
    }
}

#[cfg(test)]
mod tests;
