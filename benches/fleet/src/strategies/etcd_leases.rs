//! edgecmp's leases in etcd, until core has an adapter of its own: then this
//! file goes, and the option `lease_store` names etcd.
//!
//! Many leases in one transaction, each create-if-absent for itself, under the
//! node's session. Real as to round trips and conflicts; what it leaves out is
//! the lapse of a single lease, which no node of this bench needs: none dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use edgecmp::env::BoxFuture;
use edgecmp::lease_store::{Lease, LeaseStore};
use edgecmp::{Code, Error, Key, Result};
use edgecmp_demo::failure::{Doing, Failure};
use etcd_client::{Client, Compare, CompareOp, PutOptions, Txn, TxnOp, TxnOpResponse};

use super::locks::SESSION_TTL_S;

pub struct EtcdLeases {
    client: Client,
    session: i64,
    node: u64,
    tokens: AtomicU64,
}

impl EtcdLeases {
    pub async fn connect(etcd: &str, node: usize) -> std::result::Result<Arc<Self>, Failure> {
        let mut client = Client::connect([etcd], None).await.doing("connecting to etcd")?;
        let session = client.lease_grant(SESSION_TTL_S, None).await.doing("the session lease")?.id();
        Ok(Arc::new(Self { client, session, node: node as u64, tokens: AtomicU64::new(0) }))
    }

    /// Tells a holder from all others: the node, and its how many-eth lease.
    fn token(&self) -> u64 {
        (self.node << 48) | self.tokens.fetch_add(1, Ordering::Relaxed)
    }
}

fn name(key: &Key) -> Vec<u8> {
    [b"lease/cache/", key.as_bytes()].concat()
}

fn held(lease: &Lease) -> Compare {
    Compare::value(name(&lease.key), CompareOp::Equal, lease.token.to_string())
}

/// Sends one transaction; for each nested one whether it took its first branch.
async fn send(mut client: Client, nested: Vec<TxnOp>) -> Result<Vec<bool>> {
    let answer = client.txn(Txn::new().and_then(nested)).await;
    let answer = answer.map_err(|error| Error::new(Code::OriginUnavailable, error.to_string()))?;
    let succeeded = |response| matches!(response, TxnOpResponse::Txn(nested) if nested.succeeded());
    Ok(answer.op_responses().into_iter().map(succeeded).collect())
}

impl LeaseStore for EtcdLeases {
    fn acquire(&self, keys: Vec<Key>, _ttl: Duration) -> BoxFuture<'static, Result<Vec<Option<Lease>>>> {
        let leases: Vec<Lease> = keys.into_iter().map(|key| Lease { key, token: self.token() }).collect();
        let create = |lease: &Lease| {
            let absent = Compare::create_revision(name(&lease.key), CompareOp::Equal, 0);
            let options = PutOptions::new().with_lease(self.session);
            let put = TxnOp::put(name(&lease.key), lease.token.to_string(), Some(options));
            TxnOp::txn(Txn::new().when([absent]).and_then([put]))
        };
        let sent = send(self.client.clone(), leases.iter().map(create).collect());
        Box::pin(async move {
            let won = sent.await?;
            Ok(leases.into_iter().zip(won).map(|(lease, won)| won.then_some(lease)).collect())
        })
    }

    fn extend(&self, leases: Vec<Lease>, _ttl: Duration) -> BoxFuture<'static, Result<Vec<bool>>> {
        // The session holds them all.
        Box::pin(async move { Ok(vec![true; leases.len()]) })
    }

    fn release(&self, leases: Vec<Lease>) -> BoxFuture<'static, Result<()>> {
        let delete = |lease: &Lease| {
            TxnOp::txn(Txn::new().when([held(lease)]).and_then([TxnOp::delete(name(&lease.key), None)]))
        };
        let sent = send(self.client.clone(), leases.iter().map(delete).collect());
        Box::pin(async move { sent.await.map(drop) })
    }
}
