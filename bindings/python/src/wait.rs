//! Waiting for core in the foreground.

use std::time::Duration;

use edgecmp::{Pending, Started};
use pyo3::prelude::*;

use crate::boundary;

/// How long a waiter is away from the interpreter at most. Signal handlers run
/// between slices: this is how late Ctrl-C can be, not how late an answer is.
const SLICE: Duration = Duration::from_millis(50);

/// Waits for the end of the call, at most until its deadline. Other Python
/// threads run meanwhile. A signal handler that raises ends the wait; the call
/// itself goes on for its other waiters.
pub fn wait<T: Send + 'static>(py: Python<'_>, mut pending: Pending<T>) -> PyResult<T> {
    loop {
        let slice = boundary::detached(py, || pending.wait_for(SLICE).transpose())?;
        if let Some(outcome) = slice {
            return Ok(outcome);
        }
        if let Err(raised) = py.check_signals() {
            py.detach(|| drop(pending));
            return Err(raised);
        }
    }
}

/// The same for a call that may have ended at once.
pub fn finish<T: Send + 'static>(py: Python<'_>, started: Started<T>) -> PyResult<T> {
    match started {
        Started::Ready(outcome) => Ok(outcome),
        Started::Pending(pending) => wait(py, pending),
    }
}
