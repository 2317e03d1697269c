//! An entry: what is kept of one key.
//!
//! Value and version never change; what proves them does, and is kept in
//! atomics, so that re-proving an entry ("304, unchanged") publishes nothing
//! and disturbs no reader. An entry is one block of memory ([`block`]).

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;

use super::clock::{Instant, Span};
use super::version::Version;

mod block;

pub(crate) use block::Block;
use block::flag;
pub use block::{Entry, SharedEntry};

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

/// The same, borrowed: what an entry is made of, and gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "as in Content")]
pub struct ContentRef<'a> {
    pub value: Option<&'a [u8]>,
    pub version: Version,
    pub named: bool,
    pub validator: Option<&'a str>,
    pub last_modified_at: Option<u64>,
    pub limits: Limits,
}

impl Content {
    /// Borrows it.
    pub fn by_ref(&self) -> ContentRef<'_> {
        ContentRef {
            value: self.value.as_deref(),
            version: self.version,
            named: self.named,
            validator: self.validator.as_deref(),
            last_modified_at: self.last_modified_at,
            limits: self.limits,
        }
    }
}

impl ContentRef<'_> {
    /// A copy.
    pub fn to_content(self) -> Content {
        Content {
            value: self.value.map(Bytes::copy_from_slice),
            version: self.version,
            named: self.named,
            validator: self.validator.map(Into::into),
            last_modified_at: self.last_modified_at,
            limits: self.limits,
        }
    }
}

/// Visits of an entry are counted up to here; see [`Entry::visit`].
pub const MAX_VISITS: u8 = 3;

/// Of the state of refreshes: one was asked for. The other bits count those
/// that failed since the last proof.
const REFRESH_ASKED: u8 = 1 << 7;

/// What proves an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proved {
    /// Just before the request was sent whose answer proves it, less the answer's age.
    pub validated_at: Instant,
    /// When that answer had arrived.
    pub received_at: Instant,
    /// Proofs requested up to this instant do not count.
    pub unproved_until: Instant,
}

impl Proved {
    /// Proved by an answer to a request sent at `validated_at` (less the
    /// answer's age) that arrived at `received_at`.
    pub fn by_answer(validated_at: Instant, received_at: Instant) -> Self {
        Self { validated_at, received_at, unproved_until: Instant::ZERO }
    }
}

impl Entry {
    /// The value; `None` on a negative entry.
    #[inline]
    pub fn value(&self) -> Option<&[u8]> {
        (!self.is_negative()).then(|| self.value_bytes())
    }

    /// Whether the origin has no such key.
    #[inline]
    pub fn is_negative(&self) -> bool {
        self.has(flag::NEGATIVE)
    }

    /// The version; [`Version::NONE`] on a negative entry without one.
    #[inline]
    pub fn version(&self) -> Version {
        let [high, low] = self.version_halves();
        Version::from_halves(high, low)
    }

    /// Whether the origin named the version; otherwise the number is ours.
    pub fn is_named(&self) -> bool {
        self.has(flag::NAMED)
    }

