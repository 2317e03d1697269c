//! Reads: `lookup`, `get`, `getMany`.

use edgecmp::Started;
use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use crate::arena::outcome;
use crate::arguments::{ReadArguments, read_options, with_key};
use crate::boundary::{Result, guard, thrown};
use crate::environment::Environment;
use crate::mailbox::Event;

/// What the cache holds, without waiting: the length of the value, `ABSENT`
/// or `MISS`. Exported by `hot.rs`.
pub(crate) fn lookup(
    env: &Env,
    environment: u32,
    handle: u32,
    key: &Unknown<'_>,
    read: Option<ReadArguments>,
) -> Result<i64> {
    let environment = Environment::get(environment)?;
    let options = read_options(read)?;
    environment.with_cache(handle, |cache| {
        with_key(env, key, |key| {
            let Some(hit) = cache.lookup(key, &options).map_err(thrown)? else {
                return Ok(outcome::MISS);
            };
            let mut arena = environment.arena.borrow_mut();
            let length = arena.put_answer(hit.bytes(), &hit.receipt());
            // The guard must not outlive the call; a large value is shared instead.
            if hit.bytes().is_some_and(|bytes| bytes.len() > arena.capacity()) {
                environment.held.replace(Some(hit.into_value()));
            }
            Ok(length)
        })
    })
}

/// Reads one key: the length of the value, `ABSENT`, or `PENDING` with a call
/// id that a later event completes. Exported by `hot.rs`.
pub(crate) fn get(
    env: &Env,
    environment: u32,
    handle: u32,
    key: &Unknown<'_>,
    read: Option<ReadArguments>,
) -> Result<i64> {
    let environment = Environment::get(environment)?;
    let options = read_options(read)?;
    let started = environment.with_cache(handle, |cache| {
        with_key(env, key, |key| cache.start_get(key, &options).map_err(thrown))
    })?;
    match started {
        Started::Ready(value) => Ok(environment.deliver(value)),
        Started::Pending(pending) => {
            let (call, mailbox) = environment.start_call();
            // A push that fails finds no one left who waits.
            pending.on_complete(move |outcome| drop(mailbox.push(Event::Read { call, outcome })));
            Ok(outcome::PENDING)
        }
    }
}

/// Reads many keys: their number once all are there (each is fetched by
/// `takeRow`, in order), or `PENDING` with a call id.
#[napi]
pub fn get_many(
    env: Env,
    environment: u32,
    handle: u32,
    keys: Vec<Unknown<'_>>,
    read: Option<ReadArguments>,
) -> Result<i64> {
    guard(|| {
        let environment = Environment::get(environment)?;
        let options = read_options(read)?;
        let keys = keys
            .iter()
            .map(|key| with_key(&env, key, |key| Ok(key.to_vec())))
            .collect::<Result<Vec<Vec<u8>>>>()?;
        let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        let started =
            environment.with_cache(handle, |cache| cache.start_get_many(&keys, &options).map_err(thrown))?;
        match started {
            Started::Ready(rows) => {
                let count = rows.len();
                environment.rows.replace(rows.into());
                Ok(i64::try_from(count).unwrap_or(i64::MAX))
            }
            Started::Pending(pending) => {
                let (call, mailbox) = environment.start_call();
                pending.on_complete(move |outcome| drop(mailbox.push(Event::ReadMany { call, outcome })));
                Ok(outcome::PENDING)
            }
        }
    })
}
