use std::collections::HashMap;

use proptest::prelude::*;

use super::published::Size;
use super::*;
use crate::facts::entry::{ContentRef, Limits, Proved};
use crate::facts::version::Version;

#[test]
fn sizes_are_told_closely() {
    for buckets in (1..5000).chain((1..60).map(|i| 97 * i * i * i * i * i)) {
        let told = Size::of_at_least(buckets).buckets();
        assert!(told >= buckets && told - buckets <= buckets / 1024, "{buckets}: {told}");
        assert_eq!(Size::of_at_least(told).buckets(), told);
    }
}

fn entry(key: u8, version: u64) -> SharedEntry {
    let content = ContentRef {
        value: None,
        version: Version::from(version),
        named: true,
        validator: None,
        last_modified_at: None,
        limits: Limits::default(),
    };
    SharedEntry::new(&[key], content, Proved::default())
}

/// Keys meet in buckets and in tags, that of an empty slot among them.
fn hash(key: u8) -> u64 {
    u64::from(key % 4) << 62 | u64::from(key / 4 % 3)
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8),
    /// The second: its slot stays reserved.
    Take(u8, bool),
    Unreserve(usize),
    Rebuild(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..60).prop_map(Step::Put),
        4 => (0u8..60, any::<bool>()).prop_map(|(key, reserved)| Step::Take(key, reserved)),
        3 => any::<usize>().prop_map(Step::Unreserve),
        1 => (8usize..12).prop_map(Step::Rebuild),
    ]
}

/// A table as its shard has it, beside a map.
struct Beside {
    table: OwnedTable,
    map: HashMap<u8, (u64, u32)>,
    reserved: Vec<u32>,
    /// Slots that are not as if never used, as the shard counts them.
    used: usize,
    /// Buckets over which a walk may have gone on.
    passed: Vec<bool>,
}

impl Beside {
    fn new() -> Self {
        let table = OwnedTable::new(2);
        let passed = vec![false; table.0.len()];
        Self { table, map: HashMap::new(), reserved: Vec::new(), used: 0, passed }
    }

    fn rebuild(&mut self, buckets: usize) {
        let next = OwnedTable::new(buckets);
        let mut moved = HashMap::new();
        self.table.table().copy_to(
            next.table(),
            |key| hash(key[0]),
            |from, to| {
                assert!(moved.insert(from, to).is_none());
            },
        );
        assert_eq!(moved.len(), self.map.len());
        for (_, slot) in self.map.values_mut() {
            *slot = moved[slot];
        }
        self.passed = vec![false; next.0.len()];
        (self.table, self.used) = (next, self.map.len());
        self.reserved.clear();
    }

    fn step(&mut self, step: Step, version: u64) {
        let table = self.table.table();
        match step {
            Step::Put(key) => match (table.place(hash(key), &[key]), self.map.get(&key)) {
                (Place::Occupied(slot), Some((before, at))) => {
                    assert_eq!(slot, *at);
                    let old = table.put(slot, hash(key), entry(key, version)).expect("it is occupied");
                    assert_eq!((old.key(), old.version()), (&[key][..], Version::from(*before)));
                    self.map.insert(key, (version, slot));
                }
                (Place::Vacant { slot, fresh }, None) => {
                    assert!(table.put(slot, hash(key), entry(key, version)).is_none());
                    self.used += usize::from(fresh);
                    self.map.insert(key, (version, slot));
                }
                other => panic!("{other:?}"),
            },
            Step::Take(key, reserved) => {
                if let Some((before, slot)) = self.map.remove(&key) {
                    let (old, as_new) = table.take(slot, reserved);
                    assert_eq!(old.expect("it is there").version(), Version::from(before));
                    assert!(!(reserved && as_new));
                    self.used -= usize::from(as_new);
                    self.reserved.extend(reserved.then_some(slot));
                }
            }
            Step::Unreserve(which) => {
                if !self.reserved.is_empty() {
                    let slot = self.reserved.swap_remove(which % self.reserved.len());
                    self.used -= usize::from(table.unreserve(slot));
                }
            }
            Step::Rebuild(buckets) => self.rebuild(buckets),
        }
        // As the shard does: no table is ever full.
        if self.used * 5 > self.table.table().slots() * 4 {
            self.rebuild(self.map.len().div_ceil(BUCKET) * 2 + 1);
        }
    }

    fn compare(&mut self) {
        let table = self.table.table();
        for key in 0..60 {
            // SAFETY: there is no other thread.
            let found = unsafe { table.find(hash(key), &[key]) }.map(|entry| entry.version());
            assert_eq!(found, self.map.get(&key).map(|(version, _)| Version::from(*version)), "{key}");
        }
        let addresses = (0..table.slots() as u32).map(|slot| table.slot(slot).load(Ordering::Relaxed).addr());
        assert_eq!(addresses.clone().filter(|address| *address != EMPTY).count(), self.used);
        assert_eq!(addresses.filter(|address| *address == RESERVED).count(), self.reserved.len());
        for (bucket, passed) in table.buckets.iter().zip(&mut self.passed) {
            assert!(bucket.is_passed() || !*passed, "a bucket that was passed has an empty slot");
            *passed = bucket.is_passed();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn is_a_map(steps in prop::collection::vec(step(), 0..400)) {
        let mut beside = Beside::new();
        for (version, step) in steps.into_iter().enumerate() {
            beside.step(step, version as u64);
            beside.compare();
        }
    }
}
