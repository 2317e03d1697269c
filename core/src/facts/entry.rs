//! An entry: what is kept of one key.
//!
//! Value and version never change; what proves them does, and is kept in
//! atomics, so that re-proving an entry ("304, unchanged") publishes nothing
//! and disturbs no reader.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::clock::Instant;
use super::key::Key;
use super::version::Version;

/// What the origin said about how long its answer may be used (`Cache-Control`).
/// These may only tighten the bounds of the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Hard bound for this entry; zero: every read asks the origin (`no-cache`).
    pub staleness_bound: Option<Duration>,
    /// How old a degraded answer may be; zero: never (`must-revalidate`).
    pub outage_bound: Option<Duration>,
    /// The answer is returned but not kept (`no-store`).
    pub no_store: bool,
}

/// What the origin answered about a key, before it is known to be proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The value; `None` is a negative entry: the origin has no such key.
    pub value: Option<Bytes>,
    /// The version; [`Version::NONE`] on a negative entry without one.
    pub version: Version,
    /// The origin named the version. Otherwise the number is ours (the instant
    /// at which the value was first seen) and means nothing to the origin.
    pub named: bool,
    /// The origin's own opaque validator (`ETag`), if it sent one.
    pub validator: Option<Box<str>>,
    /// When the origin last changed the value, in Unix milliseconds, if it said.
    pub last_modified_at: Option<u64>,
    /// What the origin said about using the answer.
    pub limits: Limits,
}

/// One key, its content, and the proof of it.
#[derive(Debug)]
pub struct Entry {
    key: Key,
    content: Content,
    validated_at: AtomicU64,
    received_at: AtomicU64,
    unproved_until: AtomicU64,
    visited: AtomicBool,
    refresh_asked: AtomicBool,
    in_store: AtomicBool,
    ticket: AtomicU64,
}

impl Entry {
    /// An entry proved by an answer to a request sent at `validated_at`
    /// (less the answer's age) that arrived at `received_at`.
    pub fn new(key: Key, content: Content, validated_at: Instant, received_at: Instant) -> Self {
        Self {
            key,
            content,
            validated_at: AtomicU64::new(validated_at.as_nanos()),
            received_at: AtomicU64::new(received_at.as_nanos()),
            unproved_until: AtomicU64::new(0),
            visited: AtomicBool::new(false),
            refresh_asked: AtomicBool::new(false),
            in_store: AtomicBool::new(false),
            ticket: AtomicU64::new(0),
        }
    }

    /// The key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Value, version and what else the origin said.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The version.
    pub fn version(&self) -> Version {
        self.content.version
    }

    /// Local instant at which the value was surely current, or later.
    pub fn validated_at(&self) -> Instant {
        Instant::from_nanos(self.validated_at.load(Ordering::Acquire))
    }

    /// When the last answer that proved this version arrived.
    pub fn received_at(&self) -> Instant {
        Instant::from_nanos(self.received_at.load(Ordering::Acquire))
    }

    /// Proofs requested up to this instant do not count: a write of unknown
    /// outcome, or an invalidation, came after them.
    pub fn unproved_until(&self) -> Instant {
        Instant::from_nanos(self.unproved_until.load(Ordering::Acquire))
    }

    /// The same version was proved again. `validated_at` only ever grows.
    pub fn reprove(&self, validated_at: Instant, received_at: Instant) {
        self.received_at.fetch_max(received_at.as_nanos(), Ordering::AcqRel);
        self.validated_at.fetch_max(validated_at.as_nanos(), Ordering::AcqRel);
        self.refresh_asked.store(false, Ordering::Release);
    }

    /// From now on only proofs requested after `at` count.
    pub fn unprove(&self, at: Instant) {
        self.unproved_until.fetch_max(at.as_nanos(), Ordering::AcqRel);
    }

    /// Notes a read for eviction. Tests before it sets: a hot entry's cache
    /// line stays shared between the readers.
    pub fn visit(&self) {
        if !self.visited.load(Ordering::Relaxed) {
            self.visited.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the entry was read since the last call.
    pub fn take_visited(&self) -> bool {
        self.visited.swap(false, Ordering::Relaxed)
    }

    /// True for the one reader that has to ask for a refresh.
    pub fn ask_refresh(&self) -> bool {
        !self.refresh_asked.load(Ordering::Relaxed) && !self.refresh_asked.swap(true, Ordering::AcqRel)
    }

    /// A refresh was given up: a later read may ask again.
    pub fn refresh_given_up(&self) {
        self.refresh_asked.store(false, Ordering::Release);
    }

    /// Whether it is what the store has of its key. The store says so before
    /// readers can find it, and takes it back before they can find anything
    /// else in its place: who has seen what came after it sees this false.
    pub fn is_in_store(&self) -> bool {
        self.in_store.load(Ordering::Acquire)
    }

    pub(crate) fn set_in_store(&self, is_in_store: bool) {
        self.in_store.store(is_in_store, Ordering::Release);
    }

    /// The entry's place in the eviction queue.
    pub(crate) fn ticket(&self) -> u64 {
        self.ticket.load(Ordering::Relaxed)
    }

    pub(crate) fn set_ticket(&self, ticket: u64) {
        self.ticket.store(ticket, Ordering::Relaxed);
    }

    /// Bytes that the entry holds, the allocator's share included as far as it
    /// can be known: each of the blocks (entry, key, value) costs a header and
    /// is rounded up to 16 bytes.
    pub fn footprint(&self) -> usize {
        let block = |bytes: usize| if bytes == 0 { 0 } else { (bytes + 8).next_multiple_of(16) };
        // `Arc` adds two counters; shared `Bytes` add a block of their own.
        const SHARED: usize = 32;
        block(size_of::<Self>() + 2 * size_of::<usize>())
            + block(self.key.as_bytes().len())
            + SHARED
            + self.content.value.as_ref().map_or(0, |v| block(v.len()) + SHARED)
            + self.content.validator.as_ref().map_or(0, |v| block(v.len()))
    }
}
