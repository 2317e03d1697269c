//! Versions: an int in Python, whose order is the order of versions.
//!
//! Read from an int, its decimal or UUID text, or a `uuid.UUID`.

use edgecmp::Version;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyString};

use crate::errors;

const ALLOWED: &str = "an int from 0 to 2**128 - 1, its decimal text, or a UUID";

/// Reads a version. `field` is named in the error.
pub fn extract(field: &str, value: &Bound<'_, PyAny>) -> PyResult<Version> {
    let refused = || errors::invalid(value.py(), field, value, ALLOWED);
    if let Ok(text) = value.cast::<PyString>() {
        return text.to_string_lossy().parse().map_err(|_| refused());
    }
    if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        return value.extract().map(Version::new).map_err(|_| refused());
    }
    // `uuid.UUID` shows its 128 bits as the attribute `int`.
    if value.get_type().name()?.to_string_lossy() == "UUID" {
        return value.getattr("int")?.extract().map(Version::new).map_err(|_| refused());
    }
    let kind = value.get_type().name()?;
    Err(PyTypeError::new_err(format!("{field} must be an int, a str or a UUID, not {kind}")))
}

/// Reads a version that may be left out.
pub fn extract_optional(field: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Version>> {
    value.map(|value| extract(field, value)).transpose()
}
