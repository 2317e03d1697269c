//! The memory of Entries: places of one cache line each.
//!
//! An Entry is made at every hit, and one that is kept is changed at every hit
//! again: it should be one line of the processor's cache, and not two halves, as
//! the object allocator gives them out. So the first [`PLACES`] come from a block
//! of their own, of which nothing is touched before it is needed. What is given
//! back is used again first, while it is warm. Beyond that: the object allocator.
//!
//! The GIL keeps it whole; free-threaded builds do without it.

use std::alloc::{Layout, alloc};
use std::cell::UnsafeCell;
use std::ptr;

use pyo3::ffi;

use super::object::Object;

/// Four mebibytes, for all caches of the process.
const PLACES: usize = 65_536;

/// A place, as it stands free.
#[repr(C, align(64))]
struct Place {
    next: *mut Place,
    _rest: [u8; 64 - size_of::<*mut Place>()],
}

const _: () = assert!(size_of::<Place>() == 64 && size_of::<Object>() <= 64 && align_of::<Object>() <= 64);

struct Places {
    /// Given back, last in first out.
    free: *mut Place,
    /// The block; null before the first Entry.
    start: *mut Place,
    /// What of it was never given out: so many places from here on.
    fresh: *mut Place,
    left: usize,
}

struct Shared(UnsafeCell<Places>);

// SAFETY: only touched with the GIL held, never across anything that gives it away.
unsafe impl Sync for Shared {}

static PLACES_OF_ALL: Shared = Shared(UnsafeCell::new(Places {
    free: ptr::null_mut(),
    fresh: ptr::null_mut(),
    start: ptr::null_mut(),
    left: 0,
}));

/// Memory for one object; null if there is none.
///
/// # Safety
///
/// The thread is attached.
#[inline]
pub unsafe fn take() -> *mut Object {
    if cfg!(Py_GIL_DISABLED) {
        // SAFETY: the thread is attached.
        return unsafe { ffi::PyObject_Malloc(size_of::<Object>()) }.cast();
    }
    // SAFETY: the GIL is held, and nothing below gives it away or comes back here.
    let places = unsafe { &mut *PLACES_OF_ALL.0.get() };
    let place = places.free;
    if place.is_null() {
        // SAFETY: the thread is attached.
        return unsafe { places.take_fresh() };
    }
    // SAFETY: what is on the list is free, and says what comes next.
    places.free = unsafe { (*place).next };
    place.cast()
}

/// Gives memory back.
///
/// # Safety
///
/// The thread is attached; it is what [`take`] gave, and nobody uses it any more.
#[inline]
pub unsafe fn give_back(object: *mut Object) {
    if cfg!(Py_GIL_DISABLED) {
        // SAFETY: the object allocator gave it.
        return unsafe { ffi::PyObject_Free(object.cast()) };
    }
    // SAFETY: the GIL is held, and nothing below gives it away or comes back here.
    let places = unsafe { &mut *PLACES_OF_ALL.0.get() };
    if object.addr().wrapping_sub(places.start.addr()) >= PLACES * size_of::<Place>() {
        // SAFETY: not one of ours, so the object allocator gave it.
        return unsafe { ffi::PyObject_Free(object.cast()) };
    }
    let place: *mut Place = object.cast();
    // SAFETY: one of ours, and free.
    unsafe { (*place).next = places.free };
    places.free = place;
}

impl Places {
    /// # Safety
    ///
    /// The thread is attached.
    #[cold]
    unsafe fn take_fresh(&mut self) -> *mut Object {
        if self.start.is_null() {
            let layout = Layout::new::<[Place; PLACES]>();
            // SAFETY: not of size zero. Large enough for the allocator to map it:
            // pages that nobody touches are none.
            self.start = unsafe { alloc(layout) }.cast();
            self.fresh = self.start;
            self.left = if self.start.is_null() { 0 } else { PLACES };
        }
        if self.left == 0 {
            // SAFETY: the thread is attached.
            return unsafe { ffi::PyObject_Malloc(size_of::<Object>()) }.cast();
        }
        let place = self.fresh;
        self.fresh = place.wrapping_add(1);
        self.left -= 1;
        place.cast()
    }
}
