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

/// How long refreshes take: smoothed, and how much that varies, as TCP estimates
/// round trips (RFC 6298).
#[derive(Clone, Copy, Debug)]
pub struct Lead {
    usual: Duration,
    variation: Duration,
}

impl Default for Lead {
    fn default() -> Self {
        Self { usual: Duration::from_millis(10), variation: Duration::from_millis(5) }
    }
}

impl Lead {
    /// A refresh took so long, its lease included.
    pub fn observe(&mut self, took: Duration) {
        self.variation = (self.variation * 3 + self.usual.abs_diff(took)) / 4;
        self.usual = (self.usual * 7 + took) / 8;
    }

    /// How long a refresh usually takes.
    pub fn usual(&self) -> Duration {
        self.usual
    }

    /// How long a slow one takes.
    fn slow(&self) -> Duration {
        self.usual + 4 * self.variation + TIMER
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

    #[test]
    fn as_late_as_refreshes_allow() {
        let mut lead = Lead::default();
        (0..1000).for_each(|_| lead.observe(ms(5)));
        assert_eq!(lead.due_age(ms(1600)), ms(1500), "never later");
        assert_eq!(lead.due_age(ms(160)), ms(140));
        assert_eq!(lead.due_age(ms(20)), ms(10), "never earlier");
        lead.observe(ms(100));
        assert_eq!(lead.due_age(ms(1600)), ms(1200), "one slow refresh is enough");
        (0..10).for_each(|_| lead.observe(ms(5)));
        assert_eq!(lead.due_age(ms(1600)), ms(1500), "and soon forgotten");
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
