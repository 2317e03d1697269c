//! What clients were told.

use std::sync::Mutex;

use edgecmp::{Code, Source};

use crate::world::Nanos;

/// One read: what was asked, and the answer.
#[derive(Clone, Debug)]
pub struct ReadRecord {
    pub cache: u32,
    pub client: u32,
    pub key: usize,
    pub start: Nanos,
    pub end: Nanos,
    /// What this read was promised, worked out by the client, not by core.
    pub bound: Nanos,
    /// The same if the answer is "no such key".
    pub negative_bound: Nanos,
    /// 0: no degraded answer was asked for.
    pub outage_bound: Nanos,
    pub min_version: u128,
    pub answer: Result<Seen, Code>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Seen {
    pub version: u128,
    /// The value's own number and checksum.
    pub value: Option<(u64, u32)>,
    pub staleness: Nanos,
    pub receipt_bound: Nanos,
    pub degraded: bool,
    pub source: Source,
}

/// One attempt at a write.
#[derive(Clone, Debug)]
pub struct WriteRecord {
    pub cache: u32,
    pub client: u32,
    pub key: usize,
    pub start: Nanos,
    pub end: Nanos,
    pub idempotency_key: Box<str>,
    pub crc: u32,
    pub deletes: bool,
    /// The version, or why not; `Cancelled` if the client gave up the wait.
    pub outcome: Result<u128, Code>,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Ledger {
    reads: Mutex<Vec<ReadRecord>>,
    writes: Mutex<Vec<WriteRecord>>,
}

impl Ledger {
    pub fn read(&self, record: ReadRecord) {
        self.reads.lock().expect("nothing panics while it notes").push(record);
    }

    pub fn write(&self, record: WriteRecord) {
        self.writes.lock().expect("nothing panics while it notes").push(record);
    }

    /// Everything noted so far.
    #[must_use]
    pub fn records(&self) -> (Vec<ReadRecord>, Vec<WriteRecord>) {
        let reads = self.reads.lock().expect("nothing panics while it notes").clone();
        (reads, self.writes.lock().expect("nothing panics while it notes").clone())
    }
}

/// A checksum of a value (FNV-1a). The oracle only compares them.
#[must_use]
pub fn crc(value: &[u8]) -> u32 {
    value.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
