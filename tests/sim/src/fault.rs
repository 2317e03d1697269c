//! Everything that can go wrong, in one table: how often it is tried, and
//! that over all seeds it really happened.

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $variant:ident = $rate:literal;)+) => {
        /// A kind of fault. Rates are per mille, each time there is an occasion.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault { $($(#[doc = $doc])+ $variant),+ }

        impl Fault {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name in traces and tallies.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }

            /// How often it happens in a run that has it at all.
            #[must_use]
            pub const fn rate(self) -> u64 {
                match self { $(Self::$variant => $rate),+ }
            }
        }
    };
}

faults! {
    // The network between a node and the origin, at each message.
    /// The request never arrives.
    RequestLost = 15;
    /// The answer never arrives: what was written stays written.
    AnswerLost = 15;
    /// The connection breaks before the answer: the caller is told at once.
    ConnectionBroken = 15;
    /// The request is slower than most time-outs, and arrives all the same.
    RequestSlow = 15;
    /// The answer is slower than most bounds.
    AnswerSlow = 25;
    /// The request is delivered twice.
    Duplicated = 60;
    // What the origin says, at each request.
    /// 503.
    Unavailable = 15;
    /// 429 with `Retry-After`.
    Throttled = 8;
    /// An answer that the protocol does not allow.
    Garbage = 8;
    /// A 4xx that is a plain no.
    Rejected = 8;
    /// A write is refused because the origin is read-only.
    WriteUnsupported = 10;
    /// One row of a compare fails.
    RowFailed = 40;
    /// A compare ends before its last row.
    RowsMissing = 15;
    /// The answer comes from a copy that lags, and says so in `Age`.
    Aged = 120;
    /// `Cache-Control: no-store`.
    NoStore = 60;
    /// `Cache-Control: no-cache`: every read has to ask.
    NoCache = 60;
    /// `Cache-Control: max-age` below the cache's bound.
    TighterBound = 120;
    /// `Cache-Control: must-revalidate`: no degraded answers.
    NoDegraded = 60;
    /// "Unchanged" without `Cache-Control`: what was said before still holds.
    LimitsOmitted = 500;
    // The lease store, at each request.
    /// It answers after its deadline, or never.
    LeaseSlow = 100;
    /// It fails.
    LeaseFailed = 60;
    // The world, at each turn of who disturbs it.
    /// The origin is away for up to seconds.
    Outage = 90;
    /// The origin is slow and fails often.
    BrownOut = 90;
    /// The machine sleeps: the clock goes on, timers do not.
    Suspend = 90;
    /// A runtime thread gets no processor while readers go on.
    Stall = 120;
    /// Nobody gets a processor.
    Pause = 150;
    /// A node is closed, or dies, with calls in progress, and comes up empty.
    Restart = 60;
    /// The origin is restored from a backup: versions go back.
    Restore = 120;
    /// Somebody else writes to the origin.
    ExternalWrite = 1000;
    /// Somebody else deletes.
    ExternalDelete = 100;
    /// Somebody else writes a value that is too large to keep.
    ExternalLarge = 80;
    // Choices for a whole run, counted once.
    /// The origin has no compare.
    NoCompare = 250;
    /// The origin keeps no version of its deletes.
    UnversionedDeletes = 400;
    /// Validators are opaque.
    OpaqueValidators = 120;
    /// There are no validators.
    NoValidators = 80;
    /// Local clocks run fast or slow, within the allowance.
    ClockDrift = 600;
}

/// What reads and writes came to, each of which all seeds together must show.
pub const OUTCOMES: &[&str] = &[
    "hit",
    "fetched",
    "degraded",
    "absent",
    "acknowledged",
    "replayed",
    "abandoned",
    "CLOSED",
    "UNSUPPORTED",
    "DEADLINE_EXCEEDED",
    "OVERLOADED",
    "ORIGIN_UNAVAILABLE",
    "BREAKER_OPEN",
    "ORIGIN_PROTOCOL",
    "ORIGIN_REJECTED",
    "TOO_STALE",
    "VERSION_NOT_REACHED",
    "UNKNOWN_OUTCOME",
    "CONFLICT",
];
