//! Readers beside the writer of a whole shard: table, entries, eviction.

use loom::sync::Arc;
use loom::thread;

use super::model;
use super::reclaiming::spawn;
use crate::facts::entry::{ContentRef, Limits, Proved, SharedEntry};
use crate::facts::version::Version;
use crate::store::table::{OwnedTable, Place};
use crate::store::{Change, Outcome, Store};

/// A shard takes many steps: fewer forced switches.
const PREEMPTIONS: usize = 3;
const ROOM: usize = 1 << 16;

fn entry(key: &[u8], version: u64) -> SharedEntry {
    let content = ContentRef {
        value: Some(&[version as u8; 4]),
        version: Version::from(version),
        named: true,
        validator: None,
        last_modified_at: None,
        limits: Limits::default(),
    };
    SharedEntry::new(key, content, Proved::default())
}

fn put(store: &Store, key: &[u8], version: u64) -> Outcome {
    store.change(store.hash(key), key, |_| Change::Put(entry(key, version)))
}

fn remove(store: &Store, key: &[u8]) {
    store.change(store.hash(key), key, |_| Change::Remove);
}

/// The version that a reader finds; what it finds is whole.
fn read(store: &Store, key: &[u8]) -> Option<u64> {
    store.load(store.hash(key), key).map(|entry| {
        let version = entry.version().get() as u64;
        assert_eq!(entry.key(), key);
        assert_eq!(entry.value(), Some(&[version as u8; 4][..]));
        version
    })
}

/// Keys whose home is the first of the first table's two buckets.
fn neighbours(store: &Store, count: usize) -> Vec<[u8; 1]> {
    (0..=255).map(|k| [k]).filter(|key| store.hash(key) >> 63 == 0).take(count).collect()
}

fn reader(number: usize, store: &Arc<Store>, read: impl FnOnce(&Store) + 'static) -> thread::JoinHandle<()> {
    let store = store.clone();
    spawn(number, move || read(&store))
}

#[test]
fn beside_a_replacement_either_version_and_never_back() {
    model(PREEMPTIONS, || {
        let store = Arc::new(Store::new(ROOM, 64));
        put(&store, b"k", 1);
        let reader = reader(1, &store, |store| {
            let first = read(store, b"k").expect("it is there all the time");
            let second = read(store, b"k").expect("it is there all the time");
            assert!(1 <= first && first <= second && second <= 2);
        });
        put(&store, b"k", 2);
        assert_eq!(read(&store, b"k"), Some(2));
        reader.join().unwrap();
    });
}

#[test]
fn beside_a_removal_there_or_not() {
    model(PREEMPTIONS, || {
        let store = Arc::new(Store::new(ROOM, 64));
        put(&store, b"k", 1);
        let reader = reader(1, &store, |store| {
            let first = read(store, b"k");
            let second = read(store, b"k");
            assert!(first.is_some() || second.is_none());
        });
        remove(&store, b"k");
        assert_eq!(read(&store, b"k"), None);
        reader.join().unwrap();
    });
}

