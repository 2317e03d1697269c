//! The receipt: what a read says beside the value.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::clock::Span;
use super::entry::{Entry, SharedEntry};
use super::version::Version;

/// Where the answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Source {
    /// The cache had it: the read did not wait.
    Cache = 0,
    /// The read waited for the origin.
    Origin = 1,
}

/// What shows that the value was current.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Proof {
    /// Nothing within the bound: the answer is degraded.
    None = 0,
    /// An answer of the origin (pull).
    Pull = 1,
    /// The watermark of the change stream.
    Stream = 2,
}

/// What a read returns beside the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The version of the value; [`Version::NONE`] if the origin never had the key.
    pub version: Version,
    /// Upper bound on how far behind the origin the value can be, taken within
    /// the call: now - `validated_at`, clock drift added.
    pub staleness: Duration,
    /// The staleness bound that the read was held to.
    pub bound: Duration,
    /// Whether the read waited for the origin.
    pub source: Source,
    /// What shows that the value was current.
    pub proof: Proof,
    /// Served past its bound, within `outage_bound`, because the origin is away.
    pub degraded: bool,
    /// When the origin last changed the value, in Unix milliseconds, if it said.
    pub last_modified_at: Option<u64>,
}

/// What a read saw of an entry beside what the entry says: its receipt is made
/// of both, for who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) staleness: Span,
    pub(crate) bound: Span,
    pub(crate) source: Source,
    pub(crate) proof: Proof,
}

/// What a hit saw of its entry. Words only: a hit is moved about in
/// registers, which stall on fields of a byte or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HitSeen {
    /// Time since the value was validated, by the local clock.
    pub(crate) elapsed: Span,
    /// What is still to be added for a clock that may run slow, in parts per million
    /// of `elapsed`: their product fits 64 bits. For who asks how stale the value is.
    pub(crate) drift_ppm: u64,
    pub(crate) bound: Span,
}

impl HitSeen {
    /// The upper bound on the staleness, rounded up.
    #[inline]
    pub(crate) fn staleness(self) -> Span {
        let nanos = self.elapsed.as_nanos();
        Span::from_nanos(nanos + (nanos * self.drift_ppm).div_ceil(1_000_000))
    }
}

impl From<HitSeen> for Seen {
    #[inline]
    fn from(hit: HitSeen) -> Self {
        Self { staleness: hit.staleness(), bound: hit.bound, source: Source::Cache, proof: Proof::Pull }
    }
}

impl Seen {
    /// The receipt; an answer that nothing proves within the bound is degraded.
    #[inline]
    pub(crate) fn receipt(self, entry: &Entry) -> Receipt {
        Receipt {
            version: entry.version(),
            staleness: self.staleness.into(),
            bound: self.bound.into(),
            source: self.source,
            proof: self.proof,
            degraded: self.proof == Proof::None,
            last_modified_at: entry.last_modified_at(),
        }
    }
}

/// An answer: a value with its receipt. It shares the entry's memory, and
/// outlives the entry and the cache.
#[derive(Clone)]
pub struct Value {
    pub(crate) entry: SharedEntry,
    pub(crate) seen: Seen,
}

impl Value {
    /// The bytes; `None` if the origin has no such key.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.entry.value()
    }

    /// The bytes, shared, not copied.
    pub fn shared_bytes(&self) -> Option<Bytes> {
        self.is_found().then(|| Bytes::from_owner(Owner(self.entry.clone())))
    }

    /// Whether the origin has the key.
    pub fn is_found(&self) -> bool {
        !self.entry.is_negative()
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        self.entry.key()
    }

    /// The receipt.
    pub fn receipt(&self) -> Receipt {
        self.seen.receipt(&self.entry)
    }

    /// [`Receipt::staleness`] alone, without a look at the entry.
    #[inline]
    pub fn staleness(&self) -> Duration {
        self.seen.staleness.into()
    }
}

/// Keeps an entry for who has its bytes.
struct Owner(SharedEntry);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        self.0.value().unwrap_or_default()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value")
            .field("key", &self.key().escape_ascii().to_string())
            .field("len", &self.bytes().map(<[u8]>::len))
            .field("receipt", &self.receipt())
            .finish()
    }
}

/// What a write returns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteReceipt {
    /// The version that the origin gave the write; [`Version::NONE`] if it said none.
    pub version: Version,
    /// The idempotency key under which the write was sent.
    pub idempotency_key: Box<str>,
}
