//! Freed blocks that wait for the next entry of their size, whoever makes it.
//!
//! mimalloc's pages belong to threads. What one thread frees in another's page
//! is of use to that thread only, or to anybody from the moment on at which an
//! eighth of the page is free. Where several threads replace each other's entries
//! the account was off for that by 4 to 13%, on a busy machine up to 31: who had the
//! processor alone for some milliseconds made holes in the pages of the one that
//! waited, and took fresh pages for what it made itself. (Measured: 89 to 93% of
//! the pages in use, nearly all of them between seven eighths and full, after
//! all that was retired had been freed.) So blocks go from hand to hand here
//! first, as in the depot of Bonwick and Adams, "Magazines and Vmem" (2001): pages
//! stay as full as they were, and a block that was just freed is still in the
//! processor's cache.
//!
//! Nobody waits: a shelf that another thread is at is passed by.

use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use crossbeam::utils::CachePadded;

/// Four classes for each doubling, as mimalloc has them, from the first above 32 bytes.
const CLASSES: usize = 36;
/// Of each class, so that threads seldom meet.
const SHELVES: usize = 4;
/// So many bytes are kept on a shelf, give or take.
const SHELF: usize = 256 << 10;

#[derive(Debug)]
struct Shelf {
    /// How many there are, for a look without the lock.
    len: AtomicUsize,
    blocks: Mutex<Vec<AtomicPtr<u8>>>,
}

static DEPOT: [[CachePadded<Shelf>; CLASSES]; SHELVES] = [const {
    [const { CachePadded::new(Shelf { len: AtomicUsize::new(0), blocks: Mutex::new(Vec::new()) }) }; CLASSES]
}; SHELVES];

/// The class of a size of up to 16 KiB: its number, and how large its blocks are.
#[inline]
fn class_of(size: usize) -> (usize, usize) {
    let last = size.max(33) - 1;
    let doubling = last.ilog2() as usize;
    let quarter = last >> (doubling - 2) & 3;
    ((doubling - 5) * 4 + quarter, (last + 1).next_multiple_of((1 << (doubling - 2)).max(16)))
}

/// How large a block for `size` bytes is.
#[inline]
pub(super) fn block_size(size: usize) -> usize {
    class_of(size).1
}

/// The shelves of a class, this thread's first.
#[inline]
fn shelves(class: usize) -> impl Iterator<Item = &'static Shelf> {
    // Threads are told apart by their stacks: in a shared library a thread's own
    // storage is a call away.
    let on_stack = 0_u8;
    let first = (&raw const on_stack).addr() >> 21;
    (0..SHELVES).map(move |next| &*DEPOT[(first + next) % SHELVES][class])
}

/// A block for `size` bytes, if there is one.
#[inline]
pub(super) fn take(size: usize) -> Option<NonNull<u8>> {
    shelves(class_of(size).0).filter(|shelf| shelf.len.load(Ordering::Relaxed) > 0).find_map(|shelf| {
        let mut blocks = shelf.blocks.try_lock().ok()?;
        let block = blocks.pop();
        shelf.len.store(blocks.len(), Ordering::Relaxed);
        NonNull::new(block?.into_inner())
    })
}

/// Keeps a block of [`block_size`] of `size`; whether there was room for it.
#[inline]
pub(super) fn put(size: usize, block: NonNull<u8>) -> bool {
    let (class, block_size) = class_of(size);
    // Not divided: that would take as long as all the rest.
    let most = SHELF >> block_size.ilog2();
    shelves(class).any(|shelf| {
        let Ok(mut blocks) = shelf.blocks.try_lock() else { return false };
        if blocks.len() >= most {
            return false;
        }
        blocks.push(AtomicPtr::new(block.as_ptr()));
        shelf.len.store(blocks.len(), Ordering::Relaxed);
        true
    })
}

/// All blocks there are, but for those that somebody is at.
pub(super) fn empty() -> impl Iterator<Item = NonNull<u8>> {
    DEPOT
        .iter()
        .flatten()
        .filter_map(|shelf| {
            let mut blocks = shelf.blocks.try_lock().ok()?;
            shelf.len.store(0, Ordering::Relaxed);
            Some(std::mem::take(&mut *blocks))
        })
        .flatten()
        .filter_map(|block| NonNull::new(block.into_inner()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_mimallocs() {
        for size in 33..=super::super::own::LARGEST {
            let (class, block) = class_of(size);
            // SAFETY: arithmetic.
            assert_eq!(block, unsafe { libmimalloc_sys::mi_good_size(size) }, "{size}");
            assert!(class < CLASSES && block >= size);
            let (next, larger) = class_of(block + 1);
            assert!(class < next && block < larger, "{size}");
        }
    }

    #[test]
    fn one_class_is_one_size() {
        let mut sizes = [0; CLASSES];
        for size in 1..=super::super::own::LARGEST {
            let (class, block) = class_of(size);
            assert!(block >= size && (sizes[class] == 0 || sizes[class] == block), "{size}");
            sizes[class] = block;
        }
    }
}
