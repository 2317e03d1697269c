//! G1 and the receipt at their edges, by hand.

mod fixture;

use edgecmp_oracle::{Outcome, Read, Rule};
use fixture::{BOUND, MS, absent, judge, read, rules};

#[test]
fn superseded_for_exactly_the_bound_is_still_right() {
    assert_eq!(rules(&[read(1, 2_200)]), []);
    assert_eq!(
        rules(&[Read { start_ns: 2_200 * MS + 1, ..read(1, 2_200) }]),
        [Rule::TooStale, Rule::ReceiptUnderstated]
    );
}

#[test]
fn a_read_cannot_return_what_was_not_yet_begun() {
    assert_eq!(rules(&[read(2, 1_995)]), []);
    let early = Read { start_ns: 1_993 * MS, end_ns: 1_995 * MS - 1, ..read(2, 1_993) };
    assert_eq!(rules(&[early]), [Rule::FromTheFuture]);
}

#[test]
fn unknown_version_wrong_crc_and_wrong_kind_are_wrong_values() {
    assert_eq!(rules(&[read(9, 2_000)]), [Rule::WrongValue]);
    assert_eq!(rules(&[Read { crc: 99, ..read(1, 1_500) }]), [Rule::WrongValue]);
    assert_eq!(rules(&[Read { version: 0, ..read(1, 1_500) }]), [Rule::WrongValue]);
    assert_eq!(rules(&[read(3, 3_500)]), [Rule::WrongValue]);
    assert_eq!(rules(&[Read { version: 2, ..absent(2_500) }]), [Rule::WrongValue]);
}

#[test]
fn the_receipt_must_not_understate_nor_exceed_the_bound() {
    assert_eq!(rules(&[Read { staleness_ns: 100 * MS, ..read(1, 2_100) }]), []);
    assert_eq!(rules(&[Read { staleness_ns: 100 * MS - 1, ..read(1, 2_100) }]), [Rule::ReceiptUnderstated]);
    assert_eq!(rules(&[Read { staleness_ns: BOUND + 1, ..read(1, 1_500) }]), [Rule::BoundExceeded]);
}

#[test]
fn degraded_answers_are_judged_by_the_outage_bound_only() {
    let degraded = Read {
        outcome: Outcome::Degraded,
        outage_bound_ns: 900 * MS,
        staleness_ns: 900 * MS,
        ..read(1, 2_900)
    };
    assert_eq!(rules(&[degraded]), []);
    let report = judge(&[degraded]);
    assert_eq!((report.degraded, report.ok), (1, 0));
    assert_eq!(report.degraded_staleness.receipt.max(), 900 * MS);
    assert_eq!(report.staleness.receipt.count(), 0);
    assert_eq!(
        rules(&[Read { outage_bound_ns: 899 * MS, ..degraded }]),
        [Rule::TooStale, Rule::BoundExceeded]
    );
    assert_eq!(rules(&[Read { crc: 99, ..degraded }]), [Rule::WrongValue]);
    let gone = Read { absent: true, version: 3, crc: 0, start_ns: 4_800 * MS, ..degraded };
    assert_eq!(rules(&[Read { end_ns: 4_801 * MS, ..gone }]), []);
}

#[test]
fn not_found_is_right_if_the_key_can_have_been_absent_within_the_bound() {
    assert_eq!(rules(&[absent(999)]), []); // before the first value was visible
    assert_eq!(rules(&[absent(1_500)]), [Rule::TooStale, Rule::ReceiptUnderstated]);
    assert_eq!(rules(&[absent(2_500)]), [Rule::TooStale, Rule::ReceiptUnderstated]);
    assert_eq!(rules(&[absent(2_994)]), []); // the delete may have begun before the end
    assert_eq!(rules(&[absent(3_500)]), []);
    assert_eq!(rules(&[Read { staleness_ns: BOUND, ..absent(4_200 - 1) }]), []);
    assert_eq!(rules(&[Read { staleness_ns: 100 * MS, ..absent(4_150) }]), [Rule::ReceiptUnderstated]);
    assert_eq!(rules(&[Read { key: 1, ..absent(4_150) }]), []);
    assert_eq!(rules(&[Read { version: 3, ..absent(3_500) }]), []);
    assert_eq!(
        rules(&[Read { version: 3, staleness_ns: BOUND, ..absent(4_201) }]),
        [Rule::TooStale, Rule::ReceiptUnderstated]
    );
}

#[test]
fn what_cannot_be_judged_is_counted_with_its_reason() {
    let report = judge(&[
        read(4, 10_000),
        Read { key: 7, ..read(1, 1_500) },
        Read { end_ns: 0, ..read(1, 1_500) },
        Read { outcome: Outcome::Error, error_code: 5, ..read(1, 1_500) },
    ]);
    assert_eq!((report.reads_checked, report.errors, report.unchecked_total()), (0, 1, 3));
    assert_eq!(report.error_codes.get(&5), Some(&1));
    assert_eq!(report.violations(), 0);
}

#[test]
fn an_explanation_names_key_version_times_and_rule() {
    let report = judge(&[Read { staleness_ns: 0, ..read(1, 2_350) }]);
    let text = report.to_string();
    for part in ["G1 too_stale", "\"a\"", "version 1", "350.000000 ms before the read began", "150.0"] {
        assert!(text.contains(part), "{part:?} is missing in {text}");
    }
}
