//! What readers ask for: the key list, and a long draw of keys with a Zipf-like popularity.

use std::fs;
use std::path::Path;

use crate::failure::{Doing, Failure};

/// Draws in `mix.bin`; a reader walks them from an offset of its own.
pub const DRAWS: usize = 1 << 20;
const EXPONENT: f64 = 0.99;

/// Seeded numbers (SplitMix64): the same demo twice asks the same keys in the same order.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// In [0, 1).
    pub fn fraction(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.fraction() * limit as f64) as usize
    }
}

/// Draws key numbers below `keys`: the k-th most popular key is drawn with weight 1/k^0.99, and
/// which key is how popular is shuffled, so that the popular ones are of all kinds.
#[must_use]
pub fn draw(keys: usize, draws: usize, seed: u64) -> Vec<u32> {
    let mut random = Random::new(seed);
    let mut by_rank: Vec<u32> = (0..keys as u32).collect();
    for at in (1..keys).rev() {
        by_rank.swap(at, random.below(at + 1));
    }
    let mut total = 0.0;
    let cumulative: Vec<f64> = (1..=keys)
        .map(|rank| {
            total += (rank as f64).powf(-EXPONENT);
            total
        })
        .collect();
    let one = |random: &mut Random| {
        let point = random.fraction() * total;
        by_rank[cumulative.partition_point(|edge| *edge <= point).min(keys - 1)]
    };
    if keys == 0 {
        return Vec::new();
    }
    (0..draws).map(|_| one(&mut random)).collect()
}

/// Writes `keys.txt` (one key a line) and `mix.bin` (u32 little-endian line numbers).
pub fn write(directory: &Path, keys: &[String], seed: u64) -> Result<(), Failure> {
    if let Some(key) = keys.iter().find(|key| key.contains('\n')) {
        return Err(Failure::new(format!("the key {key:?} has a line break, keys.txt cannot hold it")));
    }
    let path = directory.join("keys.txt");
    fs::write(&path, keys.join("\n") + "\n").doing(path.display())?;
    let mix: Vec<u8> = draw(keys.len(), DRAWS, seed).iter().flat_map(|key| key.to_le_bytes()).collect();
    let path = directory.join("mix.bin");
    fs::write(&path, mix).doing(path.display())
}
