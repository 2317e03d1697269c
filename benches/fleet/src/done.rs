//! The end of a read, and its record.

use std::sync::mpsc::Sender;

use edgecmp_demo::clock;
use edgecmp_oracle::{Kind, Outcome, Read, Source};

/// What a read was told.
pub struct Told<'a> {
    pub version: u128,
    /// `None`: the origin has no such key.
    pub value: Option<&'a [u8]>,
    pub source: Source,
    /// Where the cache says how old its answer can be. Without a receipt all
    /// that is claimed is the bound.
    pub staleness_ns: Option<u64>,
}

/// A finished read, and when it was to begin.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    pub read: Read,
    pub intended_ns: u64,
}

/// Takes the end of one read; from any thread.
pub struct Done {
    pub sender: Sender<Finished>,
    pub key: u32,
    pub node: usize,
    pub intended_ns: u64,
    pub start_ns: u64,
    pub bound_ns: u64,
}

impl Done {
    pub fn tell(self, told: Result<Told<'_>, String>) {
        // First: what is done for the record is not part of the read.
        let end_ns = clock::now_ns();
        let mut read = Read {
            start_ns: self.start_ns,
            end_ns,
            bound_ns: self.bound_ns,
            key: self.key,
            cache: self.node as u32,
            kind: Kind::Read,
            ..Read::default()
        };
        match told {
            Ok(told) => {
                read.version = told.version;
                read.crc = told.value.map_or(0, crc32fast::hash);
                read.outcome = if told.value.is_some() { Outcome::Ok } else { Outcome::NotFound };
                read.source = told.source;
                read.staleness_ns = told.staleness_ns.unwrap_or(self.bound_ns);
            }
            Err(message) => {
                eprintln!("read of key {}: {message}", self.key);
                read.outcome = Outcome::Error;
                read.source = Source::Fetched;
                read.error_code = 1;
            }
        }
        // The driver waits for every read; it is gone only if it failed itself.
        let _ = self.sender.send(Finished { read, intended_ns: self.intended_ns });
    }
}
