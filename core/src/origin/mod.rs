//! The port to the origin: the system of record.
//!
//! Adapters say what the origin answered; they decide nothing about freshness
//! and read no clock for it. Who calls them notes the instant before the request.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;

use crate::env::BoxFuture;
use crate::facts::entry::Limits;
use crate::facts::error::{Code, Error};
use crate::facts::key::Key;
use crate::facts::trace::TraceContext;
use crate::facts::version::Version;

pub mod callback;
#[cfg(feature = "http")]
pub mod http;
pub mod memory;

/// What we hold of a key, for the origin to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its version.
    pub version: Version,
    /// The origin's opaque validator, if it sent one.
    pub validator: Option<Box<str>>,
}

/// A read of one key.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// The key.
    pub key: Key,
    /// What we hold; the origin may answer [`Answer::Unchanged`] only if this is given.
    pub known: Option<Known>,
    /// How long the caller waits for the answer. The call is dropped after that.
    pub timeout: Duration,
    /// Trace context of the read that caused the request.
    pub trace: Option<TraceContext>,
}

/// How an origin names a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validator {
    /// An ordered version, and the opaque validator that came with it.
    Version(Version, Option<Box<str>>),
    /// An opaque validator (`ETag`, `Last-Modified`): equal or not, no order.
    Opaque(Box<str>),
    /// Nothing: values are compared byte by byte.
    None,
}

/// What the origin says of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The version we named is still current.
    Unchanged {
        /// How old the answer already was (`Age`).
        age: Duration,
        /// How long it may be used, if the origin said so again.
        limits: Option<Limits>,
    },
    /// The value.
    Value {
        /// The bytes.
        value: Bytes,
        /// Its version.
        validator: Validator,
        /// Unix milliseconds of the last change.
        last_modified_at: Option<u64>,
        /// How old the answer already was (`Age`).
        age: Duration,
        /// How long it may be used.
        limits: Limits,
    },
    /// The origin has no such key.
    Absent {
        /// The version of the delete, if the origin keeps it.
        version: Option<Version>,
        /// How old the answer already was (`Age`).
        age: Duration,
        /// How long it may be used.
        limits: Limits,
    },
}

/// A write or, without a value, a delete.
#[derive(Clone, Debug)]
pub struct Write {
    /// The key.
    pub key: Key,
    /// The new value; `None` deletes.
    pub value: Option<Bytes>,
    /// A retry with the same key must not write twice.
    pub idempotency_key: Box<str>,
    /// Write only if this version is current.
    pub if_version: Option<Version>,
    /// How long the caller waits. The call is dropped after that, and its outcome is unknown.
    pub timeout: Duration,
    /// Trace context of the caller.
    pub trace: Option<TraceContext>,
}

/// The origin has committed a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The version of the write.
    pub validator: Validator,
    /// Unix milliseconds of the change, if the origin said.
    pub last_modified_at: Option<u64>,
}

/// Why the origin did not answer as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginError {
    /// What went wrong.
    pub error: Error,
    /// The origin asked not to be called for so long (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// The request surely did not take effect: it was never sent, or was refused.
    pub surely_not_done: bool,
    /// Nobody was there to answer it, and any other request would have failed as well.
    pub away: bool,
}

impl OriginError {
    fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { error: Error::new(code, message), retry_after: None, surely_not_done: false, away: false }
    }

    /// The origin was not reached: nothing was sent.
    pub fn not_sent(message: impl Into<Cow<'static, str>>) -> Self {
        Self { surely_not_done: true, away: true, ..Self::new(Code::OriginUnavailable, message) }
    }

    /// Nothing was sent, and the origin has nothing to do with it.
    pub fn not_asked(error: Error) -> Self {
        Self { error, retry_after: None, surely_not_done: true, away: false }
    }

    /// The request was sent; whether it took effect is unknown.
    pub fn lost(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::OriginUnavailable, message)
    }

    /// The same, and nobody is there.
    pub fn lost_and_away(message: impl Into<Cow<'static, str>>) -> Self {
        Self { away: true, ..Self::lost(message) }
    }

    /// The origin answered that it did not do it.
    pub fn refused(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { surely_not_done: true, ..Self::new(code, message) }
    }

    /// The answer is not what the protocol allows.
    pub fn garbage(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::OriginProtocol, message)
    }
}

/// What an origin returns.
pub type OriginResult<T> = Result<T, OriginError>;

/// The system of record. Calls are made on the runtime thread: they must not block.
pub trait Origin: Send + Sync + 'static {
    /// Reads one key.
    fn fetch(&self, fetch: Fetch) -> BoxFuture<'static, OriginResult<Answer>>;

    /// Whether [`Origin::compare`] is worth a call.
    fn has_compare(&self) -> bool {
        true
    }

    /// Compares many keys in one request; one row's answer for each row asked,
    /// in order. A row's error is not a missing key. `Ok(None)`: the origin has
    /// no compare; the caller goes back to single fetches.
    fn compare(
        &self,
        rows: Vec<(Key, Option<Known>)>,
        timeout: Duration,
        trace: Option<TraceContext>,
    ) -> BoxFuture<'static, OriginResult<Option<Vec<OriginResult<Answer>>>>>;

    /// Writes or deletes; returns only after the commit.
    fn write(&self, write: Write) -> BoxFuture<'static, OriginResult<Written>>;
}
