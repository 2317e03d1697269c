//! Leases in Redis: `SET key token NX PX ttl`, and scripts that compare the token
//! before they extend or delete ("Distributed locks with Redis", redis.io; one
//! instance, which is enough for an economy and would not be for a lock).

use std::sync::Arc;
use std::time::Duration;

use redis::{FromRedisValue, RedisError, RedisResult, Script, ScriptInvocation};

use super::config::{Config, Form};
use super::link::{Call, Link};
use super::stray::{Asking, Strays};
use super::{Lease, LeaseStore};
use crate::env::{BoxFuture, Env};
use crate::facts::clock::saturating_nanos;
use crate::facts::error::{Code, Error, Result};
use crate::facts::key::Key;

mod connection;

use connection::{Connection, Connector};

/// What `lease_store` may say.
pub const FORM: Form = Form {
    port: 6379,
    many: false,
    database: true,
    allowed: "redis://host:port/database, or rediss:// for TLS",
};

/// One token for all keys of a call: it tells this holder from others. A key that is
/// no string any more is another's, and no reason to leave the rest undone.
const EXTEND: &str = "
local held = {}
for i, key in ipairs(KEYS) do
  held[i] = redis.pcall('GET', key) == ARGV[i + 1] and redis.call('PEXPIRE', key, ARGV[1]) or 0
end
return held";
const RELEASE: &str = "
for i, key in ipairs(KEYS) do
  if redis.pcall('GET', key) == ARGV[i] then redis.call('DEL', key) end
end";

/// Leases in one Redis server.
pub struct RedisLeases {
    shared: Arc<Shared>,
}

struct Shared {
    env: Arc<dyn Env>,
    config: Config,
    link: Arc<Link<Connection>>,
    extend: Script,
    release: Script,
    strays: Strays,
}

impl RedisLeases {
    /// Connects with the first call, not here.
    pub fn new(config: Config, env: &Arc<dyn Env>) -> Result<Self> {
        let (connector, by) = (Arc::new(Connector::new(&config)?), Arc::clone(env));
        let connect = move || -> BoxFuture<'static, Result<Connection>> {
            let (connector, env) = (Arc::clone(&connector), Arc::clone(&by));
            Box::pin(async move { connector.connect(&env).await })
        };
        let link = Link::new(env, config.connect_timeout, Box::new(connect));
        let (extend, release) = (Script::new(EXTEND), Script::new(RELEASE));
        let (env, strays) = (Arc::clone(env), Strays::default());
        Ok(Self { shared: Arc::new(Shared { env, config, link, extend, release, strays }) })
    }
}

/// What Redis says may have a key in it, but no password.
fn away(error: RedisError) -> Error {
    Error::new(Code::OriginUnavailable, format!("Redis: {error}"))
}

fn millis(ttl: Duration) -> u64 {
    (saturating_nanos(ttl) / 1_000_000).max(1)
}

impl Shared {
    async fn acquire(&self, keys: Vec<Key>, ttl: Duration) -> Result<Vec<Option<Lease>>> {
        let token = self.env.random();
        let names: Vec<_> = keys.iter().map(|key| self.config.name(key)).collect();
        let mut call = self.link.call().await?;
        let mut pipeline = redis::pipe();
        let strays = self.strays.all();
        if !strays.is_empty() {
            let release = pipeline.cmd("EVAL").arg(RELEASE).arg(strays.len());
            strays.iter().for_each(|(name, _)| _ = release.arg(name));
            strays.iter().for_each(|(_, token)| _ = release.arg(token));
            release.ignore();
        }
        for name in &names {
            pipeline.cmd("SET").arg(name).arg(token).arg("NX").arg("PX").arg(millis(ttl));
        }
        let asking = self.strays.asking(names, token);
        let answer = pipeline.query_async::<Vec<Option<String>>>(&mut call.connection.redis).await;
        if is_heard(&mut call, &answer) {
            asking.answered();
            self.strays.heard(self.env.now(), ttl);
        }
        let won = answer.map_err(away)?.into_iter().map(|set| set.is_some());
        Ok(keys.into_iter().zip(won).map(|(key, won)| won.then_some(Lease { key, token })).collect())
    }

    async fn extend(&self, leases: Vec<Lease>, ttl: Duration) -> Result<Vec<bool>> {
        let mut script = self.extend.prepare_invoke();
        script.arg(millis(ttl));
        self.invoke(script, &leases, Vec::new()).await
    }

    async fn release(&self, leases: Vec<Lease>) -> Result<()> {
        let release = self.release.prepare_invoke();
        // What nobody answers is given back with the next request: it would keep this node
        // off as well as the others.
        let asking = |lease: &Lease| self.strays.asking(vec![self.config.name(&lease.key)], lease.token);
        let releasing = leases.iter().map(asking).collect();
        self.invoke(release, &leases, releasing).await
    }

    /// A script on these leases: their names are its keys, their tokens its last arguments.
    async fn invoke<T: FromRedisValue>(
        &self,
        mut script: ScriptInvocation<'_>,
        leases: &[Lease],
        asking: Vec<Asking<'_>>,
    ) -> Result<T> {
        for lease in leases {
            script.key(self.config.name(&lease.key)).arg(lease.token);
        }
        let mut call = self.link.call().await?;
        let answer = script.invoke_async(&mut call.connection.redis).await;
        if is_heard(&mut call, &answer) {
            asking.into_iter().for_each(Asking::answered);
        }
        answer.map_err(away)
    }
}

/// Whether Redis answered, be it with an error: then the connection is good, and
/// the call is told so.
fn is_heard<T>(call: &mut Call<Connection>, answer: &RedisResult<T>) -> bool {
    let is_heard = !answer.as_ref().is_err_and(is_lost);
    if is_heard {
        call.answered();
    }
    is_heard
}

/// Whether the connection is of no more use. An authentication that was lost is
/// made again with the next connection.
fn is_lost(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_io_error() || matches!(error.code(), Some("NOAUTH"))
}

impl LeaseStore for RedisLeases {
    // A pipeline of nothing is an error to the client, a script of nothing a round trip.
    fn acquire(&self, keys: Vec<Key>, ttl: Duration) -> BoxFuture<'static, Result<Vec<Option<Lease>>>> {
        if keys.is_empty() {
            return Box::pin(std::future::ready(Ok(Vec::new())));
        }
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.acquire(keys, ttl).await })
    }

    fn extend(&self, leases: Vec<Lease>, ttl: Duration) -> BoxFuture<'static, Result<Vec<bool>>> {
        if leases.is_empty() {
            return Box::pin(std::future::ready(Ok(Vec::new())));
        }
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.extend(leases, ttl).await })
    }

    fn release(&self, leases: Vec<Lease>) -> BoxFuture<'static, Result<()>> {
        if leases.is_empty() {
            return Box::pin(std::future::ready(Ok(())));
        }
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.release(leases).await })
    }

    fn number(&self) -> BoxFuture<'static, Result<u64>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let mut call = shared.link.call().await?;
            let mut count = redis::cmd("INCR");
            count.arg(shared.config.numbers());
            let answer = count.query_async::<i64>(&mut call.connection.redis).await;
            is_heard(&mut call, &answer);
            Ok(answer.map_err(away)?.cast_unsigned())
        })
    }

    fn returns(&self) -> u64 {
        self.shared.link.made()
    }
}
