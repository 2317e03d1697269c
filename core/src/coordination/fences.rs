//! Fences that last, for answers that lag (G3).
//!
//! After a write was acknowledged no answer from before it may be returned. For
//! answers that are on their way the key's flight sees to that, and as long as
//! something is cached of the key its version does. What is left is an answer
//! whose request was sent after the write, and that is from before it all the
//! same (`Age`), at a place that is empty: the write was evicted, was too large,
//! or could not be kept because nobody knows what became of another one.
//!
//! So it is noted at the acknowledgement, whatever becomes of the entry. There is
//! no end of keys, so keys share their notes: that refuses too much, never too
//! little, and only answers that lag, of keys of which nothing is cached.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;

use crate::facts::clock::Instant;
use crate::facts::key::Key;

/// Bytes of capacity for each note: they take a five-hundredth of it.
const CAPACITY_PER_NOTE: usize = 4096;
/// 512 KiB of notes are enough: with a hundred writes a second and answers five
/// seconds old one in 130 is refused for the write of another key.
const NOTES: (usize, usize) = (64, 1 << 16);

/// When a write was last acknowledged, for all keys that share the note.
#[derive(Debug)]
pub struct Fences {
    notes: Box<[AtomicU64]>,
    hasher: SeedableRandomState,
}

impl Fences {
    /// None yet, for a cache of so many bytes. Which keys share a note is a
    /// matter of `seed`: drawn, nobody can choose them.
    pub fn new(capacity: usize, seed: u64) -> Self {
        let notes = 1 << (capacity / CAPACITY_PER_NOTE).clamp(NOTES.0, NOTES.1).ilog2();
        Self {
            notes: (0..notes).map(|_| AtomicU64::new(0)).collect(),
            hasher: SeedableRandomState::with_seed(seed, SharedSeed::global_fixed()),
        }
    }

    /// What it takes of the capacity.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.notes)
    }

    fn note(&self, key: &Key) -> &AtomicU64 {
        &self.notes[self.hasher.hash_one(key.as_bytes()) as usize & (self.notes.len() - 1)]
    }

    /// Answers from up to `at` are overtaken. To be called before what was
    /// written is installed, or what was there is taken out: an answer that
    /// fills the place later then sees it, by the lock of the store.
    pub fn raise(&self, key: &Key, at: Instant) {
        self.note(key).fetch_max(at.as_nanos(), Ordering::AcqRel);
    }

    /// Up to when answers are overtaken; [`Instant::ZERO`]: none is.
    pub fn of(&self, key: &Key) -> Instant {
        Instant::from_nanos(self.note(key).load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_only_rise() {
        let fences = Fences::new(1 << 20, 7);
        let key = Key::copy_from(b"k");
        assert_eq!(fences.of(&key), Instant::ZERO);
        for (at, is) in [(5, 5), (3, 5), (8, 8)] {
            fences.raise(&key, Instant::from_nanos(at));
            assert_eq!(fences.of(&key), Instant::from_nanos(is));
        }
    }

    #[test]
    fn few_keys_share_a_note_and_notes_take_little() {
        for (capacity, notes) in [(0, 64), (64 << 10, 64), (1 << 20, 256), (3 << 20, 512), (1 << 40, 65_536)]
        {
            let fences = Fences::new(capacity, 7);
            assert_eq!(fences.notes.len(), notes, "{capacity}");
            assert!(capacity == 0 || fences.bytes() <= capacity / 128);
        }
        let fences = Fences::new(1 << 20, 7);
        fences.raise(&Key::copy_from(b"k"), Instant::from_nanos(1));
        let is_raised = |n: &u32| fences.of(&Key::copy_from(&n.to_be_bytes())) > Instant::ZERO;
        let shared = (0..25_600).filter(is_raised).count();
        assert!((50..=200).contains(&shared), "{shared} of 25,600 keys share one of 256 notes");
    }
}
