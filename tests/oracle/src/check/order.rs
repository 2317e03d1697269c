//! G2 and G3: reads and acknowledged writes of one cache against each other.
//!
//! One sweep per cache and key: by start for the reads that are judged, by end for what was known
//! before them. Two calls that overlap are in no order, so only what *ended* before a read began
//! binds it.

use crate::check::Promises;
use crate::check::answer::Blame;
use crate::history::History;
use crate::read::{Kind, Outcome, Read};
use crate::report::Report;
use crate::violation::{Rule, relative};

/// Judges all records of `judged` (indices into `reads`).
pub(super) fn check_order(
    history: &History,
    reads: &[Read],
    judged: Vec<usize>,
    promises: Promises,
    report: &mut Report,
) {
    let group = |read: &Read| (read.cache, read.key);
    let mut by_start = judged;
    by_start.retain(|at| reads[*at].outcome != Outcome::Error && reads[*at].kind != Kind::WriteUnknown);
    let mut by_end = by_start.clone();
    by_start.sort_unstable_by_key(|at| (group(&reads[*at]), reads[*at].start_ns));
    by_end.sort_unstable_by_key(|at| (group(&reads[*at]), reads[*at].end_ns));

    // Both orders have the same groups in the same places.
    let mut from = 0;
    while from < by_start.len() {
        let here = group(&reads[by_start[from]]);
        let to = from + by_start[from..].partition_point(|at| group(&reads[*at]) == here);
        sweep(history, reads, (&by_start[from..to], &by_end[from..to]), promises, report);
        from = to;
    }
}

/// What a cache is bound by at some instant.
#[derive(Default)]
struct Known<'a> {
    read: Option<&'a Read>,
    written: Option<&'a Read>,
}

impl<'a> Known<'a> {
    fn learn(&mut self, record: &'a Read) {
        let slot = if record.kind == Kind::Read { &mut self.read } else { &mut self.written };
        if slot.is_none_or(|known| record.version > known.version) {
            *slot = Some(record);
        }
    }
}

fn sweep(
    history: &History,
    reads: &[Read],
    (by_start, by_end): (&[usize], &[usize]),
    promises: Promises,
    report: &mut Report,
) {
    let mut ended = by_end.iter().map(|at| &reads[*at]).peekable();
    let mut known = Known::default();
    for read in by_start.iter().map(|at| &reads[*at]) {
        while let Some(before) = ended.next_if(|before| before.end_ns < read.start_ns) {
            if promises.monotonic_reads || before.kind != Kind::Read {
                known.learn(before);
            }
        }
        if read.kind == Kind::Read {
            check_read(history, read, &known, report);
        }
    }
}

fn check_read(history: &History, read: &Read, known: &Known<'_>, report: &mut Report) {
    let blame = Blame { history, read };
    if let Some(before) = known.read.filter(|before| falls_short(history, read, before)) {
        blame.report(report, Rule::WentBack, || {
            let when = relative(before.end_ns, read.start_ns);
            format!("reader {} had version {} {when}", before.reader, before.version)
        });
    }
    if let Some(before) = known.written.filter(|before| falls_short(history, read, before)) {
        blame.report(report, Rule::OwnWriteForgotten, || {
            let when = relative(before.end_ns, read.start_ns);
            format!("version {} was acknowledged to reader {} {when}", before.version, before.reader)
        });
    }
    if read.min_version > 0 && below(history, read, read.min_version) {
        blame.report(report, Rule::BelowMinVersion, || {
            format!("the read asked for at least version {}", read.min_version)
        });
    }
}

fn falls_short(history: &History, read: &Read, before: &Read) -> bool {
    before.version > 0 && below(history, read, before.version)
}

/// Whether the answer is from before `version`. An absence without a version is taken as the best
/// delete that can have happened by the end of the read.
fn below(history: &History, read: &Read, version: u128) -> bool {
    if read.version > 0 {
        return read.version < version;
    }
    let known_delete = history.find(read.key, version).is_some_and(|(written, _)| written.deleted);
    !known_delete && !history.deleted_after(read.key, version, read.end_ns)
}
