//! Leases within one process.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::{Lease, LeaseStore};
use crate::env::{BoxFuture, Env};
use crate::facts::clock::Instant;
use crate::facts::error::Result;
use crate::facts::key::Key;

/// Leases in a map. Never blocks for long, never fails.
pub struct EmbeddedLeases {
    env: Arc<dyn Env>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: HashMap<Key, (u64, Instant)>,
    next_token: u64,
    /// Lapsed leases are swept when the map has grown to this.
    sweep_at: usize,
}

impl EmbeddedLeases {
    /// A store with no lease held.
    pub fn new(env: Arc<dyn Env>) -> Self {
        Self { env, state: Mutex::default() }
    }

    fn try_acquire(&self, key: Key, ttl: Duration) -> Option<Lease> {
        let now = self.env.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.held.get(&key).is_some_and(|(_, until)| now < *until) {
            return None;
        }
        if state.held.len() >= state.sweep_at {
            state.held.retain(|_, (_, until)| now < *until);
            state.sweep_at = (2 * state.held.len()).max(1024);
        }
        state.next_token += 1;
        let token = state.next_token;
        state.held.insert(key.clone(), (token, now.after(ttl)));
        Some(Lease { key, token })
    }
}

impl std::fmt::Debug for EmbeddedLeases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedLeases").finish_non_exhaustive()
    }
}

impl LeaseStore for EmbeddedLeases {
    fn acquire(&self, key: Key, ttl: Duration) -> BoxFuture<'static, Result<Option<Lease>>> {
        Box::pin(std::future::ready(Ok(self.try_acquire(key, ttl))))
    }

    fn release(&self, lease: Lease) -> BoxFuture<'static, Result<()>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.held.get(&lease.key).is_some_and(|(token, _)| *token == lease.token) {
            state.held.remove(&lease.key);
        }
        Box::pin(std::future::ready(Ok(())))
    }
}

type Registry = Mutex<HashMap<Box<str>, Weak<EmbeddedLeases>>>;

/// Looks that a lock held for a few instructions is surely free after.
const PATIENCE: usize = 10_000;

fn give_way<T>() -> Option<T> {
    std::thread::yield_now();
    None
}

/// The store that all caches of this process with this name share.
pub(super) fn shared(name: &str, env: &Arc<dyn Env>) -> Arc<dyn LeaseStore> {
    static NAMED: LazyLock<Registry> = LazyLock::new(Mutex::default);
    let Some(mut named) = (0..PATIENCE).find_map(|_| NAMED.try_lock().ok().or_else(give_way)) else {
        // A fork froze the lock in the middle of another thread's look: leases
        // are an economy, so this cache has a store of its own.
        return Arc::new(EmbeddedLeases::new(Arc::clone(env)));
    };
    if let Some(store) = named.get(name).and_then(Weak::upgrade) {
        return store;
    }
    let store = Arc::new(EmbeddedLeases::new(Arc::clone(env)));
    named.retain(|_, weak| weak.strong_count() > 0);
    named.insert(name.into(), Arc::downgrade(&store));
    store
}
