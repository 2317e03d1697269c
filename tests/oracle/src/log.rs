//! The readers' log: what each call was asked and told, in one format for all languages.
//!
//! A 16-byte header, `"EDGECMPLOG1\0"` and the record size (u32), then records of 80 bytes. All
//! numbers are little-endian.
//!
//! | offset | type | field |
//! |---|---|---|
//! | 0 | u64 | start_ns: CLOCK_BOOTTIME before the call |
//! | 8 | u64 | end_ns: after it |
//! | 16 | u64 | staleness_ns of the receipt |
//! | 24 | u64 | version (low 64 bits; 0 none) |
//! | 32 | u64 | bound_ns |
//! | 40 | u64 | outage_bound_ns (0 none) |
//! | 48 | u64 | min_version (0 none) |
//! | 56 | u32 | key: line number in the key list, from 0 |
//! | 60 | u32 | CRC-32 (IEEE) of the value, 0 without one |
//! | 64 | u8 | kind: 0 read, 1 set acknowledged, 2 delete acknowledged, 3 write with unknown outcome |
//! | 65 | u8 | outcome: 0 ok, 1 degraded, 2 not found, 3 error |
//! | 66 | u8 | source: 0 hit, 1 fetched, 2 joined a flight, others as the binding names them |
//! | 67 | u8 | flags: bit 0 = a degraded answer that says "no such key" |
//! | 68 | u32 | error code |
//! | 72 | u32 | reader (thread or task) |
//! | 76 | u32 | reserved, 0 |

use std::fmt;
use std::io;

use crate::read::{Kind, Outcome, Read, Source};

pub const MAGIC: [u8; 12] = *b"EDGECMPLOG1\0";
pub const HEADER_BYTES: usize = 16;
pub const RECORD_BYTES: usize = 80;

const ABSENT: u8 = 1;

/// Why bytes are not a log.
#[derive(Debug)]
pub enum LogError {
    Io(io::Error),
    /// Shorter than a header, or another magic.
    NotALog,
    RecordSize(u32),
    /// A field holds a number that has no meaning.
    Field {
        record: usize,
        field: &'static str,
        value: u8,
    },
}

impl fmt::Display for LogError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(formatter, "read log: {error}"),
            Self::NotALog => write!(formatter, "read log: does not start with EDGECMPLOG1"),
            Self::RecordSize(size) => {
                write!(formatter, "read log: records of {size} bytes, expected {RECORD_BYTES}")
            }
            Self::Field { record, field, value } => {
                write!(formatter, "read log: record {record}: {field} is {value}, which means nothing")
            }
        }
    }
}

impl std::error::Error for LogError {}

impl From<io::Error> for LogError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A parsed log.
#[derive(Debug, Default)]
pub struct Log {
    pub reads: Vec<Read>,
    /// Bytes of a last record that was cut off (the reader was killed while it wrote).
    pub truncated_bytes: usize,
}

/// The header of a log file.
#[must_use]
pub fn header() -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..12].copy_from_slice(&MAGIC);
    header[12..].copy_from_slice(&(RECORD_BYTES as u32).to_le_bytes());
    header
}

/// Checks a header.
pub fn check_header(bytes: &[u8]) -> Result<(), LogError> {
    if bytes.len() < HEADER_BYTES || bytes[..12] != MAGIC {
        return Err(LogError::NotALog);
    }
    match u32_at(bytes, 12) {
        size if size as usize == RECORD_BYTES => Ok(()),
        size => Err(LogError::RecordSize(size)),
    }
}

/// Parses a whole log; `cache` is the id that its records get.
pub fn parse(bytes: &[u8], cache: u32) -> Result<Log, LogError> {
    check_header(bytes)?;
    let records = bytes[HEADER_BYTES..].chunks_exact(RECORD_BYTES);
    let truncated_bytes = records.remainder().len();
    let reads = records
        .enumerate()
        .map(|(at, record)| decode(record.try_into().expect("chunks are whole records"), at, cache))
        .collect::<Result<_, _>>()?;
    Ok(Log { reads, truncated_bytes })
}

/// One record as bytes; versions keep their low 64 bits.
#[must_use]
pub fn encode(read: &Read) -> [u8; RECORD_BYTES] {
    let mut record = [0; RECORD_BYTES];
    let low = |version: u128| version as u64;
    let words = [
        read.start_ns,
        read.end_ns,
        read.staleness_ns,
        low(read.version),
        read.bound_ns,
        read.outage_bound_ns,
        low(read.min_version),
    ];
    for (at, word) in words.iter().enumerate() {
        record[at * 8..at * 8 + 8].copy_from_slice(&word.to_le_bytes());
    }
    record[56..60].copy_from_slice(&read.key.to_le_bytes());
    record[60..64].copy_from_slice(&read.crc.to_le_bytes());
    record[64] = match read.kind {
        Kind::Read => 0,
        Kind::SetAcknowledged => 1,
        Kind::DeleteAcknowledged => 2,
        Kind::WriteUnknown => 3,
    };
    record[65] = match read.outcome {
        Outcome::Ok => 0,
        Outcome::Degraded => 1,
        Outcome::NotFound => 2,
        Outcome::Error => 3,
    };
    record[66] = match read.source {
        Source::Hit => 0,
        Source::Fetched => 1,
        Source::Joined => 2,
        Source::Other(number) => number,
    };
    record[67] = if read.absent { ABSENT } else { 0 };
    record[68..72].copy_from_slice(&read.error_code.to_le_bytes());
    record[72..76].copy_from_slice(&read.reader.to_le_bytes());
    record
}

/// Reads one record; `at` is its number, for the error.
pub fn decode(record: &[u8; RECORD_BYTES], at: usize, cache: u32) -> Result<Read, LogError> {
    let bad = |field, value| LogError::Field { record: at, field, value };
    Ok(Read {
        start_ns: u64_at(record, 0),
        end_ns: u64_at(record, 8),
        staleness_ns: u64_at(record, 16),
        version: u128::from(u64_at(record, 24)),
        bound_ns: u64_at(record, 32),
        outage_bound_ns: u64_at(record, 40),
        min_version: u128::from(u64_at(record, 48)),
        key: u32_at(record, 56),
        crc: u32_at(record, 60),
        kind: match record[64] {
            0 => Kind::Read,
            1 => Kind::SetAcknowledged,
            2 => Kind::DeleteAcknowledged,
            3 => Kind::WriteUnknown,
            other => return Err(bad("kind", other)),
        },
        outcome: match record[65] {
            0 => Outcome::Ok,
            1 => Outcome::Degraded,
            2 => Outcome::NotFound,
            3 => Outcome::Error,
            other => return Err(bad("outcome", other)),
        },
        source: match record[66] {
            0 => Source::Hit,
            1 => Source::Fetched,
            2 => Source::Joined,
            other => Source::Other(other),
        },
        absent: record[67] & ABSENT != 0,
        error_code: u32_at(record, 68),
        reader: u32_at(record, 72),
        cache,
    })
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
