//! quick_cache, the synchronous cache.

use std::sync::Arc;

use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::{Hasher, Key, for_each};
use crate::subject::{Hits, Subject, Timed};

type Value = Timed<Arc<[u8]>>;

pub struct QuickCache(Cache<Key, Value, UnitWeighter, Hasher, DefaultLifecycle<Key, Value>>);

impl Subject for QuickCache {
    const NAME: &'static str = "quick_cache";
    const CRATE: &'static str = "quick_cache";
    const READ: &'static str = "a clone of Arc<[u8]>";
    const NOTE: &'static str =
        "no expiry, no receipt; hits counted by the harness (its own feature stats is off)";

    fn filled(n: usize) -> Self {
        let cache =
            Cache::with(n, 2 * n as u64, UnitWeighter, Hasher::default(), DefaultLifecycle::default());
        for_each(n, |key, value| cache.insert(Key::from(key), Timed::new(Arc::from(value))));
        Self(cache)
    }

    #[inline(always)]
    fn read(&self, key: &[u8], hits: &Hits) -> u64 {
        self.0.get(key).map_or(0, |timed| timed.read(hits))
    }

    #[inline(always)]
    fn write(&self, key: &[u8], value: &[u8]) {
        self.0.insert(Key::from(key), Timed::new(Arc::from(value)));
    }
}
