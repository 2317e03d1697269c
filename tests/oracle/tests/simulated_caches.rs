//! The judge must acquit every honest cache and convict each kind of broken one.

mod simulated;

use edgecmp_oracle::{Rule, check};
use proptest::prelude::*;
use simulated::{Flaw, MS, run};

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_honest_cache_is_acquitted(seed in any::<u64>(), bound_ms in 60_u64..400) {
        let (history, reads) = run(seed, Flaw::None, bound_ms * MS, 800);
        let report = check(&history, &reads);
        prop_assert_eq!(report.violations(), 0, "{}", report);
        let accounted = report.reads_checked + report.errors + report.writes_checked;
        prop_assert_eq!(accounted as usize, reads.len(), "{}", report);
        prop_assert!(report.staleness.proven.max() <= report.staleness.receipt.max());
    }
}

/// Each seed must convict: a judge that notices a flaw only now and then is no judge.
fn convicts(flaw: Flaw, rules: &[Rule]) {
    for seed in 0..20 {
        let (history, reads) = run(seed, flaw, 300 * MS, 6_000);
        let report = check(&history, &reads);
        for rule in rules {
            assert!(report.count(*rule) > 0, "{flaw:?} with seed {seed} passed {rule:?}: {report}");
        }
    }
}

#[test]
fn validated_at_taken_at_the_answer_is_convicted() {
    convicts(Flaw::ValidatedAtAnswer, &[Rule::TooStale, Rule::ReceiptUnderstated]);
}

#[test]
fn an_ignored_bound_is_convicted() {
    convicts(Flaw::BoundIgnored, &[Rule::TooStale, Rule::ReceiptUnderstated]);
}

#[test]
fn a_version_that_goes_back_is_convicted() {
    convicts(Flaw::VersionGoesBack, &[Rule::WentBack]);
}

#[test]
fn a_forgotten_write_is_convicted() {
    convicts(Flaw::OwnWriteForgotten, &[Rule::OwnWriteForgotten]);
}

#[test]
fn a_corrupted_value_is_convicted() {
    convicts(Flaw::ValueCorrupted, &[Rule::WrongValue]);
}

#[test]
fn staleness_understated_by_a_millisecond_is_convicted() {
    convicts(Flaw::StalenessUnderstated, &[Rule::ReceiptUnderstated]);
}

#[test]
fn a_lost_write_is_convicted() {
    convicts(Flaw::WriteLost, &[Rule::LostWrite]);
}
