//! Errors are values: the caller owns them, and may hand them to another thread.

use std::ffi::{CString, c_char};
use std::ptr;

use edgecmp_core::Error;

use crate::boundary::infallible;
use crate::status::edgecmp_status;
use crate::text::c_string;

/// Why a call failed: a code, a message for people and, after a write of
/// unknown outcome, its idempotency key. Immutable.
pub struct edgecmp_error {
    error: Error,
    message: CString,
    idempotency_key: Option<CString>,
}

impl edgecmp_error {
    /// Prepares an error for C.
    pub(crate) fn new(error: Error) -> Self {
        let message = c_string(error.message());
        let idempotency_key = error.idempotency_key().map(c_string);
        Self { error, message, idempotency_key }
    }

    /// An error that the caller owns.
    pub(crate) fn into_raw(error: Error) -> *mut Self {
        Box::into_raw(Box::new(Self::new(error)))
    }

    #[cfg(test)]
    pub(crate) fn error(&self) -> &Error {
        &self.error
    }
}

/// The code. `EDGECMP_OK` for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_error_code(error: Option<&edgecmp_error>) -> edgecmp_status {
    infallible(edgecmp_status::EDGECMP_INTERNAL, || {
        error.map_or(edgecmp_status::EDGECMP_OK, |error| error.error.code().into())
    })
}

/// What happened, for people: UTF-8, NUL-terminated, never a secret or a
/// value. Lives as long as the error. Empty for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_error_message(error: Option<&edgecmp_error>) -> *const c_char {
    infallible(c"".as_ptr(), || error.map_or(c"".as_ptr(), |error| error.message.as_ptr()))
}

/// Whether the same call may succeed later without a change to it.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_error_retriable(error: Option<&edgecmp_error>) -> bool {
    infallible(false, || error.is_some_and(|error| error.error.is_retriable()))
}

/// After `EDGECMP_UNKNOWN_OUTCOME`: the key with which a retry does not write
/// twice (`edgecmp_write_options.idempotency_key`). Otherwise NULL. Lives as
/// long as the error.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_error_idempotency_key(error: Option<&edgecmp_error>) -> *const c_char {
    infallible(ptr::null(), || {
        error.and_then(|error| error.idempotency_key.as_deref()).map_or(ptr::null(), |key| key.as_ptr())
    })
}

/// Frees an error. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_error_free(error: Option<Box<edgecmp_error>>) {
    infallible((), || drop(error));
}
