//! Host-language origins: a function of the host answers.
//!
//! The runtime thread hands each call over and goes on; the host answers
//! through a [`Responder`], from any thread, at any time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Answer, Fetch, Known, Origin, OriginError, OriginResult, Validator, Write, Written};
use crate::env::BoxFuture;
use crate::facts::entry::Limits;
use crate::facts::error::Code;
use crate::facts::key::Key;
use crate::facts::trace::TraceContext;
use crate::facts::version::Version;

/// An origin that a host language provides.
pub trait HostOrigin: Send + Sync + 'static {
    /// Takes a call over. On the runtime thread: must not block, nor touch the
    /// host language; hand over to a queue, a thread-safe function or a pool.
    fn call(&self, call: OriginCall);

    /// Whether the origin takes writes. Without it `set` and `delete` are UNSUPPORTED.
    fn is_writable(&self) -> bool {
        false
    }

    /// The origin to use in a forked child; `None`: the cache says FORKED there.
    fn reopened_after_fork(&self) -> Option<Arc<dyn HostOrigin>> {
        None
    }
}

/// What the origin is asked to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Operation {
    /// Read a key. If `known_version` is still current, "unchanged" will do.
    Fetch {
        /// The key.
        key: Key,
        /// The version held.
        known_version: Option<Version>,
    },
    /// Write a value.
    Set {
        /// The key.
        key: Key,
        /// The value.
        value: Bytes,
        /// A retry with the same key must not write twice.
        idempotency_key: Box<str>,
        /// Write only if this version is current.
        if_version: Option<Version>,
    },
    /// Delete a key.
    Delete {
        /// The key.
        key: Key,
        /// A retry with the same key must not delete twice.
        idempotency_key: Box<str>,
        /// Delete only if this version is current.
        if_version: Option<Version>,
    },
}

/// One call of the origin.
#[derive(Debug)]
#[non_exhaustive]
pub struct OriginCall {
    /// What to do.
    pub operation: Operation,
    /// Where the answer goes.
    pub responder: Responder,
    /// How long the answer is waited for.
    pub timeout: Duration,
    /// Trace context of the read or write that caused the call.
    pub trace: Option<TraceContext>,
}

/// Takes exactly one answer. Dropped without one, the call fails with
/// ORIGIN_UNAVAILABLE; an answer after the time-out is ignored.
#[derive(Debug)]
pub struct Responder {
    reply: Option<oneshot::Sender<OriginResult<Reply>>>,
}

#[derive(Debug)]
enum Reply {
    Answer(Answer),
    Written(Option<Version>),
}

impl Responder {
    fn send(mut self, reply: OriginResult<Reply>) {
        if let Some(sender) = self.reply.take() {
            // The call has timed out, or the cache is closed: nobody listens.
            let _ = sender.send(reply);
        }
    }

    fn validator(version: Option<Version>) -> Validator {
        version.map_or(Validator::None, |version| Validator::Version(version, None))
    }

    /// Whether the call was given up: an answer would be ignored.
    pub fn is_abandoned(&self) -> bool {
        self.reply.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// The value. Without a version values are compared byte by byte.
    pub fn value(self, value: Bytes, version: Option<Version>) {
        let (age, limits) = (Duration::ZERO, Limits::default());
        let validator = Self::validator(version);
        self.send(Ok(Reply::Answer(Answer::Value { value, validator, last_modified_at: None, age, limits })));
    }

    /// The version that the call named is still current.
    pub fn unchanged(self) {
        self.send(Ok(Reply::Answer(Answer::Unchanged { age: Duration::ZERO, limits: None })));
    }

    /// There is no such key; `version` is that of its delete, if there is one.
    pub fn absent(self, version: Option<Version>) {
        let (age, limits) = (Duration::ZERO, Limits::default());
        self.send(Ok(Reply::Answer(Answer::Absent { version, age, limits })));
    }

    /// The write or delete is committed.
    pub fn written(self, version: Option<Version>) {
        self.send(Ok(Reply::Written(version)));
    }

    /// The call failed. ORIGIN_REJECTED, CONFLICT and UNSUPPORTED mean that
    /// nothing was done; any other code leaves a write's outcome unknown.
    pub fn fail(self, code: Code, message: impl Into<String>) {
        let message = message.into();
        self.send(Err(match code {
            Code::OriginRejected | Code::Conflict | Code::Unsupported => OriginError::refused(code, message),
            Code::OriginProtocol => OriginError::garbage(message),
            _ => OriginError::lost(message),
        }));
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if let Some(sender) = self.reply.take() {
            let _ = sender.send(Err(OriginError::lost("the host's origin ended without an answer")));
        }
    }
}

/// Makes an [`Origin`] of a [`HostOrigin`].
pub struct CallbackOrigin {
    host: Arc<dyn HostOrigin>,
}

impl CallbackOrigin {
    /// The origin of this host.
    pub fn new(host: Arc<dyn HostOrigin>) -> Self {
        Self { host }
    }

    fn call(
        &self,
        operation: Operation,
        timeout: Duration,
        trace: Option<TraceContext>,
    ) -> impl Future<Output = OriginResult<Reply>> + Send + 'static {
        let (reply, answer) = oneshot::channel();
        let responder = Responder { reply: Some(reply) };
        self.host.call(OriginCall { operation, responder, timeout, trace });
        async move { answer.await.unwrap_or_else(|_| Err(OriginError::lost("the host's origin is gone"))) }
    }
}

impl std::fmt::Debug for CallbackOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallbackOrigin").finish_non_exhaustive()
    }
}

impl Origin for CallbackOrigin {
    fn fetch(&self, fetch: Fetch) -> BoxFuture<'static, OriginResult<Answer>> {
        let Fetch { key, known, timeout, trace } = fetch;
        let known_version = known.map(|k| k.version);
        let reply = self.call(Operation::Fetch { key, known_version }, timeout, trace);
        Box::pin(async move {
            match reply.await? {
                Reply::Answer(Answer::Unchanged { .. }) if known_version.is_none() => {
                    Err(OriginError::garbage("\"unchanged\", but no version was named to it"))
                }
                Reply::Answer(answer) => Ok(answer),
                Reply::Written(_) => Err(OriginError::garbage("answered a fetch with \"written\"")),
            }
        })
    }

    fn has_compare(&self) -> bool {
        false
    }

    fn compare(
        &self,
        _rows: Vec<(Key, Option<Known>)>,
        _timeout: Duration,
        _trace: Option<TraceContext>,
    ) -> BoxFuture<'static, OriginResult<Option<Vec<OriginResult<Answer>>>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn write(&self, write: Write) -> BoxFuture<'static, OriginResult<Written>> {
        if !self.host.is_writable() {
            let refused =
                OriginError::refused(Code::Unsupported, "this origin takes no writes: give it a writer");
            return Box::pin(std::future::ready(Err(refused)));
        }
        let Write { key, value, idempotency_key, if_version, timeout, trace } = write;
        let operation = match value {
            Some(value) => Operation::Set { key, value, idempotency_key, if_version },
            None => Operation::Delete { key, idempotency_key, if_version },
        };
        let reply = self.call(operation, timeout, trace);
        Box::pin(async move {
            match reply.await? {
                Reply::Written(version) => {
                    Ok(Written { validator: Responder::validator(version), last_modified_at: None })
                }
                Reply::Answer(_) => Err(OriginError::garbage("answered a write with a value")),
            }
        })
    }
}
