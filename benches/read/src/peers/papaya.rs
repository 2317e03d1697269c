//! papaya, the lock-free map.

use papaya::HashMap;

use super::{Hasher, Key, for_each};
use crate::subject::{Hits, Subject, Timed};

pub struct Papaya(HashMap<Key, Timed<Box<[u8]>>, Hasher>);

impl Subject for Papaya {
    const NAME: &'static str = "papaya";
    const CRATE: &'static str = "papaya";
    const READ: &'static str = "a reference under a guard, one guard a read";
    const NOTE: &'static str = "a map: no eviction, no bound on memory, no expiry, no receipt";

    fn filled(n: usize) -> Self {
        let map = HashMap::with_hasher(Hasher::default());
        for_each(n, |key, value| {
            map.pin().insert(Key::from(key), Timed::new(Box::from(value)));
        });
        Self(map)
    }

    #[inline(always)]
    fn read(&self, key: &[u8], hits: &Hits) -> u64 {
        self.0.pin().get(key).map_or(0, |timed| timed.read(hits))
    }

    #[inline(always)]
    fn write(&self, key: &[u8], value: &[u8]) {
        self.0.pin().insert(Key::from(key), Timed::new(Box::from(value)));
    }
}
