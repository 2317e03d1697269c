//! A lease store that is slow, and fails.

use std::sync::Arc;
use std::time::Duration;

use edgecmp::env::BoxFuture;
use edgecmp::facts::key::Key;
use edgecmp::lease_store::embedded::EmbeddedLeases;
use edgecmp::lease_store::{Lease, LeaseStore};
use edgecmp::{Code, Error, Result};

use crate::env::SimEnv;
use crate::fault::Fault;
use crate::world::{MS, World};

/// The embedded store behind a bad line.
#[derive(Debug)]
pub struct FlakyLeases {
    world: Arc<World>,
    store: Arc<EmbeddedLeases>,
}

impl FlakyLeases {
    #[must_use]
    pub fn new(world: &Arc<World>, env: Arc<SimEnv>) -> Arc<Self> {
        Arc::new(Self { world: Arc::clone(world), store: Arc::new(EmbeddedLeases::new(env)) })
    }

    async fn trouble(world: Arc<World>) -> Result<()> {
        if world.strikes(Fault::LeaseSlow) {
            let nanos = world.draw(|rng| rng.between(MS, 100 * MS));
            world.sleep(nanos).await;
        }
        if world.strikes(Fault::LeaseFailed) {
            return Err(Error::new(Code::OriginUnavailable, "the lease store is away"));
        }
        Ok(())
    }
}

impl LeaseStore for FlakyLeases {
    fn acquire(&self, keys: Vec<Key>, ttl: Duration) -> BoxFuture<'static, Result<Vec<Option<Lease>>>> {
        let (world, store) = (Arc::clone(&self.world), Arc::clone(&self.store));
        Box::pin(async move {
            Self::trouble(world).await?;
            store.acquire(keys, ttl).await
        })
    }

    fn extend(&self, leases: Vec<Lease>, ttl: Duration) -> BoxFuture<'static, Result<Vec<bool>>> {
        let (world, store) = (Arc::clone(&self.world), Arc::clone(&self.store));
        Box::pin(async move {
            Self::trouble(world).await?;
            store.extend(leases, ttl).await
        })
    }

    fn number(&self) -> BoxFuture<'static, Result<u64>> {
        let (world, store) = (Arc::clone(&self.world), Arc::clone(&self.store));
        Box::pin(async move {
            Self::trouble(world).await?;
            store.number().await
        })
    }

    fn release(&self, leases: Vec<Lease>) -> BoxFuture<'static, Result<()>> {
        let (world, store) = (Arc::clone(&self.world), Arc::clone(&self.store));
        Box::pin(async move {
            Self::trouble(world).await?;
            store.release(leases).await
        })
    }
}
