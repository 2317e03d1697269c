//! Backoff: `base * 1.2^attempt`, capped, with full jitter.
//!
//! Full jitter (Brooker, "Exponential backoff and jitter", AWS Architecture
//! Blog, 2015) spreads the losers of a lease over the whole interval.

use std::time::Duration;

use crate::facts::clock::saturating_nanos;

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

    /// The wait: uniform in [ceiling / 8, ceiling], a pure function of the
    /// draw. Not from zero: an immediate retry would meet the same holder.
    pub fn wait(&self, attempt: u32, draw: u64) -> Duration {
        let ceiling = saturating_nanos(self.ceiling(attempt));
        let floor = ceiling / 8;
        let span = u128::from(ceiling - floor) + 1;
        // Multiply-shift: uniform without a modulo's bias (Lemire 2019).
        let offset = (u128::from(draw) * span) >> 64;
        Duration::from_nanos(floor + u64::try_from(offset).unwrap_or(0))
    }
}

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
    fn jitter_is_uniform() {
        let random = SplitMix::new(1);
        let mut tenths = [0u32; 10];
        for _ in 0..100_000 {
            let wait = BACKOFF.wait(0, random.draw()).as_secs_f64() * 1000.0;
            assert!((1.25..=10.0).contains(&wait));
            tenths[(((wait - 1.25) / 8.75 * 10.0) as usize).min(9)] += 1;
        }
        // Each tenth is 10,000 +- 6 sigma (95 each).
        assert!(tenths.iter().all(|n| n.abs_diff(10_000) < 570), "{tenths:?}");
    }
}
