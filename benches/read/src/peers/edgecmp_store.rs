//! edgecmp's store with the facade's clock read and verdict: for the mixes with
//! writes. `Cache::set` writes through to an origin, which no peer does; what
//! is compared here is the replacement of an entry.

use edgecmp::Version;
use edgecmp::facts::clock::{BootClock, Clock, Span};
use edgecmp::facts::entry::{ContentRef, Limits, Proved, SharedEntry};
use edgecmp::rules::freshness::{Drift, KeyBounds, ReadBounds, Standing, Verdict, judge};
use edgecmp::store::{Change, Store};

use super::for_each;
use crate::subject::{Hits, Subject};

const BOUNDS: KeyBounds = KeyBounds {
    staleness: Span::from_nanos(3_600_000_000_000),
    negative: Span::from_nanos(3_600_000_000_000),
    wanted_share: 32_768,
    outage: Span::ZERO,
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
        BootClock::prepare();
        let store = Self(Store::new((64 << 20) + n * 1024, 64 << 10));
        crate::memory::accounted(|| {
            for_each(n, |key, value| store.write(&key, &value));
            store.0.usage().bytes
        });
        store
    }

    #[inline(always)]
    fn read(&self, key: &[u8], hits: &Hits) -> u64 {
        let now = BootClock.latest();
        let Some(entry) = self.0.load(self.0.hash(key), key) else { return 0 };
        let standing = Standing::of(&entry);
        match judge(&standing, &BOUNDS, &ReadBounds::default(), Drift(500), now, now) {
            Verdict::Fresh { age, .. } => {
                std::hint::black_box(age);
                entry.visit();
                hits.add();
                entry.value().map_or(0, bench_common::keys::first_word)
            }
            _ => 0,
        }
    }

    #[inline(always)]
    fn write(&self, key: &[u8], value: &[u8]) {
        let content = ContentRef {
            value: Some(value),
            version: Version::new(1),
            named: true,
            validator: None,
            last_modified_at: None,
            limits: Limits::default(),
        };
        let now = BootClock.latest();
        let entry = SharedEntry::new(key, content, Proved::by_answer(now, now));
        self.0.change(self.0.hash(key), key, |_| Change::Put(entry));
    }
}
