//! What calls return: the answer of a read, the receipt of a write.

use std::ffi::CStr;

use edgecmp::{Proof, Receipt, Source, Value};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDateTime, PyDelta, PyList, PyNone, PyTzInfo};

use crate::errors;
use object::{Attribute, OnceBytes};

mod memory;
pub mod object;

/// The answer of a read, as `edgecmp.Entry` has it.
///
/// It keeps core's counted value, and makes the `bytes` object once it is asked
/// for it.
pub struct Answer {
    value: Value,
    bytes: OnceBytes,
}

impl Answer {
    /// The answer with this value.
    #[inline]
    pub fn of(value: Value) -> Self {
        Self { value, bytes: OnceBytes::new() }
    }

    /// Another answer with the same value and the same `bytes` object.
    pub fn duplicate(&self, py: Python<'_>) -> Self {
        Self { value: self.value.clone(), bytes: self.bytes.clone_ref(py) }
    }

    /// Core's value.
    #[inline]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The same, for core to renew its receipt.
    #[inline]
    pub fn value_mut(&mut self) -> &mut Value {
        &mut self.value
    }

    fn receipt(&self) -> Receipt {
        self.value.receipt()
    }

    fn bytes<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let bytes = self.value.bytes()?;
        Some(self.bytes.get_or_make(py, || PyBytes::new(py, bytes)))
    }
}

const NAME: &CStr = c"edgecmp.Entry";

const DOC: &CStr = c"The answer of a read: a value with its receipt. Immutable; outlives the cache.

An Entry is always true, also when the origin has no such key: `lookup`
returns None for \"nothing usable here\", which is something else than a
negative entry. Ask `found`.";

/// The attributes of an Entry. Each is made when it is asked for.
static ATTRIBUTES: [Attribute; 11] = [
    Attribute {
        name: c"value",
        doc: c"The value; None if the origin has no such key. Made once: the same object each time.",
        get: |py, answer| match answer.bytes(py) {
            Some(bytes) => Ok(bytes),
            None => Ok(PyNone::get(py).to_owned().into_any()),
        },
    },
    Attribute {
        name: c"found",
        doc: c"Whether the origin has the key.",
        get: |py, answer| answer.value.is_found().into_bound_py_any(py),
    },
    Attribute {
        name: c"version",
        doc: c"The version, ordered, up to 128 bits: `uuid.UUID(int=version)` if the
origin counts in UUIDs. 0: the origin said none.",
        get: |py, answer| answer.receipt().version.get().into_bound_py_any(py),
    },
    Attribute {
        name: c"staleness",
        doc: c"Upper bound on how far behind the origin the value was, in seconds,
taken within the call.",
        get: |py, answer| answer.receipt().staleness.as_secs_f64().into_bound_py_any(py),
    },
    Attribute {
        name: c"staleness_ns",
        doc: c"The same in nanoseconds, exact.",
        get: |py, answer| answer.receipt().staleness.as_nanos().into_bound_py_any(py),
    },
    Attribute {
        name: c"bound",
        doc: c"The staleness bound that the read was held to, in seconds.",
        get: |py, answer| answer.receipt().bound.as_secs_f64().into_bound_py_any(py),
    },
    Attribute {
        name: c"bound_ns",
        doc: c"The same in nanoseconds, exact.",
        get: |py, answer| answer.receipt().bound.as_nanos().into_bound_py_any(py),
    },
    Attribute {
        name: c"source",
        doc: c"\"cache\": the read did not wait; \"origin\": it did.",
        get: |py, answer| source(&answer.receipt()).into_bound_py_any(py),
    },
    Attribute {
        name: c"proof",
        doc: c"What shows that the value was current: \"pull\" (an answer of the
origin), \"stream\" (the change stream) or \"none\" (degraded).",
        get: |py, answer| {
            let proof = match answer.receipt().proof {
                Proof::None => "none",
                Proof::Pull => "pull",
                Proof::Stream => "stream",
            };
            proof.into_bound_py_any(py)
        },
    },
    Attribute {
        name: c"degraded",
        doc: c"Served past its bound, within outage_bound, because the origin is away.",
        get: |py, answer| answer.receipt().degraded.into_bound_py_any(py),
    },
    Attribute {
        name: c"last_modified_at",
        doc: c"When the origin last changed the value (UTC); None if it did not say.",
        get: |py, answer| last_modified_at(py, &answer.receipt())?.into_bound_py_any(py),
    },
];

fn source(receipt: &Receipt) -> &'static str {
    match receipt.source {
        Source::Cache => "cache",
        Source::Origin => "origin",
    }
}

fn last_modified_at<'py>(py: Python<'py>, receipt: &Receipt) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(millis) = receipt.last_modified_at else { return Ok(None) };
    let utc = PyTzInfo::utc(py)?;
    let epoch = PyDateTime::new(py, 1970, 1, 1, 0, 0, 0, 0, Some(&utc))?;
    // Exact, where `fromtimestamp` would go through a float. An instant
    // past the year 9999 is as good as none.
    let (days, rest) = (millis / 86_400_000, millis % 86_400_000);
    let Ok(days) = i32::try_from(days) else { return Ok(None) };
    let since = PyDelta::new(py, days, (rest / 1000) as i32, (rest % 1000) as i32 * 1000, true);
    Ok(since.and_then(|since| epoch.add(since)).ok())
}

fn repr<'py>(py: Python<'py>, answer: &Answer) -> PyResult<Bound<'py, PyAny>> {
    let receipt = answer.receipt();
    let value = match answer.value.bytes() {
        Some(bytes) => format!("{} bytes", bytes.len()),
        None => "not found".to_owned(),
    };
    let text = format!(
        "<Entry {value}, version={}, staleness={:?}, bound={:?}, source={}{}>",
        receipt.version,
        receipt.staleness,
        receipt.bound,
        source(&receipt),
        if receipt.degraded { ", degraded" } else { "" },
    );
    text.into_bound_py_any(py)
}

/// Adds the class to the module.
pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("Entry", object::make_class(module.py(), NAME, DOC, &ATTRIBUTES)?)
}

/// The Entry of an answer that the read waited for.
pub fn of(py: Python<'_>, value: Value) -> PyResult<Bound<'_, PyAny>> {
    object::new(py, Answer::of(value))
}

/// The answers of a read of many keys, in order. A failed key is raised, or
/// stands in the list as its exception.
pub fn list<'py>(
    py: Python<'py>,
    answers: Vec<edgecmp::Result<Value>>,
    return_exceptions: bool,
) -> PyResult<Bound<'py, PyList>> {
    let entries = answers.into_iter().map(|answer| match answer {
        Ok(value) => of(py, value),
        Err(error) if return_exceptions => Ok(errors::exception(py, &error)?.into_bound(py)),
        Err(error) => Err(errors::raised(py, &error)),
    });
    PyList::new(py, entries.collect::<PyResult<Vec<_>>>()?)
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
