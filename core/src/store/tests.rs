use std::collections::HashMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::facts::entry::{Content, Limits, Proved, SharedEntry};
use crate::facts::version::Version;

fn entry(key: &[u8], version: u64, len: usize) -> SharedEntry {
    let content = Content {
        value: Some(Bytes::from(vec![version as u8; len])),
        version: Version::from(version),
        named: true,
        validator: None,
        last_modified_at: None,
        limits: Limits::default(),
    };
    SharedEntry::new(key, content.by_ref(), Proved::default())
}

fn put(store: &Store, key: &[u8], version: u64, len: usize) -> Outcome {
    store.change(store.hash(key), key, |_| Change::Put(entry(key, version, len)))
}

fn version(store: &Store, key: &[u8]) -> Option<u64> {
    store.load(store.hash(key), key).map(|e| e.version().get() as u64)
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u16),
    Remove(u8),
    Read(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<u8>(), 0u16..64).prop_map(|(k, n)| Step::Put(k, n)),
        any::<u8>().prop_map(Step::Remove),
        any::<u8>().prop_map(Step::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// With room for all, the store is a map.
    #[test]
    fn is_a_map(steps in prop::collection::vec(step(), 0..800)) {
        let store = Store::new(4 << 20, 1024);
        let mut map = HashMap::new();
        for (i, step) in steps.into_iter().enumerate() {
            match step {
                Step::Put(k, n) => {
                    put(&store, &[k], i as u64, n.into());
                    map.insert(k, i as u64);
                }
                Step::Remove(k) => {
                    store.change(store.hash(&[k]), &[k], |_| Change::Remove);
                    map.remove(&k);
                }
                Step::Read(k) => prop_assert_eq!(version(&store, &[k]), map.get(&k).copied()),
            }
            prop_assert_eq!(store.usage().entries, map.len());
        }
        for k in 0..=255 {
            prop_assert_eq!(version(&store, &[k]), map.get(&k).copied());
        }
        for k in map.into_keys() {
            store.change(store.hash(&[k]), &[k], |_| Change::Remove);
        }
        prop_assert_eq!(store.usage().entries, 0);
    }
}

#[test]
fn many_are_loaded_as_one_by_one() {
    let store = Store::new(4 << 20, 1024);
    let keys: Vec<Vec<u8>> = (0..500u32).map(|k| k.to_be_bytes().to_vec()).collect();
    for (k, key) in keys.iter().enumerate().filter(|(k, _)| k % 3 > 0) {
        put(&store, key, k as u64, 50);
    }
    let mut seen = Vec::new();
    store.load_many(&keys, |_, first, entries| {
        assert_eq!(first, seen.len());
        seen.extend(entries.iter().map(|entry| entry.as_ref().map(|e| e.version().get() as u64)));
    });
    let expected: Vec<_> = keys.iter().map(|key| version(&store, key)).collect();
    assert_eq!(seen, expected);
    store.load_many(&[] as &[&[u8]], |_, _, entries| assert!(entries.is_empty()));
}

#[test]
fn stays_within_capacity_and_keeps_what_is_read() {
    let capacity = 256 * 1024;
    let store = Store::new(capacity, 1024);
    put(&store, b"hot", 1, 100);
    let mut evicted = 0;
    for i in 0..20_000u64 {
        evicted += put(&store, &i.to_be_bytes(), i, 100).evicted;
        store.load(store.hash(b"hot"), b"hot").expect("read all the time").visit();
        assert!(store.usage().bytes <= capacity);
    }
    assert_eq!(evicted + store.usage().entries, 20_001);
}

#[test]
fn an_entry_is_kept_exactly_as_long_as_it_is_found() {
    let store = Store::new(256 * 1024, 1024);
    let mut all = Vec::new();
    for i in 0..6_000u64 {
        let key = (i % 5_000).to_be_bytes();
        let entry = entry(&key, i, 100);
        all.push(entry.clone());
        assert!(!entry.is_in_store());
        store.change(store.hash(&key), &key, |_| Change::Put(entry));
        if i % 7 == 0 {
            store.change(store.hash(&key), &key, |_| Change::Remove);
        }
    }
    let found = |entry: &SharedEntry| {
        store.load(store.hash(entry.key()), entry.key()).is_some_and(|e| entry.ptr_eq(&e))
    };
    assert!(all.iter().all(|entry| entry.is_in_store() == found(entry)));
    assert_eq!(all.iter().filter(|entry| entry.is_in_store()).count(), store.usage().entries);
}

#[test]
fn who_sees_the_next_entry_sees_that_the_last_has_left() {
    // Room for all of them: with less, a reader that is interrupted keeps the next from being kept.
    let store = Store::new(1 << 30, 1024);
    put(&store, b"k", 0, 10);
    let load = || store.load(store.hash(b"k"), b"k").expect("there is always one").share();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = load();
                while last.version() < Version::from(20_000) {
                    let next = load();
                    assert!(next.ptr_eq(&last) || !last.is_in_store());
                    last = next;
                }
            });
        }
        (1..=20_000).for_each(|version| _ = put(&store, b"k", version, 10));
    });
}

