//! Follows a reader's log while it is written, for the progress line. The verdict reads it anew.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use edgecmp_oracle::log::{HEADER_BYTES, RECORD_BYTES, decode};
use edgecmp_oracle::{Histogram, Kind, Outcome, Source};

/// What came in since the last look.
#[derive(Clone, Debug, Default)]
pub struct Glance {
    pub reads: u64,
    pub answered: u64,
    pub hits: u64,
    pub degraded: u64,
    pub errors: u64,
    pub latency_ns: Histogram,
}

/// A position in a log that grows.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    offset: u64,
}

impl Tail {
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), offset: HEADER_BYTES as u64 }
    }

    /// The whole records that were appended since. A log that cannot be read yet is an empty one.
    pub fn look(&mut self) -> Glance {
        let mut glance = Glance::default();
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.offset))?;
            file.read_to_end(&mut bytes)
        });
        if read.is_err() {
            return glance;
        }
        for record in bytes.chunks_exact(RECORD_BYTES) {
            self.offset += RECORD_BYTES as u64;
            let record = record.try_into().map(|record| decode(record, 0, 0));
            if let Ok(Ok(read)) = record {
                glance.count(&read);
            }
        }
        glance
    }
}

impl Glance {
    fn count(&mut self, read: &edgecmp_oracle::Read) {
        if read.kind != Kind::Read {
            return;
        }
        self.reads += 1;
        match read.outcome {
            Outcome::Error => self.errors += 1,
            outcome => {
                self.answered += 1;
                self.hits += u64::from(read.source == Source::Hit);
                self.degraded += u64::from(outcome == Outcome::Degraded);
                self.latency_ns.record(read.end_ns.saturating_sub(read.start_ns));
            }
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.reads += other.reads;
        self.answered += other.answered;
        self.hits += other.hits;
        self.degraded += other.degraded;
        self.errors += other.errors;
        self.latency_ns.merge(&other.latency_ns);
    }
}
