//! The clock of the expiry checks that the harness does for peers which have
//! none: the cheapest there is, so that no peer is charged for a slower one.
//! On x86-64 that is `rdtsc` as it stands, without a fence.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The present tick.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and it touches no memory.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// The present tick.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

/// Begins a timed operation: what came before has ended, what follows has not begun.
#[inline(always)]
pub fn begin() -> u64 {
    fence();
    let tick = now();
    fence();
    tick
}

/// Ends a timed operation: its loads have arrived.
#[inline(always)]
pub fn end() -> u64 {
    begin()
}

#[inline(always)]
fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: part of SSE2, which every x86-64 processor has.
    unsafe {
        core::arch::x86_64::_mm_lfence();
    }
}

/// Ticks in a nanosecond, measured once against the system's clock.
pub fn ticks_per_nano() -> f64 {
    static RATE: LazyLock<f64> = LazyLock::new(|| {
        let (wall, tick) = (Instant::now(), now());
        while wall.elapsed() < Duration::from_millis(50) {
            std::hint::spin_loop();
        }
        (now() - tick) as f64 / wall.elapsed().as_nanos() as f64
    });
    *RATE
}

/// What timing an operation that takes no time shows: to be subtracted.
pub fn timing_cost() -> u64 {
    static COST: LazyLock<u64> = LazyLock::new(|| {
        let mut costs: Vec<u64> = (0..10_001)
            .map(|_| {
                let start = begin();
                end() - start
            })
            .collect();
        costs.sort_unstable();
        costs[costs.len() / 2]
    });
    *COST
}

/// The expiry of a value written now: none expires within a run.
pub fn expiry() -> u64 {
    static BOUND: LazyLock<u64> = LazyLock::new(|| (3_600e9 * ticks_per_nano()) as u64);
    now() + *BOUND
}

/// Processor time of the calling thread.
pub fn thread_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place to write to.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0, "every Linux has this clock");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
