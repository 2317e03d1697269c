//! The arena: memory owned by JavaScript in which an answer is handed over.
//!
//! Making a JavaScript object or a `Buffer` through Node-API costs several
//! hundred nanoseconds; reading typed arrays costs a few. So each answer is
//! written here and `lib/arena.js`, which mirrors this layout, makes the entry.
//! Both sides run on the same thread, and JavaScript reads an answer before it
//! calls again: nothing is shared between threads.

use edgecmp::{Proof, Receipt, Source, Value, Version};
use napi::bindgen_prelude::Uint8Array;

/// Words of 8 bytes at the start; the value follows.
mod word {
    pub(super) const ID: usize = 0;
    pub(super) const STALENESS_MS: usize = 1;
    pub(super) const BOUND_MS: usize = 2;
    pub(super) const SOURCE: usize = 3;
    pub(super) const PROOF: usize = 4;
    pub(super) const DEGRADED: usize = 5;
    pub(super) const LAST_MODIFIED_AT: usize = 6;
    pub(super) const VERSION_LOW: usize = 7;
    pub(super) const VERSION_HIGH: usize = 8;
    pub(super) const COUNT: usize = 16;
}

const WORD: usize = size_of::<f64>();
const VALUE: usize = word::COUNT * WORD;

/// What a read returns in place of a length.
pub(crate) mod outcome {
    /// The origin has no such key; the receipt is in the arena.
    pub(crate) const ABSENT: i64 = -1;
    /// Nothing cached within the bound (lookup only).
    pub(crate) const MISS: i64 = -2;
    /// The read waits; its call id is in the arena.
    pub(crate) const PENDING: i64 = -3;
    /// This row failed: take the error (rows of a `getMany` only).
    pub(crate) const FAILED: i64 = -4;
}

/// The arena of one environment.
pub(crate) struct Arena(Uint8Array);

impl Arena {
    /// `None` if the array is too small to hold a receipt.
    pub(crate) fn new(memory: Uint8Array) -> Option<Self> {
        (memory.len() >= VALUE).then_some(Self(memory))
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: JavaScript touches the array only between calls into this
        // crate, on this thread; the reference ends before the call returns.
        unsafe { self.0.as_mut() }
    }

    fn put(&mut self, index: usize, bytes: [u8; WORD]) {
        self.bytes()[index * WORD..(index + 1) * WORD].copy_from_slice(&bytes);
    }

    fn put_number(&mut self, index: usize, number: f64) {
        self.put(index, number.to_ne_bytes());
    }

    /// Hands over a call id.
    pub(crate) fn put_id(&mut self, id: u32) {
        self.put_number(word::ID, id.into());
    }

    /// Hands over a version.
    pub(crate) fn put_version(&mut self, version: Version) {
        let (high, low) = version.halves();
        self.put(word::VERSION_LOW, low.to_ne_bytes());
        self.put(word::VERSION_HIGH, high.to_ne_bytes());
    }

    /// Hands over an answer. Returns the length of the value or
    /// [`outcome::ABSENT`]; a value longer than [`Arena::capacity`] is not
    /// copied, the caller keeps it for `copyValue`.
    pub(crate) fn put_answer(&mut self, bytes: Option<&[u8]>, receipt: &Receipt) -> i64 {
        let millis = |d: std::time::Duration| d.as_secs_f64() * 1e3;
        self.put_number(word::STALENESS_MS, millis(receipt.staleness));
        self.put_number(word::BOUND_MS, millis(receipt.bound));
        self.put_number(word::SOURCE, if receipt.source == Source::Cache { 0.0 } else { 1.0 });
        let proof = match receipt.proof {
            Proof::None => 0.0,
            Proof::Pull => 1.0,
            Proof::Stream => 2.0,
        };
        self.put_number(word::PROOF, proof);
        self.put_number(word::DEGRADED, f64::from(u8::from(receipt.degraded)));
        self.put_number(word::LAST_MODIFIED_AT, receipt.last_modified_at.map_or(f64::NAN, |at| at as f64));
        self.put_version(receipt.version);
        let Some(bytes) = bytes else { return outcome::ABSENT };
        if bytes.len() <= self.capacity() {
            self.bytes()[VALUE..VALUE + bytes.len()].copy_from_slice(bytes);
        }
        i64::try_from(bytes.len()).unwrap_or(i64::MAX)
    }

    /// The largest value that goes through the arena.
    pub(crate) fn capacity(&self) -> usize {
        self.0.len() - VALUE
    }
}

/// The length of a value that does not fit, or `None` if it does.
pub(crate) fn is_held(arena: &Arena, value: &Value) -> bool {
    value.bytes().is_some_and(|bytes| bytes.len() > arena.capacity())
}
