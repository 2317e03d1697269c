use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;
use crate::facts::entry::{Content, Limits, Proved, SharedEntry};

fn key() -> Key {
    Key::copy_from(b"k")
}

fn entry(version: u64) -> SharedEntry {
    let content = Content {
        value: None,
        version: version.into(),
        named: true,
        validator: None,
        last_modified_at: None,
        limits: Limits::default(),
    };
    SharedEntry::new(b"k", content.by_ref(), Proved::default())
}

fn start(table: &Arc<FlightTable>) -> Place {
    match table.board(&key()) {
        Boarding::Started(place) => place,
        Boarding::Joined(_) => panic!("a flight is there already"),
    }
}

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn one_starts_and_the_others_join_until_it_lands() {
    let table = Arc::new(FlightTable::default());
    let mut place = start(&table);
    let Boarding::Joined(flight) = table.board(&key()) else { panic!("two flights of one key") };
    let seat = flight.wait(at(9), 1).unwrap();
    assert_eq!(flight.wait(at(9), 1).unwrap_err().code(), Code::Overloaded);
    let woken = Arc::new(Woken::default());
    assert!(seat.poll_landing(&Arc::clone(&woken).into()).is_pending());
    assert_eq!((place.wanted_until(), place.has_waiters(), table.active()), (at(9), true, 1));
    assert_eq!(place.settle(7u64.into(), at(1), || Ok(entry(7))), Settled::Landed);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    let Poll::Ready(Ok(landed)) = seat.poll_landing(&Arc::clone(&woken).into()) else { panic!("landed") };
    assert_eq!(landed.version(), 7u64.into());
    assert_eq!(table.active(), 0);
    drop(start(&table));
}

/// Who joins after a write was acknowledged, or an invalidation, is not given what the
/// starter had found before it.
#[test]
fn what_was_found_before_a_fence_does_not_land() {
    let found = || {
        let entry = entry(2);
        entry.reprove(at(5), at(5));
        entry
    };
    for fence in [Fence::written(3u64.into(), at(7)), Fence::barrier(at(7))] {
        let table = Arc::new(FlightTable::default());
        let place = start(&table);
        table.fence(&key(), fence);
        let Boarding::Joined(flight) = table.board(&key()) else { panic!("two flights of one key") };
        let seat = flight.wait(at(9), 1).unwrap();
        let mut place = place.land_found(found()).unwrap_err();
        assert!(seat.poll_landing(Waker::noop()).is_pending(), "a fetch is waited for");
        assert_eq!(place.settle(3u64.into(), at(8), || Ok(entry(3))), Settled::Landed);
        let Poll::Ready(Ok(landed)) = seat.poll_landing(Waker::noop()) else { panic!("landed") };
        assert_eq!(landed.version(), 3u64.into());
    }
    // Nothing happened meanwhile, or what was found is from after it.
    for fence in [None, Some(Fence::written(2u64.into(), at(4))), Some(Fence::barrier(at(4)))] {
        let table = Arc::new(FlightTable::default());
        let place = start(&table);
        fence.into_iter().for_each(|fence| table.fence(&key(), fence));
        assert!(place.land_found(found()).is_ok());
        assert_eq!(table.active(), 0);
    }
}

#[test]
fn a_landed_flight_is_not_joined() {
    let table = Arc::new(FlightTable::default());
    let place = start(&table);
    // Between landing and leaving the table.
    drop(place.flight.state().land(Ok(entry(1))));
    let second = start(&table);
    drop(place);
    assert_eq!(table.active(), 1, "the first must not take the second out");
    drop(second);
}

#[test]
fn fences_overtake_answers_from_before_them() {
    for (fence, version, sent_at, expected) in [
        (Fence::written(8u64.into(), at(10)), 7, 10, Settled::Overtaken),
        (Fence::written(8u64.into(), at(10)), 8, 10, Settled::Landed),
        (Fence::written(8u64.into(), at(10)), 7, 11, Settled::Landed),
        (Fence::barrier(at(10)), 9, 10, Settled::Overtaken),
        (Fence::barrier(at(10)), 1, 11, Settled::Landed),
        (Fence::barrier(at(5)).and(Fence::written(8u64.into(), at(10))), 9, 4, Settled::Overtaken),
        (Fence::barrier(at(5)).and(Fence::written(8u64.into(), at(10))), 7, 6, Settled::Overtaken),
        (Fence::barrier(at(5)).and(Fence::written(8u64.into(), at(10))), 8, 6, Settled::Landed),
    ] {
        let table = Arc::new(FlightTable::default());
        let mut place = start(&table);
        table.fence(&key(), fence);
        let settled = place.settle(version.into(), at(sent_at), || Ok(entry(version)));
        assert_eq!(settled, expected, "{fence:?} {version} {sent_at}");
    }
}

#[test]
fn a_dropped_place_leaves_no_waiter_behind() {
    let table = Arc::new(FlightTable::default());
    let place = start(&table);
    let seat = place.flight().wait(at(9), 10).unwrap();
    drop(place);
    let Poll::Ready(Err(error)) = seat.poll_landing(Waker::noop()) else { panic!("landed") };
    assert_eq!(error.code(), Code::Closed);
}

#[test]
fn seats_given_back_are_taken_again() {
    let table = Arc::new(FlightTable::default());
    let place = start(&table);
    for _ in 0..100 {
        let (first, second) =
            (place.flight().wait(at(9), 2).unwrap(), place.flight().wait(at(9), 2).unwrap());
        assert_eq!(place.flight().wait(at(9), 2).unwrap_err().code(), Code::Overloaded);
        drop((first, second));
    }
    assert_eq!(place.flight.state().waiters.len(), 2);
}
