//! The ways to keep the caches of a fleet fresh. One file each; all speak to
//! the origin through edgecmp's own HTTP client, so none is handicapped there.

use std::fmt;
use std::sync::Arc;

use edgecmp_demo::failure::Failure;
use serde::{Deserialize, Serialize};

use crate::done::Done;
use crate::job::{Counts, Job};

mod batched_refresh;
mod central_lock;
mod early_refresh;
mod edgecmp;
mod locks;
mod node;
mod single_flight;
mod sketch;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    Edgecmp,
    Sketch,
    SingleFlight,
    EarlyRefresh,
    BatchedRefresh,
    CentralLock,
}

impl Name {
    pub const ALL: [Self; 6] = [
        Self::Edgecmp,
        Self::Sketch,
        Self::SingleFlight,
        Self::EarlyRefresh,
        Self::BatchedRefresh,
        Self::CentralLock,
    ];

    pub fn text(self) -> &'static str {
        match self {
            Self::Edgecmp => "edgecmp",
            Self::Sketch => "sketch",
            Self::SingleFlight => "single_flight",
            Self::EarlyRefresh => "early_refresh",
            Self::BatchedRefresh => "batched_refresh",
            Self::CentralLock => "central_lock",
        }
    }

    /// What it does, for the table.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Edgecmp => "this cache, default options but for the bound; leases in etcd",
            Self::Sketch => {
                "a lock around a map, TTL; from 90% of it, and when it is over, each read tries the key's lease \
                 (grant, create-if-absent); a loser without a value waits 10 ms * 1.2^n, jittered; no coalescing"
            }
            Self::SingleFlight => {
                "TTL; one fetch a key and node, whose other readers wait with it; no leases"
            }
            Self::EarlyRefresh => {
                "TTL, single flight, and from 90% of the TTL a read starts one fetch behind it (FusionCache)"
            }
            Self::BatchedRefresh => {
                "TTL, single flight, refresh from a random 80-95% of the TTL, up to 10 keys or 20 ms in one \
                 request (sturdyc)"
            }
            Self::CentralLock => {
                "TTL, single flight, and a fetch only under the key's lock in etcd (session lease); \
                 a loser asks again every 10 ms"
            }
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.text() == text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text())
    }
}

/// One node's cache.
pub trait Strategy: Send + Sync {
    /// Reads a key without blocking; `done` is told once, now or later.
    fn read(&self, key: u32, done: Done);

    fn counts(&self) -> Counts;
}

/// The cache of a node, on a runtime for what it does behind its readers.
pub fn open(
    job: &Job,
    node: usize,
    runtime: &Arc<tokio::runtime::Runtime>,
) -> Result<Box<dyn Strategy>, Failure> {
    let shared = || node::Node::new(job, runtime.handle());
    let locks = || runtime.block_on(locks::Locks::connect(job, node));
    Ok(match job.strategy {
        Name::Edgecmp => Box::new(edgecmp::Edgecmp::open(job, node)?),
        Name::Sketch => Box::new(sketch::Sketch::new(shared()?, locks()?)),
        Name::SingleFlight => Box::new(single_flight::SingleFlight::new(shared()?)),
        Name::EarlyRefresh => Box::new(early_refresh::EarlyRefresh::new(shared()?)),
        Name::BatchedRefresh => Box::new(batched_refresh::BatchedRefresh::new(shared()?, node)),
        Name::CentralLock => Box::new(central_lock::CentralLock::new(shared()?, locks()?)),
    })
}
