use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::*;
use crate::engine::loader_pool::LoaderPool;
use crate::facts::entry::Limits;
use crate::facts::key::Key;
use crate::facts::receipt::{Proof, Source};
use crate::facts::version::Version;
use crate::origin::callback::{Operation, OriginCall};

mod giving_up;
mod lagging;
mod prefetching;
mod refreshing;
mod sweeping;

const SHORT: Duration = Duration::from_millis(50);

fn options(bound: &str) -> Options {
    let mut options = Options::default();
    options.set("origin", "memory:").unwrap();
    options.set("staleness_bound", bound).unwrap();
    options
}

fn read() -> ReadOptions {
    ReadOptions::default()
}

fn host(bound: &str, serve: impl Fn(OriginCall) + Send + Sync + 'static) -> Cache {
    host_with(options(bound), serve)
}

fn host_with(options: Options, serve: impl Fn(OriginCall) + Send + Sync + 'static) -> Cache {
    let options = Options { origin: String::new(), ..options };
    Cache::open_with_origin(options, Arc::new(LoaderPool::new(8, true, Arc::new(serve)))).unwrap()
}

#[test]
fn sets_gets_and_deletes() {
    let cache = Cache::open(options("1s")).unwrap();
    assert!(cache.lookup(b"k", &read()).unwrap().is_none());
    let absent = cache.get(b"k", &read()).unwrap();
    assert_eq!((absent.bytes(), absent.receipt().source), (None, Source::Origin));
    let written = cache.set(b"k", b"v", &WriteOptions::default()).unwrap();
    assert_eq!(written.version, Version::new(1));
    let hit = cache.lookup(b"k", &read()).unwrap().expect("just written");
    assert_eq!((hit.bytes(), hit.receipt().source), (Some(&b"v"[..]), Source::Cache));
    assert_eq!((hit.receipt().version, hit.receipt().proof), (Version::new(1), Proof::Pull));
    cache.delete(b"k", &WriteOptions::default()).unwrap();
    let gone = cache.get(b"k", &read()).unwrap();
    assert_eq!((gone.is_found(), gone.receipt().version), (false, Version::new(2)));
    assert!(cache.close(SHORT).unwrap());
    assert_eq!(cache.get(b"k", &read()).unwrap_err().code(), Code::Closed);
    assert_eq!(gone.bytes(), None, "values outlive the cache");
}

#[test]
fn a_value_is_returned_again_as_long_as_it_is_what_the_cache_holds() {
    let cache = Cache::open(options("1s")).unwrap();
    let set = |value: &[u8]| cache.set(b"k", value, &WriteOptions::default()).unwrap();
    let look = || cache.lookup(b"k", &read()).unwrap().expect("cached").into_value();
    set(b"old");
    let old = look();
    let first = cache.lookup_again(&old).expect("nothing has changed");
    let second = cache.lookup_again(&old).expect("nothing has changed");
    assert!(old.receipt().staleness <= first.staleness && first.staleness <= second.staleness);
    assert_eq!((first.version, first.source, first.proof), (Version::new(1), Source::Cache, Proof::Pull));
    assert_eq!(cache.statistics().unwrap().hits, 3);
    set(b"new");
    assert_eq!(cache.lookup_again(&old), None, "replaced");
    let new = look();
    assert!(cache.lookup_again(&new).is_some());
    cache.invalidate(b"k").unwrap();
    assert_eq!(cache.lookup_again(&new), None, "invalidated");
    set(b"new");
    let newest = look();
    cache.delete(b"k", &WriteOptions::default()).unwrap();
    assert_eq!(cache.lookup_again(&newest), None, "deleted");
    set(b"last");
    let last = look();
    assert!(cache.lookup_again(&last).is_some());
    assert!(cache.close(SHORT).unwrap());
    assert_eq!(cache.lookup_again(&last), None, "closed");
}

#[test]
fn a_value_past_its_bound_is_not_returned_again() {
    let cache = Cache::open(options("20ms")).unwrap();
    cache.set(b"k", b"v", &WriteOptions::default()).unwrap();
    let value = cache.get(b"k", &read()).unwrap();
    thread::sleep(SHORT);
    assert_eq!(cache.lookup_again(&value), None);
}

