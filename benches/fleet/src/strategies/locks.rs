//! Leases and locks of keys in etcd, for the baselines.

use std::sync::atomic::{AtomicU64, Ordering};

use edgecmp_demo::failure::{Doing, Failure};
use etcd_client::{Client, Compare, CompareOp, PutOptions, Txn, TxnOp};

use crate::job::{Counts, Job};

/// etcd's floor at its default settings.
const TTL_S: i64 = 2;
/// Longer than any run: a session lease that nobody has to keep alive.
const SESSION_TTL_S: i64 = 600;

pub struct Locks {
    client: Client,
    names: Vec<String>,
    session: i64,
    node: String,
    attempts: AtomicU64,
    conflicts: AtomicU64,
    failures: AtomicU64,
}

/// What is held of a key.
pub struct Held {
    key: u32,
    /// To revoke; 0: under the session.
    lease: i64,
}

impl Locks {
    pub async fn connect(job: &Job, node: usize) -> Result<Self, Failure> {
        let mut client = Client::connect([&job.etcd], None).await.doing("connecting to etcd")?;
        let session = client.lease_grant(SESSION_TTL_S, None).await.doing("the session lease")?.id();
        Ok(Self {
            client,
            names: job.keys.iter().map(|key| format!("lease/cache/{key}")).collect(),
            session,
            node: node.to_string(),
            attempts: AtomicU64::new(0),
            conflicts: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        })
    }

    /// Tries a lease of its own for the key: a grant, then create-if-absent.
    /// `Ok(None)`: another holds it.
    pub async fn try_lease(&self, key: u32) -> Result<Option<Held>, String> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let mut client = self.client.clone();
        let granted = client.lease_grant(TTL_S, None).await.map_err(|error| self.failed(&error))?;
        let created = self.create(key, granted.id()).await?;
        if !created {
            // Not waited for: the loser's lease would lapse anyway.
            tokio::spawn(async move { drop(client.lease_revoke(granted.id()).await) });
            return Ok(None);
        }
        Ok(Some(Held { key, lease: granted.id() }))
    }

    /// Tries the lock of the key under the node's session: one transaction.
    pub async fn try_lock(&self, key: u32) -> Result<Option<Held>, String> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        Ok(self.create(key, self.session).await?.then_some(Held { key, lease: 0 }))
    }

    async fn create(&self, key: u32, lease: i64) -> Result<bool, String> {
        let name = self.names[key as usize].as_str();
        let put = TxnOp::put(name, self.node.as_str(), Some(PutOptions::new().with_lease(lease)));
        let absent = Compare::create_revision(name, CompareOp::Equal, 0);
        let created = self.client.clone().txn(Txn::new().when([absent]).and_then([put])).await;
        let created = created.map_err(|error| self.failed(&error))?.succeeded();
        if !created {
            self.conflicts.fetch_add(1, Ordering::Relaxed);
        }
        Ok(created)
    }

    pub async fn release(&self, held: Held) {
        let mut client = self.client.clone();
        // What is not given back lapses with its lease.
        if held.lease == 0 {
            drop(client.delete(self.names[held.key as usize].as_str(), None).await);
        } else {
            drop(client.lease_revoke(held.lease).await);
        }
    }

    fn failed(&self, error: &etcd_client::Error) -> String {
        self.failures.fetch_add(1, Ordering::Relaxed);
        error.to_string()
    }

    pub fn counts(&self, node: Counts) -> Counts {
        Counts {
            lease_attempts: self.attempts.load(Ordering::Relaxed),
            lease_conflicts: self.conflicts.load(Ordering::Relaxed),
            lease_failures: self.failures.load(Ordering::Relaxed),
            ..node
        }
    }
}
