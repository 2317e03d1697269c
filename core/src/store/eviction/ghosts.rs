//! Who left last: hashes only.
//!
//! A set-associative table of 4-byte records, as large as there are residents,
//! and a bit more: one turnover of evictions fits. A record is a fingerprint of
//! the hash, the queue that was left, and when, so that nothing has to be taken
//! out when it is too old. Two keys are taken for one in about 1 of 60,000 looks;
//! the worst of it is a place in main for a new key.

/// Units of time in a turnover.
pub const TURNOVER: u16 = 1024;

const WAYS: usize = 8;
/// Bits of a record: fingerprint (high), time, queue (lowest). 0: no record.
const TIME_BITS: u32 = 12;
const TIME_MASK: u32 = (1 << TIME_BITS) - 1;
const FINGERPRINT_SHIFT: u32 = TIME_BITS + 1;
/// Fraction of a unit of time that evictions are counted in.
const FRACTION_BITS: u32 = 32;

/// The queue that an entry left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The window.
    Window,
    /// Main.
    Main,
}

/// What is remembered of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ghost {
    /// The queue it left.
    pub left: Left,
    /// Since when, in units of 1 / [`TURNOVER`].
    pub age: u16,
}

#[derive(Debug, Default)]
pub struct Ghosts {
    buckets: Box<[[u32; WAYS]]>,
    /// Turnovers, in fixed point.
    time: u64,
}

impl Ghosts {
    /// Whether anything was ever evicted.
    pub fn has_any(&self) -> bool {
        !self.buckets.is_empty()
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.buckets)
    }

    /// So many bytes left, of so many.
    pub fn advance(&mut self, weight: u64, bytes: u64) {
        let unit = u64::from(TURNOVER) << FRACTION_BITS;
        let step = u128::from(weight) * u128::from(unit) / u128::from(bytes.max(1));
        self.time = self.time.wrapping_add(step.min(u128::from(unit)) as u64);
    }

    /// An entry left, when there were so many.
    pub fn remember(&mut self, hash: u64, left: Left, residents: usize) {
        self.fit(residents);
        let now = self.now();
        let (bucket, fingerprint) = self.place(hash);
        let record = fingerprint << FINGERPRINT_SHIFT | now << 1 | u32::from(left == Left::Main);
        let bucket = &mut self.buckets[bucket];
        let stalest = bucket.iter_mut().max_by_key(|record| match **record {
            0 => u32::MAX,
            record => age(record, now),
        });
        if let Some(stalest) = stalest {
            *stalest = record;
        }
    }

    /// Whether the key left within the last turnover. It is forgotten here.
    pub fn take(&mut self, hash: u64) -> Option<Ghost> {
        if self.buckets.is_empty() {
            return None;
        }
        let now = self.now();
        let (bucket, fingerprint) = self.place(hash);
        let found =
            self.buckets[bucket].iter_mut().find(|record| **record >> FINGERPRINT_SHIFT == fingerprint)?;
        let record = std::mem::take(found);
        let age = age(record, now) as u16;
        let left = if record & 1 == 1 { Left::Main } else { Left::Window };
        (age <= TURNOVER).then_some(Ghost { left, age })
    }

    /// Makes the table as large as it has to be. A new one starts empty: that
    /// is rare, and history is soon made.
    fn fit(&mut self, residents: usize) {
        let records = self.buckets.len() * WAYS;
        if records < residents || records > 4 * residents + 4 * WAYS || records == 0 {
            let buckets = (residents + residents / 4).div_ceil(WAYS).max(1);
            self.buckets = vec![[0; WAYS]; buckets].into_boxed_slice();
        }
    }

    fn now(&self) -> u32 {
        (self.time >> FRACTION_BITS) as u32 & TIME_MASK
    }

    /// Bucket and fingerprint (never 0) of a hash. The shard and the table use
    /// bits of the hash as they are, so these are mixed again.
    fn place(&self, hash: u64) -> (usize, u32) {
        let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let bucket = ((mixed >> 32) * self.buckets.len() as u64) >> 32;
        let fingerprint = (hash ^ hash >> 29) as u32 >> FINGERPRINT_SHIFT;
        (bucket as usize, fingerprint.max(1))
    }
}

fn age(record: u32, now: u32) -> u32 {
    now.wrapping_sub(record >> 1) & TIME_MASK
}