#[test]
fn what_is_larger_than_the_store_is_not_kept() {
    let store = Store::new(256 * 1024, 1024);
    put(&store, b"k", 1, 10);
    assert!(put(&store, b"k", 2, 300_000).not_kept);
    assert_eq!(version(&store, b"k"), None, "the older version is not current any more");
}

/// Readers beside a writer that replaces, removes and grows: a reader finds
/// what it asked for, whole, and never an older version than it saw before.
#[test]
fn readers_see_whole_entries_in_order() {
    let store = Store::new(1 << 20, 1024);
    let keys: Vec<Vec<u8>> = (0..64u8).map(|k| vec![k; 8]).collect();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = vec![0; keys.len()];
                    let mut reads = 0u64;
                    while !done.load(Ordering::Relaxed) {
                        for (key, last) in keys.iter().zip(&mut last) {
                            if let Some(entry) = store.load(store.hash(key), key) {
                                let version = entry.version().get() as u64;
                                assert_eq!(entry.key(), key);
                                let value = entry.value().unwrap();
                                assert!(value.iter().all(|b| *b == version as u8));
                                assert!(version >= *last);
                                *last = version;
                                reads += 1;
                            }
                        }
                    }
                    reads
                })
            })
            .collect();
        for round in 1..=2_000u64 {
            for key in &keys {
                put(&store, key, round, 40);
                if round % 7 == u64::from(key[0]) % 7 {
                    store.change(store.hash(key), key, |_| Change::Remove);
                }
            }
            // Others come and go: the tables grow, and fill with tombstones.
            let other = round.to_be_bytes();
            put(&store, &other, round, 10);
            if round % 3 == 0 {
                store.change(store.hash(&other), &other, |_| Change::Remove);
            }
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
}

#[test]
fn the_largest_value_allowed_is_in_store() {
    let (capacity, max_value_bytes) = (64 << 20, 1 << 20);
    let store = Store::new(capacity, max_value_bytes);
    put(&store, b"k", 1, max_value_bytes);
    assert_eq!(version(&store, b"k"), Some(1));
}

/// Nothing is freed while a reader holds on; evicting all the more would free
/// nothing either, and lose what is cached.
#[test]
fn a_reader_that_is_held_up_does_not_empty_the_store() {
    let capacity = 1 << 20;
    let store = Store::new(capacity, 1024);
    for i in 0..20_000u64 {
        put(&store, &i.to_be_bytes(), i, 100);
    }
    let before = store.usage();
    assert!(before.bytes > capacity * 9 / 10);
    let held = store.load(store.hash(&19_999u64.to_be_bytes()), &19_999u64.to_be_bytes());
    assert!(held.is_some());
    let mut evicted = 0;
    for i in 0..500u64 {
        evicted += put(&store, &(20_000 + i).to_be_bytes(), i, 100).evicted;
    }
    assert!(evicted <= 2 * 500, "{evicted}");
    drop(held);
    for i in 0..500u64 {
        put(&store, &(30_000 + i).to_be_bytes(), i, 100);
        assert!(store.usage().bytes <= capacity);
    }
}

/// G6 while a reader holds on to a hit: what leaves waits, so nothing more comes in.
#[test]
fn a_hit_that_is_held_costs_no_more_than_the_capacity_again() {
    let capacity = 1 << 20;
    let store = Store::new(capacity, 64 * 1024);
    put(&store, b"held", 1, 100);
    let held = store.load(store.hash(b"held"), b"held").expect("just put");
    let mut not_kept = 0;
    for i in 0..2_000u64 {
        not_kept += u32::from(put(&store, &i.to_be_bytes(), i, 10_000).not_kept);
        // Also those that are replaced.
        not_kept += u32::from(put(&store, &(i % 10).to_be_bytes(), i, 10_000).not_kept);
        assert!(store.usage().bytes <= 2 * capacity, "{:?}", store.usage());
    }
    assert!(not_kept > 0);
    assert_eq!(held.value().map(<[u8]>::len), Some(100));
    drop(held);
    for i in 0..300u64 {
        put(&store, &i.to_be_bytes(), i, 10_000);
    }
    assert!(store.usage().bytes <= capacity, "{:?}", store.usage());
    assert!(store.usage().entries > 50);
}

/// In a store with room, whose entries a reader that held on has had replaced: once it
/// has ended, also keys that were not there before are kept again.
#[test]
fn new_keys_are_kept_again_after_a_reader_that_held_on() {
    let capacity = 1 << 20;
    let store = Store::new(capacity, 64 * 1024);
    for i in 0..30u64 {
        put(&store, &i.to_be_bytes(), i, 10_000);
    }
    let held = store.load(store.hash(&0u64.to_be_bytes()), &0u64.to_be_bytes()).expect("just put");
    let mut i = 0u64;
    while !put(&store, &(i % 30).to_be_bytes(), i, 10_000).not_kept {
        i += 1;
        assert!(i < 1000, "{:?}", store.usage());
    }
    drop(held);
    let not_kept = (0..50u64).filter(|i| put(&store, &(1000 + i).to_be_bytes(), *i, 1000).not_kept).count();
    assert!(not_kept <= 1, "{not_kept} of 50 were not kept, {:?}", store.usage());
}
