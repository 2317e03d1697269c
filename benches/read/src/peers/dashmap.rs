//! dashmap, the map of locked shards.

use dashmap::DashMap;

use super::{Hasher, Key, for_each};
use crate::subject::{Hits, Subject, Timed};

pub struct Dash(DashMap<Key, Timed<Box<[u8]>>, Hasher>);

impl Subject for Dash {
    const NAME: &'static str = "dashmap";
    const CRATE: &'static str = "dashmap";
    const READ: &'static str = "a reference under a shard's read lock";
    const NOTE: &'static str = "a map: no eviction, no bound on memory, no expiry, no receipt";

    fn filled(n: usize) -> Self {
        let map = DashMap::with_hasher(Hasher::default());
        for_each(n, |key, value| {
            map.insert(Key::from(key), Timed::new(Box::from(value)));
        });
        Self(map)
    }

    #[inline(always)]
    fn read(&self, key: &[u8], hits: &Hits) -> u64 {
        self.0.get(key).map_or(0, |timed| timed.read(hits))
    }

    #[inline(always)]
    fn write(&self, key: &[u8], value: &[u8]) {
        self.0.insert(Key::from(key), Timed::new(Box::from(value)));
    }
}
