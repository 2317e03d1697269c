//! The same two loads on huge pages: what page tables cost all others, which
//! malloc gives pages of 4 KiB where huge ones have to be asked for.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ops::{Deref, DerefMut};

use crate::subject::{Hits, Subject};
use bench_common::keys::{id_of, word};

const HUGE_PAGE: usize = 2 << 20;
/// Words of a block of 192 bytes.
const BLOCK: usize = 24;

pub struct TwoMissHuge {
    places: Huge,
    blocks: Huge,
}

impl Subject for TwoMissHuge {
    const NAME: &'static str = "two_miss_huge";
    const CRATE: &'static str = "";
    const READ: &'static str = "the first word of a block";
    const NOTE: &'static str = "as two_miss, on huge pages (madvise)";
    const WRITES: bool = false;

    fn filled(n: usize) -> Self {
        let mut filled = Self { places: Huge::zeroed(n), blocks: Huge::zeroed(n * BLOCK) };
        for id in 0..n {
            filled.places[id] = (id * BLOCK) as u64;
            filled.blocks[id * BLOCK] = word(id as u32);
        }
        filled
    }

    #[inline(always)]
    fn read(&self, key: &[u8], _hits: &Hits) -> u64 {
        self.blocks[self.places[id_of(key)] as usize]
    }
}

/// Words on huge pages, if the system has them.
struct Huge {
    words: *mut u64,
    len: usize,
}

// SAFETY: it owns its words as a box does.
unsafe impl Send for Huge {}
// SAFETY: shared, it only gives out shared references to words.
unsafe impl Sync for Huge {}

impl Huge {
    fn layout(len: usize) -> Layout {
        Layout::from_size_align(len * size_of::<u64>(), HUGE_PAGE).expect("it fits into memory")
    }

    fn zeroed(len: usize) -> Self {
        let layout = Self::layout(len);
        assert!(layout.size() > 0, "there is at least one key");
        // SAFETY: the size is not zero.
        let words = unsafe { alloc_zeroed(layout) };
        if words.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: the range was just allocated; the advice changes no contents.
        // A system without huge pages refuses it, and all goes on without.
        let _ = unsafe { libc::madvise(words.cast(), layout.size(), libc::MADV_HUGEPAGE) };
        Self { words: words.cast(), len }
    }
}

impl Deref for Huge {
    type Target = [u64];

    #[inline(always)]
    fn deref(&self) -> &[u64] {
        // SAFETY: allocated with this length, zeroed, and owned.
        unsafe { std::slice::from_raw_parts(self.words, self.len) }
    }
}

impl DerefMut for Huge {
    fn deref_mut(&mut self) -> &mut [u64] {
        // SAFETY: as in `deref`, and borrowed by nobody else.
        unsafe { std::slice::from_raw_parts_mut(self.words, self.len) }
    }
}

impl Drop for Huge {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.words.cast(), Self::layout(self.len)) };
    }
}
