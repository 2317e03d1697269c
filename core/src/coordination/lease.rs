//! Leases: who refreshes for the fleet. An economy, never a condition of G1.

use std::sync::Arc;
use std::time::Duration;

use crate::env::{Env, within};
use crate::facts::key::Key;
use crate::facts::statistics::{Counters, Stat};
use crate::lease_store::{Lease, LeaseStore};

/// What asking for a lease gave.
#[derive(Debug)]
pub enum Asked {
    /// Ours: refresh, then give it back.
    Won(Lease),
    /// Another node refreshes: serve what is there, look again later.
    Lost,
    /// The lease store is away or slow: go on without it.
    Unknown,
}

/// Asks for the lease of a key. Never waits longer than `timeout`.
pub async fn ask(
    env: &Arc<dyn Env>,
    store: &Arc<dyn LeaseStore>,
    counters: &Counters,
    key: &Key,
    ttl: Duration,
    timeout: Duration,
) -> Asked {
    counters.add(Stat::LeaseAttempts);
    let deadline = env.now().after(timeout);
    match within(env.as_ref(), deadline, store.acquire(key.clone(), ttl)).await {
        Some(Ok(Some(lease))) => {
            counters.add(Stat::LeasesWon);
            Asked::Won(lease)
        }
        Some(Ok(None)) => {
            counters.add(Stat::LeasesLost);
            Asked::Lost
        }
        Some(Err(_)) | None => {
            counters.add(Stat::LeaseFailures);
            Asked::Unknown
        }
    }
}
