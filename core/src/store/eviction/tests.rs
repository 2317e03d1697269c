//! The policy against a plain model of a shard.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

/// A shard as the policy sees it, and what it may rely on, asserted.
#[derive(Default)]
struct Shard {
    policy: Policy,
    slots: Slots,
    free: Vec<u32>,
    /// Slot of each key.
    keys: HashMap<u64, u32>,
    capacity: u64,
    bytes: u64,
}

#[derive(Default)]
struct Slots {
    entries: RefCell<Vec<Option<Entry>>>,
    /// Those that the policy still has a node of.
    reserved: HashSet<u32>,
    /// Slots asked about that had no node: none, ever.
    strangers: Cell<usize>,
}

#[derive(Clone, Copy)]
struct Entry {
    key: u64,
    weight: u64,
    visits: u8,
}

fn hash(key: u64) -> u64 {
    (key + 1).wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(32).wrapping_mul(0xd6e8_feb8_6659_fd93)
}

impl Slots {
    fn of<T>(&self, slot: u32, f: impl FnOnce(&mut Option<Entry>) -> T) -> T {
        f(&mut self.entries.borrow_mut()[slot as usize])
    }
}

impl Residents for Slots {
    fn take_visits(&self, slot: u32) -> u8 {
        self.of(slot, |entry| entry.as_mut().map_or(0, |entry| std::mem::take(&mut entry.visits)))
    }

    fn hash(&self, slot: u32) -> u64 {
        self.of(slot, |entry| hash(entry.unwrap().key))
    }

    fn weight(&self, slot: u32) -> u64 {
        self.of(slot, |entry| entry.unwrap().weight)
    }

    fn is_live(&self, slot: u32) -> bool {
        if !self.reserved.contains(&slot) {
            self.strangers.set(self.strangers.get() + 1);
        }
        self.of(slot, |entry| entry.is_some())
    }
}

impl Shard {
    fn new(capacity: u64) -> Self {
        Self { capacity, ..Self::default() }
    }

    fn visit(&mut self, key: u64) -> bool {
        let Some(slot) = self.keys.get(&key) else { return false };
        self.slots.of(*slot, |entry| {
            let entry = entry.as_mut().unwrap();
            entry.visits = (entry.visits + 1).min(MAX_VISITS);
        });
        true
    }

    fn put(&mut self, key: u64, weight: u64) {
        if let Some(&slot) = self.keys.get(&key) {
            let before = self.slots.of(slot, |entry| {
                let entry = entry.as_mut().unwrap();
                std::mem::replace(&mut entry.weight, weight)
            });
            self.bytes = self.bytes - before + weight;
            self.policy.reweighed(slot, before, weight);
        } else {
            let free = self.free.pop().unwrap_or(self.slots.reserved.len() as u32);
            self.slots.reserved.insert(free);
            let entry = Entry { key, weight, visits: 0 };
            let mut entries = self.slots.entries.borrow_mut();
            if entries.len() <= free as usize {
                entries.resize(free as usize + 1, None);
            }
            entries[free as usize] = Some(entry);
            drop(entries);
            self.keys.insert(key, free);
            self.bytes += weight;
            self.policy.admit(free, hash(key), weight);
        }
        self.make_room();
    }

    fn make_room(&mut self) {
        while self.bytes > self.capacity {
            let Some(turn) = self.policy.next(&self.slots) else { break };
            self.take(turn);
        }
    }

    fn take(&mut self, turn: Turn) {
        let (Turn::Evict(slot) | Turn::Lapsed(slot)) = turn;
        assert!(self.slots.reserved.remove(&slot), "each node once");
        self.free.push(slot);
        let entry = self.slots.of(slot, Option::take);
        assert_eq!(entry.is_some(), matches!(turn, Turn::Evict(_)));
        if let Some(entry) = entry {
            self.keys.remove(&entry.key);
            self.bytes -= entry.weight;
        }
    }

    fn remove(&mut self, key: u64) {
        if let Some(slot) = self.keys.remove(&key) {
            let entry = self.slots.of(slot, Option::take).unwrap();
            self.bytes -= entry.weight;
            self.policy.removed(slot, entry.weight);
        }
    }

