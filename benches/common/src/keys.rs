//! Keys, values, and the stream of reads, for those who count nanoseconds.

use crate::random::{Random, Zipf, mix};

pub const KEY: usize = 32;
pub const VALUE: usize = 100;
const EXPONENT: f64 = 0.99;

/// The key of an id: text, and the id itself at the end (for the two-miss
/// limit, which does not search).
pub fn key(id: u32) -> [u8; KEY] {
    let mut key = *b"carrier/----------------/---iiii";
    let hex = b"0123456789abcdef";
    let random = mix(u64::from(id) + 1);
    for (i, byte) in key[8..24].iter_mut().enumerate() {
        *byte = hex[(random >> (4 * i)) as usize & 15];
    }
    key[28..].copy_from_slice(&id.to_le_bytes());
    key
}

/// The value of an id begins with [`word`].
pub fn value(id: u32) -> [u8; VALUE] {
    let mut value = [b'v'; VALUE];
    value[..8].copy_from_slice(&word(id).to_le_bytes());
    value
}

/// What a read of this id returns; never zero, which means a miss.
pub fn word(id: u32) -> u64 {
    u64::from(id) + 1
}

/// The first word of a value: what every implementation's read touches.
#[inline(always)]
pub fn first_word(value: &[u8]) -> u64 {
    value.first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// The id that a key ends with.
#[inline(always)]
pub fn id_of(key: &[u8]) -> usize {
    key.last_chunk().map_or(0, |id| u32::from_le_bytes(*id) as usize)
}

/// Keys in the order in which they are asked, one after another in memory, so
/// that fetching a key to ask for costs no random miss.
#[derive(Debug)]
pub struct Stream {
    keys: Vec<u8>,
    /// Uniform in 0..100: operation i is a write if this is below the share.
    dice: Vec<u8>,
    mask: usize,
}

impl Stream {
    /// `draws` keys out of `n`, a power of two, Zipf 0.99. What is popular is
    /// spread at random over the ids, which are in the order of insertion.
    pub fn zipf(n: usize, draws: usize) -> Self {
        let mut random = Random::new(n as u64);
        let mut ids: Vec<u32> = (0..n as u32).collect();
        random.shuffle(&mut ids);
        let zipf = Zipf::new(n, EXPONENT);
        let drawn: Vec<u32> = (0..draws).map(|_| ids[zipf.draw(&mut random)]).collect();
        Self::of(drawn.into_iter(), draws)
    }

    /// One key only.
    pub fn single(n: usize) -> Self {
        const DRAWS: usize = 1024;
        Self::of(std::iter::repeat_n(n as u32 / 2, DRAWS), DRAWS)
    }

    fn of(ids: impl Iterator<Item = u32>, draws: usize) -> Self {
        assert!(draws.is_power_of_two());
        let mut random = Random::new(draws as u64);
        Self {
            keys: ids.flat_map(key).collect(),
            dice: (0..draws).map(|_| random.below(100) as u8).collect(),
            mask: draws - 1,
        }
    }

    /// How many draws there are; then they begin again.
    pub fn draws(&self) -> usize {
        self.mask + 1
    }

    /// All of them, [`KEY`] bytes each.
    pub fn bytes(&self) -> &[u8] {
        &self.keys
    }

    /// The key of operation `i`. `nothing` is zero, but only known when the
    /// read before has ended: the address of this key depends on it.
    #[inline(always)]
    pub fn key(&self, i: usize, nothing: u64) -> &[u8] {
        let at = (i & self.mask) * KEY + nothing as usize;
        &self.keys[at..at + KEY]
    }

    #[inline(always)]
    pub fn is_write(&self, i: usize, percent: u8) -> bool {
        self.dice[i & self.mask] < percent
    }
}
