//! moka, the synchronous cache.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::{Hasher, Key, for_each};
use crate::subject::{Hits, Subject};

pub struct Moka(Cache<Key, Arc<[u8]>, Hasher>);

impl Subject for Moka {
    const NAME: &'static str = "moka";
    const CRATE: &'static str = "moka";
    const READ: &'static str = "a clone of Arc<[u8]>";
    const NOTE: &'static str =
        "its own time_to_live and clock (feature quanta); no receipt; hits counted by the harness";

    fn filled(n: usize) -> Self {
        let cache = Cache::builder()
            .max_capacity(2 * n as u64)
            .time_to_live(Duration::from_secs(3600))
            .build_with_hasher(Hasher::default());
        for_each(n, |key, value| cache.insert(Key::from(key), Arc::from(value)));
        cache.run_pending_tasks();
        Self(cache)
    }

    #[inline(always)]
    fn read(&self, key: &[u8], hits: &Hits) -> u64 {
        let Some(value) = self.0.get(key) else { return 0 };
        hits.add();
        crate::keys::first_word(&value)
    }

    #[inline(always)]
    fn write(&self, key: &[u8], value: &[u8]) {
        self.0.insert(Key::from(key), Arc::from(value));
    }
}
