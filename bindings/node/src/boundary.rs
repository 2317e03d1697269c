//! The boundary to JavaScript: no panic crosses it, and each error crosses it
//! as a `code` and a message, from which `lib/errors.js` makes the classes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use edgecmp::Code;

/// What exported functions return: the status is the code that JavaScript sees.
///
/// Named `Result` because napi-derive knows fallible functions by that name.
pub(crate) type Result<T> = std::result::Result<T, napi::Error<&'static str>>;

/// The code of an argument of the wrong JavaScript type; a `TypeError` there.
pub(crate) const WRONG_TYPE: &str = "WRONG_TYPE";

/// Runs the body of an exported function; a panic becomes `INTERNAL`.
#[inline(always)]
pub(crate) fn guard<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    // What a panic leaves half-done is behind `RefCell`s that the next borrow
    // finds released: nothing is observed torn that is not an error anyway.
    catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|_| Err(failure(Code::Internal, "a panic was caught at the boundary to JavaScript")))
}

/// A failure with a code of the table.
#[cold]
pub(crate) fn failure(code: Code, message: impl Into<String>) -> napi::Error<&'static str> {
    napi::Error::new(code.name(), message.into())
}

/// An error of core, to be thrown. Only completions carry an idempotency key,
/// and they go by [`crate::events::Failed`].
#[cold]
pub(crate) fn thrown(error: edgecmp::Error) -> napi::Error<&'static str> {
    failure(error.code(), error.message())
}

/// An argument of the wrong type.
pub(crate) fn wrong_type(field: &str, allowed: &str) -> napi::Error<&'static str> {
    napi::Error::new(WRONG_TYPE, format!("{field}: allowed: {allowed}"))
}

/// A failure of Node-API itself, which these calls have no reason to expect.
pub(crate) fn unexpected(error: napi::Error) -> napi::Error<&'static str> {
    failure(Code::Internal, format!("Node-API: {} {}", error.status, error.reason))
}
