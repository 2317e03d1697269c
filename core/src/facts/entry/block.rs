//! The memory of an entry: one counted block.
//!
//! ```text
//!  header (48 bytes) | words | key | value | validator
//! ```
//!
//! A read of an entry is one dependent cache miss: what it needs to judge the
//! entry stands in the header, and the key that it compares right behind. What
//! few entries have (limits, a validator, ...) costs a word only where it is
//! there; `flags` says which words are. One block also means that what an entry
//! takes is known exactly: `footprint` is the allocator's own arithmetic.
//!
//! All `unsafe` of entries is in this file. The rules:
//!
//! 1. A block is written once, in [`SharedEntry::new`], before anybody else
//!    knows it. Afterwards only the header's atomics change.
//! 2. [`Entry`] is a view: whoever has a reference to one knows the block to
//!    be alive, by a count of its own ([`SharedEntry`]) or by a guard of the
//!    store that holds back the release of the table's count.
//! 3. The block is freed by whoever gives back the last count.

use std::alloc::{Layout, handle_alloc_error};
use std::ops::Deref;
use std::ptr::{NonNull, copy_nonoverlapping};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::{ContentRef, Proved};
use crate::facts::clock::{Instant, saturating_nanos};
use crate::facts::memory::{self, Home};
use crate::sync::{AtomicBool, AtomicU32, fence};

/// What every entry has.
#[repr(C)]
pub(crate) struct Block {
    count: AtomicU32,
    flags: u8,
    /// How many words follow.
    words: u8,
    visits: AtomicU8,
    refresh: AtomicU8,
    key_len: u16,
    in_store: AtomicBool,
    home: Home,
    value_len: u32,
    version: [u64; 2],
    validated_at: AtomicU64,
    received_at: AtomicU64,
    /// Under model checking blocks are marked in place of being freed.
    #[cfg(edgecmp_loom)]
    freed: crate::sync::UnsafeCell<bool>,
}

const HEADER: usize = size_of::<Block>();
const _: () = assert!((HEADER == 48 || cfg!(edgecmp_loom)) && align_of::<Block>() == 8);

pub(super) mod flag {
    pub(crate) const NEGATIVE: u8 = 1;
    pub(crate) const NAMED: u8 = 2;
    pub(crate) const NO_STORE: u8 = 4;
    // From here on: each with a word.
    pub(crate) const LAST_MODIFIED: u8 = 8;
    pub(crate) const STALENESS_BOUND: u8 = 16;
    pub(crate) const OUTAGE_BOUND: u8 = 32;
    pub(crate) const UNPROVED: u8 = 64;
    /// Its word is the length.
    pub(crate) const VALIDATOR: u8 = 128;
    pub(crate) const WITH_WORD: u8 = LAST_MODIFIED | STALENESS_BOUND | OUTAGE_BOUND | UNPROVED | VALIDATOR;
}

/// An entry: key, content, and the proof of it. See [`SharedEntry`] for one to keep.
pub struct Entry(NonNull<Block>);

// SAFETY: a block is immutable but for its atomics, and may be freed by any thread.
unsafe impl Send for Entry {}
// SAFETY: as above.
unsafe impl Sync for Entry {}

impl Entry {
    /// A view of the block.
    ///
    /// # Safety
    /// The block is alive, and stays so as long as the view can be used.
    pub(crate) unsafe fn view(block: NonNull<Block>) -> Self {
        let view = Self(block);
        view.assert_alive();
        view
    }

