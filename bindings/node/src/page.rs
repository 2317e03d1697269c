//! Pages: JavaScript's memory into which answers are written, once.
//!
//! Making an object or a `Buffer` through Node-API costs several hundred
//! nanoseconds, several times a lookup. So an answer, receipt and value, is
//! copied into a *row* of the present page, and what JavaScript gets is a
//! number: where. `lib/pages.js` makes of it an entry that reads its row when it
//! is asked (`lib/entry.js` mirrors the layout). No row is ever written again. A
//! full page is left to its entries, and collected with them.
//!
//! No page gets into a caller's hands, so that none is ever detached.

use std::ptr;
use std::time::Duration;

use edgecmp::{Proof, Receipt, Source};
use napi::bindgen_prelude::Uint8Array;

const WORD: usize = 8;

/// A row: these words, then the value.
mod word {
    /// The value's length or `ABSENT`, and the [`super::flag`]s.
    pub(super) const SHAPE: usize = 0;
    pub(super) const STALENESS: usize = 1;
    pub(super) const BOUND_MS: usize = 2;
    pub(super) const LAST_MODIFIED_AT: usize = 3;
    pub(super) const VERSION_LOW: usize = 4;
    pub(super) const VERSION_HIGH: usize = 5;
    pub(super) const COUNT: usize = 6;
}

/// In place of a length: the origin has no such key.
const ABSENT: u32 = u32::MAX;

mod flag {
    pub(super) const FROM_ORIGIN: u32 = 1;
    pub(super) const DEGRADED: u32 = 2;
    /// Above: the proof.
    pub(super) const PROOF_SHIFT: u32 = 2;
}

/// Larger values are not put into a page but into a `Buffer` of their own.
pub(crate) const LARGEST: usize = 4 * 1024;

/// The page that is being written.
pub(crate) struct Page {
    /// Keeps the memory.
    _memory: Option<Uint8Array>,
    base: *mut u64,
    words: usize,
    next: usize,
}

impl Page {
    /// No page yet: full.
    pub(crate) const NONE: Self = Self { _memory: None, base: ptr::null_mut(), words: 0, next: 0 };

    /// An empty page; `None` if the memory is not aligned.
    pub(crate) fn new(mut memory: Uint8Array) -> Option<Self> {
        // SAFETY: only its address and length are taken.
        let bytes = unsafe { memory.as_mut() };
        let (base, words) = (bytes.as_mut_ptr().cast::<u64>(), bytes.len() / WORD);
        base.is_aligned().then_some(Self { _memory: Some(memory), base, words, next: 0 })
    }

    /// Bytes of the whole page: so many a row keeps of it alone.
    pub(crate) fn size(&self) -> usize {
        self.words * WORD
    }

    /// Bytes that a row with such a value takes.
    pub(crate) fn row_size(value: Option<&[u8]>) -> usize {
        let length = value.map_or(0, <[u8]>::len);
        (word::COUNT + if length > LARGEST { 0 } else { length.div_ceil(WORD) }) * WORD
    }

    /// Writes a row; the word at which it begins, or `None` if there is no room.
    /// A value larger than [`LARGEST`] is left out, not so its length.
    pub(crate) fn write(&mut self, value: Option<&[u8]>, receipt: &Receipt) -> Option<i64> {
        let bytes = value.filter(|value| value.len() <= LARGEST).unwrap_or_default();
        let at = self.next;
        let end = at + word::COUNT + bytes.len().div_ceil(WORD);
        if end > self.words {
            return None;
        }
        self.next = end;
        let (high, low) = receipt.version.halves();
        let shape = u64::from(value.map_or(ABSENT, |value| value.len() as u32));
        let mut row = [0; word::COUNT];
        row[word::SHAPE] = shape | u64::from(flags(receipt)) << u32::BITS;
        row[word::STALENESS] = micros(receipt.staleness).to_bits();
        row[word::BOUND_MS] = millis(receipt.bound).to_bits();
        row[word::LAST_MODIFIED_AT] = receipt.last_modified_at.map_or(f64::NAN, |at| at as f64).to_bits();
        row[word::VERSION_LOW] = low;
        row[word::VERSION_HIGH] = high;
        // SAFETY: `at` is below `words`.
        let to = unsafe { self.base.add(at) };
        // SAFETY: the row ends by `words`; the page is alive, and the row was
        // not handed out, so that nothing refers to it.
        unsafe { ptr::copy_nonoverlapping(row.as_ptr(), to, word::COUNT) };
        // SAFETY: as above.
        let to = unsafe { to.add(word::COUNT) }.cast::<u8>();
        // SAFETY: as above; the value is core's memory.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        i64::try_from(at).ok()
    }
}

fn flags(receipt: &Receipt) -> u32 {
    let proof = match receipt.proof {
        Proof::None => 0,
        Proof::Pull => 1,
        Proof::Stream => 2,
    };
    let origin = if receipt.source == Source::Origin { flag::FROM_ORIGIN } else { 0 };
    let degraded = if receipt.degraded { flag::DEGRADED } else { 0 };
    origin | degraded | proof << flag::PROOF_SHIFT
}

fn millis(duration: Duration) -> f64 {
    duration.as_nanos() as u64 as f64 / 1e6
}

/// A staleness as it is handed over: rounded up, so that it stays an upper bound; an
/// integer, of which JavaScript need not make an object.
#[inline(always)]
pub(crate) fn micros(duration: Duration) -> f64 {
    whole_micros(duration) as f64
}

/// The same for who asks by [`crate::arena::Arena::again`]. Half an hour fits.
#[inline(always)]
pub(crate) fn small_micros(duration: Duration) -> Option<i32> {
    i32::try_from(whole_micros(duration)).ok()
}

#[inline(always)]
fn whole_micros(duration: Duration) -> u64 {
    // Core counts nanoseconds in 64 bits.
    (duration.as_nanos() as u64).div_ceil(1_000)
}
