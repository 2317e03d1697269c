//! edgecmp's own policy, as a shard of the store drives it: readers count
//! visits up to a few, and nothing else.

use std::cell::Cell;
use std::collections::HashMap;

use bench_common::random::hash;
use edgecmp::facts::entry::MAX_VISITS;
use edgecmp::store::eviction::{Policy, Residents, Turn};

use super::Simulated;

pub struct Edgecmp {
    capacity: usize,
    policy: Policy,
    /// Slot of each resident.
    index: HashMap<u32, u32>,
    slots: Slots,
    free: Vec<u32>,
}

#[derive(Default)]
struct Slots {
    ids: Vec<u32>,
    visits: Vec<Cell<u8>>,
}

impl Residents for Slots {
    fn take_visits(&self, slot: u32) -> u8 {
        self.visits[slot as usize].take()
    }

    fn hash(&self, slot: u32) -> u64 {
        hash(u64::from(self.ids[slot as usize]))
    }

    fn weight(&self, _slot: u32) -> u64 {
        1
    }

    fn is_live(&self, _slot: u32) -> bool {
        true
    }
}

impl Edgecmp {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            policy: Policy::new(),
            index: HashMap::new(),
            slots: Slots::default(),
            free: Vec::new(),
        }
    }

    /// Bytes of the policy for each entry of the capacity.
    pub fn overhead(&self) -> f64 {
        self.policy.overhead_bytes() as f64 / self.capacity as f64
    }

    fn place(&mut self, id: u32) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots.ids[slot as usize] = id;
            self.slots.visits[slot as usize].set(0);
            return slot;
        }
        self.slots.ids.push(id);
        self.slots.visits.push(Cell::new(0));
        self.slots.ids.len() as u32 - 1
    }
}

impl Simulated for Edgecmp {
    fn access(&mut self, id: u32) -> bool {
        if let Some(&slot) = self.index.get(&id) {
            let visits = &self.slots.visits[slot as usize];
            visits.set((visits.get() + 1).min(MAX_VISITS));
            return true;
        }
        let slot = self.place(id);
        self.index.insert(id, slot);
        self.policy.admit(slot, hash(u64::from(id)), 1);
        while self.index.len() > self.capacity {
            let Some(turn) = self.policy.next(&self.slots) else { break };
            let (Turn::Evict(slot) | Turn::Lapsed(slot)) = turn;
            self.index.remove(&self.slots.ids[slot as usize]);
            self.free.push(slot);
        }
        false
    }
}
