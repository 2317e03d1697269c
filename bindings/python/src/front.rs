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
//! Bounded: entries of at most [`LARGEST`] bytes, all together at most an eighth
//! of the cache's capacity, which they take beside it. The table grows with what
//! is kept. A key is kept when the same object asks for the same entry again soon,
//! and somebody else holds it too: keys made for one call, and scans, leave no trace.
//!
//! The GIL keeps it whole; free-threaded builds do without it.

use std::cell::UnsafeCell;
use std::fmt;
use std::ptr;

use edgecmp::Value;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::cache::Core;
use crate::entry::object;

/// Keys in one bucket, which is a line of the processor's cache.
const WAYS: usize = 2;
const FIRST_BUCKETS: usize = 64;
/// Bytes of a value at the most.
const LARGEST: usize = 1024;
/// What of the capacity may be kept.
const SHARE: usize = 8;
/// Bytes that a way takes beside key and value: bucket, Entry, the heads of two
/// `bytes` and one `str` object, that of core's entry, and what allocators round up.
const OVERHEAD: usize = 320;

/// The entries kept for one cache.
pub struct Front {
    kept: UnsafeCell<Kept>,
}

struct Kept {
    /// A power of two of them; none until there is something to keep.
    buckets: Vec<Bucket>,
    /// Turns the hash of a key into the index of its bucket.
    shift: u32,
    /// Ways that are taken.
    ways: usize,
    /// What they take, and may take at the most.
    bytes: usize,
    budget: usize,
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
    /// What was looked up last, see [`tag`].
    last: [u32; 2],
    /// The way that is given up next.
    next: usize,
}

const EMPTY: Bucket = Bucket {
    keys: [ptr::null_mut(); WAYS],
    entries: [ptr::null_mut(); WAYS],
    blocks: [ptr::null(); WAYS],
    last: [0; 2],
    next: 0,
};

// SAFETY: everything here asks for an attached thread, and there is one at a
// time: where there is no GIL, `kept` is never touched.
unsafe impl Send for Front {}
// SAFETY: as above.
unsafe impl Sync for Front {}

impl Front {
    /// For a cache of this capacity.
    pub fn new(capacity: usize) -> Self {
        let kept =
            Kept { buckets: Vec::new(), shift: u64::BITS - 1, ways: 0, bytes: 0, budget: capacity / SHARE };
        Self { kept: UnsafeCell::new(kept) }
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
        // Should it not be here, its text is what comes next.
        prefetch(key.cast());
        prefetch(key.cast::<u8>().wrapping_add(64));
        // SAFETY: the GIL is held, and nothing below gives it away or comes back here.
        let kept = unsafe { &mut *self.kept.get() };
        let index = kept.index(key);
        let Some(bucket) = kept.buckets.get_mut(index) else { return ptr::null_mut() };
        let Some(way) = bucket.keys.iter().position(|&kept| kept == key) else { return ptr::null_mut() };
        prefetch(bucket.blocks[way]);
        // SAFETY: the bucket owns an Entry there. The GIL is held, and no
        // borrow of an answer outlives the call that made it.
        let entry = unsafe { object::renewed(bucket.entries[way], |answer| core.renew(answer.value_mut())) };
        if entry.is_null() {
            // SAFETY: the thread is attached.
            unsafe { kept.give_up(index, way) };
        }
        entry
    }

    /// The Entry of a key that is kept and may be returned.
    pub fn found<'py>(&self, core: &Core, key: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        // SAFETY: the thread is attached, as the key shows.
        let entry = unsafe { self.find(core, key.as_ptr()) };
        // SAFETY: a new reference, or null without an exception.
        unsafe { Bound::from_owned_ptr_or_opt(key.py(), entry) }
    }

    /// Keeps an answer of the cache for its key, if it seems worth it.
    pub fn offer(&self, key: &Bound<'_, PyAny>, entry: &Bound<'_, PyAny>) {
        let fixed = key.is_exact_instance_of::<PyString>() || key.is_exact_instance_of::<PyBytes>();
        if fixed && object::is_entry(entry) {
            // SAFETY: the thread is attached; the types were checked just now.
            unsafe { self.keep(key.as_ptr(), entry.as_ptr()) };
        }
    }

    /// Keeps what was found for a key, if it seems worth it.
    ///
    /// # Safety
    ///
    /// The thread is attached, `key` is an object that can't change, `entry` is an
    /// Entry of this cache.
    #[inline]
    pub unsafe fn keep(&self, key: *mut ffi::PyObject, entry: *mut ffi::PyObject) {
        if cfg!(Py_GIL_DISABLED) {
            return;
        }
        // SAFETY: the GIL is held, and nothing below gives it away or comes back here.
        let kept = unsafe { &mut *self.kept.get() };
        // SAFETY: as the caller promises.
        unsafe { kept.keep(key, entry) };
    }
}

