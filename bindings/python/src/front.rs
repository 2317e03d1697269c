//! Entries kept by the identity of their key object: for what a program asks
//! for again and again with the same `str`, as with literals, names, and keys
//! of its own tables.
//!
//! A slot holds a key object and the Entry last returned for it. The key object
//! is held, so its address is its identity; core says whether the Entry's value
//! still is what the cache has and may be returned ([`edgecmp::Cache::moment`]),
//! and what its receipt is now. So nothing is hashed, searched or copied, the
//! `bytes` object stays the same as long as the entry does, and an Entry that
//! nobody else holds is used again. Two lines of memory are read: the slot, then,
//! while the clock is read, the Entry.
//!
//! Bounded: entries of at most [`LARGEST`] bytes, all together at most an eighth
//! of the cache's capacity, which core does not get. The table grows with what
//! is kept. A key is kept when the same object asks for the same entry again soon,
//! and somebody else holds it too: keys made for one call, and scans, leave no trace.
//!
//! The GIL keeps it whole; free-threaded builds do without it.

use std::cell::UnsafeCell;
use std::fmt;
use std::ptr;

use edgecmp::{Reader, Renewal, Value};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::cache::Core;
use crate::entry::object;
use crate::hints::{Hints, prefetch};
use crate::slots::{Place, Slot, Slots};

/// Twice as many keys are remembered as asked for once.
const RECENT: usize = 1024;
/// Bytes of a value at the most.
const LARGEST: usize = 1024;
/// What of the capacity may be kept.
const SHARE: usize = 8;
/// What of that is for where the others are.
const HINTS: usize = 8;
/// Of a cache with less capacity nothing is kept.
const SMALLEST: usize = 1 << 20;

/// The entries kept for one cache.
pub struct Front {
    kept: UnsafeCell<Kept>,
}

struct Kept {
    reader: Reader,
    slots: Slots,
    /// What was looked up last and not kept, as [`tag`]s; as many as sets, or more.
    recent: Vec<[u32; 2]>,
    /// What the slots take, and may take at the most.
    bytes: usize,
    budget: usize,
    hints: Hints,
}

// SAFETY: everything here asks for an attached thread, and there is one at a
// time: where there is no GIL, `kept` is never touched.
unsafe impl Send for Front {}
// SAFETY: as above.
unsafe impl Sync for Front {}

impl Front {
    /// What of a cache's capacity is for what is kept here: nothing of a small one.
    pub fn budget(capacity: usize) -> usize {
        if cfg!(Py_GIL_DISABLED) || capacity < SMALLEST { 0 } else { capacity / SHARE }
    }