#[test]
fn get_many_keeps_the_order() {
    let cache = Cache::open(options("1s")).unwrap();
    for key in ["a", "b", "c"] {
        cache.set(key.as_bytes(), key.as_bytes(), &WriteOptions::default()).unwrap();
    }
    cache.invalidate(b"b").unwrap();
    let values = cache.get_many(&["c", "x", "b", "b", "a"], &read()).unwrap();
    let values: Vec<_> = values.into_iter().map(|v| v.unwrap().bytes().map(<[u8]>::to_vec)).collect();
    let expected =
        [Some("c"), None, Some("b"), Some("b"), Some("a")].map(|v| v.map(|v| v.as_bytes().to_vec()));
    assert_eq!(values, expected);
    let statistics = cache.statistics().unwrap();
    // Three writes, and one compare for the two keys that were not there.
    assert_eq!((statistics.origin_requests, statistics.origin_keys), (4, 5), "{statistics:?}");
}

#[test]
fn many_threads_miss_one_key_with_one_request() {
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let cache = host("10s", move |call| {
        counted.fetch_add(1, Ordering::Relaxed);
        thread::sleep(SHORT);
        call.responder.value(Bytes::from_static(b"v"), Some(Version::new(1)));
    });
    let barrier = std::sync::Barrier::new(64);
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                barrier.wait();
                assert_eq!(cache.get(b"k", &read()).unwrap().bytes(), Some(&b"v"[..]));
            });
        }
    });
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn a_hot_key_is_refreshed_before_it_expires() {
    let versions = AtomicU64::new(0);
    let cache = host("1s", move |call| {
        let version = versions.fetch_add(1, Ordering::Relaxed) + 1;
        call.responder.value(Bytes::from(version.to_string()), Some(version.into()));
    });
    cache.get(b"k", &read()).unwrap();
    let until =
        crate::facts::clock::Clock::now(&crate::facts::clock::BootClock).after(Duration::from_millis(2500));
    let mut worst = Duration::ZERO;
    while crate::facts::clock::Clock::now(&crate::facts::clock::BootClock) < until {
        worst = worst.max(cache.get(b"k", &read()).unwrap().receipt().staleness);
        thread::sleep(Duration::from_millis(1));
    }
    let statistics = cache.statistics().unwrap();
    assert!(worst <= Duration::from_secs(1));
    assert!(statistics.refreshes_asked >= 3, "{statistics:?}");
    assert!(
        statistics.misses <= 3,
        "only the first read waits (and one if the machine stalls): {statistics:?}"
    );
}

#[test]
fn deadlines_end_the_wait_and_say_why() {
    let cache = host("1s", |call| {
        thread::sleep(Duration::from_millis(300));
        call.responder.absent(None);
    });
    let hurried = ReadOptions { timeout: Some(SHORT), ..read() };
    let error = cache.get(b"k", &hurried).unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded, "{error}");
    let options = WriteOptions { timeout: Some(SHORT), ..WriteOptions::default() };
    let error = cache.set(b"k", b"v", &options).unwrap_err();
    assert_eq!(error.code(), Code::UnknownOutcome);
    assert!(error.idempotency_key().is_some_and(|key| error.message().contains(key)));
}

#[test]
fn a_write_of_unknown_outcome_takes_the_proof_away() {
    let fail_writes = Arc::new(AtomicBool::new(true));
    let fail = Arc::clone(&fail_writes);
    let cache = host("10s", move |call| match call.operation {
        Operation::Fetch { .. } => call.responder.value(Bytes::from_static(b"old"), Some(Version::new(1))),
        _ if fail.load(Ordering::Relaxed) => call.responder.fail(Code::OriginUnavailable, "lost"),
        _ => call.responder.written(Some(Version::new(2))),
    });
    cache.get(b"k", &read()).unwrap();
    assert!(cache.lookup(b"k", &read()).unwrap().is_some());
    assert_eq!(cache.set(b"k", b"new", &WriteOptions::default()).unwrap_err().code(), Code::UnknownOutcome);
    assert!(cache.lookup(b"k", &read()).unwrap().is_none());
    assert_eq!(cache.get(b"k", &read()).unwrap().receipt().source, Source::Origin);
    fail_writes.store(false, Ordering::Relaxed);
    cache.set(b"k", b"new", &WriteOptions::default()).unwrap();
    assert_eq!(cache.get(b"k", &read()).unwrap().bytes(), Some(&b"new"[..]));
}

