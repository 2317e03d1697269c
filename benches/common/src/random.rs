//! Random draws: a generator, Zipf ranks, shuffles. All seeded: every run draws
//! the same keys.

/// splitmix64 (Steele, Lea, Flood, OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in 0..n.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

/// The finalizer of splitmix64: a bijection.
pub fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A number made of another: the first draw from it as a seed.
#[inline]
pub fn hash(x: u64) -> u64 {
    Random::new(x).bits()
}

/// Ranks 0..n, rank k with a weight of 1/(k+1)^s, drawn from the exact
/// distribution by bisection of its cumulative weights.
#[derive(Clone, Debug)]
pub struct Zipf(Vec<f64>);

impl Zipf {
    pub fn new(n: usize, s: f64) -> Self {
        let mut sum = 0.0;
        Self(
            (1..=n)
                .map(|k| {
                    sum += (k as f64).powf(-s);
                    sum
                })
                .collect(),
        )
    }

    pub fn draw(&self, random: &mut Random) -> usize {
        let at = random.unit() * self.0[self.0.len() - 1];
        self.0.partition_point(|sum| *sum <= at).min(self.0.len() - 1)
    }

    /// The share of draws that each rank gets.
    pub fn shares(&self) -> impl Iterator<Item = f64> {
        let sum = self.0[self.0.len() - 1];
        let before = std::iter::once(0.0).chain(self.0.iter().copied());
        self.0.iter().zip(before).map(move |(to, from)| (to - from) / sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_draws() {
        // Of the authors' own program, seed 1234567.
        let mut random = Random::new(1_234_567);
        let drawn = std::array::from_fn(|_| random.bits());
        assert_eq!(
            drawn,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423_u64]
        );
    }

    #[test]
    fn zipf_draws_by_its_shares() {
        const DRAWS: u32 = 200_000;
        let (zipf, mut random) = (Zipf::new(5, 0.99), Random::new(1));
        let mut drawn = [0_u32; 5];
        (0..DRAWS).for_each(|_| drawn[zipf.draw(&mut random)] += 1);
        let weights: Vec<f64> = (1..=5).map(|rank| f64::from(rank).powf(-0.99)).collect();
        for ((share, weight), drawn) in zipf.shares().zip(&weights).zip(drawn) {
            assert!((share - weight / weights.iter().sum::<f64>()).abs() < 1e-12);
            // Five standard deviations of a binomial.
            let allowed = 5.0 * (share * (1.0 - share) / f64::from(DRAWS)).sqrt();
            assert!((f64::from(drawn) / f64::from(DRAWS) - share).abs() < allowed, "{drawn} {share}");
        }
    }

    #[test]
    fn a_shuffle_keeps_all() {
        let mut items: Vec<u32> = (0..100).collect();
        Random::new(3).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
