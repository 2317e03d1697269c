//! G2, G3 and G5 at their edges, by hand.

mod fixture;

use edgecmp_oracle::{Kind, Outcome, Promises, Read, Rule, check_promises};
use fixture::{BOUND, MS, absent, read, rules};

#[test]
fn only_reads_that_ended_before_bind_a_later_one() {
    let newer = read(2, 2_050);
    let older = Read { staleness_ns: 100 * MS, ..read(1, 2_060) };
    assert_eq!(rules(&[older, newer]), [Rule::WentBack]); // the order in the log does not matter
    assert_eq!(rules(&[Read { end_ns: 2_060 * MS, ..newer }, older]), []);
    assert_eq!(rules(&[Read { cache: 1, ..newer }, older]), []);
    assert_eq!(rules(&[Read { outcome: Outcome::Error, ..newer }, older]), []);
}

#[test]
fn who_does_not_promise_monotonic_reads_is_held_to_writes_all_the_same() {
    let judged = |reads: &[Read]| {
        let promises = Promises { monotonic_reads: false };
        check_promises(&fixture::history(), reads, promises).by_rule.into_keys().collect::<Vec<_>>()
    };
    let older = Read { staleness_ns: 100 * MS, ..read(1, 2_060) };
    assert_eq!(judged(&[read(2, 2_050), older]), []);
    let set = Read { kind: Kind::SetAcknowledged, ..read(2, 2_001) };
    assert_eq!(judged(&[set, older]), [Rule::OwnWriteForgotten]);
}

#[test]
fn absence_without_a_version_counts_as_the_best_delete_there_can_be() {
    let later = Read { version: 0, staleness_ns: BOUND, ..absent(4_199) };
    assert_eq!(rules(&[read(2, 2_050), later]), []);
    assert_eq!(rules(&[read(4, 4_050), later]), [Rule::WentBack]);
}

#[test]
fn acknowledged_writes_bind_later_reads_of_the_same_cache() {
    let set = Read { kind: Kind::SetAcknowledged, ..read(2, 2_001) };
    let stale = Read { staleness_ns: BOUND, ..read(1, 2_100) };
    assert_eq!(rules(&[set, stale]), [Rule::OwnWriteForgotten]);
    assert_eq!(rules(&[set, Read { cache: 1, ..stale }]), []);
    assert_eq!(rules(&[set, Read { start_ns: set.end_ns, ..stale }]), []);
    assert_eq!(rules(&[Read { kind: Kind::SetAcknowledged, ..read(7, 2_001) }]), [Rule::LostWrite]);
    let delete = Read { kind: Kind::DeleteAcknowledged, version: 3, ..absent(3_001) };
    assert_eq!(rules(&[delete, absent(3_100)]), []);
    assert_eq!(rules(&[delete, Read { staleness_ns: BOUND, ..read(2, 3_100) }]), [Rule::OwnWriteForgotten]);
    assert_eq!(rules(&[Read { kind: Kind::WriteUnknown, ..read(7, 2_001) }]), []);
}

#[test]
fn min_version_binds_its_read() {
    assert_eq!(rules(&[Read { min_version: 2, ..read(2, 2_100) }]), []);
    let below = Read { min_version: 2, staleness_ns: BOUND, ..read(1, 2_100) };
    assert_eq!(rules(&[below]), [Rule::BelowMinVersion]);
    assert_eq!(rules(&[Read { min_version: 2, ..absent(3_100) }]), []);
}
