//! A sliding window of calls: ten slices of time, the oldest of which falls out
//! whole (resilience4j's time-based window; its count-based one would remember
//! an outage for hours when calls are rare).

use std::time::Duration;

use crate::facts::clock::{Instant, saturating_nanos};

const SLICES: usize = 10;

/// What calls came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// All that ended.
    pub calls: u64,
    /// Of these, without an answer as the protocol has it.
    pub failed: u64,
    /// Of these, longer than is well.
    pub slow: u64,
}

/// The calls of the last while.
#[derive(Clone, Debug)]
pub struct Window {
    slice: u64,
    /// Which slice of all time each is, and its sums.
    slices: [(u64, Sums); SLICES],
    since: Instant,
}

impl Window {
    /// An empty window that begins now.
    pub fn new(length: Duration, now: Instant) -> Self {
        let slice = (saturating_nanos(length) / SLICES as u64).max(1);
        Self { slice, slices: [(0, Sums::default()); SLICES], since: now }
    }

    /// Counts a call that ended now.
    pub fn count(&mut self, now: Instant, failed: bool, slow: bool) {
        let number = now.as_nanos() / self.slice;
        let (at, sums) = &mut self.slices[(number % SLICES as u64) as usize];
        if *at != number {
            (*at, *sums) = (number, Sums::default());
        }
        sums.calls += 1;
        sums.failed += u64::from(failed);
        sums.slow += u64::from(slow);
    }

    /// The sums of the window that ends now.
    pub fn sums(&self, now: Instant) -> Sums {
        let number = now.as_nanos() / self.slice;
        let within = |(at, _): &&(u64, Sums)| *at + SLICES as u64 > number;
        self.slices.iter().filter(within).fold(Sums::default(), |sum, (_, slice)| Sums {
            calls: sum.calls + slice.calls,
            failed: sum.failed + slice.failed,
            slow: sum.slow + slice.slow,
        })
    }

    /// Answered calls a second, of the time after `from`; `None` as long as that is less
    /// than one slice.
    pub fn answered_per_second(&self, from: Instant, now: Instant) -> Option<f64> {
        let number = now.as_nanos() / self.slice;
        let oldest = number.saturating_sub(SLICES as u64 - 1);
        // Whole slices, but the one with which the window began.
        let first =
            if from <= self.since { oldest } else { oldest.max(from.as_nanos().div_ceil(self.slice)) };
        let start = self.since.max(Instant::from_nanos(first * self.slice));
        let covered = saturating_nanos(now.since(start));
        let answered = |(at, sums): &(u64, Sums)| match (first..=number).contains(at) {
            true => sums.calls - sums.failed,
            false => 0,
        };
        let answered: u64 = self.slices.iter().map(answered).sum();
        (covered >= self.slice).then(|| answered as f64 * 1e9 / covered as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::ZERO.after(Duration::from_millis(ms))
    }

    proptest! {
        #[test]
        fn sums_are_those_of_a_log(steps in proptest::collection::vec((0u64..900, any::<bool>(), any::<bool>()), 1..200)) {
            let mut window = Window::new(Duration::from_secs(1), at(0));
            let (mut log, mut now) = (Vec::new(), 5_000);
            for (pause, failed, slow) in steps {
                now += pause;
                window.count(at(now), failed, slow);
                log.push((now, failed, slow));
                // Slices of 100 ms: the present one and nine before it.
                let first = (now / 100 - 9) * 100;
                let mut within: Vec<_> = log.clone();
                within.retain(|(at, ..)| *at >= first);
                let count = |is: fn(&(u64, bool, bool)) -> bool| within.iter().filter(|c| is(c)).count() as u64;
                let expected = Sums { calls: within.len() as u64, failed: count(|c| c.1), slow: count(|c| c.2) };
                prop_assert_eq!(window.sums(at(now)), expected);
            }
            prop_assert_eq!(window.sums(at(now + 1_001)), Sums::default());
        }
    }

    #[test]
    fn a_rate_needs_some_time_and_counts_answers() {
        let mut window = Window::new(Duration::from_secs(10), at(0));
        for ms in 0..100 {
            window.count(at(ms * 10), ms % 10 == 0, false);
        }
        assert_eq!(window.answered_per_second(at(0), at(999)), None);
        let rate = window.answered_per_second(at(0), at(1000)).unwrap();
        assert!((rate - 90.0).abs() < 1e-9, "{rate}");
        let rate = window.answered_per_second(at(0), at(9_000)).unwrap();
        assert!((rate - 10.0).abs() < 1e-9, "{rate}");
        // Of the last 3 s alone; the slice that is only partly later counts as earlier.
        let rate = window.answered_per_second(at(6_500), at(9_000));
        assert_eq!(rate, Some(0.0));
        assert_eq!(window.answered_per_second(at(8_500), at(9_900)), None);
    }
}