#[test]
fn degraded_only_when_asked_and_within_the_outage_bound() {
    let away = Arc::new(AtomicBool::new(false));
    let is_away = Arc::clone(&away);
    let cache = host("20ms", move |call| {
        if is_away.load(Ordering::Relaxed) {
            call.responder.fail(Code::OriginUnavailable, "away");
        } else {
            call.responder.value(Bytes::from_static(b"v"), None);
        }
    });
    cache.get(b"k", &read()).unwrap();
    away.store(true, Ordering::Relaxed);
    thread::sleep(SHORT);
    let outage = |bound| ReadOptions { outage_bound: Some(bound), ..read() };
    let code = |read: &ReadOptions| cache.get(b"k", read).unwrap_err().code();
    assert!(matches!(code(&read()), Code::OriginUnavailable | Code::BreakerOpen));
    assert!(matches!(code(&outage(Duration::from_millis(1))), Code::OriginUnavailable | Code::BreakerOpen));
    let degraded = cache.get(b"k", &outage(Duration::from_secs(60))).unwrap();
    let receipt = degraded.receipt();
    assert_eq!((degraded.bytes(), receipt.degraded, receipt.proof), (Some(&b"v"[..]), true, Proof::None));
    assert!(receipt.staleness >= SHORT && receipt.bound == Duration::from_millis(20));
}

#[test]
fn bad_arguments_are_named() {
    let cache = Cache::open(options("1s")).unwrap();
    let message = |result: Result<Value>| result.unwrap_err().to_string();
    assert!(message(cache.get(b"", &read())).contains("key: got 0 bytes; allowed: 1 to 1024 bytes"));
    assert!(message(cache.get(&[0; 1025], &read())).contains("key: got 1025 bytes"));
    let bound = ReadOptions { staleness_bound: Some(Duration::ZERO), ..read() };
    assert!(message(cache.get(b"k", &bound)).contains("staleness_bound: got 0ns; allowed: 1ms or more"));
    let timeout = ReadOptions { timeout: Some(Duration::ZERO), ..read() };
    assert!(message(cache.get(b"k", &timeout)).contains("timeout: got 0s"));
    let error = cache.get_many(&[&b"a"[..], b""], &read()).unwrap_err();
    assert!(error.message().contains("keys[1]: got 0 bytes"), "{error}");
    let error = cache.set(b"k", &vec![0; (1 << 20) + 1], &WriteOptions::default()).unwrap_err();
    assert!(error.message().contains("value: got 1048577 bytes"), "{error}");
    let key = WriteOptions { idempotency_key: Some("a b".into()), ..WriteOptions::default() };
    assert!(cache.set(b"k", b"v", &key).unwrap_err().message().contains("idempotency_key"));
    for (name, value) in [("origin", ""), ("origin", "ftp://x/{key}"), ("lease_store", "zookeeper://x")] {
        let mut options = options("1s");
        options.set(name, value).unwrap();
        let error = Cache::open(options).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(error.message().starts_with(name), "{error}");
    }
}

#[test]
fn closing_is_bounded_and_answers_who_waits() {
    let cache = host("1s", |call| {
        thread::sleep(Duration::from_secs(2));
        drop(call);
    });
    let cache = Arc::new(cache);
    let waiter = Arc::clone(&cache);
    let waiting = thread::spawn(move || waiter.get(b"k", &read()));
    let (sent, received) = std::sync::mpsc::channel();
    thread::sleep(SHORT);
    let Started::Pending(pending) = cache.start_get(b"other", &read()).unwrap() else {
        panic!("nothing is cached")
    };
    pending.on_complete(move |outcome| sent.send(outcome).unwrap());
    assert!(cache.close(SHORT).unwrap());
    assert_eq!(waiting.join().unwrap().unwrap_err().code(), Code::Closed);
    assert_eq!(received.recv().unwrap().unwrap_err().code(), Code::Closed);
}

#[test]
fn hits_need_no_runtime_thread() {
    let cache = host("10s", |call| call.responder.value(Bytes::from_static(b"v"), None));
    cache.get(b"k", &read()).unwrap();
    cache.opened.runtime.as_ref().unwrap().close(SHORT);
    assert!(cache.lookup(b"k", &read()).unwrap().is_some());
    assert_eq!(cache.get(b"k", &read()).unwrap().bytes(), Some(&b"v"[..]));
    assert_eq!(cache.get(b"other", &read()).unwrap_err().code(), Code::Closed);
}