    /// Keeps so many bytes at the most.
    pub fn new(budget: usize) -> Self {
        let kept = Kept {
            reader: Reader::new(),
            slots: Slots::new(),
            recent: vec![[0; 2]; RECENT],
            bytes: RECENT * size_of::<[u32; 2]>() + Slots::LEAST,
            budget: budget - budget / HINTS,
            hints: Hints::new(budget / HINTS),
        };
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
        // SAFETY: the GIL is held, and nothing below gives it away or comes back here.
        let kept = unsafe { &mut *self.kept.get() };
        let Some(place) = kept.slots.find(key) else {
            kept.hints.follow(key);
            return ptr::null_mut();
        };
        let slot = kept.slots.at(place);
        // The clock is read, which waits for what was loaded before, while this is on its way.
        prefetch(slot.entry);
        let entry = match core.moment(&mut kept.reader, &slot.renewal) {
            // SAFETY: the slot owns an Entry. The GIL is held, and no borrow of
            // an answer outlives the call that made it.
            Some(moment) => unsafe {
                object::renewed(slot.entry, |answer| {
                    crate::cache::renew(moment, answer.value_mut(), &mut slot.renewal)
                })
            },
            None => ptr::null_mut(),
        };
        if entry.is_null() {
            // SAFETY: the thread is attached.
            unsafe { kept.give_up(place) };
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

    /// Looks a key up by the front's reader.
    ///
    /// # Safety
    ///
    /// The thread is attached.
    #[inline]
    pub unsafe fn look_up(&self, core: &Core, key: &[u8]) -> edgecmp::Result<Option<Value>> {
        if cfg!(Py_GIL_DISABLED) {
            return core.plain_hit(None, key);
        }
        // SAFETY: the GIL is held, and nothing below gives it away or comes back here.
        let kept = unsafe { &mut *self.kept.get() };
        if !kept.reader.is_own() {
            // A forked child: what its parent has kept is not in its cache.
            // SAFETY: the thread is attached.
            unsafe { kept.clear() };
            kept.reader = Reader::new();
        }
        core.plain_hit(Some(&mut kept.reader), key)
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
    /// Entry that this cache has returned in this process.
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
    /// # Safety
    ///
    /// As for [`Front::keep`].
    unsafe fn keep(&mut self, key: *mut ffi::PyObject, entry: *mut ffi::PyObject) {
        // SAFETY: an Entry.
        let value = unsafe { object::answer_of(entry) }.value();
        self.hints.put(key, value);
        if self.slots.find(key).is_some() {
            return;
        }
        let tag = tag(key, value);
        let last = tag as usize % self.recent.len();
        if !asked_again(&mut self.recent[last], tag) {
            return;
        }
        let cost = cost(value);
        if value.bytes().is_some_and(|bytes| bytes.len() > LARGEST) || self.budget == 0 {
            return;
        }
        let fits = |kept: &Self| kept.bytes + cost <= kept.budget;
        if fits(self) {
            self.slots.make_room(key);
            if self.recent.len() < self.slots.sets() {
                self.recent = vec![[0; 2]; self.slots.sets()];
            }
        }
        if !fits(self) || self.slots.free_for(key).is_none() {
            // SAFETY: the thread is attached.
            unsafe { self.give_up(self.slots.victim(key)) };
        }
        let Some(place) = self.slots.free_for(key).filter(|_| fits(self)) else { return };
        self.bytes += cost;
        // SAFETY: an object.
        let key = unsafe { ffi::Py_NewRef(key) };
        // SAFETY: an object.
        let entry = unsafe { ffi::Py_NewRef(entry) };
        self.slots.put(place, Slot { key, entry, renewal: Renewal::NONE });
    }

    /// Frees a slot, if it is not free.
    ///
    /// # Safety
    ///
    /// The thread is attached.
    unsafe fn give_up(&mut self, place: Place) {
        let slot = self.slots.take(place);
        if !slot.key.is_null() {
            // SAFETY: the thread is attached, and the table has it no more.
            unsafe { self.free(slot) };
        }
    }

    /// # Safety
    ///
    /// The thread is attached; the slot was taken out of the table.
    unsafe fn free(&mut self, slot: Slot) {
        let Slot { key, entry, .. } = slot;
        // SAFETY: the slot owned an Entry.
        self.bytes -= cost(unsafe { object::answer_of(entry) }.value());
        // SAFETY: the slot owned it. A `str` or `bytes`: that runs no code of Python.
        unsafe { ffi::Py_DECREF(key) };
        // SAFETY: as above; an Entry.
        unsafe { ffi::Py_DECREF(entry) };
    }

    /// # Safety
    ///
    /// The thread is attached.
    #[cold]
    unsafe fn clear(&mut self) {
        for slot in self.slots.take_all() {
            // SAFETY: the thread is attached, and the table has it no more.
            unsafe { self.free(slot) };
        }
    }
}

/// Whether the tag is one of the last two. It is, from now on.
fn asked_again(recent: &mut [u32; 2], tag: u32) -> bool {
    let again = recent.contains(&tag);
    if !again {
        *recent = [tag, recent[0]];
    }
    again
}

/// Says of a key object and the entry found for it whether they are the same as
/// before: most likely, since addresses are used again.
fn tag(key: *mut ffi::PyObject, value: &Value) -> u32 {
    let (key, entry) = (key.addr() as u64, value.key().as_ptr().addr() as u64);
    ((key ^ entry.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

/// What a slot in use takes at the most, as if nobody else held any of it.
fn cost(value: &Value) -> usize {
    /// An Entry, and its share of a table as empty as it may be.
    const SLOT: usize = 64 + 3 * (size_of::<Slot>() + 2);
    /// The heads of a `str` and a `bytes` object and of core's entry with its
    /// words, and what allocators round up.
    const HEADS: usize = 240;
    let (key, value) = (value.key(), value.bytes().unwrap_or_default());
    // Up to four bytes a character beside the UTF-8 form.
    let text = if key.is_ascii() { key.len() } else { 5 * key.len() };
    SLOT + HEADS + text + key.len() + 2 * value.len()
}

impl Drop for Front {
    fn drop(&mut self) {
        // SAFETY: only a `Core` has one, and CPython frees it attached.
        unsafe { self.kept.get_mut().clear() };
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}
