//! A log-linear histogram: 32 buckets an octave, so a quantile is at most 1/32 too high.

const SUB_BITS: u32 = 5;
const SUB: u64 = 1 << SUB_BITS;

/// Counts of u64 values, with an exact maximum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    max: u64,
}

impl Histogram {
    pub fn record(&mut self, value: u64) {
        let bucket = Self::bucket(value);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.count += 1;
        self.max = self.max.max(value);
    }

    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The smallest bucket edge that at least `q` of the values do not exceed; 0 when empty.
    #[must_use]
    pub fn quantile(&self, q: f64) -> u64 {
        let rank = ((self.count as f64 * q).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Self::upper_edge(bucket).min(self.max);
            }
        }
        self.max
    }

    /// Upper edge and count of each bucket that is not empty.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let counts = self.counts.iter().enumerate();
        counts.filter(|(_, count)| **count > 0).map(|(bucket, count)| (Self::upper_edge(bucket), *count))
    }

    pub fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    fn bucket(value: u64) -> usize {
        if value < SUB {
            return value as usize;
        }
        let octave = value.ilog2() - SUB_BITS;
        ((u64::from(octave) + 1) * SUB + ((value >> octave) - SUB)) as usize
    }

    fn upper_edge(bucket: usize) -> u64 {
        let bucket = bucket as u64;
        if bucket < SUB {
            return bucket;
        }
        let octave = bucket / SUB - 1;
        let first = (u128::from(bucket % SUB + SUB) + 1) << octave;
        u64::try_from(first - 1).unwrap_or(u64::MAX)
    }
}