impl Kept {
    #[inline]
    fn index(&self, key: *mut ffi::PyObject) -> usize {
        // Fibonacci hashing: addresses are multiples of 16, and close together.
        ((key.addr() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    /// # Safety
    ///
    /// As for [`Front::keep`].
    unsafe fn keep(&mut self, key: *mut ffi::PyObject, entry: *mut ffi::PyObject) {
        if self.buckets.is_empty() {
            self.resize(FIRST_BUCKETS);
        }
        let mut index = self.index(key);
        if self.buckets[index].keys.contains(&key) {
            return;
        }
        // SAFETY: an Entry.
        let value = unsafe { object::answer_of(entry) }.value();
        // SAFETY: an object.
        if unsafe { ffi::Py_REFCNT(key) } == 1 || !self.buckets[index].asked_again(tag(key, value)) {
            return;
        }
        if self.buckets[index].vacant().is_none() && self.ways * 4 > self.buckets.len() * WAYS {
            self.resize(self.buckets.len() * 2);
            index = self.index(key);
        }
        let vacant = self.buckets[index].vacant();
        let way = vacant.unwrap_or(self.buckets[index].next);
        // SAFETY: the thread is attached.
        unsafe { self.give_up(index, way) };
        let cost = cost(value);
        if value.bytes().is_some_and(|bytes| bytes.len() > LARGEST) || self.bytes + cost > self.budget {
            return;
        }
        self.ways += 1;
        self.bytes += cost;
        let bucket = &mut self.buckets[index];
        bucket.next = (way + 1) % WAYS;
        // The head of a block stands right before its key.
        bucket.blocks[way] = value.key().as_ptr().wrapping_sub(HEAD);
        // SAFETY: an object.
        bucket.keys[way] = unsafe { ffi::Py_NewRef(key) };
        // SAFETY: an object.
        bucket.entries[way] = unsafe { ffi::Py_NewRef(entry) };
    }

    /// Empties a way, if it is not empty.
    ///
    /// # Safety
    ///
    /// The thread is attached.
    unsafe fn give_up(&mut self, index: usize, way: usize) {
        let bucket = &mut self.buckets[index];
        let key = std::mem::replace(&mut bucket.keys[way], ptr::null_mut());
        let entry = std::mem::replace(&mut bucket.entries[way], ptr::null_mut());
        if key.is_null() {
            return;
        }
        self.ways -= 1;
        // SAFETY: the bucket owned an Entry.
        self.bytes -= cost(unsafe { object::answer_of(entry) }.value());
        // SAFETY: the bucket owned it. A `str` or `bytes`: that runs no code of Python.
        unsafe { ffi::Py_DECREF(key) };
        // SAFETY: as above; an Entry.
        unsafe { ffi::Py_DECREF(entry) };
    }

    /// Moves what is kept to a table of so many buckets, a power of two. A
    /// larger table has room for all of a smaller one.
    #[cold]
    fn resize(&mut self, buckets: usize) {
        let old = std::mem::replace(&mut self.buckets, vec![EMPTY; buckets]);
        self.shift = u64::BITS - buckets.ilog2();
        for bucket in &old {
            for way in (0..WAYS).filter(|&way| !bucket.keys[way].is_null()) {
                let index = self.index(bucket.keys[way]);
                let new = &mut self.buckets[index];
                let vacant = new.vacant().expect("a bucket's keys go to two, and to no other's");
                new.keys[vacant] = bucket.keys[way];
                new.entries[vacant] = bucket.entries[way];
                new.blocks[vacant] = bucket.blocks[way];
            }
        }
    }
}

impl Bucket {
    /// Whether the tag is one of the last two. It is, from now on.
    fn asked_again(&mut self, tag: u32) -> bool {
        let again = self.last.contains(&tag);
        if !again {
            self.last = [tag, self.last[0]];
        }
        again
    }

    fn vacant(&self) -> Option<usize> {
        self.keys.iter().position(|key| key.is_null())
    }
}

/// Says of a key object and the entry found for it whether they are the same as
/// before: most likely, since addresses are used again.
fn tag(key: *mut ffi::PyObject, value: &Value) -> u32 {
    let (key, entry) = (key.addr() as u64, value.key().as_ptr().addr() as u64);
    ((key ^ entry.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

fn cost(value: &Value) -> usize {
    OVERHEAD + 2 * value.key().len() + 2 * value.bytes().map_or(0, <[u8]>::len)
}

impl Drop for Front {
    fn drop(&mut self) {
        let kept = self.kept.get_mut();
        for index in 0..kept.buckets.len() {
            for way in 0..WAYS {
                // SAFETY: only a `Core` has one, and CPython frees it attached.
                unsafe { kept.give_up(index, way) };
            }
        }
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}
