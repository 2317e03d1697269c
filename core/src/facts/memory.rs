//! The memory of entries: from which allocator, and how much of it a block takes.
//!
//! Entries are made by one thread and freed by another all the time. glibc's
//! `malloc` takes the lock of the other's arena for that, and its pages are of
//! 4 KiB: at a million entries each read walks the page tables twice. mimalloc
//! (Leijen, Zorn, de Moura, "Mimalloc: Free List Sharding in Action", 2019) frees
//! without a lock and asks for huge pages. Measured at 10% writes by two
//! threads: 97 ns an operation against 125, p99.9 2.9 us against 11; at a million
//! entries a read takes 10% less.
//!
//! It is used for entries only, of up to 16 KiB: the host's own allocator stays as it is.
//! What is freed there goes to the next entry of its size first (`memory/depot.rs`).
//!
//! Large blocks come and go in the system's allocator, in sizes that seldom fit
//! into what was freed: the holes between them were 6% of the memory, and 30 where
//! two threads made them, in an arena each. So the pages of a block go back to the
//! kernel before it is freed, and holes are addresses only.
//!
//! # In a forked child
//!
//! mimalloc has no fork handlers: a lock that another thread of the parent held
//! would stay held for ever in the child. So a child takes its memory from the
//! system's allocator, which has them, and leaks what the parent had taken here
//! (its pages are shared with the parent, and none of its caches is dropped in
//! a child anyway). Nor does the thread that forked give its heap back when it ends
//! in the child: that takes such a lock.

use std::alloc::Layout;
use std::ptr::NonNull;

#[cfg(feature = "mimalloc")]
mod depot;

/// Whose memory a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Home {
    /// The program's global allocator's.
    System,
    /// mimalloc's, of the process that loaded the library.
    #[cfg(feature = "mimalloc")]
    Own,
}

/// From this size on the system's blocks leave no whole pages behind.
const WHOLE_PAGES: usize = 16 << 10;

fn page_size() -> usize {
    // SAFETY: a number in, a number out.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).expect("pages have a size")
}

/// Gives the whole pages of a block back to the kernel. The block stays what it
/// is, its bytes are lost. A hint: where it is refused (`mlock`) nothing changes.
///
/// # Safety
/// The `size` bytes are allocated, and nobody reads them any more.
#[cfg(target_os = "linux")]
unsafe fn give_pages_back(memory: NonNull<u8>, size: usize) {
    let page = page_size();
    let skipped = memory.addr().get().next_multiple_of(page) - memory.addr().get();
    // Rounded down: the kernel rounds up.
    let whole = size.saturating_sub(skipped) / page * page;
    if whole > 0 {
        let first = memory.as_ptr().wrapping_add(skipped).cast();
        // SAFETY: whole pages within the block, by contract nobody's.
        unsafe { libc::madvise(first, whole, libc::MADV_DONTNEED) };
    }
}

/// Gives back what is kept for entries to come: a store has ended.
pub fn tidy() {
    #[cfg(feature = "mimalloc")]
    own::tidy();
}

/// What glibc takes for a block of `size` bytes: a header of 8, multiples of 16.
/// Of a large block the whole pages: nobody else uses what is left of the first and
/// the last, but for the blocks that happen to be next to it.
pub fn allocated_by_system(size: usize) -> usize {
    match size {
        0 => 0,
        _ if size >= WHOLE_PAGES => (size + 16).next_multiple_of(page_size()),
        _ => (size + 8).next_multiple_of(16).max(32),
    }
}

impl Home {
    /// Bytes that a block of `size` bytes takes there.
    pub fn allocated(self, size: usize) -> usize {
        match self {
            Self::System => allocated_by_system(size),
            #[cfg(feature = "mimalloc")]
            Self::Own => own::allocated(size),
        }
    }
}

/// Fresh memory, aligned to 16 at the most, and whose it is; `None` if there is none.
///
/// # Safety
/// The size is not zero.
pub(super) unsafe fn allocate(layout: Layout) -> (Option<NonNull<u8>>, Home) {
    #[cfg(feature = "mimalloc")]
    if layout.size() <= own::LARGEST && own::is_of_this_process() {
        return (own::allocate(layout), Home::Own);
    }
    // SAFETY: the size is not zero, by contract.
    (NonNull::new(unsafe { std::alloc::alloc(layout) }), Home::System)
}

