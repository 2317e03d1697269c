//! The verdict in numbers, and in words for what went wrong.

use std::collections::BTreeMap;
use std::fmt;

use crate::histogram::Histogram;
use crate::violation::{Rule, Violation};

/// How many violations are kept with their explanation; all are counted.
const EXPLAINED: usize = 100;

/// How stale answers were, in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staleness {
    /// What the origin's history proves: a lower bound of the true staleness.
    pub proven: Histogram,
    /// What the receipts say: an upper bound.
    pub receipt: Histogram,
}

impl Staleness {
    fn merge(&mut self, other: &Self) {
        self.proven.merge(&other.proven);
        self.receipt.merge(&other.receipt);
    }
}

fn add<K: Ord + Copy>(mine: &mut BTreeMap<K, u64>, theirs: &BTreeMap<K, u64>) {
    for (key, count) in theirs {
        *mine.entry(*key).or_default() += count;
    }
}

/// The verdict over all records.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Reads whose answer was judged.
    pub reads_checked: u64,
    /// Reads that ended in an error: nothing was returned that could be wrong.
    pub errors: u64,
    /// Errors by their code; code 0 is an error that gave no reason.
    pub error_codes: BTreeMap<u32, u64>,
    /// Acknowledged writes that were looked up in the history.
    pub writes_checked: u64,
    pub writes_unknown: u64,
    /// Records that could not be judged, by reason.
    pub unchecked: BTreeMap<&'static str, u64>,
    pub ok: u64,
    pub degraded: u64,
    pub not_found: u64,
    /// Answers within the bound.
    pub staleness: Staleness,
    /// Answers marked `degraded`.
    pub degraded_staleness: Staleness,
    pub by_rule: BTreeMap<Rule, u64>,
    /// The start of the offending read, one entry for each violation, in no order.
    pub violation_starts_ns: Vec<u64>,
    /// The first violations found, explained.
    pub explained: Vec<Violation>,
}

impl Report {
    /// Broken promises of any rule.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.by_rule.values().sum()
    }

    #[must_use]
    pub fn count(&self, rule: Rule) -> u64 {
        self.by_rule.get(&rule).copied().unwrap_or(0)
    }

    #[must_use]
    pub fn unchecked_total(&self) -> u64 {
        self.unchecked.values().sum()
    }

    /// Adds the verdict over records of *other* caches.
    pub fn merge(&mut self, other: &Self) {
        self.reads_checked += other.reads_checked;
        self.errors += other.errors;
        self.writes_checked += other.writes_checked;
        self.writes_unknown += other.writes_unknown;
        self.ok += other.ok;
        self.degraded += other.degraded;
        self.not_found += other.not_found;
        add(&mut self.error_codes, &other.error_codes);
        add(&mut self.unchecked, &other.unchecked);
        add(&mut self.by_rule, &other.by_rule);
        self.staleness.merge(&other.staleness);
        self.degraded_staleness.merge(&other.degraded_staleness);
        self.violation_starts_ns.extend(&other.violation_starts_ns);
        let room = EXPLAINED.saturating_sub(self.explained.len());
        self.explained.extend(other.explained.iter().take(room).cloned());
    }

    pub(crate) fn skip(&mut self, reason: &'static str) {
        *self.unchecked.entry(reason).or_default() += 1;
    }

    /// Counts a violation; `explain` is only called while explanations are still kept.
    pub(crate) fn violation(&mut self, rule: Rule, at_ns: u64, explain: impl FnOnce() -> Violation) {
        *self.by_rule.entry(rule).or_default() += 1;
        self.violation_starts_ns.push(at_ns);
        if self.explained.len() < EXPLAINED {
            self.explained.push(explain());
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{} violations in {} reads checked ({} ok, {} degraded, {} not found); {} errors, {} \
             acknowledged writes",
            self.violations(),
            self.reads_checked,
            self.ok,
            self.degraded,
            self.not_found,
            self.errors,
            self.writes_checked
        )?;
        for (reason, count) in &self.unchecked {
            writeln!(formatter, "  {count} not checked: {reason}")?;
        }
        for (rule, count) in &self.by_rule {
            writeln!(formatter, "  {} {}: {count}", rule.guarantee(), rule.name())?;
        }
        for violation in self.explained.iter().take(10) {
            writeln!(formatter, "  {violation}")?;
        }
        Ok(())
    }
}
