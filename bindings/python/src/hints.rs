//! Where core had the entry of a key object last: for a prefetch, nothing else.
//!
//! A search waits for one line of memory after another: the key's characters, a
//! bucket of core's index, the entry. The last one is the slowest, and with a
//! hint it comes in while the others do. A hint that is old, or another key's,
//! costs a load for nothing: no object is held, and nothing is read by it.

use edgecmp::Value;
use pyo3::ffi;

/// Hints at first; each time as many were overwritten, twice as many.
const FIRST: usize = 1024;
/// What of an entry comes before its key: 48 bytes and few words.
const HEAD: usize = 48;
const LINE: usize = 64;
/// Entries begin at multiples of 16.
const UNIT: u32 = 4;

/// Not for free-threaded builds: it is changed by the thread that has the GIL.
pub struct Hints {
    /// Where an entry has its key: the lower bits of the address, in units.
    places: Vec<u32>,
    /// The bits above them, of the last that was put here.
    above: usize,
    /// Turns the hash of a key into its index.
    shift: u32,
    overwritten: usize,
    most: usize,
}

impl Hints {
    /// Takes so many bytes at the most.
    pub const fn new(bytes: usize) -> Self {
        Self {
            places: Vec::new(),
            above: 0,
            shift: u64::BITS - 1,
            overwritten: 0,
            most: bytes / size_of::<u32>(),
        }
    }

    /// Begins to load what a search for the key will read.
    #[inline]
    pub fn follow(&self, key: *mut ffi::PyObject) {
        let Some(place) = self.places.get(self.index(key)) else { return };
        // A `str` has its characters behind 48 bytes of its own, of which the
        // first line was read by who called.
        prefetch(key.wrapping_byte_add(LINE));
        let entry = self.above | (*place as usize) << UNIT;
        prefetch(std::ptr::without_provenance::<u8>(entry.wrapping_sub(HEAD)));
        prefetch(std::ptr::without_provenance::<u8>(entry.wrapping_sub(HEAD).wrapping_add(LINE)));
    }

    /// What a search has found.
    #[inline]
    pub fn put(&mut self, key: *mut ffi::PyObject, value: &Value) {
        let entry = value.key().as_ptr().addr();
        let place = (entry >> UNIT) as u32;
        let index = self.index(key);
        match self.places.get_mut(index) {
            // Not written again: its line stays clean.
            Some(known) if *known == place => {}
            Some(known) => {
                self.overwritten += usize::from(*known != 0);
                *known = place;
                self.above = entry & !((1 << (u32::BITS + UNIT)) - 1);
                if self.overwritten > self.places.len() {
                    self.grow();
                }
            }
            None => self.grow(),
        }
    }

    #[inline]
    fn index(&self, key: *mut ffi::PyObject) -> usize {
        // Fibonacci hashing: addresses are multiples of 16, and close together.
        ((key.addr() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    /// What is known is forgotten: it is soon known again.
    #[cold]
    fn grow(&mut self) {
        let size = FIRST.max(self.places.len() * 2);
        self.overwritten = 0;
        if size <= self.most {
            self.places = vec![0; size];
            self.shift = u64::BITS - size.ilog2();
        }
    }
}

/// Begins to load the line of an address; any address will do.
#[inline]
pub fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, for any address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