    /// The same view once more, for no longer than this one.
    #[inline(always)]
    pub(crate) fn again(&self) -> impl Deref<Target = Self> + '_ {
        struct Again<'a>(Entry, std::marker::PhantomData<&'a Entry>);
        impl Deref for Again<'_> {
            type Target = Entry;

            #[inline(always)]
            fn deref(&self) -> &Entry {
                &self.0
            }
        }
        Again(Self(self.0), std::marker::PhantomData)
    }

    fn block(&self) -> &Block {
        self.assert_alive();
        // SAFETY: rule 2: the block is alive as long as `self` is; rule 1: no `&mut` exists.
        unsafe { self.0.as_ref() }
    }

    #[cfg(edgecmp_loom)]
    fn assert_alive(&self) {
        // SAFETY: the memory is never given back in a model.
        let freed = unsafe { &self.0.as_ref().freed };
        // SAFETY: loom fails the model if this does not come before the mark.
        freed.with(|freed| assert!(!unsafe { *freed }, "use after free"));
    }

    #[cfg(not(edgecmp_loom))]
    #[inline(always)]
    fn assert_alive(&self) {}

    #[cfg(edgecmp_loom)]
    fn mark_freed(&self) {
        // SAFETY: as above.
        let freed = unsafe { &self.0.as_ref().freed };
        // SAFETY: loom fails the model if anybody else has a look meanwhile.
        freed.with_mut(|freed| unsafe { *freed = true });
    }

    /// `len` bytes of the block from `offset` on.
    fn bytes(&self, offset: usize, len: usize) -> &[u8] {
        self.assert_alive();
        let start = self.0.cast::<u8>().as_ptr().wrapping_add(offset);
        // SAFETY: callers pass a range that `SharedEntry::new` has laid out and
        // written; the pointer is that of the allocation, not of the header.
        unsafe { std::slice::from_raw_parts(start, len) }
    }

    pub(super) fn has(&self, flags: u8) -> bool {
        self.block().flags & flags != 0
    }

    /// The word of a flag, if the entry has it.
    pub(super) fn word(&self, flag: u8) -> Option<u64> {
        self.has(flag).then(|| {
            let before = (self.block().flags & flag::WITH_WORD & (flag - 1)).count_ones() as usize;
            let bytes = self.bytes(HEADER + 8 * before, 8);
            u64::from_ne_bytes(bytes.try_into().expect("8 bytes were asked for"))
        })
    }

    #[inline]
    fn key_offset(&self) -> usize {
        HEADER + 8 * usize::from(self.block().words)
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        self.bytes(self.key_offset(), usize::from(self.block().key_len))
    }

    /// The bytes of the value; empty on a negative entry.
    #[inline]
    pub(super) fn value_bytes(&self) -> &[u8] {
        self.bytes(self.key_offset() + usize::from(self.block().key_len), self.block().value_len as usize)
    }

    pub(super) fn validator_bytes(&self) -> Option<&[u8]> {
        let len = self.word(flag::VALIDATOR)? as usize;
        let block = self.block();
        Some(self.bytes(self.key_offset() + usize::from(block.key_len) + block.value_len as usize, len))
    }

    #[inline]
    pub(super) fn version_halves(&self) -> [u64; 2] {
        self.block().version
    }

    /// Local instant at which the value was surely current, or later.
    #[inline]
    pub fn validated_at(&self) -> Instant {
        Instant::from_nanos(self.block().validated_at.load(Ordering::Acquire))
    }

    /// When the last answer that proved this version arrived.
    pub fn received_at(&self) -> Instant {
        Instant::from_nanos(self.block().received_at.load(Ordering::Acquire))
    }

    /// The same version was proved again. `validated_at` only ever grows.
    pub fn reprove(&self, validated_at: Instant, received_at: Instant) {
        let block = self.block();
        block.received_at.fetch_max(received_at.as_nanos(), Ordering::AcqRel);
        block.validated_at.fetch_max(validated_at.as_nanos(), Ordering::AcqRel);
        block.refresh.store(0, Ordering::Release);
    }

    pub(super) fn visits(&self) -> &AtomicU8 {
        &self.block().visits
    }

    /// Whether it is what the store has of its key. The store says so before
    /// readers can find it, and takes it back before they can find anything
    /// else in its place, or nothing: whoever has seen that sees this false.
    #[inline]
    pub fn is_in_store(&self) -> bool {
        self.block().in_store.load(Ordering::Acquire)
    }

    /// For the store; see [`Entry::is_in_store`].
    pub(crate) fn set_in_store(&self, is_in_store: bool) {
        self.block().in_store.store(is_in_store, Ordering::Release);
    }

    pub(super) fn refresh(&self) -> &AtomicU8 {
        &self.block().refresh
    }

    fn layout(&self) -> Layout {
        let validator = self.word(flag::VALIDATOR).unwrap_or(0) as usize;
        let block = self.block();
        let size = self.key_offset() + usize::from(block.key_len) + block.value_len as usize + validator;
        Layout::from_size_align(size, align_of::<Block>()).expect("it was allocated with this layout")
    }

    /// Bytes that the entry takes, the allocator's own included.
    pub fn footprint(&self) -> usize {
        self.block().home.allocated(self.layout().size())
    }

    /// A share of the entry, for keeping.
    #[inline]
    pub fn share(&self) -> SharedEntry {
        self.assert_alive();
        // Relaxed: who has a view may count on; nothing is published by it.
        if self.block().count.fetch_add(1, Ordering::Relaxed) > u32::MAX / 2 {
            // Two thousand million shares are a leak that would wrap around to a free.
            std::process::abort();
        }
        // SAFETY: the count just taken is the new share's.
        SharedEntry(unsafe { Self::view(self.0) })
    }
}

/// A counted reference to an entry: the block lives as long as it does.
pub struct SharedEntry(Entry);

impl SharedEntry {
    /// Bytes of value and validator together, at the most: beside the longest key
    /// there is room for them in 4 GiB.
    pub const MAX_CONTENT: usize = u32::MAX as usize - (1 << 17);

