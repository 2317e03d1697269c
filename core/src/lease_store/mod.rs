//! The port to the lease store: best-effort rights to refresh.
//!
//! No lease store is mutual exclusion (a paused holder wakes up after its lease
//! has lapsed), and nothing here relies on it: a late holder is fenced by the
//! comparison of versions.

use std::sync::Arc;
use std::time::Duration;

use crate::env::{BoxFuture, Env};
use crate::facts::error::{Error, Result, without_credentials};
use crate::facts::key::Key;
use crate::facts::options::Options;

#[cfg(any(feature = "redis", feature = "etcd"))]
mod config;
pub mod embedded;
#[cfg(feature = "etcd")]
mod etcd;
#[cfg(any(feature = "redis", feature = "etcd"))]
mod link;
#[cfg(any(feature = "redis", feature = "etcd"))]
mod pem;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "redis")]
mod stray;

/// A lease that was won. Given back with [`LeaseStore::release`], or lapses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What it is the lease of.
    pub key: Key,
    /// Tells this holder from a later one.
    pub token: u64,
}

/// Where leases are kept. Whoever calls sets a deadline and drops the future at
/// it: a store must not count on being polled to the end.
pub trait LeaseStore: Send + Sync + 'static {
    /// Tries to take the lease of each of these keys for `ttl`, each for itself,
    /// in as few round trips as the store can. One outcome a key, in their order;
    /// `None`: another holds it.
    fn acquire(&self, keys: Vec<Key>, ttl: Duration) -> BoxFuture<'static, Result<Vec<Option<Lease>>>>;

    /// Holds leases for another `ttl` from now. Whether each still was its holder's.
    fn extend(&self, leases: Vec<Lease>, ttl: Duration) -> BoxFuture<'static, Result<Vec<bool>>>;

    /// Gives leases back; one that has lapsed, or is another's by now, is left alone.
    fn release(&self, leases: Vec<Lease>) -> BoxFuture<'static, Result<()>>;

    /// A number that no other node of the fleet has got, the next one: it says when it is
    /// this node's turn (`rules::turns`).
    fn number(&self) -> BoxFuture<'static, Result<u64>>;

    /// How often the store has noticed by itself that it can be asked again: a number
    /// that has changed says that the next call is worth a try. A guess, not a promise.
    fn returns(&self) -> u64 {
        0
    }

    /// Gives everything back: nothing is asked any more.
    fn close(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The lease store that the options name. Connects to nothing.
pub fn open(options: &Options, env: &Arc<dyn Env>) -> Result<Arc<dyn LeaseStore>> {
    let url = options.lease_store.as_str();
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    let behind = rest.strip_prefix("//");
    match (scheme, behind) {
        ("embedded", _) if rest.is_empty() => Ok(Arc::new(embedded::EmbeddedLeases::new(Arc::clone(env)))),
        ("embedded", _) => Ok(embedded::shared(rest, env)),
        #[cfg(feature = "redis")]
        ("redis" | "rediss", Some(rest)) => {
            let config = config::Config::read(options, rest, scheme == "rediss", redis::FORM)?;
            Ok(Arc::new(redis::RedisLeases::new(config, env)?))
        }
        #[cfg(feature = "etcd")]
        ("etcd" | "etcds", Some(rest)) => {
            let config = config::Config::read(options, rest, scheme == "etcds", etcd::FORM)?;
            Ok(Arc::new(etcd::EtcdLeases::new(config, env)?))
        }
        _ => Err(Error::invalid("lease_store", format_args!("{:?}", without_credentials(url)), ALLOWED)),
    }
}

#[cfg(all(feature = "redis", feature = "etcd"))]
const ALLOWED: &str = "embedded:, embedded:<name> for all caches of the process with that name, redis://host:port/database, rediss://..., etcd://host:port,host:port, etcds://...";
#[cfg(not(all(feature = "redis", feature = "etcd")))]
const ALLOWED: &str = "embedded:, or embedded:<name> for all caches of the process with that name; redis:// and etcd:// where they are built in";
