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

/// A place, as it stands free. Its head stays that of the object it was.
#[repr(C, align(64))]
struct Place {
    /// The object's head, with a GIL.
    references: isize,
    _class: *mut ffi::PyTypeObject,
    next: *mut Place,
    _rest: [usize; 5],
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

/// Memory for one object: null if there is none.
pub enum Memory {
    /// That of an object that was: with its class, and one reference.
    Used(*mut Object),
    /// Anything is in it.
    Fresh(*mut Object),
}

/// Memory for one object.
///
/// # Safety
///
/// The thread is attached.
#[inline]
pub unsafe fn take() -> Memory {
    if cfg!(Py_GIL_DISABLED) {
        // SAFETY: the thread is attached.
        return Memory::Fresh(unsafe { ffi::PyObject_Malloc(size_of::<Object>()) }.cast());
    }
    // SAFETY: the GIL is held, and nothing below gives it away or comes back here.
    let places = unsafe { &mut *PLACES_OF_ALL.0.get() };
    let place = places.free;
    if place.is_null() {
        // SAFETY: the thread is attached.
        return Memory::Fresh(unsafe { places.take_fresh() });
    }
    // SAFETY: what is on the list is free, and says what comes next.
    places.free = unsafe { (*place).next };
    Memory::Used(place.cast())
}

/// Gives back the memory of an object without references.
///
/// # Safety
///
/// The thread is attached; it is what [`take`] gave, an object of a heap type
/// that was made in it, and nobody uses it any more.
#[inline]
pub unsafe fn give_back(object: *mut Object) {
    if !is_place(object) {
        // SAFETY: the memory is an object's.
        let class = unsafe { ffi::Py_TYPE(object.cast()) };
        // SAFETY: not one of the places, so the object allocator gave it.
        unsafe { ffi::PyObject_Free(object.cast()) };
        // SAFETY: an object of a heap type holds a reference to it.
        return unsafe { ffi::Py_DECREF(class.cast()) };
    }
    // SAFETY: the GIL is held, and nothing below gives it away or comes back here.
    let places = unsafe { &mut *PLACES_OF_ALL.0.get() };
    let place: *mut Place = object.cast();
    // SAFETY: one of the places, and free.
    unsafe { (*place).next = places.free };
    // SAFETY: as above.
    let references = unsafe { &raw mut (*place).references };
    // SAFETY: as above. The next object's one reference; its class is still held.
    unsafe { references.write(1) };
    places.free = place;
}

#[inline]
fn is_place(object: *mut Object) -> bool {
    if cfg!(Py_GIL_DISABLED) {
        return false;
    }
    // SAFETY: as in `take`.
    let start = unsafe { (*PLACES_OF_ALL.0.get()).start };
    object.addr().wrapping_sub(start.addr()) < PLACES * size_of::<Place>()
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
