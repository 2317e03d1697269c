//! edgecmp's whole store: bounded by bytes, sharded, with its own hash. It is
//! given the bytes in which it holds as many entries as the others.

use bytes::Bytes;
use edgecmp::Version;
use edgecmp::facts::entry::{Content, Limits, Proved, SharedEntry};
use edgecmp::store::{Change, Store};

use super::Measured;

const VALUE: &[u8] = &[7; 100];
const MAX_VALUE_BYTES: usize = 1024;
/// Smaller ones consist of bookkeeping.
const SMALLEST: usize = 500;
/// How often the number of entries is looked at.
const LOOK: usize = 1000;

pub fn run(entries: usize, _ids: usize, requests: &[u32]) -> Measured {
    if entries < SMALLEST {
        return f64::NAN.into();
    }
    let store = Store::new(bytes_for(entries), MAX_VALUE_BYTES);
    let (mut hits, mut held, mut looks) = (0, 0, 0);
    for (at, id) in requests.iter().enumerate() {
        hits += usize::from(access(&store, *id));
        if at % LOOK == 0 {
            let now = store.usage().entries;
            // Only of a full store.
            if now * 10 > entries * 9 {
                held += now;
                looks += 1;
            }
        }
    }
    let held = (looks > 0).then(|| held as f64 / f64::from(looks));
    Measured { hit_ratio: hits as f64 / requests.len() as f64, overhead: None, held }
}

fn access(store: &Store, id: u32) -> bool {
    let key = id.to_be_bytes();
    let hash = store.hash(&key);
    if let Some(entry) = store.load(hash, &key) {
        entry.visit();
        return true;
    }
    let content = Content {
        value: Some(Bytes::from_static(VALUE)),
        version: Version::from(1),
        named: true,
        validator: None,
        last_modified_at: None,
        limits: Limits::default(),
    };
    store.change(hash, &key, |_| Change::Put(SharedEntry::new(&key, content.by_ref(), Proved::default())));
    false
}

/// The capacity in which a store that saw many keys holds so many.
fn bytes_for(entries: usize) -> usize {
    let mut bytes = entries * 250;
    for _ in 0..4 {
        let store = Store::new(bytes, MAX_VALUE_BYTES);
        let (mut held, seen) = (0, 3 * entries as u32);
        for id in 0..seen {
            access(&store, id);
            // The mean of the last third: a table is replaced now and then.
            if id >= 2 * entries as u32 {
                held += store.usage().entries as u64;
            }
        }
        let held = held as f64 / entries as f64;
        bytes = (bytes as f64 * entries as f64 / held) as usize;
    }
    bytes
}
