//! A small number for each living thread.
//!
//! What readers write (a pin, a count) goes to a cell that only their thread
//! writes: then it is a plain store, and no cache line is fought over. The
//! number says which cell. It is given to another thread when its thread ends.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crossbeam::utils::CachePadded;

/// Threads that can have a number at once.
pub const MAX_THREADS: usize = 16_384;

static TAKEN: [AtomicU64; MAX_THREADS / 64] = [const { AtomicU64::new(0) }; MAX_THREADS / 64];
static HIGH_WATER: AtomicU32 = AtomicU32::new(0);
/// Holds of each number, written by its thread alone. Not in the thread's own
/// storage: in a shared library each look there is a call.
static HOLDS: [CachePadded<AtomicU32>; MAX_THREADS] =
    [const { CachePadded::new(AtomicU32::new(0)) }; MAX_THREADS];

struct OfThread(Cell<Option<u32>>);

impl Drop for OfThread {
    fn drop(&mut self) {
        // What outlives the thread's own storage (a guard kept in another
        // thread-local) still writes to its cells: the number is never used again.
        if let Some(number) = self.0.get()
            && HOLDS[number as usize].load(Ordering::Relaxed) == 0
        {
            give_back(number);
        }
    }
}

thread_local! {
    static THREAD: OfThread = const { OfThread(Cell::new(None)) };
}

#[cold]
fn take() -> u32 {
    for (index, word) in TAKEN.iter().enumerate() {
        let mut present = word.load(Ordering::Relaxed);
        while present != u64::MAX {
            let bit = present.trailing_ones();
            let with_bit = present | 1 << bit;
            // Acquire: the thread that had the number has written its last.
            match word.compare_exchange_weak(present, with_bit, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => {
                    let number = index as u32 * 64 + bit;
                    HIGH_WATER.fetch_max(number + 1, Ordering::Relaxed);
                    return number;
                }
                Err(now) => present = now,
            }
        }
    }
    panic!("more than {MAX_THREADS} threads of this process use a cache at once");
}

#[cold]
fn give_back(number: u32) {
    TAKEN[number as usize / 64].fetch_and(!(1 << (number % 64)), Ordering::Release);
}

/// All numbers given so far are below this.
pub fn high_water() -> usize {
    HIGH_WATER.load(Ordering::Relaxed) as usize
}

/// The number of this thread; `None` while its thread-locals are being dropped.
#[inline]
pub fn number() -> Option<usize> {
    let number = THREAD.try_with(|thread| match thread.0.get() {
        Some(number) => number,
        None => {
            let number = take();
            thread.0.set(Some(number));
            number
        }
    });
    number.ok().map(|number| number as usize)
}

/// Of the holds of a number: it was taken when the thread's locals were gone
/// already, and goes back with the last hold.
const ALONE: u32 = 1 << 31;

#[inline(always)]
fn holds_of(number: usize) -> &'static AtomicU32 {
    // All numbers are less; said so that nothing on the way of a hit can panic.
    &HOLDS[number % MAX_THREADS]
}

/// The number of this thread, which stays its own until [`release`], even if the
/// thread's locals are dropped before that.
#[inline(always)]
pub fn hold() -> usize {
    let number = number().unwrap_or_else(hold_alone);
    let holds = holds_of(number);
    holds.store(holds.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    number
}

#[cold]
fn hold_alone() -> usize {
    let number = take() as usize;
    holds_of(number).store(ALONE, Ordering::Relaxed);
    number
}

/// Ends a [`hold`]. On the thread that holds.
#[inline(always)]
pub fn release(number: usize) {
    let holds = holds_of(number);
    let left = holds.load(Ordering::Relaxed).wrapping_sub(1);
    holds.store(left, Ordering::Relaxed);
    if left == ALONE {
        release_alone(number);
    }
}

#[cold]
fn release_alone(number: usize) {
    holds_of(number).store(0, Ordering::Relaxed);
    give_back(number as u32);
}

/// How often a number is held now.
#[cfg(test)]
pub(crate) fn holds(number: usize) -> u32 {
    holds_of(number).load(Ordering::Relaxed)
}

/// A number that belongs to no thread, but to whoever has this: for what is
/// counted under a lock of the caller's own.
#[derive(Debug)]
pub struct Number(u32);

impl Number {
    /// A number that no thread has.
    pub fn take() -> Self {
        Self(take())
    }

    /// The number.
    #[inline]
    pub fn get(&self) -> usize {
        self.0 as usize
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        give_back(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn living_threads_have_different_numbers_and_the_dead_give_theirs_back() {
        let barrier = std::sync::Barrier::new(100);
        let numbers: Vec<_> = std::thread::scope(|scope| {
            let spawned: Vec<_> = (0..100)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        let held = hold();
                        assert_eq!(number(), Some(held));
                        barrier.wait();
                        release(held);
                        held
                    })
                })
                .collect();
            spawned.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let distinct: std::collections::HashSet<_> = numbers.iter().collect();
        assert_eq!(distinct.len(), 100);
        for _ in 0..1000 {
            std::thread::spawn(|| release(hold())).join().unwrap();
        }
        assert!(high_water() < 900, "numbers are used again: {}", high_water());
    }

    struct Held(usize);

    impl Drop for Held {
        fn drop(&mut self) {
            release(self.0);
        }
    }

    #[test]
    fn a_hold_that_outlives_the_threads_locals_keeps_its_number() {
        thread_local! {
            static LATE: Cell<Option<Held>> = const { Cell::new(None) };
        }
        // Thread-locals are dropped in the order in which they were first used,
        // or in reverse: both must do.
        for late_first in [true, false] {
            let number = std::thread::spawn(move || {
                if late_first {
                    LATE.set(None);
                }
                let number = hold();
                LATE.set(Some(Held(number)));
                number
            });
            number.join().unwrap();
        }
    }
}
