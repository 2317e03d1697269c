//! Calls whose callers leave, and calls that are given up.

use std::future::IntoFuture;

use super::*;

/// Waits until `is` holds, at most ten seconds.
pub(super) fn eventually(what: &str, is: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if is() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("never: {what}");
}

fn pending(cache: &Cache, key: &[u8]) -> Result<Pending<Value>> {
    match cache.start_get(key, &read())? {
        Started::Pending(pending) => Ok(pending),
        Started::Ready(_) => panic!("nothing is cached"),
    }
}

/// The same, and its flight has started.
fn started(cache: &Cache, key: &[u8]) -> Pending<Value> {
    let mut pending = pending(cache, key).unwrap();
    assert!(pending.wait_for(Duration::ZERO).is_none());
    pending
}

/// The read waits, or was refused for want of a seat.
fn is_seated(cache: &Cache) -> bool {
    let waits = pending(cache, b"k").unwrap().wait_for(Duration::ZERO);
    assert!(waits.as_ref().is_none_or(|o| o.as_ref().is_err_and(|e| e.code() == Code::Overloaded)));
    waits.is_none()
}

#[test]
fn a_dropped_await_gives_its_seat_back() {
    let (sent, calls) = std::sync::mpsc::channel();
    let mut options = options("10s");
    for (name, value) in [("max_waiters", "2"), ("read_timeout", "1m"), ("origin_timeout", "1m")] {
        options.set(name, value).unwrap();
    }
    let cache = host_with(options, move |call| sent.send(call).unwrap());
    let awaits = [0, 1].map(|_| pending(&cache, b"k").unwrap().into_future());
    eventually("both awaits have their seats", || !is_seated(&cache));
    drop(awaits);
    eventually("the seats are free again", || is_seated(&cache));
    let waiting = pending(&cache, b"k").unwrap().into_future();
    calls.recv_timeout(Duration::from_secs(10)).unwrap().responder.value(Bytes::from_static(b"v"), None);
    let waiting = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(waiting);
    assert_eq!(waiting.unwrap().bytes(), Some(&b"v"[..]));
}

/// A cache with one place to the origin, and the calls that arrive there.
fn narrow() -> (Cache, std::sync::mpsc::Receiver<OriginCall>) {
    let (sent, calls) = std::sync::mpsc::channel();
    let mut options = options("10s");
    for (name, value) in [("origin_concurrency", "1"), ("origin_timeout", "1m"), ("read_timeout", "1m")] {
        options.set(name, value).unwrap();
    }
    (host_with(options, move |call| sent.send(call).unwrap()), calls)
}

#[test]
fn a_write_that_waits_beyond_its_deadline_is_withdrawn() {
    let (cache, calls) = narrow();
    let reading = started(&cache, b"slow");
    let first = calls.recv_timeout(Duration::from_secs(10)).unwrap();
    let brief = WriteOptions { timeout: Some(SHORT), ..WriteOptions::default() };
    let error = cache.set(b"k", b"v", &brief).unwrap_err();
    assert_eq!((error.code(), error.is_retriable()), (Code::DeadlineExceeded, true), "{error}");
    assert!(error.message().contains("was not sent"), "{error}");
    // Nobody waits for this one, and it does not wait for ever either.
    drop(cache.start_set(b"k", b"v", &brief).unwrap());
    eventually("the second is counted", || cache.statistics().unwrap().writes_failed == 2);
    first.responder.value(Bytes::from_static(b"v"), None);
    reading.wait().unwrap();
    let next = started(&cache, b"other");
    let call = calls.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(matches!(call.operation, Operation::Fetch { .. }), "no write follows: {:?}", call.operation);
    call.responder.value(Bytes::from_static(b"v"), None);
    next.wait().unwrap();
    let statistics = cache.statistics().unwrap();
    assert_eq!((statistics.writes_failed, statistics.unknown_outcomes, statistics.writes), (2, 0, 0));
}

#[test]
fn a_write_that_waits_when_the_cache_is_closed_did_not_happen() {
    let (cache, calls) = narrow();
    let reading = started(&cache, b"slow");
    let first = calls.recv_timeout(Duration::from_secs(10)).unwrap();
    let (sent, ended) = std::sync::mpsc::channel();
    let write = cache.start_set(b"k", b"v", &WriteOptions::default()).unwrap();
    write.on_complete(move |outcome| sent.send(outcome).unwrap());
    cache.close(Duration::ZERO).unwrap();
    let error = ended.recv().unwrap().unwrap_err();
    assert_eq!(error.code(), Code::Closed, "{error}");
    assert!(error.message().contains("was not sent"), "{error}");
    drop((first, reading));
}

#[test]
fn an_unknown_outcome_is_counted_once() {
    let (cache, calls) = narrow();
    let brief = WriteOptions { timeout: Some(SHORT), ..WriteOptions::default() };
    let error = cache.set(b"k", b"v", &brief).unwrap_err();
    assert_eq!(error.code(), Code::UnknownOutcome);
    // Dropped without an answer: the task, too, learns that it does not know.
    drop(calls.recv_timeout(Duration::from_secs(10)).unwrap());
    thread::sleep(SHORT);
    assert_eq!(cache.statistics().unwrap().unknown_outcomes, 1);
}

#[test]
fn who_starts_a_flight_has_a_seat_in_it_however_many_join_meanwhile() {
    const KEYS: usize = 20_000;
    let mut options = options("10s");
    options.set("max_waiters", "1").unwrap();
    let cache = Cache::open(options).unwrap();
    let barrier = std::sync::Barrier::new(3);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                barrier.wait();
                for key in 0..KEYS {
                    let Err(error) = cache.get(&key.to_ne_bytes(), &read()) else { continue };
                    assert_eq!(error.code(), Code::Overloaded, "{error}");
                }
            });
        }
    });
}
