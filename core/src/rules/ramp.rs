//! The ramp after an outage. When the origin comes back everything is due at
//! once: all entries are past their bounds, and every hot key is asked for. To
//! let that through would be a herd of many times the steady load, and brings an
//! origin down that has just come up (cold caches of its own; "Addressing
//! cascading failures", Site Reliability Engineering, 2016).
//!
//! So requests get slots in time, as in the generic cell rate algorithm (ITU-T
//! I.371): the rate begins at a fifth of what the origin answered before the
//! outage, is all of it at the end of `length`, and doubles with each further
//! `length` for as long as requests still queue for slots.

use std::time::Duration;

use crate::facts::clock::Instant;

/// Share of the steady rate with which it begins.
const FIRST_SHARE: f64 = 0.2;
/// Requests a second that are allowed whatever the steady rate was.
const LEAST: f64 = 5.0;
/// Requests that do not wait put off those that do by so many slots.
const PUT_OFF: u32 = 4;
/// After so many lengths it is over in any case.
const LONGEST: f64 = 4.0;

/// Slots for requests, fewer at first.
#[derive(Clone, Debug)]
pub struct Ramp {
    since: Instant,
    length: Duration,
    /// Requests a second before the outage.
    steady: f64,
    next: Instant,
}

impl Ramp {
    /// A ramp that begins now; `steady` is the rate it leads up to.
    pub fn new(now: Instant, length: Duration, steady: f64) -> Self {
        Self { since: now, length, steady, next: now.after(interval(steady * FIRST_SHARE)) }
    }

    /// When the origin came back.
    pub fn began(&self) -> Instant {
        self.since
    }

    fn lengths(&self, at: Instant) -> f64 {
        at.since(self.since).as_secs_f64() / self.length.as_secs_f64().max(1e-9)
    }

    /// Whether requests need no slots any more.
    pub fn is_over(&self, now: Instant) -> bool {
        let lengths = self.lengths(now);
        lengths >= LONGEST || (lengths >= 1.0 && self.next <= now)
    }

    /// The next free slot. None is after the end: who went without waiting for theirs
    /// (writes) may have taken more than there are.
    pub fn next(&self, now: Instant) -> Instant {
        let end = self.since.after(self.length.mul_f64(LONGEST));
        self.next.min(end).max(now)
    }

    /// Takes the next slot.
    pub fn take(&mut self, now: Instant) -> Instant {
        let at = self.next(now);
        let lengths = self.lengths(at);
        let share = if lengths < 1.0 { lengths.max(FIRST_SHARE) } else { (lengths - 1.0).exp2() };
        self.next = at.after(interval(self.steady * share));
        at
    }

    /// Counts a request that goes without waiting for a slot. It takes one from those who
    /// do, but never all: the next slot is not put off by more than `PUT_OFF` of them.
    pub fn count(&mut self, now: Instant) {
        let before = self.next;
        let at = self.take(now);
        let latest = now.after(PUT_OFF * self.next.since(at));
        self.next = self.next.min(latest).max(before);
    }
}

fn interval(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate.max(LEAST))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LENGTH: Duration = Duration::from_secs(2);

    fn at(ms: u64) -> Instant {
        Instant::ZERO.after(Duration::from_millis(ms))
    }

    /// Slots that are taken by who always wants more, until it is over.
    fn greedy(steady: f64) -> Vec<f64> {
        let start = at(1_000);
        let mut ramp = Ramp::new(start, LENGTH, steady);
        let mut now = start;
        let mut slots = Vec::new();
        while !ramp.is_over(now) {
            now = ramp.take(now);
            slots.push(now.since(start).as_secs_f64());
        }
        slots
    }

    proptest! {
        #[test]
        fn no_second_of_its_first_two_lengths_has_more_than_twice_the_steady_rate(steady in 5.0f64..1000.0) {
            let slots = greedy(steady);
            let most = (2.0 * steady).ceil() as usize + 1;
            for (first, at) in slots.iter().enumerate().take_while(|(_, at)| **at < 3.0) {
                let within = slots.partition_point(|slot| *slot < at + 1.0) - first;
                prop_assert!(within <= most, "{within} in the second after {at}; steady {steady}");
            }
            let first_second = slots.iter().take_while(|slot| **slot < 1.0).count() as f64;
            prop_assert!(first_second <= steady * 0.5 + LEAST, "{first_second} of {steady}");
        }
    }

    #[test]
    fn it_ends_with_its_length_when_nobody_queues() {
        let mut ramp = Ramp::new(at(0), LENGTH, 100.0);
        ramp.take(at(0));
        assert!(!ramp.is_over(at(1_999)));
        assert!(ramp.is_over(at(2_000)));
    }

    #[test]
    fn it_ends_in_any_case() {
        let last = *greedy(1_000.0).last().unwrap();
        assert!((7.9..8.1).contains(&last), "{last}");
    }

    #[test]
    fn no_slot_is_after_its_end_however_many_are_taken() {
        let mut ramp = Ramp::new(at(0), LENGTH, 0.0);
        let last = (0..800).map(|_| ramp.take(at(0))).max().unwrap();
        assert!(last <= at(8_000), "{last:?}");
        assert!(ramp.is_over(at(8_000)));
    }

    #[test]
    fn a_rate_that_nobody_knows_is_not_none() {
        let slots = greedy(0.0);
        assert_eq!(slots.iter().take_while(|slot| **slot < 1.0).count(), 4, "{slots:?}");
    }

    #[test]
    fn requests_that_do_not_wait_put_off_the_others_but_not_for_long() {
        let mut ramp = Ramp::new(at(0), LENGTH, 100.0);
        (0..1000).for_each(|_| ramp.count(at(10)));
        // A fifth of the rate: 50 ms each.
        assert_eq!(ramp.next(at(10)), at(10 + 4 * 50));
        // Who has waited for a slot put it off by more.
        (0..10).for_each(|_| _ = ramp.take(at(10)));
        let next = ramp.next(at(10));
        ramp.count(at(10));
        assert!(next > at(500) && ramp.next(at(10)) == next);
    }
}
