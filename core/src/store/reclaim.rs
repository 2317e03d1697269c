//! When may what was taken out of the table be freed? Epoch-based reclamation
//! (Fraser, "Practical lock-freedom", 2004) in which readers do next to nothing.
//!
//! A reader *pins*: it writes the present epoch to a cell that only its thread
//! writes, reads, and clears the cell. A writer that has taken something out
//! tags it with the epoch then (*retires* it), and frees it once every pin that
//! is still there is of a later epoch.
//!
//! # Why nobody reads what was freed
//!
//! Let an object be unlinked at U and tagged t after U. A reader could hold it
//! only if it loaded the link before U. Call its pin p.
//!
//! - p > t: the epoch it read came after the tag was read, and the tag was read
//!   after U and a full fence: so its later load of the link sees the unlink.
//! - p <= t: its pin must be seen by whoever frees. The reader stores the pin,
//!   *then* loads the link; the writer unlinks, *then* looks at the pins. Each
//!   needs a full fence in between (the store-buffering pattern): either the
//!   reader sees the unlink, or the writer sees the pin and waits.
//!
//! The reader's fence is the costly one: it would be half the price of a pin.
//! `membarrier(2)` (Linux 4.14) takes it over: the writer's call makes all
//! running threads of the process execute a full fence, between *their* two
//! accesses, wherever they are. Where the kernel refuses, readers fence.
//!
//! # What it is not
//!
//! Readers never free, help, or wait. A reader that stays pinned holds back
//! what was retired since, in its own store only, and nobody else. In a forked
//! child the parent's threads' pins would stand for ever: there a cache opens a
//! new store.
//!
//! `models/` checks the protocol with loom, with the fences.

use std::marker::PhantomData;

use crossbeam::utils::CachePadded;
use once_cell::race::OnceBox;

use crate::facts::thread::{self, MAX_THREADS, Number, high_water};
use crate::sync::{AtomicU64, Ordering, fence};

#[cfg(not(edgecmp_loom))]
const CHUNK: usize = 64;
#[cfg(edgecmp_loom)]
const CHUNK: usize = MAX_THREADS;

/// So many tags are worth a look at the readers: it interrupts all processors for
/// some microseconds.
const LOOK_AFTER: u64 = if cfg!(edgecmp_loom) { 1 } else { 64 };

/// A pin cell: the epoch above, how many guards of the thread below.
const DEPTH_BITS: u32 = 16;
const DEPTH: u64 = (1 << DEPTH_BITS) - 1;

/// A thread's pin, and its number: a guard is one word.
#[derive(Debug)]
struct Cell {
    pin: AtomicU64,
    thread: usize,
}

type Cells = [CachePadded<Cell>; CHUNK];

/// Those of the threads from `first` on.
fn cells(first: usize) -> Cells {
    std::array::from_fn(|index| CachePadded::new(Cell { pin: AtomicU64::new(0), thread: first + index }))
}

/// The readers of one store.
pub struct Domain {
    epoch: CachePadded<AtomicU64>,
    /// See [`Domain::known_oldest`].
    known_oldest: CachePadded<AtomicU64>,
    /// Tags given since the last look.
    tags: CachePadded<AtomicU64>,
    /// Whether `membarrier` takes over the readers' fence.
    asymmetric: bool,
    first: Cells,
    /// Cells of threads with higher numbers, made when the first of them reads.
    more: Box<[OnceBox<Cells>]>,
}

impl std::fmt::Debug for Domain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Domain").field("asymmetric", &self.asymmetric).finish_non_exhaustive()
    }
}

/// As long as it lives, nothing that its thread finds in the store is freed.
/// Stays on its thread: it holds the thread's number, and the cell with it.
#[derive(Debug)]
pub struct Guard<'a> {
    cell: &'a Cell,
    not_send: PhantomData<*const ()>,
}

impl Guard<'_> {
    /// The number of the thread that it stays on.
    #[inline(always)]
    pub fn thread(&self) -> usize {
        self.cell.thread
    }
}

/// The thread has a guard already.
fn pin_again(cell: &Cell, pin: u64) {
    if pin & DEPTH == DEPTH {
        // There will be no guard to end the hold.
        thread::release(cell.thread);
        panic!("a thread holds at most {DEPTH} hits at once");
    }
    cell.pin.store(pin + 1, Ordering::Release);
}

impl Domain {
    /// No readers yet.
    pub fn new() -> Self {
        Self {
            epoch: CachePadded::new(AtomicU64::new(1)),
            known_oldest: CachePadded::new(AtomicU64::new(0)),
            tags: CachePadded::new(AtomicU64::new(0)),
            asymmetric: membarrier::register(),
            first: cells(0),
            more: (CHUNK..MAX_THREADS).step_by(CHUNK).map(|_| OnceBox::new()).collect(),
        }
    }

