//! Open, close, statistics, and what keeps Node alive.

use std::sync::Arc;

use edgecmp::engine::signals::spawn_masked;
use edgecmp::{Code, Options};
use napi::Env;
use napi_derive::napi;

use crate::arguments::duration;
use crate::boundary::{Result, failure, guard, thrown};
use crate::environment::Environment;
use crate::loader::Route;
use crate::mailbox::Event;
use crate::registry::{self, Request};

/// The JavaScript loader of a cache.
#[napi(object, object_to_js = false)]
pub struct LoaderArguments {
    pub id: u32,
    pub writable: bool,
}

/// An option: a name of the table and its value as text.
#[napi(object, object_to_js = false)]
pub struct Setting {
    pub name: String,
    pub text: String,
}

/// Opens a cache; returns its handle.
#[napi]
pub fn open(
    environment: u32,
    name: Option<String>,
    settings: Vec<Setting>,
    loader: Option<LoaderArguments>,
) -> Result<u32> {
    guard(|| {
        let environment = Environment::get(environment)?;
        let mut options = Options::default();
        for Setting { name, text } in &settings {
            options.set(name, text).map_err(thrown)?;
        }
        options.validate().map_err(thrown)?;
        let route = loader.map(|loader| Route {
            mailbox: Arc::clone(&environment.mailbox),
            loader: loader.id,
            writable: loader.writable,
        });
        let has_options = !settings.is_empty();
        let lease = registry::open(Request { name, options, has_options, route }).map_err(thrown)?;
        environment.keep(lease)
    })
}

/// Closes a cache. The call id is in the arena; a later event completes it.
#[napi]
pub fn close(environment: u32, handle: u32, timeout: String) -> Result<()> {
    guard(|| {
        let environment = Environment::get(environment)?;
        let timeout = duration("timeout", Some(timeout))?.unwrap_or_default();
        let lease = environment.take(handle).ok_or_else(|| failure(Code::Closed, "the cache was closed"))?;
        let (call, mailbox) = environment.start_call();
        // Closing waits for what is in progress: not on the event loop, nor on
        // the few threads that its file system calls need.
        spawn_masked("edgecmp-close", move || {
            let outcome = lease.close(timeout);
            drop(mailbox.push(Event::Closed { call, outcome }));
        })
        .map(drop)
        .map_err(|why| {
            failure(Code::Overloaded, format!("no thread to wait for the end of the cache: {why}"))
        })
    })
}

/// Gives a cache up without waiting: JavaScript dropped it unclosed.
#[napi]
pub fn release(environment: u32, handle: u32) -> Result<()> {
    guard(|| {
        if let Some(lease) = Environment::get(environment)?.take(handle) {
            lease.give_up();
        }
        Ok(())
    })
}

/// Whether the event loop is to stay alive: while promises are pending.
#[napi]
pub fn hold(env: Env, environment: u32, held: bool) -> Result<()> {
    guard(|| Environment::get(environment)?.mailbox.hold(&env, held))
}

/// The statistics, in the order of the table.
#[napi]
pub fn statistics(environment: u32, handle: u32) -> Result<Vec<f64>> {
    guard(|| {
        let environment = Environment::get(environment)?;
        environment.with_cache(handle, |cache| {
            // Exact up to 2^53, as every JavaScript number.
            Ok(cache.statistics().map_err(thrown)?.values().iter().map(|&value| value as f64).collect())
        })
    })
}

/// Prometheus text.
#[napi]
pub fn metrics_text(environment: u32, handle: u32) -> Result<String> {
    guard(|| {
        Environment::get(environment)?
            .with_cache(handle, |cache| Ok(cache.statistics().map_err(thrown)?.metrics_text()))
    })
}
