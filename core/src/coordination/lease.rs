//! Leases: who refreshes for the fleet. An economy, never a condition of G1.
//!
//! The lease store has a breaker of its own: one that is away costs a refresh its
//! time-out now and then, not every time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::env::{Env, within};
use crate::facts::clock::Instant;
use crate::facts::key::Key;
use crate::facts::statistics::{Counters, Stat};
use crate::lease_store::{Lease, LeaseStore};
use crate::rules::breaker::{Admission, Breaker, BreakerPolicy, Failure};

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

/// A store that is away is asked again about so often, or at once when it says that it
/// has returned, and so is used again within a second of its return. One that answers
/// late is away too: it is not waited for.
const BREAKER: BreakerPolicy = BreakerPolicy {
    failures: 3,
    cooldown: Duration::from_millis(300),
    window: Duration::from_secs(10),
    min_calls: 20,
    failure_percent: 50,
    slow_call: Duration::ZERO,
    slow_percent: 100,
    ramp: Duration::ZERO,
};

/// The leases of a node.
pub struct Leases {
    store: Arc<dyn LeaseStore>,
    ttl: Duration,
    timeout: Duration,
    breaker: Mutex<Breaker>,
    /// Of the store's returns, how many the breaker has heard of.
    heard: AtomicU64,
}

impl Leases {
    /// Leases in `store` that hold for `ttl`. Nothing waits for it longer than `timeout`.
    pub fn new(store: Arc<dyn LeaseStore>, ttl: Duration, timeout: Duration, now: Instant) -> Self {
        Self {
            store,
            ttl,
            timeout,
            breaker: Mutex::new(Breaker::new(BREAKER, now)),
            heard: AtomicU64::new(0),
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for leases: one outcome each, in their order.
    pub async fn ask(&self, env: &Arc<dyn Env>, counters: &Counters, keys: Vec<Key>) -> Vec<Asked> {
        let asked = keys.len();
        let unknown = || (0..asked).map(|_| Asked::Unknown).collect();
        let now = env.now();
        let returns = self.store.returns();
        if self.heard.swap(returns, Ordering::Relaxed) != returns {
            self.breaker().returned(now);
        }
        let ticket = match self.breaker().admit_at_once(now, self.timeout) {
            Admission::Go(ticket) | Admission::Later(_, ticket) => ticket,
            Admission::Refused(_) => return unknown(),
        };
        counters.add_many(Stat::LeaseAttempts, asked as u64);
        let acquire = self.store.acquire(keys, self.ttl);
        let outcomes = match within(env.as_ref(), now.after(self.timeout), acquire).await {
            Some(Ok(outcomes)) if outcomes.len() == asked => outcomes,
            outcome => {
                counters.add_many(Stat::LeaseFailures, asked as u64);
                let later = env.now();
                let opened =
                    self.breaker().failed(ticket, later, later.since(now), Failure::default(), env.random());
                if opened {
                    let error = outcome.map(|outcome| outcome.err().map(|error| error.to_string()));
                    tracing::warn!(?error, "the lease store is away: refreshes go on without leases");
                }
                return unknown();
            }
        };
        let later = env.now();
        self.breaker().succeeded(ticket, later, later.since(now), env.random());
        let won = outcomes.iter().flatten().count() as u64;
        counters.add_many(Stat::LeasesWon, won);
        counters.add_many(Stat::LeasesLost, asked as u64 - won);
        outcomes.into_iter().map(|lease| lease.map_or(Asked::Lost, Asked::Won)).collect()
    }

    /// This node's number in the fleet, if the store tells it within `patience`. No refresh
    /// waits for it, and one that is not waited for is lost.
    pub async fn number(&self, env: &Arc<dyn Env>, patience: Duration) -> Option<u64> {
        let deadline = env.now().after(patience);
        within(env.as_ref(), deadline, self.store.number()).await?.ok()
    }

    /// Holds leases for longer. Those that are another's by now are left out.
    pub async fn extend(&self, env: &Arc<dyn Env>, counters: &Counters, leases: &mut Vec<Lease>) {
        if leases.is_empty() {
            return;
        }
        let deadline = env.now().after(self.timeout);
        let extend = self.store.extend(leases.clone(), self.ttl);
        if let Some(Ok(held)) = within(env.as_ref(), deadline, extend).await {
            let mut held = held.into_iter();
            leases.retain(|_| held.next().unwrap_or(false));
            counters.add_many(Stat::LeasesExtended, leases.len() as u64);
        }
    }

    /// Gives leases back; what is not given back lapses.
    pub async fn release(&self, env: &Arc<dyn Env>, leases: Vec<Lease>) {
        if !leases.is_empty() {
            let deadline = env.now().after(self.timeout);
            let _ = within(env.as_ref(), deadline, self.store.release(leases)).await;
        }
    }

    /// Gives back all there is, within `timeout` and what is waited for any call.
    pub async fn close(&self, env: &Arc<dyn Env>, timeout: Duration) {
        let deadline = env.now().after(self.timeout.min(timeout));
        let _ = within(env.as_ref(), deadline, self.store.close()).await;
    }
}

impl std::fmt::Debug for Leases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leases").field("ttl", &self.ttl).finish_non_exhaustive()
    }
}
