//! One call to a loader or writer, and its answer.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use edgecmp::origin::callback::{Operation, OriginCall, Responder};
use edgecmp::{Code, Key, TraceContext, Version};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::arguments::{self, Given};
use crate::{boundary, errors, version};

/// A call of core to the origin: popped by a loader thread, answered once.
///
/// Dropped without an answer it fails with ORIGIN_UNAVAILABLE; an answer after
/// the timeout, or a second one, is ignored.
#[derive(Debug)]
#[pyclass(frozen, module = "edgecmp._edgecmp")]
pub struct Call {
    operation: &'static str,
    key: Key,
    value: Option<Bytes>,
    known_version: Option<Version>,
    idempotency_key: Option<Box<str>>,
    if_version: Option<Version>,
    timeout: Duration,
    trace: Option<TraceContext>,
    responder: Mutex<Option<Responder>>,
}

impl Call {
    /// Wraps a call for Python. An operation that this binding does not know
    /// is refused here.
    pub fn new(call: OriginCall) -> Option<Self> {
        let OriginCall { operation, responder, timeout, trace, .. } = call;
        let (operation, key, value, known_version, idempotency_key, if_version) = match operation {
            Operation::Fetch { key, known_version } => ("fetch", key, None, known_version, None, None),
            Operation::Set { key, value, idempotency_key, if_version } => {
                ("set", key, Some(value), None, Some(idempotency_key), if_version)
            }
            Operation::Delete { key, idempotency_key, if_version } => {
                ("delete", key, None, None, Some(idempotency_key), if_version)
            }
            _ => {
                responder.fail(Code::Unsupported, "the Python binding does not know this operation");
                return None;
            }
        };
        let responder = Mutex::new(Some(responder));
        Some(Self {
            operation,
            key,
            value,
            known_version,
            idempotency_key,
            if_version,
            timeout,
            trace,
            responder,
        })
    }

    fn responder(&self) -> MutexGuard<'_, Option<Responder>> {
        self.responder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers detached: the interpreter's lock and core's are never held together.
    fn answer(&self, py: Python<'_>, answer: impl FnOnce(Responder) + Send) -> PyResult<()> {
        boundary::detached(py, || {
            let responder = self.responder().take();
            if let Some(responder) = responder {
                answer(responder);
            }
            Ok(())
        })
    }
}

#[pymethods]
impl Call {
    /// "fetch", "set" or "delete".
    #[getter]
    fn operation(&self) -> &'static str {
        self.operation
    }

    /// The key as str; bytes that are not UTF-8 as surrogate escapes (PEP 383).
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        arguments::text(py, self.key.as_bytes())
    }

    /// The value to write; None unless operation is "set".
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.value.as_ref().map(|value| PyBytes::new(py, value))
    }

    /// The version that is cached, if one is: a fetch may answer `unchanged`.
    #[getter]
    fn known_version(&self) -> Option<u128> {
        self.known_version.map(Version::get)
    }

    /// Under which a write must happen at most once; None for a fetch.
    #[getter]
    fn idempotency_key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }

    /// Write only over this version.
    #[getter]
    fn if_version(&self) -> Option<u128> {
        self.if_version.map(Version::get)
    }

    /// Whether nobody waits for the answer any more.
    #[getter]
    fn abandoned(&self, py: Python<'_>) -> PyResult<bool> {
        boundary::detached(py, || Ok(self.responder().as_ref().is_none_or(Responder::is_abandoned)))
    }

    /// Seconds that core waits for the answer, from when it made the call.
    #[getter]
    fn timeout(&self) -> f64 {
        self.timeout.as_secs_f64()
    }

    /// W3C trace context of the read or write that caused the call.
    #[getter]
    fn traceparent(&self) -> Option<&str> {
        self.trace.as_ref().map(TraceContext::as_str)
    }

    /// The origin has this value.
    #[pyo3(signature = (value, version=None))]
    fn answer_value(&self, value: &Bound<'_, PyAny>, version: Given<'_, '_>) -> PyResult<()> {
        let version = version::extract_optional("version", version)?;
        let bytes = Bytes::copy_from_slice(&arguments::value(value)?);
        self.answer(value.py(), |responder| responder.value(bytes, version))
    }

    /// The cached version is still current.
    fn answer_unchanged(&self, py: Python<'_>) -> PyResult<()> {
        self.answer(py, Responder::unchanged)
    }

    /// The origin has no such key; version is that of its delete.
    #[pyo3(signature = (version=None))]
    fn answer_absent(&self, py: Python<'_>, version: Given<'_, '_>) -> PyResult<()> {
        let version = version::extract_optional("version", version)?;
        self.answer(py, |responder| responder.absent(version))
    }

    /// The write is committed; version is that of the write.
    #[pyo3(signature = (version=None))]
    fn answer_written(&self, py: Python<'_>, version: Given<'_, '_>) -> PyResult<()> {
        let version = version::extract_optional("version", version)?;
        self.answer(py, |responder| responder.written(version))
    }

    /// The call failed; code is a name of core's table of errors.
    fn fail(&self, code: &str, message: &Bound<'_, PyString>) -> PyResult<()> {
        let (py, code) = (message.py(), errors::code_named(code));
        // Lossy: the texts of exceptions may have lone surrogates.
        let message = message.to_string_lossy().into_owned();
        self.answer(py, |responder| responder.fail(code, message))
    }
}
