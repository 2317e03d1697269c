//! The panic boundary. A panic that crossed `extern "C"` would abort the host.

use std::any::Any;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use edgecmp_core::{Code, Error};

use crate::error::edgecmp_error;
use crate::status::edgecmp_status;

/// Runs the body of a fallible export. The error, or NULL, goes to `error`;
/// its code is the status. NULL: the caller does not want it.
///
/// Part of each export: a call of its own would be a tenth of a hit. A body
/// that is `move` has its arguments in registers.
#[inline(always)]
pub(crate) fn call(
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
    body: impl FnOnce() -> edgecmp_core::Result<edgecmp_status>,
) -> edgecmp_status {
    call_boxed(error, || body().map_err(Boxed::from))
}

/// [`call`] of a body whose errors are boxed where they arise.
#[inline(always)]
pub(crate) fn call_boxed(
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
    body: impl FnOnce() -> Result<edgecmp_status, Boxed>,
) -> edgecmp_status {
    let mut error = error;
    // What comes out of it goes through memory: no more than a number.
    let caught = catch_unwind(AssertUnwindSafe(|| match body() {
        Ok(status) => {
            if let Some(out) = &mut error {
                out.write(std::ptr::null_mut());
            }
            status
        }
        Err(failure) => failed(error.as_deref_mut(), failure.into()),
    }));
    caught.unwrap_or_else(|payload| failed(error, panicked(payload)))
}

/// An error in a box: an outcome that is no larger than a register or two is not
/// kept in memory on the way of a hit.
pub(crate) struct Boxed(Box<Error>);

impl From<Error> for Boxed {
    #[cold]
    #[inline(never)]
    fn from(error: Error) -> Self {
        Self(Box::new(error))
    }
}

impl From<Boxed> for Error {
    fn from(boxed: Boxed) -> Self {
        *boxed.0
    }
}

/// Runs the body of an export that cannot fail; a panic gives `otherwise`.
#[inline(always)]
pub(crate) fn infallible<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(outcome) => outcome,
        Err(payload) => {
            drop(panicked(payload));
            otherwise
        }
    }
}

#[cold]
#[inline(never)]
fn failed(error: Option<&mut MaybeUninit<*mut edgecmp_error>>, failure: Error) -> edgecmp_status {
    let status = edgecmp_status::from(failure.code());
    if let Some(out) = error {
        out.write(edgecmp_error::into_raw(failure));
    }
    status
}

/// A panic leaves core's own invariants intact (its guards clean up), and what
/// the body of an export owns is dropped: nothing half-done is seen after it.
#[cold]
#[inline(never)]
fn panicked(payload: Box<dyn Any + Send>) -> Error {
    let what = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    // A payload whose own drop panics must not get out either.
    std::mem::forget(payload);
    Error::new(Code::Internal, format!("caught at the C boundary: {what}; please report it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_internal_with_its_message() {
        let mut error = MaybeUninit::uninit();
        let status = call(Some(&mut error), || panic!("slot {} is gone", 7));
        assert_eq!(status, edgecmp_status::EDGECMP_INTERNAL);
        // SAFETY: `call` always writes the error out.
        let raw = unsafe { error.assume_init() };
        // SAFETY: not NULL after a failure, and made by `Box::into_raw`.
        let error = unsafe { Box::from_raw(raw) };
        assert!(error.error().message().contains("slot 7 is gone"), "{}", error.error());
    }

    #[test]
    fn a_panic_without_an_error_out_or_a_status_stays_inside() {
        assert_eq!(call(None, || panic!("x")), edgecmp_status::EDGECMP_INTERNAL);
        assert_eq!(infallible(3, || panic!("x")), 3);
    }

    #[test]
    fn success_writes_null() {
        let mut error = MaybeUninit::new(std::ptr::dangling_mut());
        assert_eq!(call(Some(&mut error), || Ok(edgecmp_status::EDGECMP_MISS)), edgecmp_status::EDGECMP_MISS);
        // SAFETY: `call` always writes the error out.
        assert!(unsafe { error.assume_init() }.is_null());
    }
}
