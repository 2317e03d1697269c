//! An origin in memory: for trying edgecmp out, and for tests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::{Answer, Fetch, Known, Origin, OriginError, OriginResult, Validator, Write, Written};
use crate::env::BoxFuture;
use crate::facts::entry::Limits;
use crate::facts::error::Code;
use crate::facts::key::Key;
use crate::facts::trace::TraceContext;
use crate::facts::version::Version;

/// A map with one monotonic version for all keys, linearizable by its lock.
#[derive(Debug, Clone, Default)]
pub struct MemoryOrigin(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    items: HashMap<Key, (Version, Option<Bytes>)>,
    last: u128,
    /// Writes by idempotency key. Kept for the life of the origin: it is no
    /// database, and forgetting one early would write twice.
    done: HashMap<Box<str>, (Key, Version)>,
}

impl MemoryOrigin {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes beside every cache, as another client of the origin would.
    pub fn put(&self, key: &[u8], value: Option<&[u8]>) -> Version {
        self.state().put(Key::copy_from(key), value.map(Bytes::copy_from_slice))
    }
}

impl State {
    fn put(&mut self, key: Key, value: Option<Bytes>) -> Version {
        self.last += 1;
        let version = Version::new(self.last);
        self.items.insert(key, (version, value));
        version
    }

    fn answer(&self, key: &Key, known: Option<&Known>) -> Answer {
        let (age, limits) = (Duration::ZERO, Limits::default());
        match self.items.get(key) {
            None => Answer::Absent { version: None, age, limits },
            Some((version, None)) => Answer::Absent { version: Some(*version), age, limits },
            Some((version, Some(_))) if known.is_some_and(|k| k.version == *version) => {
                Answer::Unchanged { age, limits: None }
            }
            Some((version, Some(value))) => Answer::Value {
                value: value.clone(),
                validator: Validator::Version(*version, None),
                last_modified_at: None,
                age,
                limits,
            },
        }
    }

    fn write(&mut self, write: Write) -> OriginResult<Written> {
        let Write { key, value, idempotency_key, if_version, .. } = write;
        let version = match self.done.get(&idempotency_key) {
            Some((done, version)) if *done == key => *version,
            Some(_) => {
                let message = format!("idempotency key {idempotency_key} was used for another key");
                return Err(OriginError::refused(Code::OriginRejected, message));
            }
            None => {
                let present = self.items.get(&key).map_or(Version::NONE, |(version, _)| *version);
                if let Some(expected) = if_version.filter(|expected| *expected != present) {
                    let message = format!("if_version is {expected}, the present version {present}");
                    return Err(OriginError::refused(Code::Conflict, message));
                }
                let version = self.put(key.clone(), value);
                self.done.insert(idempotency_key, (key, version));
                version
            }
        };
        Ok(Written { validator: Validator::Version(version, None), last_modified_at: None })
    }
}

impl Origin for MemoryOrigin {
    fn fetch(&self, fetch: Fetch) -> BoxFuture<'static, OriginResult<Answer>> {
        let answer = self.state().answer(&fetch.key, fetch.known.as_ref());
        Box::pin(std::future::ready(Ok(answer)))
    }

    fn compare(
        &self,
        rows: Vec<(Key, Option<Known>)>,
        _timeout: Duration,
        _trace: Option<TraceContext>,
    ) -> BoxFuture<'static, OriginResult<Option<Vec<OriginResult<Answer>>>>> {
        let state = self.state();
        let answers = rows.iter().map(|(key, known)| Ok(state.answer(key, known.as_ref()))).collect();
        Box::pin(std::future::ready(Ok(Some(answers))))
    }

    fn write(&self, write: Write) -> BoxFuture<'static, OriginResult<Written>> {
        let written = self.state().write(write);
        Box::pin(std::future::ready(written))
    }
}
