//! Waiting for core in the foreground.

use std::time::Duration;

use edgecmp::{Pending, Started, WriteReceipt};
use pyo3::prelude::*;

use crate::boundary;

/// How long a waiter is away from the interpreter at most. Signal handlers run
/// between slices: this is how late Ctrl-C can be, not how late an answer is.
pub const SLICE: Duration = Duration::from_millis(50);

/// Waits for the end of the call, at most until its deadline. Other Python
/// threads run meanwhile. A signal handler that raises ends the wait; the call
/// itself goes on for its other waiters.
pub fn wait<T: Send + 'static>(py: Python<'_>, pending: Pending<T>) -> PyResult<T> {
    wait_or(py, pending, |_, _| ())
}

/// The same for a write. Interrupted, it may happen or not: the exception gets
/// a note with the key under which it can be tried again.
pub fn wait_for_write(py: Python<'_>, pending: Pending<WriteReceipt>) -> PyResult<WriteReceipt> {
    wait_or(py, pending, |pending, interrupt| {
        let note =
            format!("edgecmp: the write may happen; its idempotency_key is {:?}", pending.idempotency_key());
        // Notes are new in Python 3.11: without them there is nothing to add it to.
        let _ = interrupt.value(py).call_method1("add_note", (note,));
    })
}

/// The same for a call that may have ended at once.
pub fn finish<T: Send + 'static>(py: Python<'_>, started: Started<T>) -> PyResult<T> {
    match started {
        Started::Ready(outcome) => Ok(outcome),
        Started::Pending(pending) => wait(py, pending),
    }
}

fn wait_or<T: Send + 'static>(
    py: Python<'_>,
    mut pending: Pending<T>,
    interrupted: impl FnOnce(&Pending<T>, &PyErr),
) -> PyResult<T> {
    loop {
        let slice = boundary::detached(py, || pending.wait_for(SLICE).transpose())?;
        if let Some(outcome) = slice {
            return Ok(outcome);
        }
        if let Err(interrupt) = py.check_signals() {
            interrupted(&pending, &interrupt);
            boundary::detached(py, || {
                drop(pending);
                Ok(())
            })?;
            return Err(interrupt);
        }
    }
}