    /// As a new table does: entries move, slots of those that left are free.
    fn rebuild(&mut self) {
        let old = std::mem::take(&mut *self.slots.entries.borrow_mut());
        let live: Vec<Entry> = old.iter().rev().filter_map(|entry| *entry).collect();
        self.keys = live.iter().enumerate().map(|(slot, entry)| (entry.key, slot as u32)).collect();
        self.slots.reserved = self.keys.values().copied().collect();
        self.free.clear();
        let keys = &self.keys;
        self.policy.remap(|slot| old[slot as usize].map(|entry| keys[&entry.key]));
        *self.slots.entries.borrow_mut() = live.into_iter().map(Some).collect();
    }

    fn check(&self) {
        assert_eq!(self.slots.strangers.get(), 0);
        assert_eq!(self.policy.bytes(), self.bytes, "bytes are accounted for exactly");
        assert_eq!(self.policy.residents, self.keys.len());
        assert_eq!(self.policy.window.len() + self.policy.main.len(), self.slots.reserved.len());
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Put(u64, u64),
    Visit(u64),
    Remove(u64),
    Next,
    Rebuild,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..200u64, 0..60u64).prop_map(|(key, weight)| Step::Put(key, weight)),
        8 => (0..200u64).prop_map(Step::Visit),
        4 => (0..200u64).prop_map(Step::Remove),
        1 => Just(Step::Next),
        1 => Just(Step::Rebuild),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes: every node is given back once, bytes are exact, and the
    /// policy finds someone to leave as long as there is anyone.
    #[test]
    fn accounts_for_every_node(steps in prop::collection::vec(step(), 0..1500), capacity in 1..3000u64) {
        let mut shard = Shard::new(capacity);
        for step in steps {
            match step {
                Step::Put(key, weight) => shard.put(key, weight),
                Step::Visit(key) => _ = shard.visit(key),
                Step::Remove(key) => shard.remove(key),
                Step::Next => {
                    let turn = shard.policy.next(&shard.slots);
                    prop_assert_eq!(turn.is_none(), shard.slots.reserved.is_empty());
                    if let Some(turn) = turn {
                        shard.take(turn);
                    }
                }
                Step::Rebuild => shard.rebuild(),
            }
            prop_assert!(shard.bytes <= capacity);
            shard.check();
        }
        while let Some(turn) = shard.policy.next(&shard.slots) {
            shard.take(turn);
        }
        prop_assert!(shard.slots.reserved.is_empty() && shard.keys.is_empty());
        shard.check();
    }
}

/// A read-mostly set, then a scan of ten times the memory: what is read stays.
#[test]
fn a_scan_does_not_flush_what_is_read() {
    for hot in [10, 500, 800] {
        let mut shard = Shard::new(1000);
        for round in 0..20 {
            for key in 0..hot {
                if !shard.visit(key) {
                    shard.put(key, 1);
                }
            }
            // Others come, but seldom.
            (0..100).for_each(|i| shard.put(1_000_000 + round * 100 + i, 1));
        }
        (0..10_000).for_each(|i| shard.put(2_000_000 + i, 1));
        let kept = (0..hot).filter(|key| shard.keys.contains_key(key)).count();
        assert!(kept as u64 * 100 >= hot * 95, "{kept} of {hot} survived the scan");
    }
}

/// LRU and CLOCK hit nothing in a loop that is longer than the memory.
#[test]
fn a_loop_longer_than_the_memory_hits() {
    for (length, least) in [(1250, 70), (2000, 45), (4000, 20)] {
        let mut shard = Shard::new(1000);
        let mut hits = 0;
        for round in 0..40 {
            for key in 0..length {
                let hit = shard.visit(key);
                hits += usize::from(hit && round >= 20);
                if !hit {
                    shard.put(key, 1);
                }
            }
        }
        let percent = hits * 100 / (20 * length as usize);
        assert!(percent >= least, "{percent}% of a loop of {length}");
    }
}

