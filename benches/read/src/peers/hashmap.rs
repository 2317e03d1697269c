//! hashbrown's map (the one in std) with foldhash, as one thread alone has it.

use hashbrown::HashMap;

use super::{Hasher, Key, for_each};
use crate::subject::{Hits, Subject, Timed};

pub struct Map(HashMap<Key, Timed<Box<[u8]>>, Hasher>);

impl Subject for Map {
    const NAME: &'static str = "hashmap";
    const CRATE: &'static str = "hashbrown";
    const READ: &'static str = "a reference";
    const NOTE: &'static str = "one thread only, nothing shared; no eviction, no receipt";
    const WRITES: bool = false;
    const THREADS: usize = 1;

    fn filled(n: usize) -> Self {
        let mut map = HashMap::with_hasher(Hasher::default());
        for_each(n, |key, value| {
            map.insert(Key::from(key), Timed::new(Box::from(value)));
        });
        Self(map)
    }

    #[inline(always)]
    fn read(&self, key: &[u8], hits: &Hits) -> u64 {
        self.0.get(key).map_or(0, |timed| timed.read(hits))
    }
}
