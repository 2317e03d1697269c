//! Circuit breaker (Nygard, "Release It!", 2007): an origin that failed
//! several times in a row is left alone, then probed by one request at a time.

use std::time::Duration;

use crate::facts::clock::Instant;

/// Settings of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row that open it; zero: never.
    pub failures: u64,
    /// How long it stays open at first; doubles with failed probes, up to 4 times.
    pub cooldown: Duration,
}

/// What the breaker does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Requests go through.
    Closed,
    /// One probe is under way, or may be sent.
    HalfOpen,
    /// Requests are refused.
    Open,
}

/// May a request be sent?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Go,
    /// Yes, as the one probe.
    Probe,
    /// No, not before this instant.
    Refused(Instant),
}

/// A circuit breaker. Time comes in as an argument.
#[derive(Clone, Debug)]
pub struct Breaker {
    policy: BreakerPolicy,
    failures: u64,
    failed_probes: u32,
    open_until: Option<Instant>,
    probe_until: Option<Instant>,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(policy: BreakerPolicy) -> Self {
        Self { policy, failures: 0, failed_probes: 0, open_until: None, probe_until: None }
    }

    /// The state at `now`.
    pub fn state(&self, now: Instant) -> State {
        match self.open_until {
            None => State::Closed,
            Some(until) if now < until => State::Open,
            Some(_) => State::HalfOpen,
        }
    }

    /// Asks to send a request that takes at most `timeout`. A probe that never
    /// reports back (its task was dropped) blocks others no longer than that.
    pub fn admit(&mut self, now: Instant, timeout: Duration) -> Admission {
        let Some(open_until) = self.open_until else { return Admission::Go };
        if now < open_until {
            return Admission::Refused(open_until);
        }
        match self.probe_until {
            Some(until) if now < until => Admission::Refused(until),
            _ => {
                self.probe_until = Some(now.after(timeout));
                Admission::Probe
            }
        }
    }

    /// A request succeeded: the origin answered as the protocol says.
    pub fn succeeded(&mut self) {
        *self = Self::new(self.policy);
    }

    /// A request failed; the origin may have asked for a pause. True if this
    /// opened the breaker.
    pub fn failed(&mut self, now: Instant, retry_after: Option<Duration>) -> bool {
        if self.policy.failures == 0 {
            return false;
        }
        let was_open = self.open_until.is_some();
        let probe = self.probe_until.take().is_some();
        self.failures = self.failures.saturating_add(1);
        if self.failures < self.policy.failures && retry_after.is_none() {
            return false;
        }
        if was_open && !probe {
            // A request from before the breaker opened: no news.
            return false;
        }
        self.failed_probes = if was_open { (self.failed_probes + 1).min(2) } else { 0 };
        let cooldown = self.policy.cooldown * (1 << self.failed_probes);
        // An origin may ask for a long pause, but not for ever.
        let asked = retry_after.unwrap_or_default().min(Duration::from_secs(60));
        self.open_until = Some(now.after(cooldown.max(asked)));
        !was_open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOLDOWN: Duration = Duration::from_millis(100);
    const TIMEOUT: Duration = Duration::from_millis(50);

    fn at(ms: u64) -> Instant {
        Instant::ZERO.after(Duration::from_millis(ms))
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(BreakerPolicy { failures: 3, cooldown: COOLDOWN });
        assert!(!breaker.failed(at(0), None) && !breaker.failed(at(0), None));
        assert_eq!(breaker.admit(at(0), TIMEOUT), Admission::Go);
        assert!(breaker.failed(at(0), None));
        breaker
    }

    #[test]
    fn opens_probes_and_closes() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(at(99), TIMEOUT), Admission::Refused(at(100)));
        assert_eq!(breaker.admit(at(100), TIMEOUT), Admission::Probe);
        assert_eq!(breaker.admit(at(100), TIMEOUT), Admission::Refused(at(150)));
        breaker.succeeded();
        assert_eq!((breaker.admit(at(101), TIMEOUT), breaker.state(at(101))), (Admission::Go, State::Closed));
    }

    #[test]
    fn failed_probes_wait_longer_up_to_four_times() {
        let mut breaker = opened();
        let mut now = 100;
        for cooldown in [200, 400, 400] {
            assert_eq!(breaker.admit(at(now), TIMEOUT), Admission::Probe);
            assert!(!breaker.failed(at(now), None));
            assert_eq!(
                breaker.admit(at(now + cooldown - 1), TIMEOUT),
                Admission::Refused(at(now + cooldown))
            );
            now += cooldown;
        }
    }

    #[test]
    fn late_failures_do_not_prolong() {
        let mut breaker = opened();
        assert!(!breaker.failed(at(90), None));
        assert_eq!(breaker.admit(at(100), TIMEOUT), Admission::Probe);
    }

    #[test]
    fn a_lost_probe_gives_way_to_the_next() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(at(100), TIMEOUT), Admission::Probe);
        assert_eq!(breaker.admit(at(151), TIMEOUT), Admission::Probe);
    }

    #[test]
    fn retry_after_opens_at_once() {
        let mut breaker = Breaker::new(BreakerPolicy { failures: 3, cooldown: COOLDOWN });
        assert!(breaker.failed(at(0), Some(Duration::from_secs(2))));
        assert_eq!(breaker.admit(at(1999), TIMEOUT), Admission::Refused(at(2000)));
        assert_eq!(breaker.state(at(2000)), State::HalfOpen);
    }
}
