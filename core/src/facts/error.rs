//! The table of error codes. The C enum, the Python exceptions, the Node codes
//! and the Go errors derive from it or are checked against it.

use std::borrow::Cow;
use std::fmt;

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $number:literal, $name:literal, $retriable:literal;)+) => {
        /// Why a call failed. Numbers are part of the ABI: never changed, never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant = $number,)+
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name that every language shows, such as `ORIGIN_UNAVAILABLE`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Whether the same call may succeed later without a change to it.
            pub const fn is_retriable(self) -> bool {
                match self { $(Self::$variant => $retriable),+ }
            }

            /// What the code means, one paragraph.
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc, "\n"),+)),+ }
            }
        }
    };
}

error_codes! {
    /// An argument or an option's value is outside what is allowed; the message names the field, the value and the range.
    InvalidArgument = 10, "INVALID_ARGUMENT", false;
    /// No option has this name.
    UnknownOption = 11, "UNKNOWN_OPTION", false;
    /// The cache was closed.
    Closed = 12, "CLOSED", false;
    /// The process forked since the cache was opened and this cache can't reopen itself: open a new one in the child.
    Forked = 13, "FORKED", false;
    /// The origin, or this build, does not do what was asked (a write to a read-only origin, for instance).
    Unsupported = 14, "UNSUPPORTED", false;
    /// The deadline of the call ended first; the message says what it was waiting for.
    DeadlineExceeded = 20, "DEADLINE_EXCEEDED", true;
    /// The caller gave up the call.
    Cancelled = 21, "CANCELLED", true;
    /// Too many calls are already waiting for the origin or for one key.
    Overloaded = 22, "OVERLOADED", true;
    /// The origin could not be reached, broke the connection, or answered 429 or 5xx.
    OriginUnavailable = 30, "ORIGIN_UNAVAILABLE", true;
    /// The circuit breaker is open: the origin failed often enough not to be asked now.
    BreakerOpen = 31, "BREAKER_OPEN", true;
    /// The origin answered what the origin protocol does not allow, or more than `max_response_bytes`.
    OriginProtocol = 32, "ORIGIN_PROTOCOL", false;
    /// The origin refused the request (a 4xx other than 404, 410, 412, 429).
    OriginRejected = 33, "ORIGIN_REJECTED", false;
    /// The origin answered, but with what is too old: past the staleness bound, or from before a write.
    TooStale = 34, "TOO_STALE", true;
    /// The origin's present version is lower than the read's `min_version`.
    VersionNotReached = 35, "VERSION_NOT_REACHED", true;
    /// The write may or may not have happened: retry it with the idempotency key that the error carries.
    UnknownOutcome = 40, "UNKNOWN_OUTCOME", true;
    /// The write's `if_version` is not the present version; nothing was written.
    Conflict = 41, "CONFLICT", false;
    /// A defect of edgecmp: a panic was caught at the boundary. Please report it.
    Internal = 90, "INTERNAL", false;
}

/// A failed call: a code, a message for people and, after a write whose
/// outcome is unknown, the idempotency key with which a retry is safe.
///
/// Cheap to clone: one failed flight answers all of its waiters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: Code,
    message: Cow<'static, str>,
    idempotency_key: Option<Box<str>>,
}

/// A URL as it may be shown: what stands before an @ may be a password, and so may
/// what follows a question mark.
pub(crate) fn without_credentials(url: &str) -> String {
    let url = url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, host)| format!("***@{host}"));
    url.split_once('?').map_or(url.clone(), |(path, _)| format!("{path}?***"))
}

impl Error {
    /// An error of this code. Messages never hold secrets or values.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), idempotency_key: None }
    }

    /// An [`Code::InvalidArgument`] that names the field, the value and what is allowed.
    pub fn invalid(field: &str, value: impl fmt::Display, allowed: &str) -> Self {
        let mut shown = value.to_string();
        if shown.len() > 80 {
            let cut = (0..=77).rev().find(|&i| shown.is_char_boundary(i)).unwrap_or(0);
            shown.truncate(cut);
            shown.push_str("...");
        }
        Self::new(Code::InvalidArgument, format!("{field}: got {shown}; allowed: {allowed}"))
    }

    /// The same error with the idempotency key of the write it is about.
    #[must_use]
    pub fn with_idempotency_key(mut self, key: &str) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What happened, for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the same call may succeed later.
    pub fn is_retriable(&self) -> bool {
        self.code.is_retriable()
    }

    /// The key with which a write of unknown outcome can be retried safely.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}

impl std::error::Error for Error {}

/// What calls of edgecmp return.
pub type Result<T> = std::result::Result<T, Error>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique() {
        for (i, a) in Code::ALL.iter().enumerate() {
            for b in &Code::ALL[i + 1..] {
                assert_ne!(*a as i32, *b as i32);
                assert_ne!(a.name(), b.name());
            }
        }
    }

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        for (url, shown) in [
            ("redis://host/0", "redis://host/0"),
            ("redis://user:hunter2@host/0", "***@host/0"),
            ("redis://hunter2@host/hunter2@", "***@"),
            ("redis://host?password=hunter2", "redis://host?***"),
            ("redis://user@host?password=hunter2", "***@host?***"),
            ("redis://host?password=hunter2@", "***@"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        let error = Error::invalid("key", "ä".repeat(100), "at most 10 bytes");
        assert!(error.message().contains("...; allowed: at most 10 bytes"), "{error}");
    }
}
