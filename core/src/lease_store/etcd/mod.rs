//! Leases in etcd: keys that are created if they are not there, under the session
//! of this node, which etcd ends if the node does not answer for it any more.
//!
//! [`session`] keeps the session alive; [`members`] chooses the server. A member
//! that is hung costs one call its deadline, and the next call goes to another.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use etcd_client::{
    Client, Compare, CompareOp, LeaseTimeToLiveOptions, PutOptions, Txn, TxnOp, TxnOpResponse,
};

use tokio::sync::Notify;

use super::config::{Config, Form};
use super::{Lease, LeaseStore};
use crate::env::{BoxFuture, Env};
use crate::facts::error::{Code, Error, Result};
use crate::facts::key::Key;

mod batch;
mod held;
mod members;
mod session;

use batch::cut;
use held::{Asking, Held};
use members::Members;
use session::Session;

/// What `lease_store` may say.
pub const FORM: Form = Form {
    port: 2379,
    many: true,
    database: false,
    allowed: "etcd://host:port,host:port, or etcds:// for TLS",
};

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

impl EtcdLeases {
    /// Connects with the first call, not here.
    pub fn new(config: Config, env: &Arc<dyn Env>) -> Result<Self> {
        let wake = Arc::<Notify>::default();
        let members = Members::new(&config, env, Arc::clone(&wake))?;
        let session = Session::new(wake);
        let env = Arc::clone(env);
        Ok(Self { shared: Arc::new(Shared { env, config, members, session, held: Mutex::default() }) })
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One transaction of many, each about one name and for itself; whether each found
    /// what it compares.
    async fn each<'a>(&self, txns: impl IntoIterator<Item = (&'a [u8], Txn)>) -> Result<Vec<bool>> {
        let mut outcomes = Vec::new();
        for batch in cut(txns, |(name, _)| name) {
            let asked = batch.len();
            let ops: Vec<_> = batch.into_iter().map(|(_, txn)| TxnOp::txn(txn)).collect();
            let txn = Txn::new().and_then(ops);
            let answer = self.members.ask(async |client: &mut Client| client.txn(txn.clone()).await).await?;
            let each = answer.op_responses();
            if each.len() != asked {
                return Err(Error::new(Code::OriginProtocol, "etcd: a transaction without all its answers"));
            }
            outcomes.extend(each.into_iter().map(|response| match response {
                TxnOpResponse::Txn(txn) => txn.succeeded(),
                _ => false,
            }));
        }
        Ok(outcomes)
    }

    async fn acquire(self: &Arc<Self>, keys: Vec<Key>, ttl: Duration) -> Result<Vec<Option<Lease>>> {
        let session = self.session(self).await?;
        let token = self.env.random();
        let names: Vec<_> = keys.iter().map(|key| self.config.name(key)).collect();
        let asking = Asking::new(self, &names, token, self.env.now().after(ttl));
        let create = |name: &Vec<u8>| {
            let put = PutOptions::new().with_lease(session);
            Txn::new()
                .when([Compare::create_revision(name.clone(), CompareOp::Equal, 0)])
                .and_then([TxnOp::put(name.clone(), token.to_string(), Some(put))])
        };
        let create: Vec<_> = names.iter().map(|name| (name.as_slice(), create(name))).collect();
        let outcomes = self.each(create).await;
        if outcomes.as_ref().is_err_and(session::is_lost) {
            self.session.lost(session);
        }
        let outcomes = outcomes?;
        asking.answered(&outcomes);
        let leases = keys.into_iter().zip(outcomes).map(|(key, won)| won.then_some(Lease { key, token }));
        Ok(leases.collect())
    }

    async fn extend(&self, leases: Vec<Lease>, ttl: Duration) -> Result<Vec<bool>> {
        let names: Vec<_> = leases.iter().map(|lease| self.config.name(&lease.key)).collect();
        let txns: Vec<_> = names
            .iter()
            .zip(&leases)
            .map(|(name, lease)| (name.as_slice(), ours(name.clone(), lease.token)))
            .collect();
        let outcomes = self.each(txns).await?;
        let until = self.env.now().after(ttl);
        let mut held = self.held();
        for ((name, lease), ours) in names.into_iter().zip(&leases).zip(&outcomes) {
            match held.get_mut(&(name, lease.token)) {
                Some(held) if *ours => *held = until,
                _ => {}
            }
        }
        Ok(outcomes)
    }

    async fn delete(&self, keys: Vec<(Vec<u8>, u64)>) -> Result<()> {
        // What was deleted is noted at once: after an outage there may be more than
        // the time allows, and the next attempt is to go on from there.
        for batch in cut(keys, |(name, _)| name) {
            let delete = |(name, token): &(Vec<u8>, u64)| {
                ours(name.clone(), *token).and_then([TxnOp::delete(name.clone(), None)])
            };
            let delete: Vec<_> = batch.iter().map(|key| (key.0.as_slice(), delete(key))).collect();
            self.each(delete).await?;
            let mut held = self.held();
            for key in &batch {
                held.remove(key);
            }
        }
        Ok(())
    }

    fn overdue_from_now(&self, keys: &[(Vec<u8>, u64)]) {
        let now = self.env.now();
        let mut held = self.held();
        for key in keys {
            if let Some(until) = held.get_mut(key) {
                *until = now;
            }
        }
    }

    /// Deletes what was not given back in time.
    async fn delete_overdue(&self) -> Result<()> {
        let now = self.env.now();
        let overdue: Vec<_> =
            self.held().iter().filter(|(_, until)| now >= **until).map(|(key, _)| key.clone()).collect();
        if overdue.is_empty() { Ok(()) } else { self.delete(overdue).await }
    }

    /// Deletes what is under the session and nobody knows of: a member that was hung
    /// may do what it was asked long after it was found not done and forgotten.
    async fn delete_forgotten(&self, session: i64) -> Result<()> {
        let list = async |client: &mut Client| {
            let with_keys = LeaseTimeToLiveOptions::new().with_keys();
            client.lease_time_to_live(session, Some(with_keys)).await
        };
        let there = self.members.ask(list).await?;
        let forgotten: Vec<_> = {
            let held = self.held();
            let known: HashSet<_> = held.keys().map(|(name, _)| name).collect();
            there.keys().iter().filter(|name| !known.contains(name)).cloned().collect()
        };
        let delete = |name: &Vec<u8>| {
            let by_us = Compare::lease(name.clone(), CompareOp::Equal, session);
            Txn::new().when([by_us]).and_then([TxnOp::delete(name.clone(), None)])
        };
        let delete: Vec<_> = forgotten.iter().map(|name| (name.as_slice(), delete(name))).collect();
        self.each(delete).await.map(drop)
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
        let keys: Vec<_> = leases.into_iter().map(name).collect();
        Box::pin(async move {
            // If nobody answers, the next heartbeat does it: others need not wait for
            // what was to be given back until it lapses.
            shared.overdue_from_now(&keys);
            shared.delete(keys).await
        })
    }

    /// How often the key was written before: etcd counts that.
    fn number(&self) -> BoxFuture<'static, Result<u64>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let put = async |client: &mut Client| {
                client.put(shared.config.numbers(), "", Some(PutOptions::new().with_prev_key())).await
            };
            let answer = shared.members.ask(put).await?;
            Ok(answer.prev_key().map_or(0, |before| before.version().cast_unsigned()))
        })
    }

    fn returns(&self) -> u64 {
        self.shared.session.returns()
    }

    /// All keys go with the session.
    fn close(&self) -> BoxFuture<'static, ()> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            if let Some(session) = shared.session.end() {
                let revoke = async |client: &mut Client| client.lease_revoke(session).await;
                let _ = shared.members.ask(revoke).await;
            }
        })
    }
}
