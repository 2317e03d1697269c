//! The run in the oracle's terms, and what is judged beside it.
//!
//! The oracle wants versions in the order of the origin's history. So a
//! version is its place there: that also gives opaque validators an order, and
//! an origin that went back a new place for an old version.

mod writes;

use std::collections::BTreeMap;

use edgecmp::{Code, Source};
use edgecmp_oracle::{HistoryBuilder, Kind, Outcome, Promises, Read, Report, Written, check_promises};

use crate::client::{ReadRecord, Seen, WriteRecord, crc};
use crate::node::Fleet;
use crate::origin::Row;
use crate::world::{MS, Nanos};

/// The history of each key, in the order of the key indices.
type Histories = Vec<Vec<Row>>;

/// Judges a run that has ended. Broken invariants go to the world's failures.
pub fn judge(fleet: &Fleet, reads: &[ReadRecord], writes: &[WriteRecord]) -> Report {
    let histories = histories(fleet);
    let mut builder = HistoryBuilder::new();
    for (index, rows) in histories.iter().enumerate() {
        let key = builder.key(&Fleet::key(index));
        for (place, row) in rows.iter().enumerate() {
            builder.push(
                key,
                Written {
                    version: place as u128 + 1,
                    began_ns: row.at,
                    visible_ns: row.at,
                    crc: row.value.as_deref().map_or(0, crc),
                    deleted: row.value.is_none(),
                },
            );
        }
    }
    let history = match builder.finish(Nanos::MAX) {
        Ok(history) => history,
        Err(error) => {
            fleet.world.fail(format_args!("the simulated origin made no history: {error}"));
            return Report::default();
        }
    };
    let mut records = Vec::with_capacity(reads.len() + writes.len());
    for read in reads {
        check_receipt(fleet, read);
        records.push(of_read(fleet, &histories[read.key], read));
    }
    records.extend(writes.iter().filter_map(|write| of_write(fleet, &histories[write.key], write)));
    excuse_restores(&histories, &mut records);
    writes::check_done_once(fleet, &histories, writes);
    writes::check_unproved(fleet, reads, writes);
    check_promises(&history, &records, Promises { monotonic_reads: fleet.plan.monotonic })
}

/// How long after a restore a cache may still learn of something from before it,
/// such as the acknowledgement of a write that is gone again.
const SETTLING: Nanos = 1500 * MS;

/// G2 and G3 hold while the origin's versions do not go back. Around a restore
/// each record stands for itself: its age is judged, its order is not.
fn excuse_restores(histories: &Histories, records: &mut [Read]) {
    let mut alone = u32::MAX;
    for record in records {
        let restored = |row: &Row| {
            row.written_as.is_none()
                && (record.start_ns.saturating_sub(SETTLING)..=record.end_ns).contains(&row.at)
        };
        if histories[record.key as usize].iter().any(restored) {
            record.cache = alone;
            alone -= 1;
        }
    }
}

fn histories(fleet: &Fleet) -> Histories {
    let server = fleet.server.lock().expect("nothing panics while it holds the server");
    let by_name: BTreeMap<_, _> = server.histories().collect();
    let rows = |index| by_name.get(Fleet::key(index).as_slice()).map_or(Vec::new(), |rows| rows.to_vec());
    (0..fleet.plan.keys).map(rows).collect()
}

/// What a receipt says must fit what the read asked.
fn check_receipt(fleet: &Fleet, read: &ReadRecord) {
    let Ok(seen) = &read.answer else { return };
    let bound = if seen.value.is_some() { read.bound } else { read.negative_bound };
    if seen.receipt_bound > bound {
        fleet.world.fail_at(
            read.start,
            format_args!("a receipt says another bound than the read was promised: {read:?}"),
        );
    }
    // A bound of 0 is `no-cache`: asked for this read, however long that took.
    if !seen.degraded && seen.receipt_bound > 0 && seen.staleness > seen.receipt_bound {
        fleet.world.fail_at(read.start, format_args!("a receipt breaks its own bound: {read:?}"));
    }
    if seen.degraded && (read.outage_bound == 0 || seen.source == Source::Origin) {
        fleet.world.fail_at(read.start, format_args!("nobody asked for this degraded answer: {read:?}"));
    }
}

fn of_read(fleet: &Fleet, rows: &[Row], read: &ReadRecord) -> Read {
    let mut record = Read {
        start_ns: read.start,
        end_ns: read.end,
        bound_ns: read.bound,
        outage_bound_ns: read.outage_bound,
        key: read.key as u32,
        cache: read.cache,
        reader: read.client,
        ..Read::default()
    };
    match &read.answer {
        Err(code) => {
            record.outcome = Outcome::Error;
            record.error_code = *code as u32;
        }
        Ok(seen) => {
            record.staleness_ns = seen.staleness;
            record.crc = seen.value.map_or(0, |(_, crc)| crc);
            record.version = place(fleet, rows, read.end, seen);
            record.min_version = first_place(rows, read.min_version);
            record.absent = seen.value.is_none();
            if record.absent {
                record.bound_ns = read.negative_bound;
            }
            record.outcome = match (seen.degraded, record.absent) {
                (true, _) => Outcome::Degraded,
                (false, true) => Outcome::NotFound,
                (false, false) => Outcome::Ok,
            };
        }
    }
    record
}

/// The place of an answer in its key's history: of several (a restored
/// version stands there twice) the latest that had begun when the read ended.
fn place(fleet: &Fleet, rows: &[Row], end: Nanos, seen: &Seen) -> u128 {
    let is_it = |row: &Row| match seen.value {
        Some(_) if fleet.plan.has_versions() => row.version == seen.version,
        Some((number, _)) => row.value.as_ref().is_some_and(|value| value[..8] == number.to_be_bytes()),
        // Made-up versions of absences mean nothing to the origin.
        None => fleet.plan.has_versions() && seen.version > 0 && row.version == seen.version,
    };
    let mut places = rows.iter().enumerate().filter(|(_, row)| is_it(row));
    let first = places.clone().next();
    let latest = places.rfind(|(_, row)| row.at <= end).or(first);
    match latest {
        Some((place, _)) => place as u128 + 1,
        None if seen.value.is_none() && !fleet.plan.has_versions() => 0,
        None if seen.version == 0 => 0,
        // Not in the history: the oracle says so.
        None => u128::MAX,
    }
}

fn first_place(rows: &[Row], version: u128) -> u128 {
    rows.iter().position(|row| version > 0 && row.version == version).map_or(0, |place| place as u128 + 1)
}

/// A write for the oracle: G3, and that it stands in the history (G5).
fn of_write(fleet: &Fleet, rows: &[Row], write: &WriteRecord) -> Option<Read> {
    let mut record = Read {
        start_ns: write.start,
        end_ns: write.end,
        key: write.key as u32,
        crc: write.crc,
        cache: write.cache,
        reader: write.client,
        ..Read::default()
    };
    match write.outcome {
        Ok(version) => {
            let place = rows.iter().position(|row| row.written_as.as_ref() == Some(&write.idempotency_key));
            record.kind = if write.deletes { Kind::DeleteAcknowledged } else { Kind::SetAcknowledged };
            record.version = place.map_or(u128::MAX, |place| place as u128 + 1);
            if let Some(row) = place.map(|place| &rows[place])
                && fleet.plan.has_versions()
                && row.version != version
            {
                fleet
                    .world
                    .fail(format_args!("G5: acknowledged as version {version}, written as {}", row.version));
            }
        }
        Err(Code::UnknownOutcome | Code::Cancelled) => record.kind = Kind::WriteUnknown,
        Err(_) => return None,
    }
    Some(record)
}
