//! edgecmp: the whole of what a user calls. Bounds, version and receipt are
//! part of every read.

use std::sync::{Arc, LazyLock};

use edgecmp::{Cache, Options, ReadOptions};

use super::origin::Synthetic;
use crate::subject::{Hits, Subject};
use bench_common::keys;

const FILL: usize = 1024;

static READ: LazyLock<ReadOptions> = LazyLock::new(ReadOptions::default);

/// `Cache::lookup`: a hit as the reader holds it.
pub struct Lookup {
    cache: Arc<Cache>,
    read: ReadOptions,
}

/// `Cache::get`: a value for keeping.
pub struct Get(Lookup);

/// `Cache::get_many`, [`Many::BATCH`] keys a call.
pub struct Many(Lookup);

impl Lookup {
    pub fn get(&self) -> Get {
        Get(self.share())
    }

    pub fn many(&self) -> Many {
        Many(self.share())
    }

    fn share(&self) -> Self {
        Self { cache: Arc::clone(&self.cache), read: self.read.clone() }
    }
}

fn options(n: usize) -> edgecmp::Result<Options> {
    let mut options = Options::default();
    options.set("staleness_bound", "1h")?;
    options.set("capacity", &format!("{}MiB", 64 + n / 1024))?;
    options.set("max_value_bytes", "64KiB")?;
    options.set("read_timeout", "60s")?;
    Ok(options)
}

impl Subject for Lookup {
    const NAME: &'static str = "edgecmp";
    const CRATE: &'static str = "edgecmp";
    const READ: &'static str = "Cache::lookup: a Hit, its age judged";
    const NOTE: &'static str = "the equal job by itself: bounds, clock, verdict, age, count, eviction's bit; the receipt is made for who asks";
    const WRITES: bool = false;

    fn filled(n: usize) -> Self {
        let options = options(n).expect("the options are valid");
        let cache = Cache::open_with_origin(options, Arc::new(Synthetic)).expect("it opens");
        crate::memory::accounted(|| {
            for start in (0..n).step_by(FILL) {
                let keys: Vec<_> = (start..n.min(start + FILL)).map(|id| keys::key(id as u32)).collect();
                for value in cache.get_many(&keys, &READ).expect("the origin answers") {
                    value.expect("the origin has every key");
                }
            }
            cache.statistics().expect("it is this process's").bytes as usize
        });
        Self { cache: Arc::new(cache), read: ReadOptions::default() }
    }

    #[inline(always)]
    fn read(&self, key: &[u8], _hits: &Hits) -> u64 {
        match self.cache.lookup(key, &self.read) {
            Ok(Some(hit)) => hit.bytes().map_or(0, keys::first_word),
            _ => 0,
        }
    }
}

impl Subject for Get {
    const NAME: &'static str = "edgecmp_get";
    const CRATE: &'static str = "edgecmp";
    const READ: &'static str = "Cache::get: a Value for keeping";
    const NOTE: &'static str = "as edgecmp, and a share of the entry";
    const WRITES: bool = false;

    fn filled(n: usize) -> Self {
        Lookup::filled(n).get()
    }

    #[inline(always)]
    fn read(&self, key: &[u8], _hits: &Hits) -> u64 {
        match self.0.cache.get(key, &self.0.read) {
            Ok(value) => value.bytes().map_or(0, keys::first_word),
            _ => 0,
        }
    }
}

impl Many {
    pub const NAME: &'static str = "edgecmp_get_many_32";
    pub const BATCH: usize = 32;

    /// Reads a batch; the sum of the first words. The one place that knows
    /// what the batch call is.
    #[inline(always)]
    pub fn read(&self, keys: &[&[u8]; Self::BATCH]) -> u64 {
        let Ok(values) = self.0.cache.get_many(keys, &self.0.read) else { return 0 };
        let words = values.iter().map(|value| match value {
            Ok(value) => value.bytes().map_or(0, keys::first_word),
            Err(_) => 0,
        });
        words.fold(0, u64::wrapping_add)
    }
}
