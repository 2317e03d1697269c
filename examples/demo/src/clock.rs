//! The one clock of origin, readers and judge: CLOCK_BOOTTIME in nanoseconds.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

#[must_use]
pub fn now_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Boottime))
}

/// CLOCK_BOOTTIME minus CLOCK_MONOTONIC: the time this machine was suspended. Node reads only the
/// latter clock and adds this.
#[must_use]
pub fn suspended_ns() -> u64 {
    let monotonic_ns = nanoseconds(clock_gettime(ClockId::Monotonic));
    now_ns().saturating_sub(monotonic_ns)
}

#[must_use]
pub fn since(start_ns: u64) -> Duration {
    Duration::from_nanos(now_ns().saturating_sub(start_ns))
}

fn nanoseconds(time: Timespec) -> u64 {
    // The kernel reports neither a negative boot time nor more than 10^9 nanoseconds.
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
