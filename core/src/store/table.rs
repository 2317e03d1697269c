//! The index of a shard: open addressing by buckets of one cache line.
//!
//! A slot is one word: the address of an entry, and above it 16 bits of the
//! key's hash, the *tag* (user space of the machines this runs on has 47 or 48
//! bits of address). Eight slots are a bucket. A reader loads its home bucket,
//! one line, and follows the slot whose tag is equal, one more; entries of
//! other keys are looked at once in 65,536 times. A bucket without an empty
//! slot has overflowed into the next.
//!
//! # Why a reader never returns a wrong entry
//!
//! Whatever slot it loads, it compares the key. Tag and address are one word:
//! there is no moment in which one is there without the other.
//!
//! # Why it never misses a key that was there all the time
//!
//! Within one table an entry never moves, and a bucket that was passed on the
//! way to it, being full, never has an empty slot again: a slot that is vacated
//! becomes empty only if its bucket has an empty slot already, which no walk
//! has ever passed; else it becomes *vacant*, over which walks go on. A reader
//! still in a replaced table may see an entry as it was then; `validated_at` is
//! part of the entry, so what the reader says of its staleness is true all the
//! same.
//!
//! Readers hold a [`super::reclaim::Guard`]; there is one writer at a time.

use std::ptr::{self, NonNull};

use super::prefetch::prefetch;
use crate::facts::entry::{Block, Entry, SharedEntry};
use crate::sync::{AtomicPtr, Ordering, fence};

/// Slots of a bucket.
pub const BUCKET: usize = if cfg!(edgecmp_loom) { 2 } else { 8 };

mod published;

pub use published::{OwnedTable, Published};

const TAG_SHIFT: u32 = 48;
const ADDRESS: usize = (1 << TAG_SHIFT) - 1;
const _: () = assert!(usize::BITS == 64, "tags live in the upper bits of a 64-bit address");

const EMPTY: usize = 0;
/// Was used, and may be used again.
const VACANT: usize = 1;
/// Was used, and is still known to the eviction policy by its number.
const RESERVED: usize = 2;

#[repr(align(64))]
pub(super) struct Bucket([AtomicPtr<Block>; BUCKET]);

/// One generation of a shard's index, as its readers and its writer have it.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    buckets: &'a [Bucket],
}

impl Bucket {
    /// A bit for each slot whose tag is this. Without a branch: which slot it
    /// is can't be predicted, and a guess would cost as much as the search.
    #[inline(always)]
    fn tagged(&self, tag: usize) -> u32 {
        let mut mask = 0;
        for (index, slot) in self.0.iter().enumerate() {
            let word = slot.load(Ordering::Relaxed);
            mask |= u32::from(word.addr() >> TAG_SHIFT == tag) << index;
        }
        mask
    }

    /// Whether no slot is empty: keys may have gone on to the next bucket.
    #[inline]
    fn is_passed(&self) -> bool {
        self.0.iter().all(|slot| slot.load(Ordering::Relaxed).addr() != EMPTY)
    }
}

impl std::fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("buckets", &self.buckets.len()).finish_non_exhaustive()
    }
}

/// Where a key is, or where it would go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this slot.
    Occupied(u32),
    /// Not there; this slot is the first free one on its way.
    Vacant {
        /// The slot.
        slot: u32,
        /// Whether the slot was never used since the table was made.
        fresh: bool,
    },
}

fn pack(hash: u64, block: NonNull<Block>) -> *mut Block {
    block.as_ptr().map_addr(|address| {
        // Checked, not assumed: a kernel or allocator that hands out more bits
        // must not make a reader follow half an address.
        assert!(address & !ADDRESS == 0 && address > RESERVED, "an address of more than 48 bits");
        address | tag(hash) << TAG_SHIFT
    })
}

fn unpack(word: *mut Block) -> Option<NonNull<Block>> {
    let block = word.map_addr(|address| address & ADDRESS);
    if block.addr() > RESERVED { NonNull::new(block) } else { None }
}

/// The lowest bits: the buckets take the highest, the shards those between.
#[inline]
fn tag(hash: u64) -> usize {
    hash as usize & 0xffff
}

/// Where an entry of this key has its value, or a few words before.
#[inline(always)]
pub fn value_offset(key: &[u8]) -> usize {
    size_of::<Block>() + key.len()
}

