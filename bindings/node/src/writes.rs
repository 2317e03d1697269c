//! Writes: `set`, `delete`, and `invalidate`, which writes nothing.

use edgecmp::{Cache, Pending, WriteOptions, WriteReceipt};
use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use crate::arguments::{WriteArguments, with_bytes, with_key, write_options};
use crate::boundary::{Result, guard, thrown};
use crate::environment::Environment;
use crate::mailbox::Event;

/// Writes a value. The call id is in the arena; a later event completes it.
#[napi]
pub fn set(
    env: Env,
    environment: u32,
    handle: u32,
    key: Unknown<'_>,
    value: Unknown<'_>,
    write: Option<WriteArguments>,
) -> Result<()> {
    start(environment, handle, write, |cache, options| {
        with_key(&env, &key, |key| {
            with_bytes(&env, &value, "value", "a string or a Uint8Array", |value| {
                cache.start_set(key, value, options).map_err(thrown)
            })
        })
    })
}

/// Deletes a key, as `set` writes one.
#[napi]
pub fn delete(
    env: Env,
    environment: u32,
    handle: u32,
    key: Unknown<'_>,
    write: Option<WriteArguments>,
) -> Result<()> {
    start(environment, handle, write, |cache, options| {
        with_key(&env, &key, |key| cache.start_delete(key, options).map_err(thrown))
    })
}

/// Starts a write; its event tells how it ended.
fn start(
    environment: u32,
    handle: u32,
    write: Option<WriteArguments>,
    begin: impl FnOnce(&Cache, &WriteOptions) -> Result<Pending<WriteReceipt>>,
) -> Result<()> {
    guard(|| {
        let environment = Environment::get(environment)?;
        let options = write_options(write)?;
        let pending = environment.with_cache(handle, |cache| begin(cache, &options))?;
        let (call, mailbox) = environment.start_call();
        // A push that fails finds no one left who waits.
        pending.on_complete(move |outcome| drop(mailbox.push(Event::Written { call, outcome })));
        Ok(())
    })
}

/// From now on only answers to requests sent later count for this key.
#[napi]
pub fn invalidate(env: Env, environment: u32, handle: u32, key: Unknown<'_>) -> Result<()> {
    guard(|| {
        let environment = Environment::get(environment)?;
        environment
            .with_cache(handle, |cache| with_key(&env, &key, |key| cache.invalidate(key).map_err(thrown)))
    })
}
