//! One verdict over a history and reads.

mod answer;
mod order;

use crate::history::History;
use crate::read::{Kind, Outcome, Read};
use crate::report::Report;

/// What a cache promises beside all the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promises {
    /// G2. Nobody can promise it where the origin's answers lag and what was
    /// returned before is not cached any more.
    pub monotonic_reads: bool,
}

/// Judges every record. Nothing is left out silently: each read ends up in `reads_checked`,
/// `errors` or `unchecked`.
#[must_use]
pub fn check(history: &History, reads: &[Read]) -> Report {
    check_promises(history, reads, Promises { monotonic_reads: true })
}

/// [`check`], of a cache that may promise less.
#[must_use]
pub fn check_promises(history: &History, reads: &[Read], promises: Promises) -> Report {
    let mut report = Report::default();
    let mut judged = Vec::with_capacity(reads.len());
    for (at, read) in reads.iter().enumerate() {
        if let Some(reason) = unjudgeable(history, read) {
            report.skip(reason);
            continue;
        }
        judged.push(at);
        match (read.kind, read.outcome) {
            (Kind::Read, Outcome::Error) => {
                report.errors += 1;
                *report.error_codes.entry(read.error_code).or_default() += 1;
            }
            (Kind::Read, _) => answer::check_answer(history, read, &mut report),
            (Kind::SetAcknowledged | Kind::DeleteAcknowledged, _) => {
                answer::check_write(history, read, &mut report);
            }
            (Kind::WriteUnknown, _) => report.writes_unknown += 1,
        }
    }
    order::check_order(history, reads, judged, promises, &mut report);
    report
}

fn unjudgeable(history: &History, read: &Read) -> Option<&'static str> {
    if read.end_ns < read.start_ns {
        return Some("ended before it began");
    }
    if !history.knows_key(read.key) {
        return Some("key not in the key list");
    }
    // Without the writes that came meanwhile, neither right nor wrong can be shown.
    (read.end_ns > history.complete_until_ns).then_some("ended after the end of the history")
}
