//! A table's memory, and how readers find the table that is used now.

use std::ptr::{self, NonNull};

use super::{ADDRESS, Bucket, TAG_SHIFT, Table};
use crate::sync::{AtomicPtr, Ordering};

/// A table with its memory. Owns a count of each entry in it.
pub struct OwnedTable(pub(super) NonNull<[Bucket]>);

// SAFETY: it owns the buckets, which any thread may read and any one may free.
unsafe impl Send for OwnedTable {}
// SAFETY: as above.
unsafe impl Sync for OwnedTable {}

impl std::fmt::Debug for OwnedTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.table().fmt(f)
    }
}

impl OwnedTable {
    /// An empty table of at least so many buckets.
    pub fn new(buckets: usize) -> Self {
        let bucket = || Bucket(std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())));
        let buckets = Size::of_at_least(buckets.max(1)).buckets();
        let buckets: Box<[Bucket]> = (0..buckets).map(|_| bucket()).collect();
        // Not kept as a box: readers have references into it while it moves.
        Self(NonNull::from(Box::leak(buckets)))
    }

    /// The table.
    pub fn table(&self) -> Table<'_> {
        // SAFETY: owned, and freed only by `drop`.
        Table { buckets: unsafe { self.0.as_ref() } }
    }

    fn size(&self) -> Size {
        Size::of_at_least(self.0.len())
    }
}

impl Drop for OwnedTable {
    fn drop(&mut self) {
        let table = self.table();
        for slot in 0..table.slots() as u32 {
            drop(table.take(slot, true));
        }
        // SAFETY: it came from a box, nobody reads it any more, and it is freed once.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// A number of buckets in 16 bits: a mantissa of 11 and an exponent of 5. It
/// goes into the upper bits of the table's address, so that a reader needs one
/// load to find both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(u16);

impl Size {
    const MANTISSA: u32 = 11;

    /// The least that can be told of at least so many buckets.
    pub(super) fn of_at_least(buckets: usize) -> Self {
        let exponent = (usize::BITS - buckets.leading_zeros()).saturating_sub(Self::MANTISSA);
        let mantissa = buckets.div_ceil(1 << exponent);
        if mantissa >> Self::MANTISSA != 0 {
            return Self::of_at_least(mantissa << exponent);
        }
        Self((exponent << Self::MANTISSA) as u16 | mantissa as u16)
    }

    #[inline]
    pub(super) fn buckets(self) -> usize {
        usize::from(self.0 & ((1 << Self::MANTISSA) - 1)) << (self.0 >> Self::MANTISSA)
    }
}

/// The table that readers use now: its address, and above it its [`Size`].
pub struct Published(AtomicPtr<Bucket>);

impl std::fmt::Debug for Published {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Published").finish()
    }
}

impl Published {
    /// Readers begin with this one.
    pub fn new(table: OwnedTable) -> Self {
        Self(AtomicPtr::new(Self::pack(table)))
    }

    fn pack(table: OwnedTable) -> *mut Bucket {
        let size = usize::from(table.size().0) << TAG_SHIFT;
        let buckets = table.0.as_ptr().cast::<Bucket>();
        std::mem::forget(table);
        buckets.map_addr(|address| {
            assert!(address & !ADDRESS == 0, "an address of more than 48 bits");
            address | size
        })
    }

    #[inline]
    fn unpack(word: *mut Bucket) -> NonNull<[Bucket]> {
        let size = Size((word.addr() >> TAG_SHIFT) as u16);
        let buckets = word.map_addr(|address| address & ADDRESS);
        NonNull::new(ptr::slice_from_raw_parts_mut(buckets, size.buckets())).expect("there is always a table")
    }

    /// The table now.
    ///
    /// # Safety
    /// The caller holds a guard of the store's domain for as long as it uses
    /// the table, or the lock of the shard, whose owner alone replaces it.
    #[inline]
    pub unsafe fn load(&self) -> Table<'_> {
        let buckets = Self::unpack(self.0.load(Ordering::Acquire));
        // SAFETY: it came from an owned table; by contract it is not freed meanwhile.
        Table { buckets: unsafe { buckets.as_ref() } }
    }

    /// Replaces the table. The old one must be retired.
    pub fn replace(&self, next: OwnedTable) -> OwnedTable {
        OwnedTable(Self::unpack(self.0.swap(Self::pack(next), Ordering::AcqRel)))
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        // A store is dropped when nobody reads it: guards borrow it.
        drop(OwnedTable(Self::unpack(self.0.load(Ordering::Acquire))));
    }
}
