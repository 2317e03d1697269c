//! A simulation that cannot fail proves nothing: with one part broken on
//! purpose, the oracle and the invariants must say so.

use edgecmp_oracle::Rule;
use edgecmp_sim::{Outcome, Sabotage, run};

/// Runs a few seeds and says in how many of them `noticed`.
fn noticed(sabotage: Sabotage, notices: impl Fn(&Outcome) -> bool) -> usize {
    (0..SEEDS).filter(|seed| notices(&run(*seed, sabotage, false))).count()
}

const SEEDS: u64 = 12;

fn breaks(outcome: &Outcome, rule: Rule) -> bool {
    outcome.report.count(rule) > 0
}

fn fails(outcome: &Outcome, guarantee: &str) -> bool {
    outcome.failures.iter().any(|(_, failure)| failure.contains(guarantee))
}

#[test]
fn a_clock_beyond_its_allowance_is_noticed() {
    assert!(noticed(Sabotage::SlowClock, |o| breaks(o, Rule::ReceiptUnderstated)) >= 3);
    assert!(noticed(Sabotage::SlowClock, |o| breaks(o, Rule::TooStale)) >= 1);
}

#[test]
fn an_origin_that_lags_in_silence_is_noticed() {
    assert!(noticed(Sabotage::SilentLag, |o| breaks(o, Rule::TooStale)) >= 3);
    assert!(noticed(Sabotage::SilentLag, |o| breaks(o, Rule::ReceiptUnderstated)) >= 6);
    assert!(noticed(Sabotage::SilentLag, |o| breaks(o, Rule::OwnWriteForgotten)) >= 3);
    assert!(noticed(Sabotage::SilentLag, |o| breaks(o, Rule::WentBack)) >= 3);
}

#[test]
fn an_ignored_bound_is_noticed() {
    assert!(noticed(Sabotage::BoundIgnored, |o| breaks(o, Rule::TooStale)) >= 3);
    assert!(noticed(Sabotage::BoundIgnored, |o| breaks(o, Rule::BoundExceeded)) >= 6);
}

#[test]
fn an_origin_that_writes_twice_is_noticed() {
    assert!(noticed(Sabotage::ForgetfulOrigin, |o| fails(o, "G5")) >= 6);
}

#[test]
fn an_origin_that_loses_acknowledged_writes_is_noticed() {
    assert!(noticed(Sabotage::LyingOrigin, |o| breaks(o, Rule::LostWrite)) >= 6);
}

#[test]
fn a_stampede_is_noticed() {
    assert!(noticed(Sabotage::DoubleFetch, |o| fails(o, "G4")) >= 6);
}
