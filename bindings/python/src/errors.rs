//! Core's errors as exceptions. The classes are written in Python
//! (`edgecmp/errors.py`), one per code of core's table.

use edgecmp::{Code, Error};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::exit;

static FROM_CORE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The exception object for a core error.
pub fn exception(py: Python<'_>, error: &Error) -> PyResult<Py<PyAny>> {
    // Imported at the first error: the module is part of the package that
    // imports this extension.
    exit::calling(py, || {
        let from_core = FROM_CORE
            .get_or_try_init(py, || py.import("edgecmp.errors")?.getattr("from_core").map(Bound::unbind))?;
        from_core.call1(py, (error.code().name(), error.message(), error.idempotency_key()))
    })
}

/// The same, to be raised.
pub fn raised(py: Python<'_>, error: &Error) -> PyErr {
    match exception(py, error) {
        Ok(exception) => PyErr::from_value(exception.into_bound(py)),
        Err(other) => other,
    }
}

/// `InvalidArgumentError` that names the field, the value and what is allowed.
pub fn invalid(py: Python<'_>, field: &str, value: impl std::fmt::Display, allowed: &str) -> PyErr {
    raised(py, &Error::invalid(field, value, allowed))
}

/// The code with this name; what an exception of user code maps to otherwise.
pub fn code_named(name: &str) -> Code {
    Code::ALL.iter().copied().find(|code| code.name() == name).unwrap_or(Code::OriginUnavailable)
}
