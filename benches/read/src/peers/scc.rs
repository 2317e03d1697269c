//! scc's hash map. Its `HashCache` evicts from one bucket at a time and so
//! loses keys long before it is full; the map keeps them, and reads the same way.

use scc::HashMap;

use super::{Hasher, Key, for_each};
use crate::subject::{Hits, Subject, Timed};

pub struct Scc(HashMap<Key, Timed<Box<[u8]>>, Hasher>);

impl Subject for Scc {
    const NAME: &'static str = "scc";
    const CRATE: &'static str = "scc";
    const READ: &'static str = "a reference within a closure, under a bucket's read lock";
    const NOTE: &'static str = "a map: no eviction, no bound on memory, no expiry, no receipt";

    fn filled(n: usize) -> Self {
        let map = HashMap::with_hasher(Hasher::default());
        for_each(n, |key, value| {
            let _ = map.upsert_sync(Key::from(key), Timed::new(Box::from(value)));
        });
        Self(map)
    }

    #[inline(always)]
    fn read(&self, key: &[u8], hits: &Hits) -> u64 {
        self.0.read_sync(key, |_, timed| timed.read(hits)).unwrap_or(0)
    }

    #[inline(always)]
    fn write(&self, key: &[u8], value: &[u8]) {
        let _ = self.0.upsert_sync(Key::from(key), Timed::new(Box::from(value)));
    }
}