/// Keys that are wanted again shortly after and never later: the window grows.
#[test]
fn the_window_grows_where_recency_counts() {
    let mut shard = Shard::new(1000);
    let (mut hits, mut again) = (0, 0);
    for key in 0..40_000u64 {
        shard.put(key, 1);
        if key >= 150 {
            let hit = shard.visit(key - 150);
            if !hit {
                shard.put(key - 150, 1);
            }
            hits += u64::from(hit && key >= 20_000);
            again += u64::from(key >= 20_000);
        }
    }
    assert!(hits * 100 > again * 90, "{hits} of {again}");
    assert!(shard.policy.balance.window_share() > 0.12);
}

/// Entries that are read all the time do not hold up a writer for long.
#[test]
fn an_eviction_passes_over_a_limited_number() {
    struct AllRead(Cell<usize>);
    impl Residents for AllRead {
        fn take_visits(&self, _: u32) -> u8 {
            self.0.set(self.0.get() + 1);
            MAX_VISITS
        }
        fn hash(&self, slot: u32) -> u64 {
            hash(slot.into())
        }
        fn weight(&self, _: u32) -> u64 {
            1
        }
        fn is_live(&self, _: u32) -> bool {
            true
        }
    }
    let mut policy = Policy::new();
    (0..100_000).for_each(|slot| policy.admit(slot, hash(slot.into()), 1));
    let residents = AllRead(Cell::new(0));
    assert!(matches!(policy.next(&residents), Some(Turn::Evict(_))));
    assert!(residents.0.get() <= MAX_PASSED + 1);
}

/// 4 bytes an entry before anything left, and less than 12 ever.
#[test]
fn memory_an_entry_is_bounded() {
    for entries in [4_000u32, 100_000] {
        let mut policy = Policy::new();
        struct Unread;
        impl Residents for Unread {
            fn take_visits(&self, slot: u32) -> u8 {
                u8::from(slot.is_multiple_of(3))
            }
            fn hash(&self, slot: u32) -> u64 {
                hash(slot.into())
            }
            fn weight(&self, _: u32) -> u64 {
                100
            }
            fn is_live(&self, _: u32) -> bool {
                true
            }
        }
        (0..entries).for_each(|slot| policy.admit(slot, hash(slot.into()), 100));
        let per_entry = |policy: &Policy| policy.overhead_bytes() as f64 / f64::from(entries);
        assert!(per_entry(&policy) < 5.0, "{}", per_entry(&policy));
        for key in 0..20 * u64::from(entries) {
            let Some(Turn::Evict(slot)) = policy.next(&Unread) else { panic!("all are live") };
            policy.admit(slot, hash(1 << 32 | key), 100);
            assert!(per_entry(&policy) < 12.0, "{}", per_entry(&policy));
        }
    }
}

/// Large and small entries: the bytes count, not how many there are.
#[test]
fn a_large_entry_makes_many_small_ones_leave_only_if_it_is_read() {
    let mut shard = Shard::new(10_000);
    for round in 0..50u64 {
        for key in 0..500 {
            if !shard.visit(key) {
                shard.put(key, 10);
            }
        }
        // Half of the memory, once.
        shard.put(1_000 + round, 5_000);
    }
    let kept = (0..500).filter(|key| shard.keys.contains_key(key)).count();
    assert!(kept > 450, "{kept} of 500 small ones that are read");
}

#[test]
fn ghosts_are_known_for_a_turnover() {
    let mut ghosts = Ghosts::default();
    ghosts.remember(hash(1), Left::Main, 1000);
    assert_eq!(ghosts.take(hash(2)), None);
    ghosts.advance(500, 1000);
    assert_eq!(ghosts.take(hash(1)), Some(Ghost { left: Left::Main, age: ghosts::TURNOVER / 2 }));
    assert_eq!(ghosts.take(hash(1)), None, "known once");
    ghosts.remember(hash(3), Left::Window, 1000);
    (0..11).for_each(|_| ghosts.advance(100, 1000));
    assert_eq!(ghosts.take(hash(3)), None, "too old");
}

#[test]
fn a_node_keeps_what_it_is_given() {
    let node = Node::new(Node::MAX_SLOTS - 1).with_credit(3).on_trial();
    assert_eq!((node.slot(), node.credit(), node.is_on_trial()), (Node::MAX_SLOTS - 1, 3, true));
    assert_eq!((Node::new(7).credit(), Node::new(7).is_on_trial()), (0, false));
}
