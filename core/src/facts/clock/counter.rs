//! The processor's time-stamp counter as an upper bound of `CLOCK_BOOTTIME`.
//!
//! A system clock costs 26 ns, half of a hit. The counter costs 10, and tells
//! how long ago the system clock was last read. [`CounterClock::latest`] is
//! that reading, plus the ticks since, at a rate a bit higher than measured:
//! never before the present instant, and at most four microseconds after it. A read
//! judged by it sees every entry as old as it is, or older (G1).
//!
//! # Why it is never early
//!
//! - A reading is *paired*: counter first, system clock second. It holds for an
//!   instant not before that of the counter.
//! - It is used for a millisecond's worth of ticks ([`WINDOW_NANOS`]), then
//!   whoever reads next takes another. Over that window the rate is raised by
//!   [`MARGIN_PPM`]: more than what a kernel may slew its clock by (500 ppm)
//!   and what the measurement of the rate may be off together.
//! - The counter may be read a little before instructions that come before it,
//!   such as the load of the entry: the processor goes ahead by at most a few
//!   hundred instructions, and an interrupt ends it. [`AHEAD_NANOS`] is added
//!   for that: more than all the misses of memory that a read can have under
//!   way. (A load fence would cost as much as the counter itself.)
//! - Every new reading checks the last: had the bound been early, the counter
//!   is never used again.
//!
//! # Where it is not used
//!
//! Only where the kernel itself keeps time by the counter (`tsc` is its clock
//! source: it has then checked that all processors' counters agree and never
//! stop, and goes on watching), the processor says it is invariant, and the
//! machine cannot be suspended (no sleep state in `/sys/power/state`): a counter
//! that stands still in suspend would tell an entry's age wrongly until the next
//! reading. Everywhere else `latest` reads `CLOCK_BOOTTIME`. `docs/clock.md`
//! says it at length.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::{BootClock, Clock, Instant};

/// How long a reading of the system clock is used.
const WINDOW_NANOS: u64 = 1_000_000;
/// How much faster than measured the counter is taken to run.
const MARGIN_PPM: u64 = 1_000;
/// The rate is measured over at least so long: a pairing is off by at most
/// [`PAIRING_NANOS`], which is 100 ppm of it.
const CALIBRATION_NANOS: u64 = 20_000_000;
/// A pairing that took longer (the thread was interrupted) is not used.
const PAIRING_NANOS: u64 = 2_000;

/// How far the processor may read the counter ahead of what comes before.
const AHEAD_NANOS: u64 = 2_000;

/// Nanoseconds a tick, as a multiple of 2^-32.
const RATE_SHIFT: u32 = 32;

/// Ticks of the processor's counter.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn ticks() -> u64 {
    // SAFETY: reads a register; Linux allows it to user space.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn ticks() -> u64 {
    0
}

/// One for the process.
#[repr(align(64))]
pub(super) struct CounterClock {
    /// Odd while the reading is replaced; 0: there is none, use the system clock.
    sequence: AtomicU64,
    /// The reading: counter, system clock, and until which tick it is used.
    ticks: AtomicU64,
    nanos: AtomicU64,
    window: AtomicU64,
    /// The raised rate; 0: not measured yet.
    rate: AtomicU64,
    /// Where the measurement of the rate began: the counter after the system
    /// clock, so that the rate is never told lower than it is; and how many
    /// ticks that pairing took.
    first_ticks: AtomicU64,
    first_nanos: AtomicU64,
    first_took: AtomicU64,
    state: AtomicU64,
}

const UNKNOWN: u64 = 0;
const USABLE: u64 = 1;
const UNUSABLE: u64 = 2;

impl CounterClock {
    pub(super) const fn new() -> Self {
        Self {
            sequence: AtomicU64::new(0),
            ticks: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
            window: AtomicU64::new(0),
            rate: AtomicU64::new(0),
            first_ticks: AtomicU64::new(0),
            first_nanos: AtomicU64::new(0),
            first_took: AtomicU64::new(0),
            state: AtomicU64::new(UNKNOWN),
        }
    }

