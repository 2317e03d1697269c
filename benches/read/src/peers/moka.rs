//! moka, the synchronous cache: as its users get it, and with edgecmp's hasher.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use super::{Hasher, Key, for_each};
use crate::subject::{Hits, Subject};

pub struct Moka<S>(Cache<Key, Arc<[u8]>, S>);

/// A hasher, and the row that it makes.
pub trait Flavour: BuildHasher + Clone + Default + Send + Sync + 'static {
    const NAME: &'static str;
    const NOTE: &'static str;
}

impl Flavour for RandomState {
    const NAME: &'static str = "moka";
    const NOTE: &'static str = "as it comes: SipHash, its own time_to_live and clock (feature quanta); \
                                no receipt; hits counted by the harness";
}

impl Flavour for Hasher {
    const NAME: &'static str = "moka_foldhash";
    const NOTE: &'static str = "the same with edgecmp's hasher";
}

impl<S: Flavour> Subject for Moka<S> {
    const NAME: &'static str = S::NAME;
    const CRATE: &'static str = "moka";
    const READ: &'static str = "a clone of Arc<[u8]>";
    const NOTE: &'static str = S::NOTE;

    fn filled(n: usize) -> Self {
        let cache = Cache::builder()
            .max_capacity(2 * n as u64)
            .time_to_live(Duration::from_secs(3600))
            .build_with_hasher(S::default());
        for_each(n, |key, value| cache.insert(Key::from(key), Arc::from(value)));
        cache.run_pending_tasks();
        Self(cache)
    }

    #[inline(always)]
    fn read(&self, key: &[u8], hits: &Hits) -> u64 {
        let Some(value) = self.0.get(key) else { return 0 };
        hits.add();
        bench_common::keys::first_word(&value)
    }

    #[inline(always)]
    fn write(&self, key: &[u8], value: &[u8]) {
        self.0.insert(Key::from(key), Arc::from(value));
    }
}
