//! A forked child whose threads contend for a shard's lock, as those of its parent did
//! at the fork. Not with `parking_lot`'s locks, whose queues are the process's,
//! behind locks that a thread of the parent may have held: there 3 of 386 hung.

#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "a test waits by the clock on the wall")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use edgecmp::store::{Change, Store};
use support::{ends, entry};

mod support;

const FOR: Duration = Duration::from_secs(15);

fn put(store: &Store, key: u64) {
    let (key, value) = (key.to_le_bytes(), vec![1; (key % 900) as usize]);
    let entry = entry(&key, &value);
    store.change(store.hash(&key), &key, |_| Change::Put(entry));
}

fn contend(store: &Store, threads: u64, over: &AtomicBool, puts: u64, beside: impl FnOnce()) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                let keys = (0..puts).take_while(|_| !over.load(Ordering::Relaxed));
                keys.for_each(|n| put(store, (n * 7 + thread) % 16_384));
            });
        }
        beside();
    });
}

/// As a cache does in a child: a store of its own.
fn child() {
    let store = Store::new(1 << 20, 1 << 16);
    contend(&store, 4, &AtomicBool::new(false), 3_000, || {});
}

#[test]
fn threads_of_a_child_wait_for_none_of_its_parents() {
    edgecmp::facts::fork::watch();
    let (store, over) = (Store::new(1 << 20, 1 << 16), AtomicBool::new(false));
    let (began, mut all_end) = (Instant::now(), true);
    contend(&store, 8, &over, u64::MAX / 8, || {
        while all_end && began.elapsed() < FOR {
            // SAFETY: the child makes a store of its own, and ends without handlers.
            let pid = unsafe { libc::fork() };
            if pid == 0 {
                child();
                // SAFETY: as above.
                unsafe { libc::_exit(0) };
            }
            all_end = ends(pid);
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(all_end, "a child hangs");
}
