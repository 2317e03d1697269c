//! The only clocks of this crate.
//!
//! Times in the history are compared with the times of caches on the same machine, so they come from
//! `CLOCK_BOOTTIME`: monotonic, and it counts suspend. Wall time only dates things for people and HTTP.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of `CLOCK_BOOTTIME`.
pub fn boottime_ns() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    // The kernel never reports a negative boot time; 0 would only widen an interval of the history.
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds * 1_000_000_000 + nanoseconds
}

/// Milliseconds since the Unix epoch.
#[allow(clippy::disallowed_methods, reason = "this file is where clocks are read")]
pub fn wall_ms() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

/// `Last-Modified` and friends.
pub fn http_date(wall_ms: i64) -> String {
    let since_epoch = Duration::from_millis(u64::try_from(wall_ms).unwrap_or(0));
    httpdate::fmt_http_date(UNIX_EPOCH + since_epoch)
}

/// Names this boot of the machine: boot times of different boots do not compare.
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_else(|_| "unknown".to_owned())
}
