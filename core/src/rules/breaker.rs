//! Circuit breaker (Nygard, "Release It!", 2007): an origin that fails is left
//! alone, then probed by one request at a time, then asked more and more again.
//!
//! It opens by what resilience4j's does, the share of failed or slow calls in a
//! sliding window, and besides by failures in a row: a dead origin should not
//! be asked for half a window. Each outcome carries the ticket of its request:
//! what was sent before the breaker opened or closed tells nothing of now.

use std::time::Duration;

use super::ramp::Ramp;
use super::window::Window;
use crate::facts::clock::{Instant, saturating_nanos};

/// An origin may ask for a long pause, but not for ever.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// An origin that came back is on trial for a cool-down, at the most for so many answers: a
/// single request that finds it away opens it again. One that flaps would else be sent
/// `failures` requests each time that it dies.
const TRIAL: u64 = 8;
/// One that has answered so many before it was away is there in part, or for most keys: its
/// next trial is half as long. Strict trials would make an outage of that.
const PARTLY_THERE: u64 = 4;

/// Settings of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row that open it; zero: never, nor does anything else.
    pub failures: u64,
    /// How long it stays open before the first probe, and between probes. It does not grow
    /// with an outage: one small request a second is no load, and each second more without
    /// the origin is one that reads are told of. For an origin that goes away on trial it
    /// is half as long again: the request that failed is paid for.
    pub cooldown: Duration,
    /// How far it looks back.
    pub window: Duration,
    /// Calls in the window below which shares mean nothing.
    pub min_calls: u64,
    /// Share of failed calls that opens it, in percent.
    pub failure_percent: u64,
    /// A longer call is slow; zero: none is.
    pub slow_call: Duration,
    /// Share of slow calls that opens it, in percent.
    pub slow_percent: u64,
    /// How long requests are held back after an outage; zero: not at all.
    pub ramp: Duration,
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

/// What a request would meet that were sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It goes.
    Clear,
    /// The origin has come back; the next slot is then.
    Slot(Instant),
    /// It would be the probe.
    Probe,
    /// It is refused, until then.
    Refused(Instant),
}

/// Leave to send one request, to be handed back with its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    life: u64,
    /// The request is the probe: a small one.
    pub probe: bool,
}

/// How a request failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// The origin asked not to be called for so long.
    pub retry_after: Option<Duration>,
    /// Nobody was there to answer: any other request would have failed as well. Else it
    /// may be the request that is at fault, of one key.
    pub away: bool,
}

/// May a request be sent?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Go(Ticket),
    /// Yes, at that instant, if [`Breaker::holds`] then.
    Later(Instant, Ticket),
    /// No, not before this instant.
    Refused(Instant),
}

#[derive(Clone, Debug)]
enum Phase {
    Closed,
    Ramp(Ramp),
    Open { until: Instant, probe_until: Option<Instant> },
}

/// A circuit breaker. Time and chance come in as arguments.
#[derive(Clone, Debug)]
pub struct Breaker {
    policy: BreakerPolicy,
    phase: Phase,
    /// Counts openings and closings.
    life: u64,
    in_a_row: u64,
    /// The most answers of the next trial.
    trial: u64,
    /// Answers since it closed.
    answered: u64,
    /// It went away on its last trial.
    flaps: bool,
    window: Window,
    /// Requests a second that were answered before it opened.
    steady: f64,
    /// The end of the last ramp.
    steady_since: Instant,
    /// When word of a return is heeded again.
    deaf_until: Instant,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(policy: BreakerPolicy, now: Instant) -> Self {
        let window = Window::new(policy.window, now);
        Self {
            policy,
            phase: Phase::Closed,
            life: 0,
            in_a_row: 0,
            trial: TRIAL,
            answered: 0,
            flaps: false,
            window,
            steady: 0.0,
            steady_since: now,
            deaf_until: Instant::ZERO,
        }
    }

    /// The state at `now`.
    pub fn state(&self, now: Instant) -> State {
        match &self.phase {
            Phase::Closed | Phase::Ramp(_) => State::Closed,
            Phase::Open { until, .. } if now < *until => State::Open,
            Phase::Open { .. } => State::HalfOpen,
        }
    }

    /// Closed, and requests need no slots: nothing will change by itself.
    pub fn is_calm(&self, now: Instant) -> bool {
        match &self.phase {
            Phase::Closed => true,
            Phase::Ramp(ramp) => ramp.is_over(now),
            Phase::Open { .. } => false,
        }
    }

    /// What a request would meet at `now`.
    pub fn outlook(&self, now: Instant) -> Outlook {
        match &self.phase {
            Phase::Closed => Outlook::Clear,
            Phase::Ramp(ramp) if ramp.is_over(now) || ramp.next(now) <= now => Outlook::Clear,
            Phase::Ramp(ramp) => Outlook::Slot(ramp.next(now)),
            Phase::Open { until, probe_until } => match probe_until.unwrap_or(*until) {
                until if now < until => Outlook::Refused(until),
                _ => Outlook::Probe,
            },
        }
    }

    /// Asks to send a request that takes at most `timeout`, at `latest` if it
    /// has to wait. A probe that never reports back (its task was dropped) blocks
    /// others no longer than that, or the cool-down.
    pub fn admit(&mut self, now: Instant, timeout: Duration, latest: Instant) -> Admission {
        let ticket = Ticket { life: self.life, probe: false };
        match self.outlook(now) {
            Outlook::Refused(until) => return Admission::Refused(until),
            Outlook::Slot(at) if at > latest => return Admission::Refused(at),
            Outlook::Clear | Outlook::Probe | Outlook::Slot(_) => {}
        }
        match &mut self.phase {
            Phase::Closed => Admission::Go(ticket),
            Phase::Ramp(ramp) if ramp.is_over(now) => {
                self.phase = Phase::Closed;
                self.steady_since = now;
                self.trial = TRIAL;
                Admission::Go(ticket)
            }
            Phase::Ramp(ramp) => match ramp.take(now) {
                at if at <= now => Admission::Go(ticket),
                at => Admission::Later(at, ticket),
            },
            Phase::Open { probe_until, .. } => {
                *probe_until = Some(now.after(timeout.max(self.policy.cooldown)));
                Admission::Go(Ticket { probe: true, ..ticket })
            }
        }
    }

