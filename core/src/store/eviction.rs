//! Who leaves when memory is short: second chance (CLOCK; Corbató, 1968).

use std::collections::VecDeque;

/// What the policy may ask of the shard about the entry in a slot.
pub trait Residents {
    /// Visits noted since the last call, and clears them. Costs a cache miss.
    fn take_visits(&self, slot: u32) -> u8;
    /// Hash of the entry's key. Costs a cache miss.
    fn hash(&self, slot: u32) -> u64;
    /// Bytes of the entry. Costs a cache miss.
    fn weight(&self, slot: u32) -> u64;
    /// False: the entry was taken out, and the slot waits for its node to be dropped.
    fn is_live(&self, slot: u32) -> bool;
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The entry in this slot leaves.
    Evict(u32),
    /// The node of an entry that has left is dropped: its slot may be used again.
    Lapsed(u32),
}

/// The policy of one shard.
#[derive(Debug)]
pub struct Policy {
    queue: VecDeque<u32>,
}

impl Policy {
    /// A policy with nothing to choose from.
    pub fn new(_capacity_bytes: u64) -> Self {
        Self { queue: VecDeque::new() }
    }

    /// A new key was placed in this slot.
    pub fn admit(&mut self, slot: u32, _hash: u64, _weight: u64) {
        self.queue.push_back(slot);
    }

    /// The value in a slot was replaced.
    pub fn reweighed(&mut self, _slot: u32, _before: u64, _now: u64) {}

    /// The entry was taken out; its node stays until its turn.
    pub fn removed(&mut self, _slot: u32, _weight: u64) {}

    /// Who leaves.
    pub fn next(&mut self, residents: &impl Residents) -> Option<Turn> {
        for _ in 0..8 * self.queue.len() {
            let slot = self.queue.pop_front()?;
            if !residents.is_live(slot) {
                return Some(Turn::Lapsed(slot));
            }
            if residents.take_visits(slot) == 0 {
                return Some(Turn::Evict(slot));
            }
            self.queue.push_back(slot);
        }
        self.queue.pop_front().map(Turn::Evict)
    }

    /// The table was rebuilt.
    pub fn remap(&mut self, mut to: impl FnMut(u32) -> Option<u32>) {
        self.queue = self.queue.iter().filter_map(|slot| to(*slot)).collect();
    }

    /// Bytes that the policy itself takes.
    pub fn overhead_bytes(&self) -> usize {
        self.queue.capacity() * 4
    }
}
