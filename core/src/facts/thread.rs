//! A small number for each living thread.
//!
//! What readers write (a pin, a count) goes to a cell that only their thread
//! writes: then it is a plain store, and no cache line is fought over. The
//! number says which cell. It is given to another thread when its thread ends.

use std::cell::Cell;
use std::marker::PhantomData;
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

/// The right to a number, for as long as it lives. Stays on its thread.
///
/// One word, the number and [`Hold::ALONE`]: a hit carries it along in a register.
#[derive(Debug)]
pub struct Hold(u64, PhantomData<*const ()>);

impl Hold {
    /// The thread's locals were gone: the number is this hold's alone.
    const ALONE: u64 = 1 << 32;

    /// The number of this thread, held.
    #[inline]
    pub fn take() -> Self {
        let held = match number() {
            Some(number) => number as u64,
            None => u64::from(take()) | Self::ALONE,
        };
        let hold = Self(held, PhantomData);
        hold.count(1);
        hold
    }

    /// The number.
    #[inline]
    pub fn number(&self) -> usize {
        self.0 as u32 as usize
    }

    #[inline]
    fn count(&self, by: u32) {
        let holds = &HOLDS[self.number()];
        holds.store(holds.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
    }
}

impl Drop for Hold {
    #[inline]
    fn drop(&mut self) {
        self.count(u32::MAX);
        if self.0 & Self::ALONE != 0 {
            give_back(self.0 as u32);
        }
    }
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
                        let held = Hold::take();
                        assert_eq!(number(), Some(held.number()));
                        barrier.wait();
                        held.number()
                    })
                })
                .collect();
            spawned.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let distinct: std::collections::HashSet<_> = numbers.iter().collect();
        assert_eq!(distinct.len(), 100);
        for _ in 0..1000 {
            std::thread::spawn(|| drop(Hold::take())).join().unwrap();
        }
        assert!(high_water() < 900, "numbers are used again: {}", high_water());
    }

    #[test]
    fn a_hold_that_outlives_the_threads_locals_keeps_its_number() {
        thread_local! {
            static LATE: Cell<Option<Hold>> = const { Cell::new(None) };
        }
        // Thread-locals are dropped in the order in which they were first used,
        // or in reverse: both must do.
        for late_first in [true, false] {
            let number = std::thread::spawn(move || {
                if late_first {
                    LATE.set(None);
                }
                let held = Hold::take();
                let number = held.number();
                LATE.set(Some(held));
                number
            });
            number.join().unwrap();
        }
    }
}
