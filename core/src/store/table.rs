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
use crate::sync::{AtomicPtr, Ordering};

/// Slots of a bucket.
pub const BUCKET: usize = 8;

const TAG_SHIFT: u32 = 48;
const ADDRESS: usize = (1 << TAG_SHIFT) - 1;
const _: () = assert!(usize::BITS == 64, "tags live in the upper bits of a 64-bit address");

const EMPTY: usize = 0;
/// Was used, and may be used again.
const VACANT: usize = 1;
/// Was used, and is still known to the eviction policy by its number.
const RESERVED: usize = 2;

#[repr(align(64))]
struct Bucket([AtomicPtr<Block>; BUCKET]);

/// One generation of a shard's index. Owns a count of each entry in it.
pub struct Table {
    buckets: Box<[Bucket]>,
}

impl std::fmt::Debug for Table {
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

impl Table {
    /// Bytes of a bucket.
    pub const BUCKET_BYTES: usize = size_of::<Bucket>();

    /// An empty table of at least one bucket.
    pub fn new(buckets: usize) -> Self {
        let bucket = || Bucket(std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())));
        Self { buckets: (0..buckets.max(1)).map(|_| bucket()).collect() }
    }

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

    fn slot(&self, slot: u32) -> &AtomicPtr<Block> {
        &self.buckets[slot as usize / BUCKET].0[slot as usize % BUCKET]
    }

    /// Begins to load the home bucket of a hash.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        prefetch(&raw const self.buckets[self.home(hash)]);
    }

    /// The block whose tag is equal in the home bucket, without a look at it:
    /// for a prefetch. May be another key's.
    #[inline]
    pub fn likely(&self, hash: u64) -> *const Block {
        let wanted = tag(hash);
        let bucket = &self.buckets[self.home(hash)];
        for slot in &bucket.0 {
            let word = slot.load(Ordering::Relaxed);
            if word.addr() >> TAG_SHIFT == wanted {
                return word.map_addr(|address| address & ADDRESS);
            }
        }
        ptr::null()
    }

    /// The entry of a key. Lock-free; at most as many buckets as there are.
    ///
    /// # Safety
    /// The caller holds a guard of the table's domain, since before it loaded
    /// the table, and uses the view only under it; or it is the writer.
    #[inline]
    pub unsafe fn find(&self, hash: u64, key: &[u8]) -> Option<Entry> {
        let wanted = tag(hash);
        let mut bucket = self.home(hash);
        for _ in 0..self.buckets.len() {
            let mut overflowed = true;
            for slot in &self.buckets[bucket].0 {
                let word = slot.load(Ordering::Acquire);
                if word.addr() >> TAG_SHIFT == wanted
                    && let Some(block) = unpack(word)
                {
                    // SAFETY: it was in the table under the guard: not released before it ends.
                    let entry = unsafe { Entry::view(block) };
                    if entry.key() == key {
                        return Some(entry);
                    }
                }
                overflowed &= word.addr() != EMPTY;
            }
            if !overflowed {
                return None;
            }
            bucket = self.next(bucket);
        }
        None
    }

    /// Where a key is, or would go. For the writer.
    pub fn place(&self, hash: u64, key: &[u8]) -> Place {
        let wanted = tag(hash);
        let mut bucket = self.home(hash);
        let mut vacant = None;
        for _ in 0..self.buckets.len() {
            let mut empty = None;
            for (index, slot) in self.buckets[bucket].0.iter().enumerate() {
                let number = (bucket * BUCKET + index) as u32;
                let word = slot.load(Ordering::Relaxed);
                match word.addr() {
                    EMPTY => empty = empty.or(Some(Place::Vacant { slot: number, fresh: true })),
                    VACANT => vacant = vacant.or(Some(Place::Vacant { slot: number, fresh: false })),
                    address if address >> TAG_SHIFT == wanted => {
                        // SAFETY: not used further.
                        if unsafe { self.entry(number) }.is_some_and(|entry| entry.key() == key) {
                            return Place::Occupied(number);
                        }
                    }
                    _ => {}
                }
            }
            if let Some(empty) = empty {
                return vacant.unwrap_or(empty);
            }
            bucket = self.next(bucket);
        }
        vacant.expect("the writer replaces a table before it is full")
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
        let bucket = &self.buckets[slot as usize / BUCKET];
        let passed = bucket.0.iter().all(|slot| slot.load(Ordering::Relaxed).addr() != EMPTY);
        if passed { VACANT } else { EMPTY }
    }

    /// Shares all entries with a new table. `moved` is told where each went.
    /// For the writer.
    pub fn copy_to(&self, next: &Self, hash: impl Fn(&[u8]) -> u64, mut moved: impl FnMut(u32, u32)) {
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

impl Drop for Table {
    fn drop(&mut self) {
        for slot in 0..self.slots() as u32 {
            drop(self.take(slot, true));
        }
    }
}

/// The table that readers use now.
pub struct Published(AtomicPtr<Table>);

impl std::fmt::Debug for Published {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Published").finish()
    }
}

impl Published {
    /// Readers begin with this one.
    pub fn new(table: Table) -> Self {
        Self(AtomicPtr::new(Box::into_raw(Box::new(table))))
    }

    /// The table now.
    ///
    /// # Safety
    /// The caller holds a guard of the store's domain for as long as it uses
    /// the table, or the lock of the shard, whose owner alone replaces it.
    #[inline]
    pub unsafe fn load(&self) -> &Table {
        // SAFETY: it came from `Box::into_raw`; by contract it is not freed meanwhile.
        unsafe { &*self.0.load(Ordering::Acquire) }
    }

    /// Replaces the table. The old one must be retired.
    pub fn replace(&self, next: Table) -> OldTable {
        let next = Box::into_raw(Box::new(next));
        OldTable(NonNull::new(self.0.swap(next, Ordering::AcqRel)).expect("there is always a table"))
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        // A store is dropped when nobody reads it: guards borrow it.
        drop(OldTable(NonNull::new(self.0.load(Ordering::Acquire)).expect("there is always a table")));
    }
}

/// A table that is published no more; freed when dropped. A pointer, not a box,
/// because readers may still be in it.
#[derive(Debug)]
pub struct OldTable(NonNull<Table>);

// SAFETY: it owns a table, which any thread may read and any one may free.
unsafe impl Send for OldTable {}
// SAFETY: as above.
unsafe impl Sync for OldTable {}

impl Drop for OldTable {
    fn drop(&mut self) {
        // SAFETY: it came from `Box::into_raw` in `Published`, and is freed once.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}