    /// The origin's own opaque validator (`ETag`), if it sent one.
    pub fn validator(&self) -> Option<&str> {
        // It was text when the entry was made.
        self.validator_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    /// Whether there is a value, and nothing that this entry says itself of how
    /// long it may be used.
    #[inline]
    pub fn is_plain(&self) -> bool {
        !self.has(flag::NEGATIVE | flag::STALENESS_BOUND | flag::UNPROVED)
    }

    /// When the origin last changed the value, in Unix milliseconds, if it said.
    #[inline]
    pub fn last_modified_at(&self) -> Option<u64> {
        self.word(flag::LAST_MODIFIED)
    }

    /// The hard bound that the origin set: [`Limits::staleness_bound`].
    #[inline]
    pub fn staleness_limit(&self) -> Option<Span> {
        self.word(flag::STALENESS_BOUND).map(Span::from_nanos)
    }

    /// The bound for degraded answers that the origin set: [`Limits::outage_bound`].
    #[inline]
    pub fn outage_limit(&self) -> Option<Span> {
        self.word(flag::OUTAGE_BOUND).map(Span::from_nanos)
    }

    /// What the origin said about using the answer.
    pub fn limits(&self) -> Limits {
        Limits {
            staleness_bound: self.word(flag::STALENESS_BOUND).map(Duration::from_nanos),
            outage_bound: self.word(flag::OUTAGE_BOUND).map(Duration::from_nanos),
            no_store: self.has(flag::NO_STORE),
        }
    }

    /// Proofs requested up to this instant do not count: a write of unknown
    /// outcome, or an invalidation, came after them.
    #[inline]
    pub fn unproved_until(&self) -> Instant {
        self.word(flag::UNPROVED).map_or(Instant::ZERO, Instant::from_nanos)
    }

    /// What proves it now.
    pub fn proved(&self) -> Proved {
        Proved {
            validated_at: self.validated_at(),
            received_at: self.received_at(),
            unproved_until: self.unproved_until(),
        }
    }

    /// What the origin answered.
    pub fn content(&self) -> ContentRef<'_> {
        ContentRef {
            value: self.value(),
            version: self.version(),
            named: self.is_named(),
            validator: self.validator(),
            last_modified_at: self.last_modified_at(),
            limits: self.limits(),
        }
    }

    /// The same entry, for which only proofs requested after `at` count.
    pub fn unproved(&self, at: Instant) -> SharedEntry {
        let proved = self.proved();
        let unproved_until = proved.unproved_until.max(at);
        SharedEntry::new(self.key(), self.content(), Proved { unproved_until, ..proved })
    }

    /// Notes a read for eviction. Tests before it sets: a hot entry's cache
    /// line stays shared between the readers. Two readers at once may count as one.
    #[inline]
    pub fn visit(&self) {
        let visits = self.visits().load(Ordering::Relaxed);
        if visits < MAX_VISITS {
            self.visits().store(visits + 1, Ordering::Relaxed);
        }
    }

    /// Reads noted since the last call, at most [`MAX_VISITS`].
    pub fn take_visits(&self) -> u8 {
        // Not a swap: most have none, and a read that slips in between counts little.
        let visits = self.visits().load(Ordering::Relaxed);
        if visits > 0 {
            self.visits().store(0, Ordering::Relaxed);
        }
        visits
    }

    /// Takes over the reads noted of the entry that stood in this one's place.
    pub fn inherit_visits(&self, before: &Self) {
        self.visits().store(before.visits().load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// True for the one reader that has to ask for a refresh.
    pub fn ask_refresh(&self) -> bool {
        !self.is_refresh_asked()
            && self.refresh().fetch_or(REFRESH_ASKED, Ordering::AcqRel) & REFRESH_ASKED == 0
    }

    /// Whether a refresh was asked for and has neither proved it nor been given up.
    pub fn is_refresh_asked(&self) -> bool {
        self.refresh().load(Ordering::Relaxed) & REFRESH_ASKED != 0
    }

    /// A refresh failed; how many did before it, since the last proof. Reads do
    /// not ask for the next one until this one is given up.
    pub fn refresh_failed(&self) -> u32 {
        let before = self.refresh().load(Ordering::Relaxed);
        let failures = before & !REFRESH_ASKED;
        if failures < !REFRESH_ASKED {
            // If it was proved meanwhile, there is nothing to count.
            let _ = self.refresh().compare_exchange(before, before + 1, Ordering::AcqRel, Ordering::Relaxed);
        }
        failures.into()
    }

    /// A refresh was given up: a later read may ask again.
    pub fn refresh_given_up(&self) {
        self.refresh().fetch_and(!REFRESH_ASKED, Ordering::Release);
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key().escape_ascii().to_string())
            .field("version", &self.version())
            .field("proved", &self.proved())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SharedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests;
