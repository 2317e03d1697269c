//! edgecmp itself, as a host uses it.

use edgecmp::{Cache, Options, ReadOptions, Started, Value};
use edgecmp_demo::failure::{Doing, Failure};
use edgecmp_oracle::Source;

use super::Strategy;
use crate::done::{Done, Told};
use crate::job::{Counts, Job};

pub struct Edgecmp {
    cache: Cache,
    keys: Vec<String>,
}

impl Edgecmp {
    pub fn open(job: &Job, node: usize) -> Result<Self, Failure> {
        let mut options = Options::default();
        let settings = [
            ("origin", job.items()),
            ("staleness_bound", format!("{}ms", job.scenario.bound.as_millis())),
            ("lease_store", format!("etcd://{}", job.etcd)),
            ("seed", (job.scenario.seed + node as u64).to_string()),
        ];
        for (name, text) in settings {
            options.set(name, &text).doing(name)?;
        }
        Ok(Self { cache: Cache::open(options).doing("opening the cache")?, keys: job.keys.clone() })
    }
}

impl Strategy for Edgecmp {
    fn read(&self, key: u32, done: Done) {
        match self.cache.start_get(self.keys[key as usize].as_bytes(), &ReadOptions::DEFAULT) {
            Ok(Started::Ready(value)) => tell(&value, done),
            Ok(Started::Pending(pending)) => pending.on_complete(|outcome| match outcome {
                Ok(value) => tell(&value, done),
                Err(error) => done.tell(Err(error.to_string())),
            }),
            Err(error) => done.tell(Err(error.to_string())),
        }
    }

    fn counts(&self) -> Counts {
        let statistics = self.cache.statistics().unwrap_or_default();
        Counts {
            origin_requests: statistics.origin_requests,
            origin_keys: statistics.origin_keys,
            lease_attempts: statistics.lease_attempts,
            lease_conflicts: statistics.leases_lost,
            lease_failures: statistics.lease_failures,
        }
    }
}

fn tell(value: &Value, done: Done) {
    let receipt = value.receipt();
    done.tell(Ok(Told {
        version: receipt.version.get(),
        value: value.bytes(),
        source: match receipt.source {
            edgecmp::Source::Cache => Source::Hit,
            edgecmp::Source::Origin => Source::Fetched,
        },
        staleness_ns: Some(receipt.staleness.as_nanos() as u64),
    }));
}
