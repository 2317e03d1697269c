//! One clock for origin and readers, and a cheap one for single operations.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds since the process began, as origin and readers tell time.
pub fn nanos() -> u64 {
    START.elapsed().as_nanos() as u64
}

/// The present tick; what came before has ended, what follows has not begun.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn tick() -> u64 {
    use core::arch::x86_64::{_mm_lfence, _rdtsc};
    // SAFETY: SSE2 is part of every x86-64 processor.
    unsafe { _mm_lfence() };
    // SAFETY: every x86-64 processor has the instruction, and it touches no memory.
    let tick = unsafe { _rdtsc() };
    // SAFETY: as above.
    unsafe { _mm_lfence() };
    tick
}

/// The present tick.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub fn tick() -> u64 {
    nanos()
}

/// Ticks in a nanosecond, measured once against the system's clock.
pub fn ticks_per_nano() -> f64 {
    static RATE: LazyLock<f64> = LazyLock::new(|| {
        let (wall, first) = (Instant::now(), tick());
        while wall.elapsed() < Duration::from_millis(50) {
            std::hint::spin_loop();
        }
        (tick() - first) as f64 / wall.elapsed().as_nanos() as f64
    });
    *RATE
}

/// What timing an operation that takes no time shows: to be subtracted.
pub fn timing_cost() -> u64 {
    static COST: LazyLock<u64> = LazyLock::new(|| {
        let mut costs: Vec<u64> = (0..10_001)
            .map(|_| {
                let first = tick();
                tick() - first
            })
            .collect();
        costs.sort_unstable();
        costs[costs.len() / 2]
    });
    *COST
}
