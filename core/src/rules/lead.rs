//! How long before its expiry a key has to be refreshed, from how long refreshes
//! take: as late as that allows, since each proof that comes earlier than it has
//! to is a larger share of all proofs.

use std::time::Duration;

/// Slow refreshes that fit between the start and the expiry: the lease may be lost
/// at first.
const ROOM: u32 = 2;
/// Timers are late by up to so much.
const TIMER: Duration = Duration::from_millis(1);
/// It starts with this part of the bound left, the least that is enough. Steps, so
/// that periods stay the same while refreshes take a little more or less.
const PARTS: [u32; 4] = [16, 8, 4, 2];
const LEAST: u32 = PARTS[0];
const MOST: u32 = PARTS[3];

/// What is exceeded grows by half, but not beyond what it was exceeded by; with each that
/// does not exceed it, it shrinks by this part. Both cancel out where one in twenty is
/// much longer, or one in six a little.
const SHRINKS: u32 = 40;

/// How long refreshes take.
#[derive(Clone, Copy, Debug)]
pub struct Lead {
    /// Smoothed.
    usual: Duration,
    /// A quantile, followed as it moves.
    slow: Duration,
    /// The same, but that it falls only by half at once. Where it wavered periods would,
    /// and nodes whose times are apart would drift into each other's.
    held: Duration,
}

impl Default for Lead {
    fn default() -> Self {
        let slow = Duration::from_millis(30);
        Self { usual: Duration::from_millis(10), slow, held: slow }
    }
}

impl Lead {
    /// A refresh took so long, its lease included.
    pub fn observe(&mut self, took: Duration) {
        self.usual = (self.usual * 7 + took) / 8;
        self.slow = match took > self.slow {
            true => (self.slow * 3 / 2).clamp(TIMER, took.max(TIMER)),
            false => self.slow - self.slow / SHRINKS,
        };
        if self.slow > self.held || self.slow < self.held / 2 {
            self.held = self.slow;
        }
    }

    /// How long a refresh usually takes.
    pub fn usual(&self) -> Duration {
        self.usual
    }

    /// How long a slow one takes.
    fn slow(&self) -> Duration {
        self.held + TIMER
    }

    /// The age at which a key of this bound is refreshed.
    pub fn due_age(&self, bound: Duration) -> Duration {
        let least = ROOM * self.slow();
        let part = PARTS.into_iter().find(|part| bound / *part >= least).unwrap_or(MOST);
        bound - bound / part
    }

    /// The age at which waiting for a lease would mean that reads wait.
    pub fn last_call(&self, bound: Duration) -> Duration {
        bound - self.slow().clamp(bound / (2 * LEAST), bound / MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn lead(took: &[u64]) -> Lead {
        let mut lead = Lead::default();
        took.iter().for_each(|took| lead.observe(ms(*took)));
        lead
    }

    #[test]
    fn as_late_as_refreshes_allow() {
        let mut lead = lead(&[5; 1000]);
        assert_eq!(lead.due_age(ms(1600)), ms(1500), "never later");
        assert_eq!(lead.due_age(ms(160)), ms(140));
        assert_eq!(lead.due_age(ms(20)), ms(10), "never earlier");
        (0..10).for_each(|_| lead.observe(ms(100)));
        assert_eq!(lead.due_age(ms(1600)), ms(1200), "a few slow refreshes are enough");
        (0..200).for_each(|_| lead.observe(ms(5)));
        assert_eq!(lead.due_age(ms(1600)), ms(1500), "and forgotten in time");
    }

    #[test]
    fn periods_stay_the_same_while_a_refresh_now_and_then_is_slow() {
        let mut lead = Lead::default();
        let random = crate::env::SplitMix::new(1);
        let mut ages = Vec::new();
        for refresh in 0..5_000 {
            let stalled = random.draw().is_multiple_of(50);
            lead.observe(ms(if stalled { 300 } else { 2 + random.draw() % 10 }));
            if refresh > 200 {
                ages.push(lead.due_age(ms(1600)));
            }
        }
        let changes = ages.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(changes <= 10, "{changes} changes");
    }

    #[test]
    fn few_take_longer_than_a_slow_one() {
        let random = crate::env::SplitMix::new(1);
        let longer = |draw: fn(u64) -> u64| {
            let mut lead = Lead::default();
            let took = (0..20_000).map(|_| Duration::from_micros(draw(random.draw())));
            took.filter(|took| {
                let longer = *took > lead.slow;
                lead.observe(*took);
                longer
            })
            .count()
        };
        let even = longer(|draw| draw % 50_000);
        let tail = longer(|draw| 1_000 << (draw.trailing_zeros().min(10)));
        assert!((2_500..4_000).contains(&even), "{even} of 20,000");
        assert!((500..2_000).contains(&tail), "{tail} of 20,000");
    }

    #[test]
    fn the_last_call_comes_after_the_first() {
        let mut lead = Lead::default();
        for took in [1, 3, 10, 50, 1000] {
            lead.observe(ms(took));
            for bound in [ms(1), ms(20), ms(200), ms(5000)] {
                assert!(lead.due_age(bound) <= lead.last_call(bound) && lead.last_call(bound) < bound);
            }
        }
    }
}