    /// The same for a request that is not held back by the ramp, only counted: a
    /// write has not been waiting for the origin to return.
    pub fn admit_at_once(&mut self, now: Instant, timeout: Duration) -> Admission {
        match &mut self.phase {
            Phase::Ramp(ramp) if !ramp.is_over(now) => {
                ramp.count(now);
                Admission::Go(Ticket { life: self.life, probe: false })
            }
            _ => self.admit(now, timeout, Instant::FAR_FUTURE),
        }
    }

    /// Somebody says that it works again: the next request may be the probe. Heeded
    /// once in a cool-down: who says so may ask for less than requests do.
    pub fn returned(&mut self, now: Instant) {
        if let Phase::Open { until, probe_until } = &mut self.phase
            && now >= self.deaf_until
        {
            (*until, *probe_until) = (now, None);
            // A probe that is under way was sent before the return.
            self.life += 1;
            self.deaf_until = now.after(self.policy.cooldown);
        }
    }

    /// Whether a request that had to wait may still be sent.
    pub fn holds(&self, ticket: Ticket) -> bool {
        ticket.life == self.life
    }

    /// A request was answered as the protocol says, after `took`. True if this
    /// opened the breaker.
    pub fn succeeded(&mut self, ticket: Ticket, now: Instant, took: Duration, draw: u64) -> bool {
        let slow = !self.policy.slow_call.is_zero() && took > self.policy.slow_call;
        self.ended(ticket, now, None, slow, draw)
    }

    /// A request failed after `took`. True if this opened the breaker.
    pub fn failed(
        &mut self,
        ticket: Ticket,
        now: Instant,
        took: Duration,
        failure: Failure,
        draw: u64,
    ) -> bool {
        let slow = !self.policy.slow_call.is_zero() && took > self.policy.slow_call;
        self.ended(ticket, now, Some(failure), slow, draw)
    }

    fn ended(
        &mut self,
        ticket: Ticket,
        now: Instant,
        failure: Option<Failure>,
        slow: bool,
        draw: u64,
    ) -> bool {
        if self.policy.failures == 0 || !self.holds(ticket) {
            return false;
        }
        let failed = failure.is_some();
        let Failure { retry_after, away } = failure.unwrap_or_default();
        // "Retry at once" is no pause.
        let pause = retry_after.filter(|pause| !pause.is_zero());
        if let Phase::Open { .. } = self.phase {
            if failed || slow {
                self.open(now, pause, draw);
            } else {
                self.close(now);
            }
            return false;
        }
        self.window.count(now, failed, slow);
        if failed {
            self.in_a_row = self.in_a_row.saturating_add(1);
        } else {
            self.in_a_row = 0;
            self.answered += 1;
        }
        let sums = self.window.sums(now);
        let share = |part: u64, percent: u64| {
            part > 0 && sums.calls >= self.policy.min_calls && part * 100 >= percent * sums.calls
        };
        let on_trial = self.is_on_trial(now);
        let opens = pause.is_some()
            || (on_trial && away)
            || self.in_a_row >= self.policy.failures
            || share(sums.failed, self.policy.failure_percent)
            || share(sums.slow, self.policy.slow_percent);
        if opens {
            // A rate measured within a ramp is the ramp's: outage after outage it would
            // become less.
            if matches!(self.phase, Phase::Closed) {
                let measured = self.window.answered_per_second(self.steady_since, now);
                // Less than half at once is rather the trouble before it opened.
                self.steady = measured.map_or(self.steady, |rate| rate.max(self.steady / 2.0));
            }
            self.flaps = on_trial;
            if on_trial && self.answered >= PARTLY_THERE {
                self.trial /= 2;
            }
            self.open(now, pause, draw);
        }
        opens
    }

    fn is_on_trial(&self, now: Instant) -> bool {
        let Phase::Ramp(ramp) = &self.phase else { return false };
        now < ramp.began().after(self.policy.cooldown) && self.answered < self.trial
    }

    fn open(&mut self, now: Instant, pause: Option<Duration>, draw: u64) {
        let cooldown = saturating_nanos(self.policy.cooldown);
        // Up to a quarter longer, never shorter: a fleet must not probe in step.
        let jitter = (u128::from(draw) * u128::from(cooldown / 4)) >> 64;
        let longer = if self.flaps { cooldown / 2 } else { 0 };
        let cooldown = cooldown.saturating_add(longer).saturating_add(u64::try_from(jitter).unwrap_or(0));
        let pause = pause.unwrap_or_default().min(LONGEST_PAUSE);
        let until = now.after(Duration::from_nanos(cooldown).max(pause));
        self.phase = Phase::Open { until, probe_until: None };
        self.life += 1;
    }

    fn close(&mut self, now: Instant) {
        self.phase = match self.policy.ramp {
            Duration::ZERO => Phase::Closed,
            length => Phase::Ramp(Ramp::new(now, length, self.steady)),
        };
        self.life += 1;
        self.in_a_row = 0;
        self.answered = 0;
        self.window = Window::new(self.policy.window, now);
    }
}

#[cfg(test)]
mod tests;
