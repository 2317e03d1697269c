//! The cheapest clock there is, for single operations. On x86-64 that is the time
//! stamp counter.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The present tick, as it stands, without a fence.
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

/// The present tick, fenced: what came before has ended, its loads have arrived,
/// and what follows has not begun.
#[inline(always)]
pub fn fenced() -> u64 {
    fence();
    let tick = now();
    fence();
    tick
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
                let start = fenced();
                fenced() - start
            })
            .collect();
        costs.sort_unstable();
        costs[costs.len() / 2]
    });
    *COST
}

/// What so many ticks between two fenced reads say of the operation between them, in nanoseconds.
pub fn nanos(ticks: u64) -> f64 {
    ticks.saturating_sub(timing_cost()) as f64 / ticks_per_nano()
}
