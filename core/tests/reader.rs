//! Reads by a [`Reader`] find what [`Cache::lookup`] finds, with receipts as true.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use edgecmp::facts::clock::{BootClock, Clock};
use edgecmp::{Cache, Code, Options, ReadOptions, Reader, Renewal, Value, WriteOptions};

fn open(options: &[(&str, &str)]) -> Cache {
    let mut all = Options::default();
    all.set("origin", "memory:").unwrap();
    for (name, text) in options {
        all.set(name, text).unwrap();
    }
    Cache::open(all).unwrap()
}

fn set(cache: &Cache, key: &str, value: &str) -> u128 {
    cache.set(key.as_bytes(), value.as_bytes(), &WriteOptions::default()).unwrap().version.get()
}

fn get(cache: &Cache, key: &str) -> Value {
    cache.get(key.as_bytes(), &ReadOptions::default()).unwrap()
}

/// A value that is read again.
struct Kept {
    value: Value,
    renewal: Renewal,
}

impl Kept {
    fn of(cache: &Cache, reader: &mut Reader, key: &str) -> Self {
        let value = cache.lookup_by(reader, key.as_bytes()).unwrap().expect("it is there");
        Self { value, renewal: Renewal::NONE }
    }

    fn renew(&mut self, cache: &Cache, reader: &mut Reader) -> bool {
        let moment = cache.moment(reader, &self.renewal);
        moment.is_some_and(|moment| moment.renew(&mut self.value, &mut self.renewal))
    }
}

#[test]
fn a_reader_finds_what_a_look_up_finds() {
    let cache = open(&[("staleness_bound", "1h"), ("max_key_bytes", "8")]);
    let mut reader = Reader::new();
    assert!(cache.lookup_by(&mut reader, b"k").unwrap().is_none());
    let version = set(&cache, "k", "v");
    let found = cache.lookup_by(&mut reader, b"k").unwrap().expect("just written");
    assert_eq!((found.bytes(), found.receipt().version.get()), (Some(&b"v"[..]), version));
    assert_eq!(found.receipt().bound, Duration::from_secs(3600));
    for key in [&b""[..], b"too long."] {
        let error = cache.lookup_by(&mut reader, key).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
    }
    let hits = cache.statistics().unwrap().hits;
    let mut kept = Kept::of(&cache, &mut reader, "k");
    assert!((0..10).all(|_| kept.renew(&cache, &mut reader)));
    assert_eq!(cache.statistics().unwrap().hits, hits + 11, "each is counted once");
    cache.close(Duration::from_secs(1)).unwrap();
    assert_eq!(cache.lookup_by(&mut reader, b"k").unwrap_err().code(), Code::Closed);
    assert!(!kept.renew(&cache, &mut reader));
    assert_eq!(kept.value.bytes(), Some(&b"v"[..]), "values outlive the cache");
}

#[test]
fn a_renewed_receipt_is_of_now() {
    let cache = open(&[("staleness_bound", "1h")]);
    let mut reader = Reader::new();
    set(&cache, "k", "v");
    let mut kept = Kept::of(&cache, &mut reader, "k");
    let mut last = kept.value.receipt().staleness;
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(5));
        assert!(kept.renew(&cache, &mut reader));
        let now = kept.value.receipt().staleness;
        assert!(now >= last + Duration::from_millis(5));
        let found = cache.lookup_by(&mut reader, b"k").unwrap().unwrap().receipt();
        assert!(found.staleness >= now, "the same proof, a little later");
        last = now;
    }
}

#[test]
fn what_has_left_is_not_renewed_and_what_stays_is() {
    let cache = open(&[("staleness_bound", "1h")]);
    let mut reader = Reader::new();
    set(&cache, "a", "1");
    set(&cache, "b", "1");
    let mut a = Kept::of(&cache, &mut reader, "a");
    let mut b = Kept::of(&cache, &mut reader, "b");
    assert!(a.renew(&cache, &mut reader) && b.renew(&cache, &mut reader));
    set(&cache, "a", "2");
    assert!(!a.renew(&cache, &mut reader), "replaced");
    assert!((0..3).all(|_| b.renew(&cache, &mut reader)), "another key's");
    cache.invalidate(b"b").unwrap();
    assert!(!b.renew(&cache, &mut reader), "invalidated");
    get(&cache, "b");
    let mut b = Kept::of(&cache, &mut reader, "b");
    assert!(b.renew(&cache, &mut reader));
    cache.delete(b"b", &WriteOptions::default()).unwrap();
    assert!(!b.renew(&cache, &mut reader), "deleted");
}

