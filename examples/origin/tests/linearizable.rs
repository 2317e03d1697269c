//! Reads beside writers: nothing acknowledged or seen is ever missed, by GET or by compare.

mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::Database;
use edgecmp_origin::client::Client;
use minicbor::{Decoder, Encoder};

const KEYS: usize = 3;
const WRITERS: usize = 3;
const DURATION: Duration = Duration::from_millis(1500);

/// The versions of all keys, by one compare.
fn compare(client: &Client) -> Vec<u64> {
    let mut encoder = Encoder::new(Vec::new());
    encoder.array(KEYS as u64).unwrap();
    for key in 0..KEYS {
        encoder.array(2).unwrap().bytes(&[b'0' + key as u8]).unwrap().null().unwrap();
    }
    let reply = client.compare(encoder.writer()).unwrap();
    let mut decoder = Decoder::new(&reply.body);
    let rows = decoder.array().unwrap().unwrap();
    let row = |_| {
        decoder.array().unwrap();
        decoder.skip().unwrap();
        decoder.skip().unwrap();
        let version = decoder.u64().unwrap();
        decoder.skip().unwrap();
        decoder.skip().unwrap();
        version
    };
    (0..rows).map(row).collect()
}

#[test]
fn reads_never_miss_what_was_acknowledged_or_seen() {
    let database = Database::new();
    let origin = database.start();
    for key in 0..KEYS {
        origin.client.put(&[b'0' + key as u8], b"", &[]).unwrap();
    }
    // The least version a read that starts now has to see, by key.
    let floors: [AtomicU64; KEYS] = std::array::from_fn(|key| AtomicU64::new(key as u64 + 1));
    let reads = AtomicU64::new(0);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let client = origin.client.separate();
            let (floors, ended) = (&floors, &ended);
            scope.spawn(move || {
                for number in 0_u64.. {
                    if ended.load(Ordering::SeqCst) {
                        break;
                    }
                    let key = (number as usize + writer) % KEYS;
                    let value = format!("{writer}/{number}");
                    let reply = client.put(&[b'0' + key as u8], value.as_bytes(), &[]).unwrap();
                    let version = u64::try_from(reply.version().unwrap()).unwrap();
                    floors[key].fetch_max(version, Ordering::SeqCst);
                }
            });
        }
        for reader in 0..2 {
            let client = origin.client.separate();
            let (floors, ended, reads) = (&floors, &ended, &reads);
            scope.spawn(move || {
                while !ended.load(Ordering::SeqCst) {
                    let least: Vec<u64> = floors.iter().map(|floor| floor.load(Ordering::SeqCst)).collect();
                    let found = if reader == 0 {
                        compare(&client)
                    } else {
                        let get = |key| client.get(&[b'0' + key as u8], &[]).unwrap().version();
                        (0..KEYS).map(|key| u64::try_from(get(key).unwrap()).unwrap()).collect()
                    };
                    for key in 0..KEYS {
                        assert!(found[key] >= least[key], "read {found:?} after {least:?}");
                        floors[key].fetch_max(found[key], Ordering::SeqCst);
                    }
                    reads.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let start = Instant::now();
        while start.elapsed() < DURATION {
            std::thread::sleep(Duration::from_millis(20));
        }
        ended.store(true, Ordering::SeqCst);
    });
    assert!(reads.load(Ordering::SeqCst) > 100);

    // The history agrees: dense, in order, each interval well-formed.
    let history = origin.history();
    let last = history.iter().map(|record| (record.key.clone(), record.version));
    let last: HashMap<Vec<u8>, u64> = last.collect();
    for (index, record) in history.iter().enumerate() {
        assert_eq!(record.version, index as u64 + 1);
        assert!(record.began_ns < record.visible_ns);
    }
    for key in 0..KEYS {
        assert_eq!(last[&vec![b'0' + key as u8]], floors[key].load(Ordering::SeqCst));
    }
}

/// What the history says must hold of reads timed with the same clock: a read may not see a version
/// before `began_ns`, nor miss it after `visible_ns`.
#[test]
fn the_times_of_the_history_hold_for_reads() {
    let database = Database::new();
    let origin = database.start();
    let ended = AtomicBool::new(false);
    let seen: Vec<(u64, u64, u64)> = std::thread::scope(|scope| {
        let client = origin.client.separate();
        let reader = scope.spawn(|| {
            let mut seen = Vec::new();
            let client = origin.client.separate();
            while !ended.load(Ordering::SeqCst) {
                let begin = boottime_ns();
                let version = client.get(b"k", &[]).unwrap().version().unwrap_or(0);
                seen.push((begin, u64::try_from(version).unwrap(), boottime_ns()));
            }
            seen
        });
        for number in 0..150 {
            client.put(b"k", format!("{number}").as_bytes(), &[]).unwrap();
        }
        ended.store(true, Ordering::SeqCst);
        reader.join().unwrap()
    });
    let history = origin.history();
    assert!(seen.len() > 50);
    for (begin, version, end) in seen {
        let must = history.iter().filter(|record| record.visible_ns < begin).count() as u64;
        let may = history.iter().filter(|record| record.began_ns < end).count() as u64;
        assert!((must..=may).contains(&version), "saw {version}, allowed {must} to {may}");
    }
}

fn boottime_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
