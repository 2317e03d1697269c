//! The one clock of core.
//!
//! G1 is a statement about local time, so the clock must be monotonic, must
//! count the time the machine was suspended, and must be the same for every
//! thread. `CLOCK_BOOTTIME` is. Wall clocks step, `CLOCK_MONOTONIC` stands
//! still in suspend (an entry would wake up as fresh as it fell asleep). All
//! other clocks are banned by lint; tests and the simulation inject theirs.

use std::time::Duration;

mod counter;

/// A point on the local clock, in nanoseconds since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// Before everything: what has never been proved was validated then.
    pub const ZERO: Self = Self(0);
    /// Later than any instant that a clock returns.
    pub const FAR_FUTURE: Self = Self(u64::MAX);

    /// The instant `nanos` nanoseconds after boot.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since boot.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time from `earlier` to `self`, zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// `self + duration`, at most [`Instant::FAR_FUTURE`].
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(saturating_nanos(duration)))
    }

    /// `self - duration`, at least [`Instant::ZERO`].
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(saturating_nanos(duration)))
    }
}

/// A length of time in nanoseconds, at most 584 years: what is compared at every read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span(u64);

impl Span {
    /// No time.
    pub const ZERO: Self = Self(0);
    /// Longer than anything that is measured.
    pub const MAX: Self = Self(u64::MAX);

    /// So many nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// In nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(saturating_nanos(duration))
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        Self::from_nanos(span.0)
    }
}

/// `duration` in nanoseconds; more than 584 years count as 584 years.
pub fn saturating_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Where "now" comes from.
pub trait Clock: Send + Sync + 'static {
    /// The present instant; never less than one returned before, to any thread.
    fn now(&self) -> Instant;

    /// An instant not before the present one, and at most a few microseconds
    /// after it: for judging the age of an entry, and for nothing that another
    /// instant is compared with as "later". Cheaper than [`Clock::now`] where it can be.
    #[inline]
    fn latest(&self) -> Instant {
        self.now()
    }
}

/// `CLOCK_BOOTTIME`: monotonic, suspend counted, one for the whole machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct BootClock;

static COUNTER: counter::CounterClock = counter::CounterClock::new();

impl BootClock {
    /// Looks whether `latest` may use the processor's counter; until then it does not.
    pub fn prepare() {
        COUNTER.prepare();
    }
}

impl Clock for BootClock {
    #[inline(always)]
    fn latest(&self) -> Instant {
        COUNTER.latest()
    }

    fn now(&self) -> Instant {
        let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        // Both parts are non-negative on this clock: the kernel counts from boot.
        Instant(t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_clock_moves_forward() {
        let a = BootClock.now();
        let b = BootClock.now();
        assert!(a > Instant::ZERO && b >= a);
    }

    #[test]
    fn arithmetic_saturates() {
        let second = Duration::from_secs(1);
        assert_eq!(Instant::ZERO.before(second), Instant::ZERO);
        assert_eq!(Instant::FAR_FUTURE.after(Duration::MAX), Instant::FAR_FUTURE);
        assert_eq!(Instant::ZERO.since(Instant::FAR_FUTURE), Duration::ZERO);
        assert_eq!(Instant::from_nanos(5).after(second).since(Instant::from_nanos(5)), second);
    }
}
