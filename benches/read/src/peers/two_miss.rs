//! The hardware's limit: two loads, the second dependent on the first.

use crate::subject::{Hits, Subject};
use bench_common::keys::{id_of, word};

/// As large as an entry of edgecmp with a key of 32 and a value of 100 bytes.
const BLOCK: usize = 192;

#[repr(align(64))]
struct Block {
    word: u64,
    _rest: [u8; BLOCK - 8],
}

#[expect(clippy::vec_box, reason = "the pointer is one of the two misses")]
pub struct TwoMiss(Vec<Box<Block>>);

impl Subject for TwoMiss {
    const NAME: &'static str = "two_miss";
    const CRATE: &'static str = "";
    const READ: &'static str = "the first word of a block";
    const NOTE: &'static str =
        "no search, no hash, no key, no expiry, no count: an array of pointers to blocks of 192 bytes";
    const WRITES: bool = false;

    fn filled(n: usize) -> Self {
        Self((0..n as u32).map(|id| Box::new(Block { word: word(id), _rest: [0; BLOCK - 8] })).collect())
    }

    #[inline(always)]
    fn read(&self, key: &[u8], _hits: &Hits) -> u64 {
        self.0[id_of(key)].word
    }
}
