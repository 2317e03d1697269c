//! From logs and history to numbers: the oracle's verdict, what readers felt, what the outage did.

use std::ops::Range;
use std::path::Path;

use edgecmp_oracle::{History, Kind, Outcome, Read, Report, Source, check, log};

use crate::failure::{Doing, Failure};

/// What readers got from calls that began while the origin was down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outage {
    pub served_within_bound: u64,
    pub degraded: u64,
    pub failed_with_reason: u64,
    pub failed_without_reason: u64,
    /// Answers that broke any rule.
    pub wrong: u64,
    /// How long after the restart a read still failed.
    pub recovery_ns: u64,
}

/// One cache, or several added up.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub report: Report,
    pub reads: u64,
    pub answered: u64,
    pub hits: u64,
    /// Reads that failed though nothing had happened to the origin yet.
    pub failed_before_outage: u64,
    /// Of answered reads, in no order.
    pub latencies_ns: Vec<u64>,
    pub outage: Outage,
    /// Bytes of a record that its reader did not finish.
    pub truncated_bytes: usize,
}

/// Judges the log of one reader. `down_ns`: while the origin did not serve.
pub fn judge(
    log_file: &Path,
    cache: u32,
    history: &History,
    down_ns: &Range<u64>,
) -> Result<Account, Failure> {
    let name = log_file.display();
    let bytes = std::fs::read(log_file).doing(&name)?;
    let log = log::parse(&bytes, cache).doing(&name)?;
    drop(bytes);
    let report = check(history, &log.reads);
    let mut account = Account { truncated_bytes: log.truncated_bytes, ..Account::default() };
    let in_outage = report.violation_starts_ns.iter().filter(|at| down_ns.contains(at));
    account.outage.wrong = in_outage.count() as u64;
    account.report = report;
    for read in log.reads.iter().filter(|read| read.kind == Kind::Read) {
        account.count(read, down_ns);
    }
    Ok(account)
}

impl Account {
    fn count(&mut self, read: &Read, down_ns: &Range<u64>) {
        self.reads += 1;
        if read.outcome != Outcome::Error {
            self.answered += 1;
            self.hits += u64::from(read.source == Source::Hit);
            self.latencies_ns.push(read.end_ns.saturating_sub(read.start_ns));
        }
        let outage = &mut self.outage;
        if read.outcome == Outcome::Error {
            let after_ns = read.start_ns.saturating_sub(down_ns.end);
            outage.recovery_ns = outage.recovery_ns.max(after_ns);
            self.failed_before_outage += u64::from(read.start_ns < down_ns.start);
        }
        if !down_ns.contains(&read.start_ns) {
            return;
        }
        *match (read.outcome, read.error_code) {
            (Outcome::Ok | Outcome::NotFound, _) => &mut outage.served_within_bound,
            (Outcome::Degraded, _) => &mut outage.degraded,
            (Outcome::Error, 0) => &mut outage.failed_without_reason,
            (Outcome::Error, _) => &mut outage.failed_with_reason,
        } += 1;
    }

    /// Adds the account of another cache.
    pub fn add(&mut self, other: &Self) {
        self.report.merge(&other.report);
        self.reads += other.reads;
        self.answered += other.answered;
        self.hits += other.hits;
        self.failed_before_outage += other.failed_before_outage;
        self.latencies_ns.extend(&other.latencies_ns);
        self.truncated_bytes += other.truncated_bytes;
        let (mine, theirs) = (&mut self.outage, other.outage);
        mine.served_within_bound += theirs.served_within_bound;
        mine.degraded += theirs.degraded;
        mine.failed_with_reason += theirs.failed_with_reason;
        mine.failed_without_reason += theirs.failed_without_reason;
        mine.wrong += theirs.wrong;
        mine.recovery_ns = mine.recovery_ns.max(theirs.recovery_ns);
    }

    #[must_use]
    pub fn hit_ratio(&self) -> f64 {
        self.hits as f64 / self.answered.max(1) as f64
    }

    /// Exact quantiles of the latency of answered reads, in nanoseconds.
    pub fn latency_quantiles<const N: usize>(&mut self, quantiles: [f64; N]) -> [u64; N] {
        self.latencies_ns.sort_unstable();
        quantiles.map(|quantile| {
            let rank = (self.latencies_ns.len() as f64 * quantile).ceil() as usize;
            self.latencies_ns.get(rank.saturating_sub(1)).copied().unwrap_or(0)
        })
    }
}
