//! The Rust side: the loops of loops.h, over core.

use std::hint::black_box;
use std::sync::Arc;

use bench_common::keys::{first_word, id_of, key, value};
use bytes::Bytes;
use edgecmp::origin::callback::{HostOrigin, Operation, OriginCall};
use edgecmp::{Cache, Code, Options, ReadOptions, Version};

use crate::Draws;

const BATCH: usize = 32;
const ROOM: usize = 128;

/// Makes every value up and keeps none.
struct Synthetic;

impl HostOrigin for Synthetic {
    fn call(&self, call: OriginCall) {
        match call.operation {
            Operation::Fetch { key, .. } => {
                let value = Bytes::copy_from_slice(&value(id_of(key.as_bytes()) as u32));
                call.responder.value(value, Some(Version::new(1)));
            }
            _ => call.responder.fail(Code::Unsupported, "it only reads"),
        }
    }
}

pub struct Core {
    cache: Cache,
    read: ReadOptions,
}

impl Core {
    pub fn open(options: &[(&str, String)]) -> Self {
        let mut made = Options::default();
        for (name, value) in options {
            made.set(name, value).expect("the options are valid");
        }
        let cache = Cache::open_with_origin(made, Arc::new(Synthetic)).expect("it opens");
        Self { cache, read: ReadOptions::default() }
    }

    /// Fetches these ids.
    pub fn fill(&self, ids: std::ops::Range<usize>) {
        let keys: Vec<_> = ids.map(|id| key(id as u32)).collect();
        for value in self.cache.get_many(&keys, &self.read).expect("the origin answers") {
            value.expect("the origin has every key");
        }
    }

    /// Runs a loop; the sum of the values' first words.
    pub fn run(&self, draws: &Draws, row: &str, start: usize, ops: usize) -> u64 {
        match row {
            "into" => self.into::<false, false>(draws, start, ops),
            "into_receipt" => self.into::<false, true>(draws, start, ops),
            "into_chained" => self.into::<true, false>(draws, start, ops),
            "value" => self.value::<false>(draws, start, ops),
            "value_receipt" => self.value::<true>(draws, start, ops),
            "get_many" => self.many(draws, start, ops),
            _ => unreachable!("{row}"),
        }
    }

    #[inline(never)]
    fn into<const CHAINED: bool, const RECEIPT: bool>(&self, draws: &Draws, start: usize, ops: usize) -> u64 {
        let mut buffer = [0; ROOM];
        let (mut sum, mut last) = (0u64, 0);
        for i in start..start + ops {
            let key = draws.key(i, if CHAINED { last } else { 0 });
            let Ok(Some(hit)) = self.cache.lookup(key, &self.read) else { continue };
            let value = hit.bytes().unwrap_or_default();
            if value.len() <= ROOM {
                buffer[..value.len()].copy_from_slice(value);
            }
            if RECEIPT {
                black_box(hit.receipt());
            }
            last = first_word(black_box(&buffer));
            sum = sum.wrapping_add(last);
        }
        sum
    }

    #[inline(never)]
    fn value<const RECEIPT: bool>(&self, draws: &Draws, start: usize, ops: usize) -> u64 {
        let mut buffer = [0; ROOM];
        let mut sum = 0u64;
        for i in start..start + ops {
            let Ok(held) = self.cache.get(draws.key(i, 0), &self.read) else { continue };
            let value = held.bytes().unwrap_or_default();
            if value.len() <= ROOM {
                buffer[..value.len()].copy_from_slice(value);
            }
            if RECEIPT {
                black_box(held.receipt());
            }
            sum = sum.wrapping_add(first_word(black_box(&buffer)));
        }
        sum
    }

    #[inline(never)]
    fn many(&self, draws: &Draws, start: usize, ops: usize) -> u64 {
        let mut buffer = [0; ROOM];
        let mut sum = 0u64;
        for i in (start..start + ops).step_by(BATCH) {
            let keys: [&[u8]; BATCH] = std::array::from_fn(|k| draws.key(i + k, 0));
            let Ok(values) = self.cache.get_many(&keys, &self.read) else { continue };
            for held in values.iter().flatten() {
                let value = held.bytes().unwrap_or_default();
                if value.len() <= ROOM {
                    buffer[..value.len()].copy_from_slice(value);
                }
                sum = sum.wrapping_add(first_word(black_box(&buffer)));
            }
        }
        sum
    }
}
