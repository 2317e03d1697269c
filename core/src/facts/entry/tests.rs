use proptest::prelude::*;

use super::*;

fn limits() -> impl Strategy<Value = Limits> {
    let bound = || prop::option::of((0u64..1 << 40).prop_map(Duration::from_nanos));
    (bound(), bound(), any::<bool>()).prop_map(|(staleness_bound, outage_bound, no_store)| Limits {
        staleness_bound,
        outage_bound,
        no_store,
    })
}

fn content() -> impl Strategy<Value = Content> {
    let value = prop::option::of(prop::collection::vec(any::<u8>(), 0..300));
    let validator = prop::option::of("[ -~]{0,40}");
    (value, any::<u128>(), any::<bool>(), validator, any::<Option<u64>>(), limits()).prop_map(
        |(value, version, named, validator, last_modified_at, limits)| Content {
            value: value.map(Bytes::from),
            version: Version::new(version),
            named,
            validator: validator.map(Into::into),
            last_modified_at,
            limits,
        },
    )
}

proptest! {
    /// Whatever parts an entry has, it gives back what it was made of.
    #[test]
    fn gives_back_what_it_was_made_of(
        key in prop::collection::vec(any::<u8>(), 1..200), content in content(),
        validated_at: u64, received_at: u64, unproved_until: u64, later: u64,
    ) {
        let proved = Proved {
            validated_at: Instant::from_nanos(validated_at),
            received_at: Instant::from_nanos(received_at),
            unproved_until: Instant::from_nanos(unproved_until),
        };
        let entry = SharedEntry::new(&key, &content, proved);
        let copy = entry.clone();
        drop(entry);
        prop_assert_eq!(copy.key(), &key[..]);
        prop_assert_eq!(copy.content(), content.clone());
        prop_assert_eq!(copy.proved(), proved);
        prop_assert!(copy.footprint() >= 48 + key.len() + content.value.as_ref().map_or(0, |v| v.len()));
        let unproved = copy.unproved(Instant::from_nanos(later));
        prop_assert_eq!(unproved.content(), content);
        prop_assert_eq!(unproved.unproved_until().as_nanos(), later.max(unproved_until));
    }
}

#[test]
fn visits_are_counted_up_to_a_limit_and_taken() {
    let content = Content {
        value: None,
        version: Version::NONE,
        named: false,
        validator: None,
        last_modified_at: None,
        limits: Limits::default(),
    };
    let entry = SharedEntry::new(b"k", &content, Proved::default());
    assert_eq!(entry.take_visits(), 0);
    entry.visit();
    let next = SharedEntry::new(b"k", &content, Proved::default());
    next.inherit_visits(&entry);
    assert_eq!((entry.take_visits(), entry.take_visits(), next.take_visits()), (1, 0, 1));
    (0..100).for_each(|_| entry.visit());
    assert_eq!(entry.take_visits(), MAX_VISITS);
}

#[test]
fn only_one_reader_asks_for_a_refresh() {
    let content = Content {
        value: Some(Bytes::from_static(b"v")),
        ..SharedEntry::new(b"k", &EMPTY, Proved::default()).content()
    };
    let entry = SharedEntry::new(b"k", &content, Proved::default());
    assert!(entry.ask_refresh() && !entry.ask_refresh());
    entry.reprove(Instant::from_nanos(7), Instant::from_nanos(9));
    assert_eq!((entry.validated_at().as_nanos(), entry.received_at().as_nanos()), (7, 9));
    assert!(entry.ask_refresh(), "proved again: the next refresh may be asked for");
    entry.reprove(Instant::from_nanos(5), Instant::from_nanos(6));
    assert_eq!(entry.validated_at().as_nanos(), 7, "it only grows");
}

const EMPTY: Content = Content {
    value: None,
    version: Version::NONE,
    named: false,
    validator: None,
    last_modified_at: None,
    limits: Limits { staleness_bound: None, outage_bound: None, no_store: false },
};
