//! Refreshes that fail, and writes that overtake a flight.

use std::sync::OnceLock;

use super::*;

/// A cache of 10 s whose entries are refreshed from the age of 1 ms on.
fn restless(pairs: &[(&str, &str)], serve: impl Fn(OriginCall) + Send + Sync + 'static) -> Cache {
    let mut options = options("10s");
    for (name, value) in [("refresh_after", "1ms"), ("breaker_failures", "0")].iter().chain(pairs) {
        options.set(name, value).unwrap();
    }
    host_with(options, serve)
}

fn hits(cache: &Cache, key: &[u8], time: Duration) {
    let clock = crate::facts::clock::BootClock;
    let until = crate::facts::clock::Clock::now(&clock).after(time);
    while crate::facts::clock::Clock::now(&clock) < until {
        assert!(cache.lookup(key, &read()).unwrap().is_some());
        thread::yield_now();
    }
}

#[test]
fn a_failed_refresh_is_asked_for_again_after_a_pause() {
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let cache =
        restless(&[("backoff_base", "80ms")], move |call| match counted.fetch_add(1, Ordering::Relaxed) {
            0 => call.responder.value(Bytes::from_static(b"v"), Some(Version::new(1))),
            _ => drop(call),
        });
    cache.get(b"k", &read()).unwrap();
    hits(&cache, b"k", Duration::from_millis(400));
    // Each pause is 10 ms at least.
    let calls = calls.load(Ordering::Relaxed);
    assert!((3..=41).contains(&calls), "{calls} calls");
}

#[test]
fn a_refresh_that_meets_a_flight_that_fails_pauses_too() {
    let calls = AtomicU64::new(0);
    let cache =
        restless(&[("backoff_base", "80ms")], move |call| match calls.fetch_add(1, Ordering::Relaxed) {
            0 => call.responder.value(Bytes::from_static(b"v"), Some(Version::new(1))),
            _ => {
                thread::sleep(Duration::from_millis(200));
                drop(call);
            }
        });
    cache.get(b"k", &read()).unwrap();
    let newer = ReadOptions { min_version: Some(Version::new(2)), ..read() };
    let Started::Pending(mut newer) = cache.start_get(b"k", &newer).unwrap() else { panic!("not there") };
    assert!(newer.wait_for(Duration::ZERO).is_none());
    thread::sleep(Duration::from_millis(2));
    hits(&cache, b"k", Duration::from_millis(150));
    assert_eq!(cache.statistics().unwrap().refreshes_asked, 1);
}

#[test]
fn refreshes_leave_room_for_reads() {
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let refreshes = AtomicBool::new(false);
    let first = Arc::new(AtomicU64::new(0));
    let served = Arc::clone(&first);
    let cache = restless(&[("origin_concurrency", "2"), ("origin_queue", "4")], move |call| {
        let Operation::Fetch { key, .. } = &call.operation else { return };
        if served.load(Ordering::Relaxed) == 1 && key.as_bytes() != b"new" {
            // A refresh: the origin takes its time.
            refreshes.store(true, Ordering::Relaxed);
            let _ = held.lock().unwrap().recv();
        }
        call.responder.value(Bytes::from_static(b"v"), Some(Version::new(1)));
    });
    let keys: Vec<_> = (0..20_u8).map(|key| [key]).collect();
    for key in &keys {
        cache.get(key, &read()).unwrap();
    }
    thread::sleep(Duration::from_millis(2));
    first.store(1, Ordering::Relaxed);
    for key in &keys {
        assert!(cache.lookup(key, &read()).unwrap().is_some());
    }
    thread::sleep(SHORT);
    assert_eq!(cache.get(b"new", &read()).unwrap().bytes(), Some(&b"v"[..]));
    drop(let_go);
}

/// G3 is kept: what the flight lands with is the write that overtook it last.
#[test]
fn a_flight_overtaken_again_and_again_lands_with_the_write() {
    let itself = Arc::new(OnceLock::<Arc<Cache>>::new());
    let (shared, version) = (Arc::clone(&itself), AtomicU64::new(1));
    let cache = host("10s", move |call| match &call.operation {
        Operation::Fetch { .. } => {
            // Read at the origin before the write, answered after it.
            shared.get().unwrap().set(b"k", b"written", &WriteOptions::default()).unwrap();
            call.responder.value(Bytes::from_static(b"old"), Some(Version::new(1)));
        }
        _ => call.responder.written(Some(Version::from(version.fetch_add(1, Ordering::Relaxed) + 1))),
    });
    let cache = Arc::new(cache);
    itself.set(Arc::clone(&cache)).unwrap();
    let value = cache.get(b"k", &read()).unwrap();
    assert_eq!((value.bytes(), value.receipt().version), (Some(&b"written"[..]), Version::new(10)));
    cache.close(SHORT).unwrap();
}

#[test]
fn an_answer_that_a_refresh_did_not_keep_has_departed() {
    use crate::facts::clock::{BootClock, Clock};
    use crate::facts::entry::Content;
    use crate::work::install::{Finding, Purpose, Times, install};

    let cache = Cache::open(options("10s")).unwrap();
    let node = &cache.opened.node;
    let key = Key::copy_from(b"k");
    let finding = |version| {
        let content = Content {
            value: Some(Bytes::from_static(b"v")),
            version: Version::new(version),
            named: true,
            validator: None,
            last_modified_at: None,
            limits: Limits::default(),
        };
        Finding::written(content, Times { sent_at: BootClock.now(), received_at: BootClock.now() })
    };
    // A write of version 1 is under way; a refresh of an entry that was evicted
    // brings version 2, which a read that has just joined its flight returns.
    let departures = node.store.departures(node.store.hash(b"k"));
    let refreshed = install(node, &key, finding(2), Purpose::Background).unwrap();
    assert_eq!(refreshed.version(), Version::new(2));
    assert!(cache.lookup(b"k", &read()).unwrap().is_none(), "what was evicted stays evicted");
    install(node, &key, finding(1), Purpose::Written { departures }).unwrap();
    assert!(cache.lookup(b"k", &read()).unwrap().is_none(), "version 1 after version 2");
}

#[test]
fn a_write_acknowledged_after_another_of_unknown_outcome_is_not_proved_by_that() {
    use crate::facts::clock::{BootClock, Clock};
    use crate::facts::entry::Content;
    use crate::work::install::{Finding, Purpose, Times, install};
    use crate::work::write::unprove;

    for is_cached in [true, false] {
        let cache = Cache::open(options("10s")).unwrap();
        let node = &cache.opened.node;
        let key = Key::copy_from(b"k");
        if is_cached {
            cache.set(b"k", b"v", &WriteOptions::default()).unwrap();
        }
        // Two writes under way: the first commits, then the second, of which
        // nobody hears, then the first is acknowledged.
        let departures = node.store.departures(node.store.hash(b"k"));
        let sent_at = BootClock.now();
        unprove(node, &key);
        let content = Content {
            value: Some(Bytes::from_static(b"first")),
            version: Version::new(2),
            named: true,
            validator: None,
            last_modified_at: None,
            limits: Limits::default(),
        };
        let finding = Finding::written(content, Times { sent_at, received_at: BootClock.now() });
        let there = install(node, &key, finding, Purpose::Written { departures }).unwrap();
        assert_eq!(there.version(), Version::new(2));
        assert!(cache.lookup(b"k", &read()).unwrap().is_none(), "{is_cached}");
    }
}
