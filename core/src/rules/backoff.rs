//! Backoff: `base * 1.2^attempt`, capped, with jitter.
//!
//! Jitter (Brooker, "Exponential backoff and jitter", AWS Architecture
//! Blog, 2015) spreads the losers of a lease over the whole interval.

use std::time::Duration;

/// How the waits grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Ceiling of the first wait.
    pub base: Duration,
    /// Ceiling of every wait.
    pub cap: Duration,
}

impl Backoff {
    /// The longest wait before this attempt; attempts count from zero.
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let grown = self.base.as_secs_f64() * 1.2_f64.powi(i32::try_from(attempt.min(1000)).unwrap_or(1000));
        Duration::try_from_secs_f64(grown).unwrap_or(self.cap).min(self.cap)
    }

    /// The wait, a pure function of the draw: from an eighth of the ceiling (an
    /// immediate retry would meet the same holder) up to it, exponentially
    /// distributed in between, which is the geometric distribution of a clock without
    /// ticks: most come soon, few come late, and no two together.
    pub fn wait(&self, attempt: u32, draw: u64) -> Duration {
        let ceiling = self.ceiling(attempt).as_secs_f64();
        let floor = ceiling / 8.0;
        let uniform = uniform(draw);
        // The inverse of the distribution, cut off at the ceiling.
        let share = -(-uniform * (1.0 - (-STEEPNESS).exp())).ln_1p() / STEEPNESS;
        Duration::from_secs_f64(floor + (ceiling - floor) * share.clamp(0.0, 1.0))
    }
}

/// A draw as a number in [0, 1), of the 53 bits that a float has.
pub fn uniform(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1_u64 << 53) as f64
}

/// The density at the ceiling is that at the floor, times e to the power of minus this.
const STEEPNESS: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::SplitMix;

    const BACKOFF: Backoff = Backoff { base: Duration::from_millis(10), cap: Duration::from_secs(1) };

    #[test]
    fn grows_and_is_capped() {
        assert_eq!(BACKOFF.ceiling(0), Duration::from_millis(10));
        assert_eq!(BACKOFF.ceiling(1), Duration::from_millis(12));
        assert_eq!(BACKOFF.ceiling(1_000_000), Duration::from_secs(1));
    }

    #[test]
    fn jitter_is_a_cut_exponential() {
        let random = SplitMix::new(1);
        let mut tenths = [0_i64; 10];
        for _ in 0..100_000 {
            let wait = BACKOFF.wait(0, random.draw()).as_secs_f64() * 1000.0;
            assert!((1.249..=10.001).contains(&wait));
            tenths[(((wait - 1.25) / 8.75 * 10.0) as usize).min(9)] += 1;
        }
        for (tenth, found) in tenths.iter().enumerate() {
            // What the distribution has there, within six standard deviations.
            let below = |x: f64| (1.0 - (-STEEPNESS * x).exp()) / (1.0 - (-STEEPNESS).exp());
            let expected = 1e5 * (below((tenth + 1) as f64 / 10.0) - below(tenth as f64 / 10.0));
            assert!((*found as f64 - expected).abs() < 6.0 * expected.sqrt(), "{tenth}: {tenths:?}");
        }
    }

    #[test]
    fn the_same_draw_is_the_same_wait() {
        for draw in [0, 1, u64::MAX / 2, u64::MAX] {
            assert_eq!(BACKOFF.wait(3, draw), BACKOFF.wait(3, draw));
            assert!(BACKOFF.wait(1_000_000, draw) <= BACKOFF.cap);
        }
    }
}
