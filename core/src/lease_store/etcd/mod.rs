//! Leases in etcd: keys that are created if they are not there, under the session
//! of this node, which etcd ends if the node does not answer for it any more.
//!
//! [`session`] keeps the session alive; [`members`] chooses the server. A member
//! that is hung costs one call its deadline, and the next call goes to another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use etcd_client::{Client, Compare, CompareOp, PutOptions, Txn, TxnOp, TxnOpResponse};

use super::config::{Config, Form};
use super::{Lease, LeaseStore};
use crate::env::{BoxFuture, Env};
use crate::facts::clock::Instant;
use crate::facts::error::{Code, Error, Result};
use crate::facts::key::Key;

mod members;
mod session;

use members::Members;
use session::Session;

/// What `lease_store` may say.
pub const FORM: Form = Form {
    port: 2379,
    many: true,
    database: false,
    allowed: "etcd://host:port,host:port, or etcds:// for TLS",
};

/// Keys of one transaction; etcd allows 128 operations unless told otherwise.
const BATCH: usize = 100;

/// Leases in one etcd cluster.
pub struct EtcdLeases {
    shared: Arc<Shared>,
}

struct Shared {
    env: Arc<dyn Env>,
    config: Config,
    members: Members,
    session: Session,
    held: Mutex<Held>,
}

/// What may be in etcd by us, by name: the token and until when. What is not given
/// back by then is deleted by the session's task: a key would stay as long as the session.
type Held = HashMap<Vec<u8>, (u64, Instant)>;

impl EtcdLeases {
    /// Connects with the first call, not here.
    pub fn new(config: Config, env: &Arc<dyn Env>) -> Result<Self> {
        let members = Members::new(&config, env)?;
        let session = Session::default();
        let env = Arc::clone(env);
        Ok(Self { shared: Arc::new(Shared { env, config, members, session, held: Mutex::default() }) })
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One transaction of many, each for itself; whether each found what it compares.
    async fn each(&self, txns: Vec<Txn>) -> Result<Vec<bool>> {
        let mut outcomes = Vec::with_capacity(txns.len());
        let mut txns = txns.into_iter().peekable();
        while txns.peek().is_some() {
            let batch: Vec<TxnOp> = txns.by_ref().take(BATCH).map(TxnOp::txn).collect();
            let asked = batch.len();
            let txn = Txn::new().and_then(batch);
            let answer = self.members.ask(async |client: &mut Client| client.txn(txn.clone()).await).await?;
            let each = answer.op_responses().into_iter().map(|response| match response {
                TxnOpResponse::Txn(txn) => txn.succeeded(),
                _ => false,
            });
            outcomes.extend(each);
            if outcomes.len() % BATCH != asked % BATCH {
                return Err(Error::new(Code::OriginProtocol, "etcd: a transaction without all its answers"));
            }
        }
        Ok(outcomes)
    }

    async fn acquire(self: &Arc<Self>, keys: Vec<Key>, ttl: Duration) -> Result<Vec<Option<Lease>>> {
        let session = self.session(self).await?;
        let token = self.env.random();
        let names: Vec<_> = keys.iter().map(|key| self.config.name(key)).collect();
        {
            // Noted before they are asked for: if nobody waits for the answer, the
            // keys may be there all the same.
            let until = self.env.now().after(ttl);
            let mut held = self.held();
            for name in &names {
                held.entry(name.clone()).or_insert((token, until));
            }
        }
        let create = |name: &Vec<u8>| {
            let put = PutOptions::new().with_lease(session);
            Txn::new()
                .when([Compare::create_revision(name.clone(), CompareOp::Equal, 0)])
                .and_then([TxnOp::put(name.clone(), token.to_string(), Some(put))])
        };
        let outcomes = self.each(names.iter().map(create).collect()).await;
        if outcomes.as_ref().is_err_and(session::is_lost) {
            self.session.lost(session);
        }
        let outcomes = outcomes?;
        let mut held = self.held();
        for (name, _) in names.iter().zip(&outcomes).filter(|(_, won)| !**won) {
            if held.get(name).is_some_and(|(by, _)| *by == token) {
                held.remove(name);
            }
        }
        drop(held);
        let leases = keys.into_iter().zip(outcomes).map(|(key, won)| won.then_some(Lease { key, token }));
        Ok(leases.collect())
    }

    async fn extend(&self, leases: Vec<Lease>, ttl: Duration) -> Result<Vec<bool>> {
        let is_ours = |lease: &Lease| ours(self.config.name(&lease.key), lease.token);
        let outcomes = self.each(leases.iter().map(is_ours).collect()).await?;
        let until = self.env.now().after(ttl);
        let mut held = self.held();
        for (lease, ours) in leases.iter().zip(&outcomes) {
            let name = self.config.name(&lease.key);
            match held.get_mut(&name) {
                Some(held) if *ours && held.0 == lease.token => held.1 = until,
                _ => {}
            }
        }
        Ok(outcomes)
    }

    async fn delete(&self, keys: Vec<(Vec<u8>, u64)>) -> Result<()> {
        let delete = |(name, token): &(Vec<u8>, u64)| {
            ours(name.clone(), *token).and_then([TxnOp::delete(name.clone(), None)])
        };
        self.each(keys.iter().map(delete).collect()).await?;
        let mut held = self.held();
        for (name, token) in keys {
            if held.get(&name).is_some_and(|(by, _)| *by == token) {
                held.remove(&name);
            }
        }
        Ok(())
    }

    /// Deletes what was not given back in time.
    async fn delete_overdue(&self) -> Result<()> {
        let now = self.env.now();
        let overdue = |(name, (token, until)): (&Vec<u8>, &(u64, Instant))| {
            (now >= *until).then(|| (name.clone(), *token))
        };
        let overdue: Vec<_> = self.held().iter().filter_map(overdue).collect();
        if overdue.is_empty() { Ok(()) } else { self.delete(overdue).await }
    }
}

fn ours(name: Vec<u8>, token: u64) -> Txn {
    Txn::new().when([Compare::value(name, CompareOp::Equal, token.to_string())])
}

impl LeaseStore for EtcdLeases {
    fn acquire(&self, keys: Vec<Key>, ttl: Duration) -> BoxFuture<'static, Result<Vec<Option<Lease>>>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.acquire(keys, ttl).await })
    }

    fn extend(&self, leases: Vec<Lease>, ttl: Duration) -> BoxFuture<'static, Result<Vec<bool>>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.extend(leases, ttl).await })
    }

    fn release(&self, leases: Vec<Lease>) -> BoxFuture<'static, Result<()>> {
        let shared = Arc::clone(&self.shared);
        let name = |lease: Lease| (shared.config.name(&lease.key), lease.token);
        let keys = leases.into_iter().map(name).collect();
        Box::pin(async move { shared.delete(keys).await })
    }
}
