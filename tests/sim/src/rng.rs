//! The one source of chance in a run.

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). Not shared, not atomic: every
/// draw of a run is taken in the order of its schedule, so a seed is a run.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator whose draws are a function of the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Seeds count up from 0: without this, neighbours would share most of their draws.
        let mut rng = Self(seed.wrapping_mul(0xd129_42f0_1b8c_65e5) ^ 0x5851_f42d_4c95_7f2d);
        rng.draw();
        rng
    }

    /// 64 random bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `[0, n)`; 0 for an empty range.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(n)) >> 64) as u64
    }

    /// Uniform in `[low, high]`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True `per_mille` times in a thousand.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// An index in `[0, n)` that falls off like Zipf's law: the few hot keys
    /// are where everything collides.
    pub fn zipf(&mut self, n: u64) -> u64 {
        // Log-uniform: density ~ 1/x, by squaring up to the octave.
        let octaves = u64::from(64 - (n + 1).leading_zeros());
        let octave = self.below(octaves);
        let low = 1_u64 << octave;
        (low + self.below(low)).min(n) - 1
    }
}