    /// Looks whether the counter may be used here: reads files, once.
    pub(super) fn prepare(&self) {
        if self.state.load(Ordering::Relaxed) == UNKNOWN {
            let state = if may_be_used() { USABLE } else { UNUSABLE };
            // A second thread comes to the same answer; one that gave it up stays.
            let _ = self.state.compare_exchange(UNKNOWN, state, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Not before the present instant, and at most four microseconds after it.
    #[inline(always)]
    pub(super) fn latest(&self) -> Instant {
        let sequence = self.sequence.load(Ordering::Acquire);
        let (start, nanos) = (self.ticks.load(Ordering::Relaxed), self.nanos.load(Ordering::Relaxed));
        let (window, rate) = (self.window.load(Ordering::Relaxed), self.rate.load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        let whole = sequence & 1 == 0 && self.sequence.load(Ordering::Relaxed) == sequence;
        // A counter that went back is far out of the window. So is any, of no window.
        let passed = ticks().wrapping_sub(start);
        if whole && passed < window {
            return Instant::from_nanos(nanos + ((passed * rate) >> RATE_SHIFT) + AHEAD_NANOS);
        }
        self.read_again()
    }

    /// The system clock, and a new reading for the next.
    #[cold]
    fn read_again(&self) -> Instant {
        if self.state.load(Ordering::Relaxed) != USABLE {
            return BootClock.now();
        }
        let before = ticks();
        let now = BootClock.now();
        let after = ticks();
        let sequence = self.sequence.load(Ordering::Relaxed);
        if sequence & 1 == 0
            && self
                .sequence
                .compare_exchange(sequence, sequence | 1, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
        {
            // Other readers see the odd number before any of the new values.
            fence(Ordering::Release);
            self.renew(before, now.as_nanos(), after);
            self.sequence.store((sequence | 1) + 1, Ordering::Release);
        }
        now
    }

    /// Under the odd sequence number: alone.
    fn renew(&self, before: u64, now: u64, after: u64) {
        let load = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        let store = |cell: &AtomicU64, value| cell.store(value, Ordering::Relaxed);
        let (first_ticks, first_nanos, rate) =
            (load(&self.first_ticks), load(&self.first_nanos), load(&self.rate));
        let measure_from_here = || {
            store(&self.first_ticks, after);
            store(&self.first_nanos, now);
            store(&self.first_took, after - before);
        };
        store(&self.window, 0);
        if first_ticks == 0 || before <= first_ticks || now <= first_nanos {
            measure_from_here();
            return;
        }
        let elapsed = now - first_nanos;
        if rate > 0 {
            let passed = after.wrapping_sub(load(&self.ticks));
            // The last reading would by now have told something earlier than it
            // is: the counter does not run as it should.
            let told =
                u128::from(load(&self.nanos)) + ((u128::from(passed) * u128::from(rate)) >> RATE_SHIFT);
            if told < u128::from(now) && load(&self.ticks) > 0 {
                tracing::warn!("the processor's counter runs unevenly; the system clock is read instead");
                store(&self.state, UNUSABLE);
                return;
            }
        }
        let nanos = |ticks: u64, rate: u64| (u128::from(ticks) * u128::from(rate)) >> RATE_SHIFT;
        let interrupted = |took: u64, rate: u64| nanos(took, rate) > u128::from(PAIRING_NANOS);
        if rate == 0 || elapsed >= 50 * CALIBRATION_NANOS {
            if elapsed < CALIBRATION_NANOS {
                return;
            }
            let exact = (u128::from(elapsed) << RATE_SHIFT) / u128::from(before - first_ticks);
            let Ok(raised) = u64::try_from(exact * u128::from(1_000_000 + MARGIN_PPM) / 1_000_000) else {
                store(&self.state, UNUSABLE);
                return;
            };
            if interrupted(after - before, raised) {
                return;
            }
            if interrupted(load(&self.first_took), raised) {
                measure_from_here();
                return;
            }
            store(&self.rate, raised);
            // The next measurement begins here: a kernel may change its rate.
            measure_from_here();
        }
        let rate = load(&self.rate);
        if rate == 0 || interrupted(after - before, rate) {
            store(&self.ticks, 0);
            return;
        }
        store(&self.ticks, before);
        store(&self.nanos, now);
        store(&self.window, (WINDOW_NANOS << RATE_SHIFT) / rate);
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn may_be_used() -> bool {
    let read = |path: &str| std::fs::read_to_string(path);
    let source = read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    let kept_by_it = source.is_ok_and(|source| source.trim() == "tsc");
    let never_suspended = match read("/sys/power/state") {
        Ok(states) => states.trim().is_empty(),
        // A kernel without power management has no such file, but has the rest of /sys.
        Err(error) => kept_by_it && error.kind() == std::io::ErrorKind::NotFound,
    };
    kept_by_it && never_suspended && is_invariant()
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn is_invariant() -> bool {
    use std::arch::x86_64::__cpuid;
    const POWER_MANAGEMENT: u32 = 0x8000_0007;
    __cpuid(0x8000_0000).eax >= POWER_MANAGEMENT && __cpuid(POWER_MANAGEMENT).edx & (1 << 8) != 0
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn may_be_used() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader relies on: between two readings of the system clock the
    /// bound is not before the first, and not long after the second.
    fn judge(clock: &CounterClock, for_millis: u64) -> (u64, u64) {
        let end = BootClock.now().as_nanos() + for_millis * 1_000_000;
        let (mut judged, mut worst) = (0, 0);
        loop {
            let before = BootClock.now().as_nanos();
            let latest = clock.latest().as_nanos();
            let after = BootClock.now().as_nanos();
            assert!(latest >= before, "{} ns early", before - latest);
            worst = worst.max(latest.saturating_sub(after));
            judged += 1;
            if after > end {
                return (judged, worst);
            }
        }
    }

    #[test]
    fn is_never_early_on_any_thread() {
        let clock = CounterClock::new();
        clock.prepare();
        std::thread::scope(|scope| {
            let judges: Vec<_> = (0..4).map(|_| scope.spawn(|| judge(&clock, 300))).collect();
            for judge in judges {
                let (judged, worst) = judge.join().unwrap();
                assert!(judged > 100);
                // What the bound may be late by: a pairing, and the margin over a window.
                assert!(
                    worst < AHEAD_NANOS + PAIRING_NANOS + WINDOW_NANOS * MARGIN_PPM / 500_000,
                    "{worst} ns late"
                );
            }
        });
    }

    #[test]
    fn without_the_counter_it_is_the_system_clock() {
        let clock = CounterClock::new();
        let before = BootClock.now();
        assert!(clock.latest() >= before);
        clock.state.store(UNUSABLE, Ordering::Relaxed);
        clock.prepare();
        judge(&clock, 5);
        assert_eq!(clock.sequence.load(Ordering::Relaxed), 0);
    }

    /// A counter of a tick a nanosecond, told by readings whose thread was
    /// interrupted at the worst moments.
    #[test]
    fn an_interrupted_reading_does_not_spoil_the_rate() {
        const RATE: u64 = 1 << RATE_SHIFT;
        const MILLI: u64 = 1_000_000;
        // Before the system clock was read, and after.
        for read_at in [11 * MILLI, MILLI] {
            let clock = CounterClock::new();
            clock.state.store(USABLE, Ordering::Relaxed);
            clock.renew(MILLI, read_at, 11 * MILLI);
            for reading in 0..100 {
                let at = (32 + reading) * MILLI;
                let took = if reading % 4 == 0 { MILLI / 2 } else { 100 };
                clock.renew(at, at + took / 2, at + took);
                let rate = clock.rate.load(Ordering::Relaxed);
                assert!(rate == 0 || (RATE..RATE + RATE / 500).contains(&rate), "{rate}");
            }
            assert!(clock.rate.load(Ordering::Relaxed) > 0);
            assert_eq!(clock.state.load(Ordering::Relaxed), USABLE);
        }
    }

    #[test]
    fn a_counter_that_runs_slow_is_given_up() {
        let clock = CounterClock::new();
        clock.state.store(USABLE, Ordering::Relaxed);
        // As if a tick had been measured as a hundredth of what it is.
        let now = BootClock.now().as_nanos();
        clock.renew(ticks() - 1_000_000, now - 25_000_000, ticks());
        clock.first_ticks.store(1, Ordering::Relaxed);
        clock.first_nanos.store(1, Ordering::Relaxed);
        clock.rate.store(1 << 20, Ordering::Relaxed);
        clock.ticks.store(ticks(), Ordering::Relaxed);
        clock.nanos.store(BootClock.now().as_nanos(), Ordering::Relaxed);
        std::thread::sleep(std::time::Duration::from_millis(3));
        judge(&clock, 5);
        assert_eq!(clock.state.load(Ordering::Relaxed), UNUSABLE);
    }
}
