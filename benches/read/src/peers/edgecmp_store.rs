//! edgecmp's store with the facade's clock read and verdict: for the mixes with
//! writes. `Cache::set` writes through to an origin, which no peer does; what
//! is compared here is the replacement of an entry.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edgecmp::facts::clock::{BootClock, Clock};
use edgecmp::facts::entry::{Content, Entry, Limits};
use edgecmp::rules::freshness::{Drift, KeyBounds, ReadBounds, Standing, Verdict, judge};
use edgecmp::store::{Change, Store};
use edgecmp::{Key, Version};

use super::for_each;
use crate::subject::{Hits, Subject};

const BOUNDS: KeyBounds = KeyBounds {
    staleness: Duration::from_secs(3600),
    negative: Duration::from_secs(3600),
    refresh_share: 32_768,
    outage: Duration::ZERO,
};

pub struct EdgecmpStore(Store);

impl Subject for EdgecmpStore {
    const NAME: &'static str = "edgecmp_store";
    /// The mixes with writes are edgecmp's, measured here.
    const NAME_IN_MIXES: &'static str = "edgecmp";
    const CRATE: &'static str = "edgecmp";
    const READ: &'static str = "the store's entry under its guard";
    const NOTE: &'static str = "the mixes with writes: what Cache does at a read, on the store itself";

    fn filled(n: usize) -> Self {
        let store = Self(Store::new((64 << 20) + n * 1024, 64 << 10));
        for_each(n, |key, value| store.write(&key, &value));
        store
    }

    #[inline(always)]
    fn read(&self, key: &[u8], hits: &Hits) -> u64 {
        let Some(entry) = self.0.load(self.0.hash(key), key) else { return 0 };
        let now = BootClock.now();
        let standing = Standing::of(&entry);
        match judge(&standing, &BOUNDS, &ReadBounds::default(), Drift(500), now, now) {
            Verdict::Fresh { age, .. } => {
                std::hint::black_box(age);
                entry.visit();
                hits.add();
                entry.content().value.as_deref().map_or(0, crate::keys::first_word)
            }
            _ => 0,
        }
    }

    #[inline(always)]
    fn write(&self, key: &[u8], value: &[u8]) {
        let content = Content {
            value: Some(Bytes::copy_from_slice(value)),
            version: Version::new(1),
            named: true,
            validator: None,
            last_modified_at: None,
            limits: Limits::default(),
        };
        let now = BootClock.now();
        let entry = Arc::new(Entry::new(Key::copy_from(key), content, now, now));
        self.0.change(self.0.hash(key), key, |_| Change::Put(entry));
    }
}
