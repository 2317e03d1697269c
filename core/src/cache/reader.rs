//! Reads by a [`Reader`]: for a binding whose host runs one thread at a time.
//!
//! What a look-up needs of its thread (where it pins, where it counts) is found
//! at once, and a value comes out, not a guard. Beside that a reader reads what
//! it was given before and the caller has kept: a binding's objects, which a
//! host language asks for again by their identity. Nothing is hashed and searched.
//!
//! The usual renewal does not even touch the entry: a [`Renewal`] says when the
//! entry was proved and how many had left its shard before it was seen there. As
//! long as none has left since, it still is there; its proof can only have
//! become younger, so an age that is told by the old proof is an upper bound all
//! the same. Once that age would ask for a refresh, or an entry of the shard has left,
//! the entry itself is looked at.

use super::read::{Hit, see_again, see_or_avert};
use super::{Cache, Opened, ReadOptions};
use crate::facts::clock::Instant;
use crate::facts::error::Result;
use crate::facts::fork;
use crate::facts::receipt::{Proof, Seen, Source, Value};
use crate::facts::statistics::Stat;
use crate::facts::thread::Number;
use crate::rules::freshness::ReadBounds;
use crate::work::Node;

/// Who reads, one key after another. Of one process: a forked child makes its own.
#[derive(Debug)]
pub struct Reader {
    /// Under which it pins, and counts hits.
    number: Number,
    generation: u32,
}

impl Reader {
    /// A reader, of any caches.
    ///
    /// # Panics
    /// If there are more than 16,384 readers and reading threads.
    pub fn new() -> Self {
        Self { number: Number::take(), generation: fork::generation() }
    }

    /// Whether it is of this process, and not of a parent's.
    #[inline]
    pub fn is_own(&self) -> bool {
        self.generation == fork::generation()
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

/// What is known of a value since it was last renewed. To be kept with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    validated_at: Instant,
    /// The entry's shard, above how many had left it.
    vouched: u64,
}

const SHARD_SHIFT: u32 = 48;

impl Renewal {
    #[inline]
    fn vouched(node: &Node, shard: usize) -> u64 {
        (shard as u64) << SHARD_SHIFT | node.store.removals(shard) & ((1 << SHARD_SHIFT) - 1)
    }
}

impl Renewal {
    /// Of a value that was not renewed yet.
    pub const NONE: Self = Self { validated_at: Instant::ZERO, vouched: (1 << SHARD_SHIFT) - 1 };
}

/// The moment of a renewal.
#[derive(Debug)]
pub struct Moment<'a> {
    node: &'a Node,
    number: usize,
    now: Instant,
    /// The entry was in the store before `now`.
    is_in_store: bool,
}

impl Cache {
    /// [`Cache::lookup`] with no options.
    #[inline]
    pub fn lookup_by(&self, reader: &mut Reader, key: &[u8]) -> Result<Option<Value>> {
        let opened = &self.opened;
        let node = &*opened.node;
        if !reader.is_own() || !opened.is_own() || opened.is_closed() || !node.policy.fits(key) {
            return self.lookup_otherwise(key);
        }
        let thread = reader.number.get();
        let now = node.latest();
        let found = node.store.load_as(&mut reader.number, node.store.hash(key), key, |entry| {
            let seen = see_or_avert(node, thread, entry, &ReadBounds::NONE, now)?;
            Some(Value { entry: entry.share(), seen: seen.into() })
        });
        Ok(found.flatten())
    }

    #[cold]
    fn lookup_otherwise(&self, key: &[u8]) -> Result<Option<Value>> {
        Ok(self.lookup(key, &ReadOptions::default())?.map(Hit::into_value))
    }

    /// Begins to renew a value: reads the clock. What is needed of the value
    /// itself may still be on its way from memory. `None`: look the key up.
    #[inline]
    pub fn moment<'a>(&'a self, reader: &'a mut Reader, renewal: &Renewal) -> Option<Moment<'a>> {
        if !reader.is_own() {
            return None;
        }
        let opened = if self.opened.is_own() { &self.opened } else { self.reopened()? };
        if opened.is_closed() {
            return None;
        }
        let node = &*opened.node;
        let is_in_store =
            Renewal::vouched(node, (renewal.vouched >> SHARD_SHIFT) as usize) == renewal.vouched;
        // The clock after the look: an entry can't age in between unseen.
        Some(Moment { node, number: reader.number.get(), now: node.latest(), is_in_store })
    }

    #[cold]
    fn reopened(&self) -> Option<&Opened> {
        self.current().ok()
    }
}

impl Moment<'_> {
    /// Whether a [`Cache::lookup`] now, with no options, would find this value;
    /// then its receipt is that of such a read. False: look the key up.
    ///
    /// The value must be one that this cache has returned in this process, and
    /// `renewal` the value's own.
    #[inline]
    pub fn renew(self, value: &mut Value, renewal: &mut Renewal) -> bool {
        let policy = &self.node.policy;
        // Of a renewed value it is the bound of all plain reads.
        let bound = value.seen.bound;
        let age = policy.drift.age(renewal.validated_at, self.now);
        if !self.is_in_store || policy.is_aging(age, bound) {
            return renew_anew(self.node, self.number, value, renewal);
        }
        self.node.counters.add_by(self.number, Stat::Hits, 1);
        value.seen = Seen { staleness: age, bound, source: Source::Cache, proof: Proof::Pull };
        true
    }
}

/// By the entry itself.
#[inline(never)]
fn renew_anew(node: &Node, number: usize, value: &mut Value, renewal: &mut Renewal) -> bool {
    // Before the look at the entry, which it vouches for.
    let shard = node.store.shard_of(node.store.hash(value.entry.key()));
    let vouched = Renewal::vouched(node, shard);
    let validated_at = value.entry.validated_at();
    let Some(seen) = see_again(node, number, &value.entry) else { return false };
    value.seen = seen;
    *renewal = Renewal { validated_at, vouched };
    true
}
