//! Entries kept by the identity of their key object: for what a program asks
//! for again and again with the same `str`, as with literals, names, and keys
//! of its own tables.
//!
//! A way holds a key object and the Entry last returned for it. The key object
//! is held, so its address is its identity; core says whether the Entry's value
//! still is what the cache has and may be returned ([`edgecmp::Cache::renew`]),
//! and what its receipt is now. So nothing is hashed, searched or copied, the
//! `bytes` object stays the same as long as the entry does, and an Entry that
//! nobody else holds is used again.
//!
//! Bounded: at most [`MAX_BUCKETS`] times [`WAYS`] entries of at most
//! [`LARGEST`] bytes, and all together about an eighth of the cache's capacity.
//! Where a bucket is full, a key takes a place when it is asked for twice in a
//! row there, so that a scan throws nothing out.
//!
//! The GIL keeps it whole; free-threaded builds do without it.

use std::cell::UnsafeCell;
use std::fmt;
use std::ptr;

use pyo3::ffi;

use crate::cache::Core;
use crate::entry::object;

/// Keys in one bucket, which is a line of the processor's cache.
const WAYS: usize = 2;
const MAX_BUCKETS: usize = 4096;
/// Bytes of a value at the most.
const LARGEST: usize = 512;
/// Of capacity for each bucket: about eight times what it can hold.
const CAPACITY_PER_BUCKET: usize = 32 * 1024;

/// The entries kept for one cache.
pub struct Front {
    /// Empty until there is something to keep.
    buckets: UnsafeCell<Vec<Bucket>>,
    /// Turns the hash of a key into the index of its bucket.
    shift: u32,
}

/// Bytes that core has in front of the key of an entry, mostly.
const HEAD: usize = 48;

#[inline]
fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, for any address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Bucket {
    /// Owned, as the entries are; null where there is none.
    keys: [*mut ffi::PyObject; WAYS],
    entries: [*mut ffi::PyObject; WAYS],
    /// Where core has the entries: to begin to load both at once. Never followed.
    blocks: [*const u8; WAYS],
    /// The address of the key that was looked up last. Never followed.
    last: usize,
    /// The way that is given up next.
    next: usize,
}

const EMPTY: Bucket = Bucket {
    keys: [ptr::null_mut(); WAYS],
    entries: [ptr::null_mut(); WAYS],
    blocks: [ptr::null(); WAYS],
    last: 0,
    next: 0,
};

// SAFETY: everything here asks for an attached thread, and there is one at a
// time: where there is no GIL, `buckets` is never touched.
unsafe impl Send for Front {}
// SAFETY: as above.
unsafe impl Sync for Front {}

impl Front {
    /// For a cache of this capacity.
    pub fn new(capacity: usize) -> Self {
        let buckets = (capacity / CAPACITY_PER_BUCKET).clamp(2, MAX_BUCKETS);
        Self { buckets: UnsafeCell::new(Vec::new()), shift: u64::BITS - buckets.ilog2() }
    }

    /// A new reference to the Entry of a key that is kept and may be returned;
    /// null: look it up.
    ///
    /// # Safety
    ///
    /// The thread is attached, and `key` is an object.
    #[inline]
    pub unsafe fn find(&self, core: &Core, key: *mut ffi::PyObject) -> *mut ffi::PyObject {
        if cfg!(Py_GIL_DISABLED) {
            return ptr::null_mut();
        }
        // SAFETY: the GIL is held, and nothing below gives it away or comes back here.
        let buckets = unsafe { &mut *self.buckets.get() };
        let Some(bucket) = buckets.get_mut(self.index(key)) else { return ptr::null_mut() };
        let Some(way) = bucket.keys.iter().position(|&kept| kept == key) else { return ptr::null_mut() };
        prefetch(bucket.blocks[way]);
        prefetch(bucket.entries[way].cast::<u8>().wrapping_add(64));
        // SAFETY: the bucket owns an Entry there. The GIL is held, and no
        // borrow of an answer outlives the call that made it.
        let entry = unsafe { object::renewed(bucket.entries[way], |answer| core.renew(answer.value_mut())) };
        if entry.is_null() {
            // SAFETY: the thread is attached.
            unsafe { bucket.clear(way) };
        }
        entry
    }

    /// Keeps what was found for a key, if it seems worth it.
    ///
    /// # Safety
    ///
    /// The thread is attached, `key` is an object that can't change and is not
    /// kept, `entry` is an Entry of this cache.
    #[inline]
    pub unsafe fn keep(&self, key: *mut ffi::PyObject, entry: *mut ffi::PyObject) {
        if cfg!(Py_GIL_DISABLED) {
            return;
        }
        // SAFETY: the GIL is held, and nothing below gives it away or comes back here.
        let buckets = unsafe { &mut *self.buckets.get() };
        if buckets.is_empty() {
            buckets.resize(1 << (u64::BITS - self.shift), EMPTY);
        }
        let bucket = &mut buckets[self.index(key)];
        let vacant = bucket.keys.iter().position(|kept| kept.is_null());
        if vacant.is_none() && bucket.last != key.addr() {
            bucket.last = key.addr();
            return;
        }
        // SAFETY: an Entry.
        let answer = unsafe { object::answer_of(entry) };
        if answer.value().bytes().map_or(0, <[u8]>::len) > LARGEST {
            return;
        }
        let way = vacant.unwrap_or(bucket.next);
        bucket.next = (way + 1) % WAYS;
        // SAFETY: the thread is attached.
        unsafe { bucket.clear(way) };
        // The head of a block stands right before its key.
        bucket.blocks[way] = answer.value().key().as_ptr().wrapping_sub(HEAD);
        // SAFETY: an object.
        bucket.keys[way] = unsafe { ffi::Py_NewRef(key) };
        // SAFETY: an object.
        bucket.entries[way] = unsafe { ffi::Py_NewRef(entry) };
    }

    #[inline]
    fn index(&self, key: *mut ffi::PyObject) -> usize {
        // Fibonacci hashing: addresses are multiples of 16, and close together.
        ((key.addr() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }
}

impl Bucket {
    /// # Safety
    ///
    /// The thread is attached.
    #[cold]
    unsafe fn clear(&mut self, way: usize) {
        let key = std::mem::replace(&mut self.keys[way], ptr::null_mut());
        let entry = std::mem::replace(&mut self.entries[way], ptr::null_mut());
        // SAFETY: the bucket owned it, or it is null. A `str` or `bytes`: that
        // runs no code of Python.
        unsafe { ffi::Py_XDECREF(key) };
        // SAFETY: as above; an Entry.
        unsafe { ffi::Py_XDECREF(entry) };
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        for bucket in self.buckets.get_mut() {
            for way in 0..WAYS {
                // SAFETY: only a `Core` has one, and CPython frees it attached.
                unsafe { bucket.clear(way) };
            }
        }
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}