/// Gives memory back.
///
/// # Safety
/// It came from [`allocate`] with this layout and this home, and is not used again.
pub(super) unsafe fn free(memory: NonNull<u8>, layout: Layout, home: Home) {
    match home {
        Home::System => {
            #[cfg(target_os = "linux")]
            if layout.size() >= WHOLE_PAGES {
                // SAFETY: by contract.
                unsafe { give_pages_back(memory, layout.size()) };
            }
            // SAFETY: by contract.
            unsafe { std::alloc::dealloc(memory.as_ptr(), layout) }
        }
        #[cfg(feature = "mimalloc")]
        // SAFETY: by contract.
        Home::Own => unsafe { own::free(memory, layout) },
    }
}

#[cfg(feature = "mimalloc")]
mod own {
    use std::alloc::Layout;
    use std::ffi::c_void;
    use std::ptr::{self, NonNull};
    use std::sync::Once;
    use std::sync::atomic::{AtomicU32, Ordering};

    use libmimalloc_sys::{mi_free, mi_malloc};

    use super::depot;
    use crate::facts::fork;

    /// Larger blocks are the system's: they gain nothing here, and holes between
    /// blocks of 100 KB took up to a quarter of the memory, beside 12% in glibc.
    pub(super) const LARGEST: usize = 16 << 10;
    /// Beside a page's blocks there are its head and its end: one part in so many.
    const REST: usize = 64;
    const NOBODY: u32 = u32::MAX;

    /// The fork generation that took memory first: the only one that does.
    static OWNER: AtomicU32 = AtomicU32::new(NOBODY);

    #[inline]
    pub(super) fn is_of_this_process() -> bool {
        let (owner, generation) = (OWNER.load(Ordering::Relaxed), fork::generation());
        owner == generation || (owner == NOBODY && claim(generation))
    }

    unsafe extern "C" {
        /// mimalloc's own (`prim.h`): sets what is given back when this thread ends.
        fn _mi_prim_thread_associate_default_theap(heap: *mut c_void);
    }

    /// The thread that forks ends without mimalloc in the child.
    fn leave_in_child() {
        extern "C" fn in_child() {
            // SAFETY: null: nothing is given back. `pthread_setspecific` takes no lock.
            unsafe { _mi_prim_thread_associate_default_theap(ptr::null_mut()) };
        }
        static REGISTER: Once = Once::new();
        REGISTER.call_once(|| fork::in_child(in_child));
    }

    #[cold]
    fn claim(generation: u32) -> bool {
        // Without the handlers a fork would go unseen.
        fork::watch();
        leave_in_child();
        match OWNER.compare_exchange(NOBODY, generation, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => true,
            Err(owner) => owner == generation,
        }
    }

    pub(super) fn allocated(size: usize) -> usize {
        let block = depot::block_size(size);
        block + block / REST
    }

    pub(super) fn allocate(layout: Layout) -> Option<NonNull<u8>> {
        debug_assert!(layout.align() <= 16, "all its memory is aligned to 16");
        depot::take(layout.size()).or_else(|| {
            // SAFETY: any size will do.
            let memory = unsafe { mi_malloc(depot::block_size(layout.size())) };
            NonNull::new(memory.cast())
        })
    }

    /// # Safety
    /// It came from [`allocate`] with this layout and is not used again.
    pub(super) unsafe fn free(memory: NonNull<u8>, layout: Layout) {
        if is_of_this_process() && !depot::put(layout.size(), memory) {
            // SAFETY: by contract.
            unsafe { mi_free(memory.as_ptr().cast()) };
        }
    }

    pub(super) fn tidy() {
        // A look only: a process that has taken none has nothing to give back.
        if OWNER.load(Ordering::Relaxed) == fork::generation() {
            for memory in depot::empty() {
                // SAFETY: what is kept there was freed by who had it, and is nobody's.
                unsafe { mi_free(memory.as_ptr().cast()) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_takes_a_header_and_multiples_of_16() {
        assert_eq!([0, 1, 24, 25, 100].map(allocated_by_system), [0, 32, 32, 48, 112]);
        assert_eq!(allocated_by_system(128 << 10), (128 << 10) + page_size());
    }

    #[cfg(feature = "mimalloc")]
    #[test]
    fn a_block_takes_no_less_than_it_is_large() {
        // No entry is less than its header.
        for size in [48, 49, 180, 1000, 10_000] {
            let taken = Home::Own.allocated(size);
            assert!(taken >= size && taken <= size + size / 5 + 16, "{size} takes {taken}");
        }
    }
}
