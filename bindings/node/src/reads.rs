//! Reads: `lookup`, `get`, `getMany`.

use edgecmp::Started;
use napi::Env;
use napi::bindgen_prelude::Unknown;

use crate::arguments::{Keys, ReadArguments, with_key, with_read_options};
use crate::boundary::{Result, thrown};
use crate::environment::{Environment, Rows, outcome};
use crate::mailbox::Event;

/// What the cache holds, without waiting: a row or `MISS`. Exported by `hot.rs`.
#[inline(always)]
pub(crate) fn lookup(
    env: &Env,
    environment: u32,
    handle: u32,
    key: &Unknown<'_>,
    read: Option<ReadArguments>,
) -> Result<i64> {
    let environment = Environment::get(environment)?;
    let plain = read.is_none().then_some(handle);
    with_read_options(read, &environment.plain, |options| {
        environment.with_cache(handle, |cache| {
            with_key(env, key, |key| {
                let found = cache.lookup(key, options);
                // By reference: moving a hit about costs as much as a part of the lookup.
                if plain.is_some()
                    && let Ok(Some(hit)) = &found
                    && let Some(number) = environment.deliver_again(hit)
                {
                    return Ok(number);
                }
                match found {
                    // Its guard ends before JavaScript goes on.
                    Ok(Some(hit)) => Ok(environment.deliver_new(0, hit.into_value(), plain)),
                    Ok(None) => Ok(outcome::MISS),
                    Err(error) => Err(thrown(error)),
                }
            })
        })
    })
}

/// Reads one key: a row, or `PENDING` with a call id that a later event
/// completes. Exported by `hot.rs`.
pub(crate) fn get(
    env: &Env,
    environment: u32,
    handle: u32,
    key: &Unknown<'_>,
    read: Option<ReadArguments>,
) -> Result<i64> {
    let environment = Environment::get(environment)?;
    let plain = read.is_none().then_some(handle);
    let started = with_read_options(read, &environment.plain, |options| {
        environment.with_cache(handle, |cache| {
            with_key(env, key, |key| cache.start_get(key, options).map_err(thrown))
        })
    })?;
    match started {
        Started::Ready(value) => Ok(environment.deliver(0, value, plain)),
        Started::Pending(pending) => {
            let (call, mailbox) = environment.start_call();
            // A push that fails finds no one left who waits.
            pending.on_complete(move |outcome| drop(mailbox.push(Event::Read { call, outcome })));
            Ok(outcome::PENDING)
        }
    }
}

/// Reads many keys: their number once all are there (they are fetched by
/// `takeRows`, in order), or `PENDING` with a call id. Exported by `hot.rs`.
pub(crate) fn get_many(
    env: &Env,
    environment: u32,
    handle: u32,
    keys: &Unknown<'_>,
    read: Option<ReadArguments>,
) -> Result<i64> {
    let environment = Environment::get(environment)?;
    let keys = Keys::read(env, keys)?;
    let plain = read.is_none().then_some(handle);
    let started = with_read_options(read, &environment.plain, |options| {
        environment.with_cache(handle, |cache| cache.start_get_many(&keys.slices(), options).map_err(thrown))
    })?;
    match started {
        Started::Ready(rows) => {
            let count = rows.len();
            environment.rows.replace(Rows { answers: rows.into(), plain });
            Ok(i64::try_from(count).unwrap_or(i64::MAX))
        }
        Started::Pending(pending) => {
            let (call, mailbox) = environment.start_call();
            pending.on_complete(move |outcome| drop(mailbox.push(Event::ReadMany { call, outcome })));
            Ok(outcome::PENDING)
        }
    }
}
