//! A broken promise, explained so that a person can follow it with the log in hand.

use std::fmt;

use crate::read::Read;

/// Which promise was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    /// G1: superseded for longer than the bound before the read began.
    TooStale,
    /// G1: returned before the origin had begun to write it.
    FromTheFuture,
    /// The origin never wrote this value under this version.
    WrongValue,
    /// The receipt owns to more staleness than the read allowed.
    BoundExceeded,
    /// The receipt claims less staleness than the answer truly had.
    ReceiptUnderstated,
    /// G2: an earlier read of the same cache had a later version.
    WentBack,
    /// G3: the cache forgot a write that it had acknowledged.
    OwnWriteForgotten,
    /// G3: below the `min_version` that the read asked for.
    BelowMinVersion,
    /// G5: an acknowledged write is not in the origin's history.
    LostWrite,
}

impl Rule {
    pub const ALL: [Self; 9] = [
        Self::TooStale,
        Self::FromTheFuture,
        Self::WrongValue,
        Self::BoundExceeded,
        Self::ReceiptUnderstated,
        Self::WentBack,
        Self::OwnWriteForgotten,
        Self::BelowMinVersion,
        Self::LostWrite,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TooStale => "too_stale",
            Self::FromTheFuture => "from_the_future",
            Self::WrongValue => "wrong_value",
            Self::BoundExceeded => "bound_exceeded",
            Self::ReceiptUnderstated => "receipt_understated",
            Self::WentBack => "went_back",
            Self::OwnWriteForgotten => "own_write_forgotten",
            Self::BelowMinVersion => "below_min_version",
            Self::LostWrite => "lost_write",
        }
    }

    #[must_use]
    pub fn guarantee(self) -> &'static str {
        match self {
            Self::TooStale | Self::FromTheFuture => "G1",
            Self::WrongValue => "value",
            Self::BoundExceeded | Self::ReceiptUnderstated => "receipt",
            Self::WentBack => "G2",
            Self::OwnWriteForgotten | Self::BelowMinVersion => "G3",
            Self::LostWrite => "G5",
        }
    }
}

/// One broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub rule: Rule,
    pub key: String,
    pub read: Read,
    /// What happened, with times relative to the start of the read.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = &self.read;
        write!(
            formatter,
            "{} {}: key {:?}, cache {} reader {}, {:?} {:?} at {} ns took {}: version {}, receipt \
             staleness {}, bound {}: {}",
            self.rule.guarantee(),
            self.rule.name(),
            self.key,
            read.cache,
            read.reader,
            read.kind,
            read.outcome,
            read.start_ns,
            Span(read.end_ns.saturating_sub(read.start_ns)),
            read.version,
            Span(read.staleness_ns),
            Span(read.limit_ns()),
            self.detail
        )
    }
}

/// Nanoseconds printed as milliseconds, which is the scale of bounds.
pub(crate) struct Span(pub u64);

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:06} ms", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// `at` relative to `start`, in words.
pub(crate) fn relative(at_ns: u64, start_ns: u64) -> String {
    if at_ns <= start_ns {
        format!("{} before the read began", Span(start_ns - at_ns))
    } else {
        format!("{} after the read began", Span(at_ns - start_ns))
    }
}