#[test]
fn nothing_past_its_bound_is_renewed() {
    let cache = open(&[("staleness_bound", "100ms"), ("prefix_bounds", "short/=50ms")]);
    let mut reader = Reader::new();
    let mut aged = false;
    for (key, bound) in [("k", 100), ("short/k", 50)] {
        set(&cache, key, "v");
        let mut kept = Kept::of(&cache, &mut reader, key);
        let bound = Duration::from_millis(bound);
        let written = BootClock.now();
        while kept.renew(&cache, &mut reader) {
            let receipt = kept.value.receipt();
            assert!(receipt.bound == bound && receipt.staleness <= bound, "{receipt:?}");
            aged |= receipt.staleness > bound / 2 + bound / 16;
            // Nothing but refreshes could keep it: there are some, of a memory origin.
            if BootClock.now().since(written) > 3 * bound {
                break;
            }
        }
    }
    assert!(!aged || cache.statistics().unwrap().refreshes_asked > 0, "renewals ask for refreshes");
}

#[test]
fn what_is_evicted_is_not_renewed_and_what_is_renewed_stays() {
    let cache = open(&[("staleness_bound", "1h"), ("capacity", "256KiB"), ("max_value_bytes", "4KiB")]);
    let mut reader = Reader::new();
    set(&cache, "hot", "v");
    set(&cache, "cold", "v");
    let mut hot = Kept::of(&cache, &mut reader, "hot");
    let mut cold = Kept::of(&cache, &mut reader, "cold");
    assert!(cold.renew(&cache, &mut reader));
    for n in 0..2_000 {
        let key = format!("next/{n}");
        set(&cache, &key, &"x".repeat(500));
        // Wanted again: what is wanted once would not move what was read before.
        for _ in 0..3 {
            cache.lookup(key.as_bytes(), &ReadOptions::default()).unwrap();
        }
        assert!(hot.renew(&cache, &mut reader), "read all the time: {n}");
    }
    assert!(cache.statistics().unwrap().evictions > 0);
    assert!(cache.lookup(b"cold", &ReadOptions::default()).unwrap().is_none());
    assert!(!cold.renew(&cache, &mut reader));
}

/// G2 and G3 across the two ways to read: a version that somebody has seen, or
/// has written, is the least that a renewal gives.
#[test]
fn no_renewal_is_behind_what_others_have_seen() {
    let cache = open(&[("staleness_bound", "1h")]);
    set(&cache, "k", "v");
    let (seen, ended) = (AtomicU64::new(0), AtomicBool::new(false));
    let check = |reader: &mut Reader, kept: &mut Kept| {
        let least = seen.load(Ordering::SeqCst);
        if !kept.renew(&cache, reader) {
            *kept = match cache.lookup_by(reader, b"k").unwrap() {
                Some(value) => Kept { value, renewal: Renewal::NONE },
                None => return,
            };
        }
        assert!(kept.value.receipt().version.get() as u64 >= least);
    };
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut reader = Reader::new();
                let mut kept = Kept { value: get(&cache, "k"), renewal: Renewal::NONE };
                while !ended.load(Ordering::Relaxed) {
                    check(&mut reader, &mut kept);
                }
            });
        }
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                if let Some(hit) = cache.lookup(b"k", &ReadOptions::default()).unwrap() {
                    let version = hit.receipt().version.get() as u64;
                    seen.fetch_max(version, Ordering::SeqCst);
                }
            }
        });
        for n in 0..3_000 {
            let version = set(&cache, "k", if n % 2 == 0 { "a" } else { "b" });
            seen.fetch_max(version as u64, Ordering::SeqCst);
        }
        ended.store(true, Ordering::Relaxed);
    });
}
