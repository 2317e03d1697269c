//! G5: what became of writes that were not simply acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use edgecmp::Code;

use super::Histories;
use crate::client::{ReadRecord, WriteRecord};
use crate::fault::Fault;
use crate::node::Fleet;

/// G5 beyond acknowledged writes: none was done twice, none that surely failed was done.
pub(super) fn check_done_once(fleet: &Fleet, histories: &Histories, writes: &[WriteRecord]) {
    let mut done: BTreeMap<&str, u64> = BTreeMap::new();
    for row in histories.iter().flatten() {
        if let Some(written_as) = &row.written_as {
            *done.entry(written_as).or_default() += 1;
        }
    }
    for (written_as, times) in done.iter().filter(|(_, times)| **times > 1) {
        fleet.world.fail(format_args!("G5: {written_as} was written {times} times"));
    }
    let may_be_done: BTreeSet<&str> = writes
        .iter()
        .filter(|write| matches!(write.outcome, Ok(_) | Err(Code::UnknownOutcome | Code::Cancelled)))
        .map(|write| &*write.idempotency_key)
        .collect();
    for write in writes {
        let key = &*write.idempotency_key;
        if !may_be_done.contains(key) && done.contains_key(key) {
            fleet.world.fail_at(
                write.end,
                format_args!("G5: {key} failed with {:?}, and was written", write.outcome),
            );
        }
    }
}

/// After an unknown outcome what was cached no longer counts as proved: a later
/// read is answered by a proof from after the write began.
pub(super) fn check_unproved(fleet: &Fleet, reads: &[ReadRecord], writes: &[WriteRecord]) {
    // An answer from a lagging copy is about an instant before its request.
    if fleet.plan.has(Fault::Aged) {
        return;
    }
    let mut by_place: BTreeMap<(u32, usize), Vec<&WriteRecord>> = BTreeMap::new();
    for write in writes {
        by_place.entry((write.cache, write.key)).or_default().push(write);
    }
    for read in reads {
        let (Ok(seen), Some(writes)) = (&read.answer, by_place.get(&(read.cache, read.key))) else {
            continue;
        };
        if seen.degraded {
            continue;
        }
        let unknown = writes
            .iter()
            .filter(|write| write.outcome == Err(Code::UnknownOutcome) && write.end < read.start)
            .max_by_key(|write| write.start);
        let Some(unknown) = unknown else { continue };
        let allowed = read.end - unknown.start;
        // A write of this cache that was under way at the time may be acknowledged
        // late, even after its caller gave up, and proves its own version.
        let crc = seen.value.map_or(0, |(_, crc)| crc);
        if seen.staleness > allowed + allowed / 500 + 1 && !writes.iter().any(|write| write.crc == crc) {
            let key = &unknown.idempotency_key;
            fleet.world.fail_at(read.start, format_args!("G5: {key} had an unknown outcome, later {read:?}"));
        }
    }
}