/// Whether two keys are equal: for keys of usual length faster than a call of `memcmp`.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    let word =
        |key: &[u8], at| key.get(at..at + 8).map(|w| u64::from_ne_bytes(w.try_into().expect("8 bytes")));
    if a.len() != b.len() {
        return false;
    }
    if !(8..=64).contains(&a.len()) {
        return a == b;
    }
    let last = a.len() - 8;
    (0..last).step_by(8).all(|at| word(a, at) == word(b, at)) && word(a, last) == word(b, last)
}

impl<'a> Table<'a> {
    /// Bytes of a bucket.
    pub const BUCKET_BYTES: usize = size_of::<Bucket>();

    /// Number of slots.
    pub fn slots(&self) -> usize {
        self.buckets.len() * BUCKET
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.buckets.len() * Self::BUCKET_BYTES
    }

    /// Lemire, "Fast random integer generation in an interval" (2019): any
    /// number of buckets will do, so that tables grow by less than doubling.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.buckets.len() as u128) >> 64) as usize
    }

    #[inline]
    fn next(&self, bucket: usize) -> usize {
        if bucket + 1 == self.buckets.len() { 0 } else { bucket + 1 }
    }

    fn slot(&self, slot: u32) -> &'a AtomicPtr<Block> {
        &self.buckets[slot as usize / BUCKET].0[slot as usize % BUCKET]
    }

    /// Begins to load the home bucket of a hash.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        prefetch(&raw const self.buckets[self.home(hash)]);
    }

    /// The block whose tag is equal in the home bucket, without a look at it:
    /// for a prefetch. May be another key's, or none.
    #[inline]
    pub fn likely(&self, hash: u64) -> *const Block {
        let bucket = &self.buckets[self.home(hash)];
        let slot = bucket.tagged(tag(hash)).trailing_zeros() as usize;
        bucket.0.get(slot).map_or(ptr::null(), |slot| {
            slot.load(Ordering::Relaxed).map_addr(|address| address & ADDRESS).cast_const()
        })
    }

    /// The entry of a key. Lock-free; at most as many buckets as there are.
    ///
    /// # Safety
    /// The caller holds a guard of the table's domain, since before it loaded
    /// the table, and uses the view only under it; or it is the writer.
    #[inline(always)]
    pub unsafe fn find(&self, hash: u64, key: &[u8]) -> Option<Entry> {
        let wanted = tag(hash);
        let mut index = self.home(hash);
        for _ in 0..self.buckets.len() {
            let bucket = &self.buckets[index];
            let mut tagged = bucket.tagged(wanted);
            while tagged != 0 {
                // Acquire, now that it counts: the entry was written before its address.
                let word = bucket.0[tagged.trailing_zeros() as usize].load(Ordering::Acquire);
                if let Some(block) = unpack(word) {
                    // The value begins on another line: not one miss after the other.
                    prefetch(block.as_ptr().wrapping_byte_add(value_offset(key)));
                    // SAFETY: it was in the table under the guard: not released before it ends.
                    let entry = unsafe { Entry::view(block) };
                    if same(entry.key(), key) {
                        return Some(entry);
                    }
                }
                tagged &= tagged - 1;
            }
            if !bucket.is_passed() {
                break;
            }
            index = self.next(index);
        }
        // Who finds that an entry has left also sees what was done to it before.
        fence(Ordering::Acquire);
        None
    }

    /// Where a key is, or would go. For the writer.
    pub fn place(&self, hash: u64, key: &[u8]) -> Place {
        let wanted = tag(hash);
        let mut bucket = self.home(hash);
        let mut vacant = None;
        for _ in 0..self.buckets.len() {
            let number = |index: usize| (bucket * BUCKET + index) as u32;
            let slots = &self.buckets[bucket];
            let mut tagged = slots.tagged(wanted);
            while tagged != 0 {
                let number = number(tagged.trailing_zeros() as usize);
                if self.holds(number, key) {
                    return Place::Occupied(number);
                }
                tagged &= tagged - 1;
            }
            let first =
                |state: usize| slots.0.iter().position(|slot| slot.load(Ordering::Relaxed).addr() == state);
            let vacated = || first(VACANT).map(|index| Place::Vacant { slot: number(index), fresh: false });
            vacant = vacant.or_else(vacated);
            if let Some(empty) = first(EMPTY) {
                return vacant.unwrap_or(Place::Vacant { slot: number(empty), fresh: true });
            }
            bucket = self.next(bucket);
        }
        vacant.expect("the writer replaces a table before it is full")
    }

    /// Whether the entry in a slot is this key's. For the writer.
    fn holds(&self, slot: u32, key: &[u8]) -> bool {
        // SAFETY: the view is not used further.
        unsafe { self.entry(slot) }.is_some_and(|entry| same(entry.key(), key))
    }

    /// The entry in a slot. For the writer.
    ///
    /// # Safety
    /// The view is used only until the writer takes the entry out, or another
    /// table in the place of this one, and drops what it gets.
    pub unsafe fn entry(&self, slot: u32) -> Option<Entry> {
        let block = unpack(self.slot(slot).load(Ordering::Acquire))?;
        // SAFETY: the table has a count of it.
        Some(unsafe { Entry::view(block) })
    }

    /// Publishes an entry; what was in the slot comes back. For the writer.
    pub fn put(&self, slot: u32, hash: u64, entry: SharedEntry) -> Option<SharedEntry> {
        let word = self.slot(slot).swap(pack(hash, entry.into_raw()), Ordering::AcqRel);
        // SAFETY: the table's count of what was there is handed on.
        unpack(word).map(|block| unsafe { SharedEntry::from_raw(block) })
    }

    /// Takes an entry out. `reserved`: its slot stays taken until
    /// [`Table::unreserve`]. The second part says whether the slot is as if it
    /// had never been used. For the writer.
    pub fn take(&self, slot: u32, reserved: bool) -> (Option<SharedEntry>, bool) {
        let left = if reserved { RESERVED } else { self.vacated(slot) };
        let word = self.slot(slot).swap(ptr::without_provenance_mut(left), Ordering::AcqRel);
        // SAFETY: the table's count of what was there is handed on.
        (unpack(word).map(|block| unsafe { SharedEntry::from_raw(block) }), left == EMPTY)
    }

    /// Frees a reserved slot; whether it is as if it had never been used.
    pub fn unreserve(&self, slot: u32) -> bool {
        debug_assert_eq!(self.slot(slot).load(Ordering::Relaxed).addr(), RESERVED);
        let left = self.vacated(slot);
        self.slot(slot).store(ptr::without_provenance_mut(left), Ordering::Release);
        left == EMPTY
    }

    fn vacated(&self, slot: u32) -> usize {
        if self.buckets[slot as usize / BUCKET].is_passed() { VACANT } else { EMPTY }
    }

    /// Shares all entries with a new table. `moved` is told where each went.
    /// For the writer.
    pub fn copy_to(&self, next: Table<'_>, hash: impl Fn(&[u8]) -> u64, mut moved: impl FnMut(u32, u32)) {
        const AHEAD: usize = 2;
        for index in 0..self.buckets.len() {
            if let Some(ahead) = self.buckets.get(index + AHEAD) {
                // Each entry is a miss: have them come in together.
                ahead.0.iter().for_each(|slot| {
                    prefetch(slot.load(Ordering::Relaxed).map_addr(|address| address & ADDRESS));
                });
            }
            for slot in 0..BUCKET {
                let from = (index * BUCKET + slot) as u32;
                // SAFETY: nothing is taken out meanwhile.
                let Some(entry) = (unsafe { self.entry(from) }) else { continue };
                let hash = hash(entry.key());
                let Place::Vacant { slot: to, .. } = next.vacancy(hash) else { continue };
                next.put(to, hash, entry.share());
                moved(from, to);
            }
        }
    }

    /// The first free slot for a key that is surely not there.
    fn vacancy(&self, hash: u64) -> Place {
        let mut bucket = self.home(hash);
        loop {
            for (index, slot) in self.buckets[bucket].0.iter().enumerate() {
                if slot.load(Ordering::Relaxed).addr() == EMPTY {
                    return Place::Vacant { slot: (bucket * BUCKET + index) as u32, fresh: true };
                }
            }
            bucket = self.next(bucket);
        }
    }
}

#[cfg(all(test, not(edgecmp_loom)))]
mod tests;
