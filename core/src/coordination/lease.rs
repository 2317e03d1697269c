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

/// Asks for the leases of keys: one outcome each, in their order. Never waits
/// longer than `timeout`.
pub async fn ask(
    env: &Arc<dyn Env>,
    store: &Arc<dyn LeaseStore>,
    counters: &Counters,
    keys: Vec<Key>,
    ttl: Duration,
    timeout: Duration,
) -> Vec<Asked> {
    let asked = keys.len();
    counters.add_many(Stat::LeaseAttempts, asked as u64);
    let deadline = env.now().after(timeout);
    let outcomes = match within(env.as_ref(), deadline, store.acquire(keys, ttl)).await {
        Some(Ok(outcomes)) if outcomes.len() == asked => outcomes,
        _ => {
            counters.add_many(Stat::LeaseFailures, asked as u64);
            return (0..asked).map(|_| Asked::Unknown).collect();
        }
    };
    let judge = |outcome| match outcome {
        Some(lease) => {
            counters.add(Stat::LeasesWon);
            Asked::Won(lease)
        }
        None => {
            counters.add(Stat::LeasesLost);
            Asked::Lost
        }
    };
    outcomes.into_iter().map(judge).collect()
}
