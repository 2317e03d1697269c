//! The one way into core: detached unless the call is lock-free, and with
//! panics turned into `InternalError`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use edgecmp::{Code, Error, Result};
use pyo3::prelude::*;

use crate::{errors, exit};

/// Runs `call` without the GIL: for everything that may take a lock or wait.
pub fn detached<T: Send>(py: Python<'_>, call: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    let outcome = py.detach(|| {
        let outcome = guarded(call);
        exit::returning();
        outcome
    });
    exit::returned();
    outcome.map_err(|error| errors::raised(py, &error))
}

/// Runs `call` with the GIL: only for what takes no lock and never waits.
pub fn attached<T>(py: Python<'_>, call: impl FnOnce() -> Result<T>) -> PyResult<T> {
    guarded(call).map_err(|error| errors::raised(py, &error))
}

/// Runs `call` and turns a panic into an error. The caller is attached, and
/// `call` takes no lock and never waits; or it is not attached.
#[inline(always)]
pub fn guarded<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    // Unwind safety: core is shared between threads and keeps its own
    // invariants over a panic; nothing of this crate is left half-written.
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(Error::new(Code::Internal, format!("panic in core: {text}")))
    })
}
