//! How often a key is read, from when it is read.
//!
//! Reads are not counted: that would cost every hit. What is seen of a key is
//! how long it takes, from a mark in its age on, until somebody reads it, once for
//! each proof, or from read to read while there were too few to believe. If reads
//! come at random (a Poisson process of rate r), such waits are exponential of mean
//! 1/r, and `reads / time watched` is the maximum-likelihood estimate of r, silent
//! times included (censored at their end). Both sums decay, with a half-life, so
//! that the estimate follows what a key is now.

use std::time::Duration;

use crate::facts::clock::Instant;
use crate::facts::option_choice::PrefetchThreshold;

/// Reads that must have been seen before a rate is believed.
const EVIDENCE: f64 = 1.5;
/// Time that counts as watched without a read, in bounds of the key: what a few
/// quick reads say is not taken for more than it is.
const PRIOR: f64 = 0.25;
/// Expected reads in a bound from which on one silent period says little.
const SURE: f64 = 3.0;
/// Refreshes in a row of a key that nobody read in between.
pub const MAX_SILENT: u8 = 2;

/// What is known of the reads of one key.
#[derive(Clone, Copy, Debug)]
pub struct Hotness {
    reads: f64,
    /// In seconds.
    watched: f64,
    at: Instant,
}

impl Hotness {
    /// Of a key of which nothing was seen yet.
    pub fn new(now: Instant) -> Self {
        Self { reads: 0.0, watched: 0.0, at: now }
    }

    fn decay(&mut self, now: Instant, half_life: Duration) {
        let passed = now.since(self.at).as_secs_f64();
        let left = (-passed / half_life.as_secs_f64().max(1e-9)).exp2();
        self.reads *= left;
        self.watched *= left;
        self.at = self.at.max(now);
    }

    /// Until now nothing could be seen of its reads: what is known is not older for that.
    pub fn unwatched(&mut self, now: Instant) {
        self.at = self.at.max(now);
    }

    /// It was watched for so long, and then read.
    pub fn read_after(&mut self, watched: Duration, now: Instant, half_life: Duration) {
        self.silent_for(watched, now, half_life);
        self.reads += 1.0;
    }

    /// It was watched for so long, and not read.
    pub fn silent_for(&mut self, watched: Duration, now: Instant, half_life: Duration) {
        self.decay(now, half_life);
        self.watched += watched.as_secs_f64();
    }

    /// Expected reads within a bound.
    fn reads_within(&self, bound: Duration) -> f64 {
        let bound = bound.as_secs_f64();
        self.reads * bound / (self.watched + PRIOR * bound)
    }

    /// Whether enough reads were seen to believe what they say.
    pub fn is_believed(&self) -> bool {
        self.reads >= EVIDENCE
    }

    /// Whether a key of this bound is to be refreshed before somebody has to wait
    /// for it. `silent`: so many refreshes in a row were for nobody.
    pub fn is_hot(&self, threshold: PrefetchThreshold, bound: Duration, silent: u8) -> bool {
        let least = match threshold {
            PrefetchThreshold::Off => return false,
            // Of two proofs of a key that is read at rate r and refreshed in time,
            // 1 in 1 + r * bound is one that no read would have asked for; and of
            // its reads without refreshes r * bound times as many would have waited.
            PrefetchThreshold::Adaptive => 1.0,
            PrefetchThreshold::PerSecond(rate) => rate * bound.as_secs_f64(),
        };
        let least = if silent == 0 { least } else { least.max(SURE) };
        silent <= MAX_SILENT && self.is_believed() && self.reads_within(bound) >= least
    }

    /// Whether nothing is known of it any more that would make it hot.
    pub fn is_forgotten(&self, now: Instant, half_life: Duration) -> bool {
        let mut later = *self;
        later.decay(now, half_life);
        later.reads < EVIDENCE / 4.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::SplitMix;

    const BOUND: Duration = Duration::from_secs(1);
    const HALF_LIFE: Duration = Duration::from_secs(10);
    const ADAPTIVE: PrefetchThreshold = PrefetchThreshold::Adaptive;

    /// What is seen in so many periods of a key that is read at random, `rate` times a
    /// bound, watched from the middle of each period on.
    fn seen(rate: f64, periods: u32, random: &SplitMix) -> (Hotness, Instant) {
        let mut now = Instant::ZERO;
        let mut hotness = Hotness::new(now);
        for _ in 0..periods {
            now = now.after(BOUND);
            let uniform = (random.draw() >> 11) as f64 / (1_u64 << 53) as f64;
            let until_read = -(1.0 - uniform).ln() / rate;
            match until_read < 0.5 {
                true => hotness.read_after(Duration::from_secs_f64(until_read), now, HALF_LIFE),
                false => hotness.silent_for(BOUND / 2, now, HALF_LIFE),
            }
        }
        (hotness, now)
    }

    #[test]
    fn the_rate_is_found_without_counting_reads() {
        let random = SplitMix::new(7);
        for rate in [0.5, 2.0, 8.0] {
            let mean = (0..400).map(|_| seen(rate, 60, &random).0.reads_within(BOUND)).sum::<f64>() / 400.0;
            // The prior pulls high rates down: 14 periods of evidence against a quarter.
            assert!(mean > rate * 0.65 && mean < rate * 1.25, "{rate}: {mean}");
        }
    }

    #[test]
    fn hot_keys_are_hot_and_cold_ones_are_not() {
        let random = SplitMix::new(7);
        let share = |rate, silent| {
            let hot = (0..500).filter(|_| seen(rate, 60, &random).0.is_hot(ADAPTIVE, BOUND, silent)).count();
            hot as f64 / 500.0
        };
        assert!(share(8.0, 0) > 0.99 && share(8.0, 1) > 0.99);
        assert!(share(3.0, 0) > 0.95);
        assert!(share(0.25, 0) < 0.1 && share(0.5, 1) < 0.02);
        assert!(share(8.0, MAX_SILENT + 1) < 0.01, "never for nobody for long");
    }

    #[test]
    fn a_key_that_is_not_read_any_more_is_forgotten() {
        let (hotness, now) = seen(20.0, 60, &SplitMix::new(1));
        assert!(hotness.is_hot(ADAPTIVE, BOUND, 1));
        let mut quiet = hotness;
        let mut later = now;
        let mut periods = 0;
        while quiet.is_hot(ADAPTIVE, BOUND, 0) {
            later = later.after(BOUND);
            quiet.silent_for(BOUND / 2, later, HALF_LIFE);
            periods += 1;
        }
        assert!((3..40).contains(&periods), "{periods}");
        assert!(!hotness.is_forgotten(now, HALF_LIFE));
        assert!(hotness.is_forgotten(now.after(10 * HALF_LIFE), HALF_LIFE));
    }

    #[test]
    fn one_read_is_no_evidence_and_thresholds_are_what_they_say() {
        let mut hotness = Hotness::new(Instant::ZERO);
        hotness.read_after(Duration::from_micros(1), Instant::ZERO, HALF_LIFE);
        assert!(!hotness.is_hot(ADAPTIVE, BOUND, 0));
        hotness.read_after(Duration::from_micros(1), Instant::ZERO, HALF_LIFE);
        assert!(hotness.is_hot(ADAPTIVE, BOUND, 0));
        assert!(!hotness.is_hot(PrefetchThreshold::Off, BOUND, 0));
        assert!(hotness.is_hot(PrefetchThreshold::PerSecond(7.0), BOUND, 0));
        assert!(!hotness.is_hot(PrefetchThreshold::PerSecond(9.0), BOUND, 0));
    }
}
