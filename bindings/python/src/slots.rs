//! Where the kept entries are found by the address of their key object.
//!
//! Sets of four slots in an array of any length. What has no room in its own set
//! is in the next one or the one after that, and moves back when there is room, so
//! a search ends at the first set with a free slot (Knuth, TAOCP 3, 6.4: linear
//! probing, by buckets). So the table can be two thirds full, with nearly all keys
//! in the two lines of memory where they are looked for first.

use std::ptr;

use edgecmp::Renewal;
use pyo3::ffi;

/// Slots of one set: two lines of the processor's cache, which it loads in pairs.
const WAYS: usize = 4;
const FIRST_SETS: usize = 16;
/// Sets in which a key may be.
const REACH: usize = 3;
/// The table grows when so many of a hundred slots are taken, or earlier, but not
/// below the other share, when a key finds all sets in its reach full.
const FULL: usize = 75;
const CROWDED: usize = 50;

/// A key object and the Entry last returned for it.
#[derive(Clone, Copy)]
pub struct Slot {
    /// Owned, as the entry is; null: the slot is free.
    pub key: *mut ffi::PyObject,
    pub entry: *mut ffi::PyObject,
    pub renewal: Renewal,
}

impl Slot {
    const FREE: Self = Self { key: ptr::null_mut(), entry: ptr::null_mut(), renewal: Renewal::NONE };
}

#[derive(Clone, Copy)]
#[repr(align(128))]
struct Set([Slot; WAYS]);

const _: () = assert!(size_of::<Slot>() == 32 && size_of::<Set>() == 128);

impl Set {
    #[inline]
    fn way_of(&self, key: *mut ffi::PyObject) -> Option<usize> {
        self.0.iter().position(|slot| slot.key == key)
    }

    #[inline]
    fn free_way(&self) -> Option<usize> {
        self.way_of(ptr::null_mut())
    }
}

/// The place of a slot: until something is put or taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    set: usize,
    way: usize,
}

/// The table. What is put into it is the caller's to free.
pub struct Slots {
    /// None until there is something to keep.
    sets: Vec<Set>,
    taken: usize,
}

impl Slots {
    /// Bytes it takes once it holds something.
    pub const LEAST: usize = FIRST_SETS * size_of::<Set>();

    pub const fn new() -> Self {
        Self { sets: Vec::new(), taken: 0 }
    }

    pub fn sets(&self) -> usize {
        self.sets.len()
    }

    /// The set in which a key is looked for first.
    #[inline]
    fn home(&self, key: *mut ffi::PyObject) -> usize {
        // Fibonacci hashing (addresses are multiples of 16, and close together),
        // then multiply-shift: any number of sets will do (Lemire 2019).
        let hash = (key.addr() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        ((u128::from(hash) * self.sets.len() as u128) >> 64) as usize
    }

    #[inline]
    fn after(&self, set: usize) -> usize {
        if set + 1 == self.sets.len() { 0 } else { set + 1 }
    }

    /// Where a key is.
    #[inline]
    pub fn find(&self, key: *mut ffi::PyObject) -> Option<Place> {
        let mut set = self.home(key);
        for _ in 0..REACH {
            let slots = self.sets.get(set)?;
            if let Some(way) = slots.way_of(key) {
                return Some(Place { set, way });
            }
            if slots.free_way().is_some() {
                return None;
            }
            set = self.after(set);
        }
        None
    }

    #[inline]
    pub fn at(&mut self, place: Place) -> &mut Slot {
        &mut self.sets[place.set].0[place.way]
    }

    /// Grows, if that is due for a key that is to be put.
    pub fn make_room(&mut self, key: *mut ffi::PyObject) {
        let taken = self.taken * 100;
        let slots = self.sets.len() * WAYS;
        if taken >= slots * FULL || taken >= slots * CROWDED && self.free_for(key).is_none() {
            self.grow();
        }
    }

    /// Who gives way if there is no room: any will do, the key's own bits say which.
    pub fn victim(&self, key: *mut ffi::PyObject) -> Place {
        Place { set: self.home(key), way: (key.addr() >> 4) % WAYS }
    }

    /// Where a key that is not there is to be put.
    pub fn free_for(&self, key: *mut ffi::PyObject) -> Option<Place> {
        let mut set = self.home(key);
        for _ in 0..REACH {
            if let Some(way) = self.sets.get(set)?.free_way() {
                return Some(Place { set, way });
            }
            set = self.after(set);
        }
        None
    }

    /// Into a free slot.
    pub fn put(&mut self, place: Place, slot: Slot) {
        *self.at(place) = slot;
        self.taken += 1;
    }

    /// What was there; the slot is free, or has what moved back to it.
    pub fn take(&mut self, place: Place) -> Slot {
        let Some(set) = self.sets.get_mut(place.set) else { return Slot::FREE };
        let taken = std::mem::replace(&mut set.0[place.way], Slot::FREE);
        if !taken.key.is_null() {
            self.taken -= 1;
            self.move_back(place);
        }
        taken
    }

    /// Fills a free slot with one that had no room in its set, and so on.
    fn move_back(&mut self, mut free: Place) {
        // Once around at the most; nearly always the first set has none to move.
        for _ in 0..self.sets.len() {
            let Some(from) = self.moves_to(free.set) else { return };
            self.sets[free.set].0[free.way] = std::mem::replace(self.at(from), Slot::FREE);
            free = from;
        }
    }

    /// A slot behind `set` that would be in it if it had had room.
    fn moves_to(&self, set: usize) -> Option<Place> {
        let mut behind = set;
        for distance in 1..REACH {
            behind = self.after(behind);
            let displaced = |slot: &Slot| !slot.key.is_null() && self.displaced(slot.key, behind) >= distance;
            if let Some(way) = self.sets[behind].0.iter().position(displaced) {
                return Some(Place { set: behind, way });
            }
        }
        None
    }

    /// How many sets behind its own.
    fn displaced(&self, key: *mut ffi::PyObject, set: usize) -> usize {
        let home = self.home(key);
        if set >= home { set - home } else { set + self.sets.len() - home }
    }

    /// Takes what is there out, all of it.
    pub fn take_all(&mut self) -> impl Iterator<Item = Slot> + use<> {
        self.taken = 0;
        let sets = std::mem::take(&mut self.sets);
        sets.into_iter().flat_map(|set| set.0).filter(|slot| !slot.key.is_null())
    }

    /// Half as many again.
    #[cold]
    fn grow(&mut self) {
        let mut sets = (self.sets.len() + self.sets.len() / 2).max(FIRST_SETS);
        let slots: Vec<Slot> = self.take_all().collect();
        'larger: loop {
            self.sets = vec![Set([Slot::FREE; WAYS]); sets];
            self.taken = 0;
            for slot in &slots {
                let Some(place) = self.free_for(slot.key) else {
                    sets += sets / 2;
                    continue 'larger;
                };
                self.put(place, *slot);
            }
            return;
        }
    }
}