#[test]
fn two_readers_beside_a_replacement_and_a_removal() {
    model(PREEMPTIONS, || {
        let store = Arc::new(Store::new(ROOM, 64));
        put(&store, b"k", 1);
        let read = |store: &Store| {
            read(store, b"k");
        };
        let readers = [reader(1, &store, read), reader(2, &store, read)];
        put(&store, b"k", 2);
        remove(&store, b"k");
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

/// The fourth key in four slots: the table is replaced.
#[test]
fn beside_a_new_table_nothing_is_lost() {
    model(PREEMPTIONS, || {
        let store = Arc::new(Store::new(ROOM, 64));
        let keys: Vec<_> = (0..4).map(|k| [k]).collect();
        for key in &keys[..3] {
            put(&store, key, 1);
        }
        let reader = reader(1, &store, |store| {
            assert_eq!(read(store, &[2]), Some(1));
        });
        put(&store, &keys[3], 1);
        assert_eq!(read(&store, &[2]), Some(1));
        reader.join().unwrap();
    });
}

/// A new table, and then a new version in it.
#[test]
fn beside_a_new_table_a_completed_write_is_seen() {
    model(PREEMPTIONS, || {
        let store = Arc::new(Store::new(ROOM, 64));
        for k in 0..3 {
            put(&store, &[k], 1);
        }
        let reader = reader(1, &store, |store| {
            let first = read(store, &[2]).expect("it is there all the time");
            let second = read(store, &[2]).expect("it is there all the time");
            assert!(first <= second);
        });
        put(&store, &[3], 1);
        put(&store, &[2], 2);
        reader.join().unwrap();
    });
}

/// A key behind a full bucket, whose slots are vacated and used again.
#[test]
fn beside_neighbours_that_come_and_go_nothing_is_lost() {
    model(PREEMPTIONS, || {
        let store = Arc::new(Store::new(ROOM, 64));
        let keys = neighbours(&store, 3);
        for key in &keys {
            put(&store, key, 1);
        }
        let last = keys[2];
        let reader = reader(1, &store, move |store| {
            assert_eq!(read(store, &last), Some(1));
        });
        remove(&store, &keys[0]);
        put(&store, &keys[1], 2);
        put(&store, &keys[0], 2);
        reader.join().unwrap();
    });
}

/// The same in the table alone: slots that the policy has given back.
#[test]
fn behind_slots_that_are_vacated_nothing_is_lost() {
    model(PREEMPTIONS, || {
        let owned = Arc::new(OwnedTable::new(2));
        let put = |key: u8| match owned.table().place(0, &[key]) {
            Place::Vacant { slot, .. } => {
                assert!(owned.table().put(slot, 0, entry(&[key], 1)).is_none());
                slot
            }
            Place::Occupied(_) => unreachable!("each key is put once"),
        };
        let slots = [1, 2, 3].map(put);
        let reader = spawn(1, {
            let owned = owned.clone();
            // SAFETY: nothing is freed before the end.
            move || assert!(unsafe { owned.table().find(0, &[3]) }.is_some())
        });
        let (evicted, as_new) = owned.table().take(slots[0], false);
        let (removed, _) = owned.table().take(slots[1], true);
        assert!(!as_new && !owned.table().unreserve(slots[1]));
        put(4);
        reader.join().unwrap();
        drop((evicted, removed));
    });
}

#[test]
fn beside_eviction_there_or_not() {
    let room = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    // The least that one entry needs, with the table and the policy's account:
    // two have no place there.
    let least = room.clone();
    model(PREEMPTIONS, move || {
        let keeps_one = |room: &usize| put(&Store::new(*room, 64), b"a", 1) == Outcome::default();
        let least_room = (256..ROOM).step_by(16).find(keeps_one).expect("a page is enough");
        least.store(least_room, std::sync::atomic::Ordering::Relaxed);
    });
    let room = room.load(std::sync::atomic::Ordering::Relaxed);
    model(PREEMPTIONS, move || {
        let store = Arc::new(Store::new(room, 64));
        assert_eq!(put(&store, b"a", 1), Outcome::default());
        let reader = reader(1, &store, |store| {
            read(store, b"a");
            read(store, b"b");
        });
        assert!(put(&store, b"b", 1).evicted > 0);
        reader.join().unwrap();
    });
}

#[test]
fn many_are_read_under_one_guard_beside_a_new_table() {
    model(PREEMPTIONS, || {
        let store = Arc::new(Store::new(ROOM, 64));
        for k in 0..3 {
            put(&store, &[k], 1);
        }
        let reader = reader(1, &store, |store| {
            store.load_many(&[[0], [2]], |_, _, entries| {
                assert!(entries.iter().flatten().all(|entry| entry.value().is_some()));
                assert!(entries[1].is_some(), "it is there all the time");
            });
        });
        put(&store, &[3], 1);
        remove(&store, &[0]);
        reader.join().unwrap();
    });
}

/// Who has seen a new version, or that there is none, sees it of the entry too
/// that it kept.
#[test]
fn a_kept_entry_knows_that_it_was_replaced_or_removed() {
    model(PREEMPTIONS, || {
        let store = Arc::new(Store::new(ROOM, 64));
        put(&store, b"k", 1);
        let kept = store.load(store.hash(b"k"), b"k").expect("it was put").share();
        assert!(kept.is_in_store());
        let reader = reader(1, &store, move |store| {
            if read(store, b"k") != Some(1) {
                assert!(!kept.is_in_store());
            }
        });
        put(&store, b"k", 2);
        remove(&store, b"k");
        reader.join().unwrap();
    });
}

/// What a reader keeps outlives the store's own count.
#[test]
fn a_share_taken_under_a_guard_stays() {
    model(PREEMPTIONS, || {
        let store = Arc::new(Store::new(ROOM, 64));
        put(&store, b"k", 1);
        let reader = reader(1, &store, |store| {
            let kept = store.load(store.hash(b"k"), b"k").map(|entry| entry.share());
            assert!(kept.is_none_or(|kept| kept.value() == Some(&[1; 4])));
        });
        remove(&store, b"k");
        reader.join().unwrap();
    });
}
