//! G1 and the receipt: what one read returned against what the origin had.

use crate::history::{History, Written};
use crate::read::{Kind, Outcome, Read};
use crate::report::Report;
use crate::violation::{Rule, Span, Violation, relative};

/// Judges one answer on its own.
pub(super) fn check_answer(history: &History, read: &Read, report: &mut Report) {
    report.reads_checked += 1;
    match read.outcome {
        Outcome::Ok => report.ok += 1,
        Outcome::Degraded => report.degraded += 1,
        Outcome::NotFound | Outcome::Error => report.not_found += 1,
    }
    let blame = Blame { history, read };
    if read.staleness_ns > read.limit_ns() {
        blame.report(report, Rule::BoundExceeded, || "the receipt itself is over the bound".into());
    }
    let proven_ns = match (read.is_absent(), read.version) {
        (true, 0) => check_unversioned_absence(&blame, report),
        _ => check_version(&blame, report),
    };
    let staleness = match read.outcome {
        Outcome::Degraded => &mut report.degraded_staleness,
        _ => &mut report.staleness,
    };
    staleness.receipt.record(read.staleness_ns);
    if let Some(proven_ns) = proven_ns {
        staleness.proven.record(proven_ns);
    }
}

/// Judges an acknowledged write: it must stand in the history as it was sent (G5).
pub(super) fn check_write(history: &History, write: &Read, report: &mut Report) {
    report.writes_checked += 1;
    let deletes = write.kind == Kind::DeleteAcknowledged;
    let blame = Blame { history, read: write };
    match history.find(write.key, write.version) {
        Some((written, _)) if written.deleted == deletes && (deletes || written.crc == write.crc) => {}
        Some((written, _)) => blame.report(report, Rule::LostWrite, || {
            format!("the origin wrote something else under this version: {written:?}")
        }),
        None => blame.report(report, Rule::LostWrite, || "the origin has no such version".into()),
    }
}

/// An answer that names its version. Gives the proven staleness, if the version exists.
fn check_version(blame: &Blame<'_>, report: &mut Report) -> Option<u64> {
    let read = blame.read;
    let Some((written, superseded_ns)) = blame.history.find(read.key, read.version) else {
        blame.report(report, Rule::WrongValue, || "the origin never wrote this version".into());
        return None;
    };
    if let Some(difference) = difference(read, written) {
        blame.report(report, Rule::WrongValue, || difference);
        return None;
    }
    if read.end_ns < written.began_ns {
        blame.report(report, Rule::FromTheFuture, || {
            format!("its write began {}", relative(written.began_ns, read.start_ns))
        });
    }
    let proven_ns = superseded_ns.map_or(0, |at| read.start_ns.saturating_sub(at));
    if proven_ns > read.limit_ns() {
        blame.report(report, Rule::TooStale, || {
            let excess = Span(proven_ns - read.limit_ns());
            format!("superseded {} before the read began, {excess} over the bound", Span(proven_ns))
        });
    }
    if proven_ns > read.staleness_ns {
        blame.report(report, Rule::ReceiptUnderstated, || {
            let short = Span(proven_ns - read.staleness_ns);
            format!("superseded {} before the read began, {short} more than the receipt", Span(proven_ns))
        });
    }
    Some(proven_ns)
}

fn difference(read: &Read, written: Written) -> Option<String> {
    match (read.is_absent(), written.deleted) {
        (true, true) => None,
        (true, false) => Some("this version is a value, the answer was \"no such key\"".into()),
        (false, true) => Some("this version is a delete, the answer was a value".into()),
        (false, false) if read.crc != written.crc => {
            Some(format!("crc32 of the value is {:08x}, the origin wrote {:08x}", read.crc, written.crc))
        }
        (false, false) => None,
    }
}

/// "No such key" without the version of a delete: right if the key can have been absent at some
/// instant within the bound, or within the receipt's staleness.
fn check_unversioned_absence(blame: &Blame<'_>, report: &mut Report) -> Option<u64> {
    let read = blame.read;
    let existed_for = |window_ns: u64| {
        let from_ns = read.start_ns.saturating_sub(window_ns);
        blame.history.existed_throughout(read.key, from_ns, read.end_ns)
    };
    if existed_for(read.limit_ns()) {
        blame.report(report, Rule::TooStale, || {
            "the key had a value from before the bound until after the read".into()
        });
    }
    if existed_for(read.staleness_ns) {
        blame.report(report, Rule::ReceiptUnderstated, || {
            "the key had a value from before the receipt's proof until after the read".into()
        });
    }
    None
}

/// Whom to blame, for explanations.
pub(super) struct Blame<'a> {
    pub history: &'a History,
    pub read: &'a Read,
}

impl Blame<'_> {
    pub(super) fn report(&self, report: &mut Report, rule: Rule, detail: impl FnOnce() -> String) {
        report.violation(rule, self.read.start_ns, || Violation {
            rule,
            key: self.history.name(self.read.key),
            read: *self.read,
            detail: detail(),
        });
    }
}
