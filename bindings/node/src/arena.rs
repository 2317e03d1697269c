//! The arena: a few words of JavaScript's memory in which calls hand numbers
//! over beside what they return. `lib/arena.js` mirrors the layout. Both sides
//! run on the same thread, and JavaScript reads before it calls again.

use edgecmp::Version;
use napi::bindgen_prelude::Uint8Array;

/// Words of 8 bytes.
mod word {
    pub(super) const ID: usize = 0;
    pub(super) const VERSION_LOW: usize = 1;
    pub(super) const VERSION_HIGH: usize = 2;
    /// Answers, two words each: what a read returns, and a detail.
    pub(super) const ANSWERS: usize = 3;
    /// Two integers: what `again` is asked, and what it answers.
    pub(super) const AGAIN: usize = ANSWERS + 2 * super::ANSWERS;
    pub(super) const COUNT: usize = AGAIN + 1;
}

/// Answers that are handed over at once.
pub(crate) const ANSWERS: usize = 64;

const WORD: usize = size_of::<f64>();
const INTEGER: usize = size_of::<i32>();

/// The arena of one environment.
pub(crate) struct Arena(Uint8Array);

impl Arena {
    /// `None` if the array is too small.
    pub(crate) fn new(memory: Uint8Array) -> Option<Self> {
        (memory.len() >= word::COUNT * WORD).then_some(Self(memory))
    }

    #[inline(always)]
    fn put(&mut self, index: usize, bytes: [u8; WORD]) {
        // SAFETY: JavaScript touches the array only between calls into this
        // crate, on this thread; the reference ends before the call returns.
        let memory = unsafe { self.0.as_mut() };
        memory[index * WORD..(index + 1) * WORD].copy_from_slice(&bytes);
    }

    /// Hands over the id of a call.
    pub(crate) fn put_id(&mut self, id: u32) {
        self.put(word::ID, f64::from(id).to_ne_bytes());
    }

    /// Hands over the detail of an answer: see [`crate::environment::outcome`].
    #[inline(always)]
    pub(crate) fn put_detail(&mut self, answer: usize, detail: f64) {
        self.put(word::ANSWERS + 2 * answer + 1, detail.to_ne_bytes());
    }

    /// The number of which `again` is asked.
    #[inline(always)]
    pub(crate) fn asked(&self) -> u32 {
        let (number, _) = self.0[word::AGAIN * WORD..].split_at(INTEGER);
        u32::from_ne_bytes(number.try_into().unwrap_or_default())
    }

    /// Hands over what `again` answers.
    #[inline(always)]
    pub(crate) fn put_answered(&mut self, answer: i32) {
        // SAFETY: as in `put`.
        let memory = unsafe { self.0.as_mut() };
        let at = word::AGAIN * WORD + INTEGER;
        memory[at..at + INTEGER].copy_from_slice(&answer.to_ne_bytes());
    }

    /// Hands over an answer of several.
    pub(crate) fn put_answer(&mut self, answer: usize, outcome: i64) {
        self.put(word::ANSWERS + 2 * answer, (outcome as f64).to_ne_bytes());
    }

    /// Hands over a version.
    pub(crate) fn put_version(&mut self, version: Version) {
        let (high, low) = version.halves();
        self.put(word::VERSION_LOW, low.to_ne_bytes());
        self.put(word::VERSION_HIGH, high.to_ne_bytes());
    }
}
