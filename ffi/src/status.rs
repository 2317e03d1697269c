//! Status codes: core's table of errors, and what is no error.

use std::ffi::{CString, c_char};
use std::sync::LazyLock;

use edgecmp_core::Code;

use crate::boundary::infallible;
use crate::text::c_string;

/// What a call returns. 0 to 9 are no errors; an error's number never changes
/// and is never used again. New errors may be added: handle the ones you do
/// not know by `edgecmp_status_retriable`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum edgecmp_status {
    /// Done.
    EDGECMP_OK = 0,
    /// `edgecmp_lookup`: nothing in the cache may be returned. Not an error.
    EDGECMP_MISS = 1,
    /// Not yet: an event will come, or something is still running. Not an error.
    EDGECMP_PENDING = 2,
    /// An argument or an option's value is outside what is allowed; the message names it, the value and the range.
    EDGECMP_INVALID_ARGUMENT = 10,
    /// No option, or no statistic, has this name.
    EDGECMP_UNKNOWN_OPTION = 11,
    /// The cache was closed.
    EDGECMP_CLOSED = 12,
    /// The process forked since, and the object cannot be used in the child: make a new one there.
    EDGECMP_FORKED = 13,
    /// The origin, or this build, does not do what was asked (a write to a read-only origin, for instance).
    EDGECMP_UNSUPPORTED = 14,
    /// The deadline of the call ended first; the message says what it was waiting for. Retriable.
    EDGECMP_DEADLINE_EXCEEDED = 20,
    /// The caller gave up the call. Retriable.
    EDGECMP_CANCELLED = 21,
    /// Too many calls are already waiting for the origin or for one key. Retriable.
    EDGECMP_OVERLOADED = 22,
    /// The origin could not be reached, broke the connection, or answered 429 or 5xx. Retriable.
    EDGECMP_ORIGIN_UNAVAILABLE = 30,
    /// The circuit breaker is open: the origin failed often enough not to be asked now. Retriable.
    EDGECMP_BREAKER_OPEN = 31,
    /// The origin answered what the origin protocol does not allow, or too much.
    EDGECMP_ORIGIN_PROTOCOL = 32,
    /// The origin refused the request.
    EDGECMP_ORIGIN_REJECTED = 33,
    /// The origin answered, but with what is too old: past the staleness bound, or from before a write. Retriable.
    EDGECMP_TOO_STALE = 34,
    /// The origin's present version is lower than the read's `min_version`. Retriable.
    EDGECMP_VERSION_NOT_REACHED = 35,
    /// The write may or may not have happened: retry it with the idempotency key that the error carries. Retriable.
    EDGECMP_UNKNOWN_OUTCOME = 40,
    /// The write's `if_version` is not the present version; nothing was written.
    EDGECMP_CONFLICT = 41,
    /// A defect of edgecmp: a panic was caught at the boundary. Please report it.
    EDGECMP_INTERNAL = 90,
}

use edgecmp_status::*;

impl edgecmp_status {
    /// Every status, in the order of its numbers.
    const ALL: &'static [Self] = &[
        EDGECMP_OK,
        EDGECMP_MISS,
        EDGECMP_PENDING,
        EDGECMP_INVALID_ARGUMENT,
        EDGECMP_UNKNOWN_OPTION,
        EDGECMP_CLOSED,
        EDGECMP_FORKED,
        EDGECMP_UNSUPPORTED,
        EDGECMP_DEADLINE_EXCEEDED,
        EDGECMP_CANCELLED,
        EDGECMP_OVERLOADED,
        EDGECMP_ORIGIN_UNAVAILABLE,
        EDGECMP_BREAKER_OPEN,
        EDGECMP_ORIGIN_PROTOCOL,
        EDGECMP_ORIGIN_REJECTED,
        EDGECMP_TOO_STALE,
        EDGECMP_VERSION_NOT_REACHED,
        EDGECMP_UNKNOWN_OUTCOME,
        EDGECMP_CONFLICT,
        EDGECMP_INTERNAL,
    ];

    /// The name of what is no error; errors have theirs in core's table.
    fn plain_name(self) -> Option<&'static str> {
        match self {
            EDGECMP_OK => Some("OK"),
            EDGECMP_MISS => Some("MISS"),
            EDGECMP_PENDING => Some("PENDING"),
            _ => None,
        }
    }
}

impl From<Code> for edgecmp_status {
    fn from(code: Code) -> Self {
        // A test shows that every code of the table has its status.
        Self::ALL.iter().copied().find(|status| *status as i32 == code as i32).unwrap_or(EDGECMP_INTERNAL)
    }
}

/// The error with this number, if there is one.
pub(crate) fn code(status: i32) -> Option<Code> {
    Code::ALL.iter().copied().find(|code| *code as i32 == status)
}

static NAMES: LazyLock<Vec<CString>> = LazyLock::new(|| {
    let name = |status: &edgecmp_status| {
        status.plain_name().or_else(|| code(*status as i32).map(Code::name)).unwrap_or("UNKNOWN")
    };
    edgecmp_status::ALL.iter().map(|status| c_string(name(status))).collect()
});

/// The name of a status, such as `ORIGIN_UNAVAILABLE`; `UNKNOWN` for a number
/// that is none. Static.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_status_name(status: i32) -> *const c_char {
    infallible(c"UNKNOWN".as_ptr(), || {
        let index = edgecmp_status::ALL.iter().position(|known| *known as i32 == status);
        index.map_or(c"UNKNOWN".as_ptr(), |index| NAMES[index].as_ptr())
    })
}

/// Whether the same call may succeed later without a change to it.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_status_retriable(status: i32) -> bool {
    infallible(false, || code(status).is_some_and(Code::is_retriable))
}

/// How many statuses there are, for programs that list them.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_status_count() -> usize {
    edgecmp_status::ALL.len()
}

/// The status at an index below `edgecmp_status_count`; above it `EDGECMP_INTERNAL`.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_status_at(index: usize) -> edgecmp_status {
    edgecmp_status::ALL.get(index).copied().unwrap_or(EDGECMP_INTERNAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_enum_is_the_table() {
        for known in Code::ALL {
            let status = edgecmp_status::from(*known);
            assert_eq!(status as i32, *known as i32);
            assert_eq!(format!("{status:?}"), format!("EDGECMP_{}", known.name()));
        }
        let errors = edgecmp_status::ALL.iter().filter(|status| status.plain_name().is_none());
        assert_eq!(errors.count(), Code::ALL.len(), "a status that is in no table");
    }
}
