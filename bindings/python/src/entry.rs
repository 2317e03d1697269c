//! What calls return: the answer of a read, the receipt of a write.

use edgecmp::{Proof, Receipt, Source, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDateTime, PyDelta, PyList, PyTzInfo};

use crate::errors;

/// The answer of a read: a value with its receipt. Immutable; outlives the cache.
///
/// An Entry is always true, also when the origin has no such key: `lookup`
/// returns None for "nothing usable here", which is something else than a
/// negative entry. Ask `found`.
#[derive(Debug)]
#[pyclass(frozen, module = "edgecmp")]
pub struct Entry {
    value: Option<Py<PyBytes>>,
    receipt: Receipt,
}

impl Entry {
    /// Copies a value out of the cache.
    pub fn new(py: Python<'_>, bytes: Option<&[u8]>, receipt: Receipt) -> Self {
        Self { value: bytes.map(|bytes| PyBytes::new(py, bytes).unbind()), receipt }
    }

    /// The same for an answer that the read waited for.
    pub fn of(py: Python<'_>, value: &Value) -> Self {
        Self::new(py, value.bytes(), value.receipt())
    }
}

#[pymethods]
impl Entry {
    /// The value; None if the origin has no such key. `memoryview(entry.value)` does not copy.
    #[getter]
    fn value(&self, py: Python<'_>) -> Option<Py<PyBytes>> {
        self.value.as_ref().map(|value| value.clone_ref(py))
    }

    /// Whether the origin has the key.
    #[getter]
    fn found(&self) -> bool {
        self.value.is_some()
    }

    /// The version, ordered, up to 128 bits: `uuid.UUID(int=version)` if the
    /// origin counts in UUIDs. 0: the origin said none.
    #[getter]
    fn version(&self) -> u128 {
        self.receipt.version.get()
    }

    /// Upper bound on how far behind the origin the value was, in seconds,
    /// taken within the call.
    #[getter]
    fn staleness(&self) -> f64 {
        self.receipt.staleness.as_secs_f64()
    }

    /// The same in nanoseconds, exact.
    #[getter]
    fn staleness_ns(&self) -> u128 {
        self.receipt.staleness.as_nanos()
    }

    /// The staleness bound that the read was held to, in seconds.
    #[getter]
    fn bound(&self) -> f64 {
        self.receipt.bound.as_secs_f64()
    }

    /// The same in nanoseconds, exact.
    #[getter]
    fn bound_ns(&self) -> u128 {
        self.receipt.bound.as_nanos()
    }

    /// "cache": the read did not wait; "origin": it did.
    #[getter]
    fn source(&self) -> &'static str {
        match self.receipt.source {
            Source::Cache => "cache",
            Source::Origin => "origin",
        }
    }

    /// What shows that the value was current: "pull" (an answer of the
    /// origin), "stream" (the change stream) or "none" (degraded).
    #[getter]
    fn proof(&self) -> &'static str {
        match self.receipt.proof {
            Proof::None => "none",
            Proof::Pull => "pull",
            Proof::Stream => "stream",
        }
    }

    /// Served past its bound, within outage_bound, because the origin is away.
    #[getter]
    fn degraded(&self) -> bool {
        self.receipt.degraded
    }

    /// When the origin last changed the value (UTC); None if it did not say.
    #[getter]
    fn last_modified_at<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(millis) = self.receipt.last_modified_at else { return Ok(None) };
        let utc = PyTzInfo::utc(py)?;
        let epoch = PyDateTime::new(py, 1970, 1, 1, 0, 0, 0, 0, Some(&utc))?;
        // Exact, where `fromtimestamp` would go through a float. An instant
        // past the year 9999 is as good as none.
        let (days, rest) = (millis / 86_400_000, millis % 86_400_000);
        let Ok(days) = i32::try_from(days) else { return Ok(None) };
        let since = PyDelta::new(py, days, (rest / 1000) as i32, (rest % 1000) as i32 * 1000, true);
        Ok(since.and_then(|since| epoch.add(since)).ok())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let value = match &self.value {
            Some(value) => format!("{} bytes", value.as_bytes(py).len()),
            None => "not found".to_owned(),
        };
        format!(
            "<Entry {value}, version={}, staleness={:?}, bound={:?}, source={}{}>",
            self.receipt.version,
            self.receipt.staleness,
            self.receipt.bound,
            self.source(),
            if self.receipt.degraded { ", degraded" } else { "" },
        )
    }
}

/// The answers of a read of many keys, in order. A failed key is raised, or
/// stands in the list as its exception.
pub fn list<'py>(
    py: Python<'py>,
    answers: &[edgecmp::Result<Value>],
    return_exceptions: bool,
) -> PyResult<Bound<'py, PyList>> {
    let entries = PyList::empty(py);
    for answer in answers {
        match answer {
            Ok(value) => entries.append(Entry::of(py, value))?,
            Err(error) if return_exceptions => entries.append(errors::exception(py, error)?)?,
            Err(error) => return Err(errors::raised(py, error)),
        }
    }
    Ok(entries)
}

/// What a write returns: the origin has committed it. Immutable.
#[derive(Debug)]
#[pyclass(frozen, module = "edgecmp")]
pub struct WriteReceipt(edgecmp::WriteReceipt);

impl From<edgecmp::WriteReceipt> for WriteReceipt {
    fn from(receipt: edgecmp::WriteReceipt) -> Self {
        Self(receipt)
    }
}

#[pymethods]
impl WriteReceipt {
    /// The version of the write; 0 if the origin said none.
    #[getter]
    fn version(&self) -> u128 {
        self.0.version.get()
    }

    /// The idempotency key under which the write was sent.
    #[getter]
    fn idempotency_key(&self) -> &str {
        &self.0.idempotency_key
    }

    fn __repr__(&self) -> String {
        format!("<WriteReceipt version={}, idempotency_key={:?}>", self.0.version, self.0.idempotency_key)
    }
}