    #[inline(always)]
    fn cell(&self, thread: usize) -> &Cell {
        match self.first.get(thread) {
            Some(cell) => cell,
            None => self.later_cell(thread),
        }
    }

    #[cold]
    fn later_cell(&self, thread: usize) -> &Cell {
        let chunk = thread / CHUNK;
        &self.more[chunk - 1].get_or_init(|| Box::new(cells(chunk * CHUNK)))[thread % CHUNK]
    }

    /// Begins to read.
    ///
    /// # Panics
    /// If the thread holds 65,535 guards already.
    #[inline(always)]
    pub fn pin(&self) -> Guard<'_> {
        let cell = self.cell(thread::hold());
        let pin = cell.pin.load(Ordering::Relaxed);
        if pin & DEPTH == 0 {
            // Acquire: what was unlinked before this epoch began is seen as unlinked.
            let epoch = self.epoch.load(Ordering::Acquire);
            // Release: a writer that sees this pin, and not the end of the last,
            // knows all the same that what was read under the last is done.
            cell.pin.store(epoch << DEPTH_BITS | 1, Ordering::Release);
            self.fence_of_reader();
        } else {
            pin_again(cell, pin);
        }
        Guard { cell, not_send: PhantomData }
    }

    #[inline]
    fn fence_of_reader(&self) {
        if self.asymmetric {
            std::sync::atomic::compiler_fence(Ordering::SeqCst);
        } else {
            full_fence(Fence::Reader);
        }
    }

    /// The tag for what the caller has just unlinked.
    pub fn tag(&self) -> u64 {
        full_fence(Fence::Tag);
        self.tags.fetch_add(1, Ordering::Relaxed);
        self.epoch.load(Ordering::Relaxed)
    }

    /// Whether enough waits, in all shards together, to be worth a look at the readers.
    pub(super) fn is_look_due(&self) -> bool {
        self.tags.load(Ordering::Relaxed) >= LOOK_AFTER
    }

    /// What is tagged with less than this can be freed: so the last look at the
    /// readers said, whichever shard's it was. The argument above is the same:
    /// a tag below the epoch that the look began was read before it, and what is
    /// tagged with it was unlinked before that.
    pub(super) fn known_oldest(&self) -> u64 {
        // Acquire: what readers did with what they found comes before the free.
        self.known_oldest.load(Ordering::Acquire)
    }

    /// Looks at the readers: what is tagged with less than this can be freed.
    pub(super) fn oldest_pin(&self) -> u64 {
        // From now on readers pin with an epoch that holds nothing back.
        let begun = self.epoch.fetch_add(1, Ordering::AcqRel) + 1;
        self.tags.store(0, Ordering::Relaxed);
        if self.asymmetric {
            membarrier::run();
        } else {
            full_fence(Fence::OldestPin);
        }
        let mut oldest = begun;
        for thread in 0..high_water() {
            let cell = match self.first.get(thread) {
                Some(cell) => cell,
                None => match self.more[thread / CHUNK - 1].get() {
                    Some(chunk) => &chunk[thread % CHUNK],
                    // None of these threads has read here.
                    None => continue,
                },
            };
            // Acquire: what a reader did with what it found comes before the free.
            let pin = cell.pin.load(Ordering::Acquire);
            if pin & DEPTH > 0 {
                oldest = oldest.min(pin >> DEPTH_BITS);
            }
        }
        self.known_oldest.fetch_max(oldest, Ordering::AcqRel);
        oldest
    }
}

/// [`Guard`] of who has a number of its own: nothing to look for, and one at a time.
#[derive(Debug)]
pub struct OwnGuard<'a> {
    cell: &'a Cell,
}

impl Domain {
    /// [`Domain::pin`] under a number that no thread has. The guard borrows it:
    /// a second one begins when nothing of the first is in use any more.
    #[inline]
    pub fn pin_as<'a>(&'a self, number: &'a mut Number) -> OwnGuard<'a> {
        let cell = self.cell(number.get());
        // The orderings, and the fence: as in `pin`.
        cell.pin.store(self.epoch.load(Ordering::Acquire) << DEPTH_BITS | 1, Ordering::Release);
        self.fence_of_reader();
        OwnGuard { cell }
    }
}

impl Drop for OwnGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: all reads under the guard come before.
        self.cell.pin.store(0, Ordering::Release);
    }
}

impl Default for Domain {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Guard<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        let left = self.cell.pin.load(Ordering::Relaxed).wrapping_sub(1);
        // Release: all reads under the guard come before.
        self.cell.pin.store(if left & DEPTH == 0 { 0 } else { left }, Ordering::Release);
        thread::release(self.cell.thread);
    }
}

#[inline]
fn full_fence(_which: Fence) {
    #[cfg(edgecmp_loom)]
    if left_out::has(_which) {
        return;
    }
    fence(Ordering::SeqCst);
}