    /// An entry of its own block. Copies key and value.
    ///
    /// # Panics
    /// If the key is longer than `max_key_bytes` can be (65,535), or the content
    /// than [`SharedEntry::MAX_CONTENT`].
    pub fn new(key: &[u8], content: ContentRef<'_>, proved: Proved) -> Self {
        let value = content.value.unwrap_or_default();
        let validator = content.validator.unwrap_or_default();
        let mut flags = 0;
        let mut words = [0; 5];
        let mut count = 0;
        let mut note = |flag: u8, word: Option<u64>| {
            if let Some(word) = word {
                flags |= flag;
                words[count] = word;
                count += 1;
            }
        };
        let limits = &content.limits;
        let unproved = proved.unproved_until.as_nanos();
        note(flag::LAST_MODIFIED, content.last_modified_at);
        note(flag::STALENESS_BOUND, limits.staleness_bound.map(saturating_nanos));
        note(flag::OUTAGE_BOUND, limits.outage_bound.map(saturating_nanos));
        // What an answer proves that is older than the clock (its `Age`) is nothing: how
        // old it is can't be told. Said by the flag, which all reads look at.
        let is_unproved = unproved > 0 || proved.validated_at == Instant::ZERO;
        note(flag::UNPROVED, is_unproved.then_some(unproved));
        note(flag::VALIDATOR, content.validator.map(|v| v.len() as u64));
        flags |= if content.value.is_none() { flag::NEGATIVE } else { 0 };
        flags |= if content.named { flag::NAMED } else { 0 };
        flags |= if limits.no_store { flag::NO_STORE } else { 0 };
        let fits = "an entry takes less than 4 GiB";
        let key_offset = HEADER + 8 * count;
        let size = key_offset + key.len() + value.len() + validator.len();
        u32::try_from(size).expect(fits);
        let (high, low) = content.version.halves();
        let layout = Layout::from_size_align(size, align_of::<Block>()).expect(fits);
        // SAFETY: the size is not zero: there is a header.
        let (memory, home) = unsafe { memory::allocate(layout) };
        let Some(memory) = memory.map(NonNull::as_ptr) else { handle_alloc_error(layout) };
        let header = Block {
            count: AtomicU32::new(1),
            flags,
            words: count as u8,
            visits: AtomicU8::new(0),
            refresh: AtomicU8::new(0),
            key_len: u16::try_from(key.len()).expect("keys are at most 65,535 bytes"),
            in_store: AtomicBool::new(false),
            home,
            value_len: value.len() as u32,
            version: [high, low],
            validated_at: AtomicU64::new(proved.validated_at.as_nanos()),
            received_at: AtomicU64::new(proved.received_at.as_nanos()),
            #[cfg(edgecmp_loom)]
            freed: crate::sync::UnsafeCell::new(false),
        };
        let block = NonNull::new(memory.cast::<Block>()).expect("it is not null");
        // SAFETY: fresh memory, large and aligned enough for a header.
        unsafe { block.write(header) };
        let words = words[..count].iter().map(|word| word.to_ne_bytes());
        let mut offset = HEADER;
        let mut put = |bytes: &[u8]| {
            let start = memory.wrapping_add(offset);
            // SAFETY: the parts together are `size` bytes, in fresh memory.
            unsafe { copy_nonoverlapping(bytes.as_ptr(), start, bytes.len()) };
            offset += bytes.len();
        };
        words.for_each(|word| put(&word));
        put(key);
        put(value);
        put(validator.as_bytes());
        debug_assert_eq!(offset, size);
        // SAFETY: alive by the count of one that it was made with.
        Self(unsafe { Entry::view(block) })
    }

    /// Whether both are shares of one block.
    pub fn ptr_eq(&self, other: &Entry) -> bool {
        self.0.0 == other.0
    }

    /// Gives the count to whoever keeps the pointer.
    pub(crate) fn into_raw(self) -> NonNull<Block> {
        let block = self.0.0;
        std::mem::forget(self);
        block
    }

    /// Takes a count back.
    ///
    /// # Safety
    /// The pointer came from [`SharedEntry::into_raw`] and is given back once.
    pub(crate) unsafe fn from_raw(block: NonNull<Block>) -> Self {
        // SAFETY: alive by the count that is taken over.
        Self(unsafe { Entry::view(block) })
    }
}

impl Deref for SharedEntry {
    type Target = Entry;

    #[inline]
    fn deref(&self) -> &Entry {
        &self.0
    }
}

impl Clone for SharedEntry {
    fn clone(&self) -> Self {
        self.0.share()
    }
}

impl Drop for SharedEntry {
    fn drop(&mut self) {
        self.assert_alive();
        // The only count there is, most often: nobody else can count on from here, as
        // for that they would need a view, which another count keeps alive. Acquire:
        // what the other shares have read comes before the memory is given away.
        if self.block().count.load(Ordering::Acquire) != 1 {
            // Release: the same for this share.
            if self.block().count.fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            fence(Ordering::Acquire);
        }
        #[cfg(edgecmp_loom)]
        self.mark_freed();
        #[cfg(not(edgecmp_loom))]
        {
            let (layout, home) = (self.layout(), self.block().home);
            // SAFETY: the last count: nobody has a view any more; allocated with this layout.
            unsafe { memory::free(self.0.0.cast(), layout, home) };
        }
    }
}
