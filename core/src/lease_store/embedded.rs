//! Leases within one process.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
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
    next_number: u64,
    /// Lapsed leases are swept when the map has grown to this.
    sweep_at: usize,
}

impl EmbeddedLeases {
    /// A store with no lease held.
    pub fn new(env: Arc<dyn Env>) -> Self {
        Self { env, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn acquire(&mut self, key: Key, now: Instant, ttl: Duration) -> Option<Lease> {
        if self.held.get(&key).is_some_and(|(_, until)| now < *until) {
            return None;
        }
        if self.held.len() >= self.sweep_at {
            self.held.retain(|_, (_, until)| now < *until);
            self.sweep_at = (2 * self.held.len()).max(1024);
        }
        self.next_token += 1;
        let token = self.next_token;
        self.held.insert(key.clone(), (token, now.after(ttl)));
        Some(Lease { key, token })
    }

    /// Until when a lease holds, if it still is this holder's.
    fn held(&mut self, lease: &Lease) -> Option<&mut Instant> {
        let (token, until) = self.held.get_mut(&lease.key)?;
        (*token == lease.token).then_some(until)
    }
}

impl std::fmt::Debug for EmbeddedLeases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedLeases").finish_non_exhaustive()
    }
}

impl LeaseStore for EmbeddedLeases {
    fn acquire(&self, keys: Vec<Key>, ttl: Duration) -> BoxFuture<'static, Result<Vec<Option<Lease>>>> {
        let now = self.env.now();
        let mut state = self.state();
        let outcomes = keys.into_iter().map(|key| state.acquire(key, now, ttl)).collect();
        Box::pin(std::future::ready(Ok(outcomes)))
    }

    fn extend(&self, leases: Vec<Lease>, ttl: Duration) -> BoxFuture<'static, Result<Vec<bool>>> {
        let now = self.env.now();
        let mut state = self.state();
        let extend = |lease| match state.held(&lease) {
            Some(until) if now < *until => {
                *until = now.after(ttl);
                true
            }
            _ => false,
        };
        Box::pin(std::future::ready(Ok(leases.into_iter().map(extend).collect())))
    }

    fn release(&self, leases: Vec<Lease>) -> BoxFuture<'static, Result<()>> {
        let mut state = self.state();
        for lease in leases {
            if state.held(&lease).is_some() {
                state.held.remove(&lease.key);
            }
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn number(&self) -> BoxFuture<'static, Result<u64>> {
        let mut state = self.state();
        state.next_number += 1;
        Box::pin(std::future::ready(Ok(state.next_number - 1)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::runtime::Runtime;

    const TTL: Duration = Duration::from_secs(60);

    fn done<T>(future: BoxFuture<'static, Result<T>>) -> T {
        let mut future = future;
        let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(context) {
            std::task::Poll::Ready(result) => result.unwrap(),
            std::task::Poll::Pending => panic!("the embedded store never waits"),
        }
    }

    #[test]
    fn each_key_has_one_holder_until_it_lapses_or_is_given_back() {
        let store = EmbeddedLeases::new(Arc::new(Runtime::new(1)));
        let keys = |names: &[&str]| names.iter().map(|name| Key::copy_from(name.as_bytes())).collect();
        let mut won = done(store.acquire(keys(&["a", "b"]), TTL));
        let again = done(store.acquire(keys(&["b", "c", "a"]), TTL));
        assert_eq!(again.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);
        let (b, a) = (won.pop().flatten().unwrap(), won.pop().flatten().unwrap());
        done(store.release(vec![a.clone()]));
        assert_eq!(done(store.extend(vec![a.clone(), b.clone()], TTL)), [false, true]);
        let next = done(store.acquire(keys(&["a"]), TTL)).pop().flatten().unwrap();
        // A late holder gives nothing back that is another's.
        done(store.release(vec![a]));
        assert_eq!(done(store.extend(vec![next], TTL)), [true]);
        assert_eq!(done(store.extend(vec![b.clone()], Duration::ZERO)), [true]);
        assert_eq!(done(store.extend(vec![b], TTL)), [false], "it has lapsed");
    }
}