/// G3, where there is no version to compare: "no such key" was answered while
/// the write was under way.
#[test]
fn an_absence_seen_during_a_write_does_not_outlive_it() {
    let committed = Arc::new(AtomicBool::new(false));
    let commit = Arc::clone(&committed);
    let (sent, was_sent) = std::sync::mpsc::channel();
    let cache = host("10s", move |call| match call.operation {
        Operation::Fetch { .. } if commit.load(Ordering::Acquire) => {
            call.responder.value(Bytes::from_static(b"new"), Some(Version::new(1)));
        }
        Operation::Fetch { .. } => call.responder.absent(None),
        _ => {
            sent.send(()).unwrap();
            while !commit.load(Ordering::Acquire) {
                thread::sleep(Duration::from_millis(1));
            }
            call.responder.written(Some(Version::new(1)));
        }
    });
    thread::scope(|scope| {
        let write = scope.spawn(|| cache.set(b"k", b"new", &WriteOptions::default()));
        was_sent.recv().unwrap();
        assert!(!cache.get(b"k", &read()).unwrap().is_found());
        committed.store(true, Ordering::Release);
        assert_eq!(write.join().unwrap().unwrap().version, Version::new(1));
    });
    assert_eq!(cache.get(b"k", &read()).unwrap().bytes(), Some(&b"new"[..]), "read your writes");
}

/// G2: a write whose acknowledgement is late must not bring its version back
/// after a later one was read and evicted.
#[test]
fn a_late_acknowledgement_does_not_go_back() {
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let (sent, was_sent) = std::sync::mpsc::channel();
    let mut options = Options { origin: String::new(), ..options("10s") };
    options.set("capacity", "64KiB").unwrap();
    options.set("max_value_bytes", "40KiB").unwrap();
    let origin = LoaderPool::new(
        4,
        true,
        Arc::new(move |call: OriginCall| match call.operation {
            Operation::Fetch { .. } => {
                call.responder.value(Bytes::from(vec![9; 30_000]), Some(Version::new(9)));
            }
            _ => {
                sent.send(()).unwrap();
                held.lock().unwrap().recv().unwrap();
                call.responder.written(Some(Version::new(8)));
            }
        }),
    );
    let cache = Cache::open_with_origin(options, Arc::new(origin)).unwrap();
    thread::scope(|scope| {
        let write = scope.spawn(|| cache.set(b"k", b"eight", &WriteOptions::default()));
        was_sent.recv().unwrap();
        assert_eq!(cache.get(b"k", &read()).unwrap().receipt().version, Version::new(9));
        for other in [b"a", b"b", b"c", b"d"] {
            cache.get(other, &read()).unwrap();
        }
        assert!(cache.lookup(b"k", &read()).unwrap().is_none(), "evicted by the others");
        let_go.send(()).unwrap();
        assert_eq!(write.join().unwrap().unwrap().version, Version::new(8));
    });
    assert_eq!(cache.get(b"k", &read()).unwrap().receipt().version, Version::new(9));
}

/// G1: what an origin says of a repeated write is the version of the first
/// attempt, which others may have written over since.
#[test]
fn a_repeated_write_is_no_proof() {
    let cache = host("10s", |call| match call.operation {
        Operation::Fetch { .. } => call.responder.value(Bytes::from_static(b"theirs"), Some(Version::new(2))),
        _ => call.responder.written(Some(Version::new(1))),
    });
    let again = WriteOptions { idempotency_key: Some("mine".into()), ..WriteOptions::default() };
    assert_eq!(cache.set(b"k", b"mine", &again).unwrap().version, Version::new(1));
    assert_eq!(cache.get(b"k", &read()).unwrap().bytes(), Some(&b"theirs"[..]));
    assert_eq!(cache.set(b"k", b"mine", &again).unwrap().version, Version::new(1));
    assert_eq!(cache.lookup(b"k", &read()).unwrap().unwrap().bytes(), Some(&b"theirs"[..]));
}

