//! The judge itself: what it must not let pass.

use std::thread::sleep;
use std::time::Duration;

use edgecmp_faulty_origin::{History, nanos, value};

const KEYS: usize = 3;

fn judge(history: &History, version: u64, began: u64) -> Result<u64, String> {
    history.judge(1, Some(value(1, version).as_bytes()), version.into(), began)
}

#[test]
fn the_present_version_is_not_behind() {
    let history = History::new(KEYS);
    history.write(1);
    assert_eq!(judge(&history, 2, nanos()), Ok(0));
}

#[test]
fn behind_since_it_was_replaced() {
    let history = History::new(KEYS);
    let before = nanos();
    history.write(1);
    let after = nanos();
    sleep(Duration::from_millis(20));
    history.write(1);
    let began = nanos();
    let behind = judge(&history, 1, began).unwrap();
    assert!((began - after..=began - before).contains(&behind), "{behind}");
    assert_eq!(judge(&history, 1, before), Ok(0), "a read that began before it was replaced");
}

#[test]
fn a_version_that_is_forgotten_is_behind_by_what_is_still_known() {
    let history = History::new(KEYS);
    for _ in 0..2_000 {
        history.write(1);
    }
    let known = nanos();
    sleep(Duration::from_millis(20));
    let began = nanos();
    assert!(judge(&history, 1, began).unwrap() >= began - known);
}

#[test]
fn nonsense_is_wrong() {
    let history = History::new(KEYS);
    history.write(1);
    let right = value(1, 2);
    let of = |bytes: Option<&[u8]>, version: u128| history.judge(1, bytes, version, nanos());
    assert_eq!(of(Some(right.as_bytes()), 2), Ok(0));
    assert!(of(None, 2).is_err(), "no value");
    assert!(of(Some(right.as_bytes()), 1).is_err(), "the value of another version");
    assert!(of(Some(value(0, 2).as_bytes()), 2).is_err(), "the value of another key");
    assert!(of(Some(&right.as_bytes()[..right.len() - 1]), 2).is_err(), "not all of it");
    assert!(of(Some(right.as_bytes()), 0).is_err(), "no version");
    assert!(of(Some(value(1, 3).as_bytes()), 3).is_err(), "a version that is to come");
    assert!(of(Some(right.as_bytes()), u128::MAX).is_err(), "a version that cannot be");
}
