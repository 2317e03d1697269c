//! Calls that end while nobody waits: an event loop drains them.
//!
//! Each loop has one `Completions`, and watches its file descriptor. A call is
//! started with it and leaves a token; the runtime thread pushes the outcome
//! with that token and touches nothing of Python; the loop wakes up once for
//! however many there are.

#![expect(clippy::too_many_arguments, reason = "they are Python's keyword arguments")]

use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use edgecmp::queue::CompletionQueue;
use edgecmp::{Pending, Result, Started, Value, WriteReceipt};
use pyo3::prelude::*;

use crate::arguments::{Given, read_options, write_options};
use crate::cache::{Core, Read};
use crate::entry;
use crate::{boundary, errors};

/// Outcomes handed to the loop at once, so that other callbacks get their turn.
const BATCH: usize = 1024;

/// The finished calls of one event loop.
#[derive(Debug)]
#[pyclass(frozen, module = "edgecmp._edgecmp")]
pub struct Completions {
    queue: Arc<CompletionQueue<Completion>>,
    next_token: AtomicU64,
}

#[derive(Debug)]
struct Completion {
    token: u64,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Read(Result<Value>),
    ReadMany(Result<Vec<Result<Value>>>, bool),
    Write(Result<WriteReceipt>),
}

impl Outcome {
    /// The result of the awaited call, or its exception.
    fn into_object(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let object = match self {
            Self::Read(read) => read
                .map_err(|error| errors::raised(py, &error))
                .and_then(|value| Ok(entry::of(py, value)?.unbind())),
            Self::ReadMany(read, return_exceptions) => read
                .map_err(|error| errors::raised(py, &error))
                .and_then(|answers| Ok(entry::list(py, answers, return_exceptions)?.into_any().unbind())),
            Self::Write(written) => written
                .map_err(|error| errors::raised(py, &error))
                .and_then(|receipt| Ok(Py::new(py, entry::WriteReceipt::from(receipt))?.into_any())),
        };
        object.or_else(|error| Ok(error.into_value(py).into_any()))
    }
}

impl Completions {
    /// Has the outcome pushed when the call ends; returns its token.
    fn watch<T: Send + 'static>(
        &self,
        py: Python<'_>,
        pending: Pending<T>,
        outcome: impl FnOnce(Result<T>) -> Outcome + Send + 'static,
    ) -> PyResult<u64> {
        let token = self.next_token.fetch_add(1, Ordering::Relaxed);
        let queue = Arc::clone(&self.queue);
        boundary::detached(py, || {
            pending.on_complete(move |result| queue.push(Completion { token, outcome: outcome(result) }));
            Ok(())
        })?;
        Ok(token)
    }
}

#[pymethods]
impl Completions {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        let queue = boundary::detached(py, CompletionQueue::new)?;
        Ok(Self { queue, next_token: AtomicU64::new(0) })
    }

    /// Readable while outcomes wait. Owned by this object.
    fn fileno(&self) -> RawFd {
        self.queue.fd()
    }

    /// Some of the outcomes that wait, as (token, result or exception).
    fn drain(&self, py: Python<'_>) -> PyResult<Vec<(u64, Py<PyAny>)>> {
        let mut completions = Vec::new();
        self.queue.drain(BATCH, &mut completions);
        completions.into_iter().map(|c| Ok((c.token, c.outcome.into_object(py)?))).collect()
    }

    /// `Core.get`: an Entry for a hit, else the token of the answer to come.
    #[pyo3(signature = (core, key, staleness_bound, widen, outage_bound, min_version, timeout, traceparent))]
    fn get<'py>(
        &self,
        core: &Bound<'py, Core>,
        key: &Bound<'py, PyAny>,
        staleness_bound: Given<'_, 'py>,
        widen: bool,
        outage_bound: Given<'_, 'py>,
        min_version: Given<'_, 'py>,
        timeout: Given<'_, 'py>,
        traceparent: Given<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = key.py();
        let read = read_options(staleness_bound, widen, outage_bound, min_version, timeout, traceparent)?;
        let value = match core.get().read(key, &read)? {
            Read::Hit(value) | Read::Miss(Started::Ready(value)) => value,
            Read::Miss(Started::Pending(pending)) => {
                return Ok(self.watch(py, pending, Outcome::Read)?.into_pyobject(py)?.into_any());
            }
        };
        entry::of(py, value)
    }

    /// `Core.get_many`: a list if all were hits, else the token of the answers to come.
    #[pyo3(signature = (core, keys, return_exceptions, staleness_bound, widen, outage_bound, min_version, timeout, traceparent))]
    fn get_many<'py>(
        &self,
        core: &Bound<'py, Core>,
        keys: &Bound<'py, PyAny>,
        return_exceptions: bool,
        staleness_bound: Given<'_, 'py>,
        widen: bool,
        outage_bound: Given<'_, 'py>,
        min_version: Given<'_, 'py>,
        timeout: Given<'_, 'py>,
        traceparent: Given<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = keys.py();
        let read = read_options(staleness_bound, widen, outage_bound, min_version, timeout, traceparent)?;
        match core.get().read_many(keys, &read)? {
            Started::Ready(answers) => Ok(entry::list(py, answers, return_exceptions)?.into_any()),
            Started::Pending(pending) => {
                let token =
                    self.watch(py, pending, move |read| Outcome::ReadMany(read, return_exceptions))?;
                Ok(token.into_pyobject(py)?.into_any())
            }
        }
    }

    /// `Core.set`: the token of the receipt to come.
    #[pyo3(signature = (core, key, value, idempotency_key, if_version, timeout, traceparent))]
    fn set<'py>(
        &self,
        core: &Bound<'py, Core>,
        key: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
        idempotency_key: Option<&str>,
        if_version: Given<'_, 'py>,
        timeout: Given<'_, 'py>,
        traceparent: Given<'_, 'py>,
    ) -> PyResult<u64> {
        let write = write_options(idempotency_key, if_version, timeout, traceparent)?;
        self.watch(key.py(), core.get().write(key, Some(value), &write)?, Outcome::Write)
    }

    /// `Core.delete`: the token of the receipt to come.
    #[pyo3(signature = (core, key, idempotency_key, if_version, timeout, traceparent))]
    fn delete<'py>(
        &self,
        core: &Bound<'py, Core>,
        key: &Bound<'py, PyAny>,
        idempotency_key: Option<&str>,
        if_version: Given<'_, 'py>,
        timeout: Given<'_, 'py>,
        traceparent: Given<'_, 'py>,
    ) -> PyResult<u64> {
        let write = write_options(idempotency_key, if_version, timeout, traceparent)?;
        self.watch(key.py(), core.get().write(key, None, &write)?, Outcome::Write)
    }
}
