//! The index of a shard: open addressing with 7-bit tags over shared entries.
//!
//! A slot is one `ArcSwap` and one tag byte. A reader walks from the key's home
//! slot: an empty tag ends the walk, an equal tag is worth a look at the entry.
//!
//! Why a reader never returns a wrong entry: whatever slot it loads, it compares
//! the key. Why it never misses a key that was there all the time: within one
//! table an entry never moves, and a slot that was passed on the way to it when
//! it was placed never becomes empty again (deleted slots keep a tombstone until
//! the whole table is replaced). A reader still in a replaced table may see an
//! entry as it was then; `validated_at` is part of the entry, so that what the
//! reader says of its staleness is true all the same.
//!
//! `ArcSwap`, not epochs: a load bumps no shared counter, there is no `unsafe`
//! here, and nothing of it hangs in a forked child whose parent's threads are
//! gone (an epoch pinned by such a thread would hold back all memory for ever).

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use arc_swap::{ArcSwapOption, Guard};

use crate::facts::entry::Entry;

const EMPTY: u8 = 0;
const DELETED: u8 = 1;
const FULL: u8 = 0x80;

/// An entry as a reader holds it: no refcount was touched.
#[derive(Debug)]
pub struct Loaded(Guard<Option<Arc<Entry>>>);

impl Loaded {
    /// A share of the entry, for keeping.
    pub fn to_arc(&self) -> Arc<Entry> {
        Arc::clone(self.0.as_ref().expect("a Loaded is made only of an entry"))
    }
}

impl Deref for Loaded {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        self.0.as_ref().expect("a Loaded is made only of an entry")
    }
}

/// One generation of a shard's index.
#[derive(Debug)]
pub struct Table {
    tags: Box<[AtomicU8]>,
    slots: Box<[ArcSwapOption<Entry>]>,
}

/// Where a key is, or where it would go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this slot.
    Occupied(usize),
    /// Not there; this slot is the first free one on its way.
    Vacant {
        /// The slot.
        slot: usize,
        /// Whether the slot was never used since the table was made.
        fresh: bool,
    },
}

impl Table {
    /// Bytes that one slot takes.
    pub const SLOT_BYTES: usize = size_of::<ArcSwapOption<Entry>>() + 1;

    /// An empty table. `slots` is a power of two.
    pub fn new(slots: usize) -> Self {
        debug_assert!(slots.is_power_of_two());
        Self {
            tags: (0..slots).map(|_| AtomicU8::new(EMPTY)).collect(),
            slots: (0..slots).map(|_| ArcSwapOption::empty()).collect(),
        }
    }

    /// Number of slots.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    fn walk(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len() - 1;
        let home = hash as usize;
        (0..=mask).map(move |step| home.wrapping_add(step) & mask)
    }

    /// The entry that `is_it` accepts. Lock-free.
    pub fn load(&self, hash: u64, is_it: impl Fn(&Entry) -> bool) -> Option<Loaded> {
        let wanted = tag(hash);
        for slot in self.walk(hash) {
            match self.tags[slot].load(Ordering::Acquire) {
                EMPTY => return None,
                tag if tag == wanted => {
                    let guard = self.slots[slot].load();
                    if guard.as_ref().is_some_and(|entry| is_it(entry)) {
                        return Some(Loaded(guard));
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Where the entry that `is_it` accepts is, or would go. For the writer.
    pub fn place(&self, hash: u64, is_it: impl Fn(&Entry) -> bool) -> Place {
        let wanted = tag(hash);
        let mut vacant = None;
        for slot in self.walk(hash) {
            match self.tags[slot].load(Ordering::Relaxed) {
                EMPTY => return vacant.unwrap_or(Place::Vacant { slot, fresh: true }),
                DELETED => vacant = vacant.or(Some(Place::Vacant { slot, fresh: false })),
                tag if tag == wanted
                    && self.slots[slot].load().as_ref().is_some_and(|entry| is_it(entry)) =>
                {
                    return Place::Occupied(slot);
                }
                _ => {}
            }
        }
        vacant.expect("the writer replaces a table before it is full")
    }

    /// The entry in a slot.
    pub fn get(&self, slot: usize) -> Option<Arc<Entry>> {
        self.slots[slot].load_full()
    }

    /// Publishes an entry: first the entry, then the tag that leads readers to it.
    pub fn put(&self, slot: usize, hash: u64, entry: Arc<Entry>) {
        entry.set_in_store(true);
        self.slots[slot].store(Some(entry));
        self.tags[slot].store(tag(hash), Ordering::Release);
    }

    /// Takes an entry out; its slot stays a tombstone for readers on their way.
    pub fn take(&self, slot: usize) -> Option<Arc<Entry>> {
        self.tags[slot].store(DELETED, Ordering::Release);
        self.slots[slot].swap(None)
    }

    /// All entries, in slot order. For the writer.
    pub fn entries(&self) -> impl Iterator<Item = Arc<Entry>> {
        self.slots.iter().filter_map(ArcSwapOption::load_full)
    }
}

fn tag(hash: u64) -> u8 {
    FULL | (hash >> 57) as u8
}