/// G3: a write acknowledged late must not take the place of a later version
/// that was acknowledged as a repeated write, and so is not cached.
#[test]
fn a_late_acknowledgement_does_not_hide_a_repeated_write() {
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let (sent, was_sent) = std::sync::mpsc::channel();
    let cache = host("10s", move |call| match call.operation {
        Operation::Fetch { .. } => call.responder.value(Bytes::from_static(b"two"), Some(Version::new(2))),
        Operation::Set { ref idempotency_key, .. } if &**idempotency_key == "mine" => {
            call.responder.written(Some(Version::new(2)));
        }
        _ => {
            sent.send(()).unwrap();
            held.lock().unwrap().recv().unwrap();
            call.responder.written(Some(Version::new(1)));
        }
    });
    thread::scope(|scope| {
        let late = scope.spawn(|| cache.set(b"k", b"one", &WriteOptions::default()));
        was_sent.recv().unwrap();
        let again = WriteOptions { idempotency_key: Some("mine".into()), ..WriteOptions::default() };
        assert_eq!(cache.set(b"k", b"two", &again).unwrap().version, Version::new(2));
        let_go.send(()).unwrap();
        assert_eq!(late.join().unwrap().unwrap().version, Version::new(1));
    });
    assert_eq!(cache.get(b"k", &read()).unwrap().receipt().version, Version::new(2));
}

/// G3: of two writes at once, the later version was acknowledged but not kept;
/// the earlier one must not take its place.
#[test]
fn the_earlier_of_two_writes_does_not_replace_the_later() {
    let (sent, was_sent) = std::sync::mpsc::channel();
    let mut options = Options { origin: String::new(), ..options("10s") };
    // One shard: what leaves it concerns every key.
    options.set("capacity", "64KiB").unwrap();
    options.set("max_value_bytes", "1KiB").unwrap();
    let serve = move |call: OriginCall| match call.operation {
        Operation::Fetch { .. } => call.responder.value(Bytes::from_static(b"2"), Some(Version::new(2))),
        _ => sent.send(call.responder).unwrap(),
    };
    let cache =
        Cache::open_with_origin(options, Arc::new(LoaderPool::new(1, true, Arc::new(serve)))).unwrap();
    thread::scope(|scope| {
        let later = scope.spawn(|| cache.set(b"k", b"2", &WriteOptions::default()));
        let later_responder = was_sent.recv().unwrap();
        cache.invalidate(b"other").unwrap();
        let earlier = scope.spawn(|| cache.set(b"k", b"1", &WriteOptions::default()));
        let earlier_responder = was_sent.recv().unwrap();
        later_responder.written(Some(Version::new(2)));
        assert_eq!(later.join().unwrap().unwrap().version, Version::new(2));
        earlier_responder.written(Some(Version::new(1)));
        assert_eq!(earlier.join().unwrap().unwrap().version, Version::new(1));
    });
    assert_eq!(cache.get(b"k", &read()).unwrap().receipt().version, Version::new(2));
}

#[test]
fn a_version_of_ours_is_not_named_to_the_origin() {
    let named = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&named);
    let cache = host("5ms", move |call| {
        let Operation::Fetch { known_version, .. } = &call.operation else { return };
        counted.fetch_add(u64::from(known_version.is_some()), Ordering::Relaxed);
        call.responder.value(Bytes::from_static(b"v"), None);
    });
    let first = cache.get(b"k", &read()).unwrap().receipt().version;
    thread::sleep(Duration::from_millis(10));
    assert_eq!(
        cache.get(b"k", &read()).unwrap().receipt().version,
        first,
        "the same bytes, the same version"
    );
    assert_eq!(named.load(Ordering::Relaxed), 0);
}

#[test]
fn only_requests_that_are_sent_are_counted() {
    let cache = host("1s", |call| call.responder.absent(None));
    cache.get_many(&["a", "b", "c"], &read()).unwrap();
    let statistics = cache.statistics().unwrap();
    assert_eq!((statistics.origin_requests, statistics.origin_keys), (3, 3));
}

#[test]
fn a_write_of_a_key_that_was_never_cached_is_a_hit_afterwards() {
    let cache = Cache::open(options("1s")).unwrap();
    for key in ["a", "b", "c"] {
        cache.set(key.as_bytes(), b"v", &WriteOptions::default()).unwrap();
        assert!(cache.lookup(key.as_bytes(), &read()).unwrap().is_some(), "{key}");
    }
}
