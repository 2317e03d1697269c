//! foyer's cache in memory, with the eviction of its own that reads fastest
//! (S3-FIFO; its default, LRU, takes a lock of its own at every read).

use foyer_memory::{Cache, CacheBuilder, CacheProperties, S3FifoConfig};

use super::{Hasher, Key, for_each};
use crate::subject::{Hits, Subject, Timed};

pub struct Foyer(Cache<Key, Timed<Box<[u8]>>, Hasher, CacheProperties>);

impl Subject for Foyer {
    const NAME: &'static str = "foyer";
    const CRATE: &'static str = "foyer-memory";
    const READ: &'static str = "a counted reference to the entry";
    const NOTE: &'static str = "S3-FIFO; no expiry, no receipt; hits counted by the harness";

    fn filled(n: usize) -> Self {
        let cache = CacheBuilder::new(2 * n)
            .with_eviction_config(S3FifoConfig::default())
            .with_hash_builder(Hasher::default())
            .build();
        for_each(n, |key, value| {
            cache.insert(Key::from(key), Timed::new(Box::from(value)));
        });
        Self(cache)
    }

    #[inline(always)]
    fn read(&self, key: &[u8], hits: &Hits) -> u64 {
        self.0.get(key).map_or(0, |entry| entry.value().read(hits))
    }

    #[inline(always)]
    fn write(&self, key: &[u8], value: &[u8]) {
        self.0.insert(Key::from(key), Timed::new(Box::from(value)));
    }
}
