//! What the processes of one run are told, in a file.

use std::path::{Path, PathBuf};

use edgecmp_demo::failure::{Doing, Failure};
use serde::{Deserialize, Serialize};

use crate::scenario::Scenario;
use crate::strategies::Name;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    pub strategy: Name,
    pub scenario: Scenario,
    /// `http://host:port`.
    pub origin: String,
    /// `host:port` of etcd.
    pub etcd: String,
    /// The keys, the most popular first.
    pub keys: Vec<String>,
    /// Where all processes of the run write.
    pub directory: PathBuf,
    /// Of CLOCK_BOOTTIME: when the reads begin.
    pub start_ns: u64,
}

/// What a node did, in its own count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub origin_requests: u64,
    pub origin_keys: u64,
    pub lease_attempts: u64,
    /// Attempts that found another holder.
    pub lease_conflicts: u64,
    /// Attempts that failed: no answer, or the grant had lapsed before its transaction.
    pub lease_failures: u64,
}

impl Counts {
    pub fn add(&mut self, other: &Self) {
        self.origin_requests += other.origin_requests;
        self.origin_keys += other.origin_keys;
        self.lease_attempts += other.lease_attempts;
        self.lease_conflicts += other.lease_conflicts;
        self.lease_failures += other.lease_failures;
    }

    /// What came after `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            origin_requests: self.origin_requests - earlier.origin_requests,
            origin_keys: self.origin_keys - earlier.origin_keys,
            lease_attempts: self.lease_attempts - earlier.lease_attempts,
            lease_conflicts: self.lease_conflicts - earlier.lease_conflicts,
            lease_failures: self.lease_failures - earlier.lease_failures,
        }
    }

    /// Lease conflicts a key asked.
    pub fn conflicts_per_key(&self) -> f64 {
        self.lease_conflicts as f64 / self.origin_keys.max(1) as f64
    }
}

impl Job {
    pub fn write(&self) -> Result<PathBuf, Failure> {
        let path = self.directory.join("job.json");
        let text = serde_json::to_string(self).doing("the job")?;
        std::fs::write(&path, text).doing(path.display())?;
        Ok(path)
    }

    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).doing(path.display())?;
        serde_json::from_str(&text).doing(path.display())
    }

    /// The URL template of the origin's items.
    pub fn items(&self) -> String {
        format!("{}/items/{{key}}", self.origin)
    }

    pub fn file(&self, node: usize, what: &str) -> PathBuf {
        self.directory.join(format!("node-{node}.{what}"))
    }
}