/// The fences of the protocol.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fence {
    /// After a pin, where `membarrier` does not take it over.
    Reader,
    /// Between unlinking and the tag.
    Tag,
    /// Between unlinking and the look at the pins, where `membarrier` is not
    /// there. That of the tag would do for it; it costs little to be plain.
    OldestPin,
}

#[cfg(edgecmp_loom)]
pub mod left_out {
    //! A fence is left out, to see a model fail.

    use std::cell::Cell;

    use super::Fence;

    thread_local! {
        // All threads of a model run on one real thread.
        static LEFT_OUT: Cell<&'static [Fence]> = const { Cell::new(&[]) };
    }

    pub(super) fn has(which: Fence) -> bool {
        LEFT_OUT.get().contains(&which)
    }

    /// Runs without these fences.
    pub fn without(which: &'static [Fence], run: impl FnOnce()) {
        LEFT_OUT.set(which);
        run();
    }
}

#[cfg(all(target_os = "linux", not(edgecmp_loom)))]
mod membarrier {
    //! `membarrier(2)`, private and expedited.

    const RUN: libc::c_int = 8;
    const REGISTER: libc::c_int = 16;

    fn call(command: libc::c_int) -> bool {
        // SAFETY: the call takes numbers only and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    /// Whether this process can use it from now on.
    pub(super) fn register() -> bool {
        call(REGISTER)
    }

    /// A full fence on every running thread of the process.
    pub(super) fn run() {
        // It can't fail once registered; if it did, freeing would be unsound.
        assert!(call(RUN), "membarrier failed after it was registered");
    }
}

#[cfg(not(all(target_os = "linux", not(edgecmp_loom))))]
mod membarrier {
    //! Not there: readers fence.

    pub(super) fn register() -> bool {
        false
    }

    pub(super) fn run() {
        unreachable!("not registered");
    }
}

#[cfg(all(test, not(edgecmp_loom)))]
mod tests {
    use std::sync::Arc;

    use super::super::limbo::Limbo;
    use super::*;

    fn collected<T>(limbo: &mut Limbo<T>, domain: &Domain) -> Vec<T> {
        let mut out = Vec::new();
        domain.oldest_pin();
        limbo.collect(domain, &mut out);
        out
    }

    fn limbo(domain: &Domain) -> (Limbo<Arc<()>>, Arc<()>) {
        let (mut limbo, what) = (Limbo::default(), Arc::new(()));
        limbo.retire(domain, Arc::clone(&what), 8);
        limbo.seal(domain);
        (limbo, what)
    }

    #[test]
    fn what_was_retired_under_a_guard_waits_for_it() {
        let domain = Domain::new();
        let guard = domain.pin();
        let inner = domain.pin();
        let (mut limbo, _what) = limbo(&domain);
        drop(guard);
        assert!(collected(&mut limbo, &domain).is_empty(), "the inner guard still stands");
        assert_eq!((limbo.len(), limbo.bytes()), (1, 8));
        let later = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    // A guard of a later epoch holds nothing back.
                    let _later = domain.pin();
                    drop(inner_ends(&domain));
                    true
                })
                .join()
                .unwrap()
        });
        assert!(later);
        drop(inner);
        assert_eq!(collected(&mut limbo, &domain).len(), 1);
        assert_eq!((limbo.len(), limbo.bytes()), (0, 0));
    }

    #[test]
    fn a_guard_too_many_holds_nothing() {
        // The thread's number must go back: there are 16,384 of them.
        let number = std::thread::spawn(|| {
            let domain = Domain::new();
            let guards: Vec<_> = (0..DEPTH).map(|_| domain.pin()).collect();
            let number = guards[0].thread();
            let once_more = std::panic::AssertUnwindSafe(|| drop(domain.pin()));
            assert!(std::panic::catch_unwind(once_more).is_err());
            drop(guards);
            (number, thread::holds(number))
        });
        let (number, holds) = number.join().unwrap();
        assert_eq!(holds, 0, "of {number}");
    }

    fn inner_ends(domain: &Domain) -> Guard<'_> {
        domain.pin()
    }

    #[test]
    fn a_guard_of_a_later_epoch_holds_nothing_back() {
        let domain = Domain::new();
        let (mut old, _what) = limbo(&domain);
        domain.oldest_pin();
        let _guard = domain.pin();
        assert_eq!(collected(&mut old, &domain).len(), 1);
    }

    #[test]
    fn threads_with_high_numbers_have_cells_too() {
        let domain = Domain::new();
        domain.cell(CHUNK * 3 + 1).pin.store(5 << DEPTH_BITS | 1, Ordering::Relaxed);
        assert_eq!(domain.cell(CHUNK * 3 + 1).pin.load(Ordering::Relaxed), 5 << DEPTH_BITS | 1);
        assert_eq!(domain.cell(MAX_THREADS - 1).pin.load(Ordering::Relaxed), 0);
    }
}
