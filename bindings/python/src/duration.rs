//! Durations: `"200ms"`, seconds as int or float, or `datetime.timedelta`.

use std::time::Duration;

use edgecmp::Options;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDelta, PyFloat, PyInt, PyString};

use crate::errors;

const ALLOWED: &str = "a duration from 0 to 584 years";

/// Reads a duration. `field` is named in the error.
pub fn extract(field: &str, value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let py = value.py();
    let refused = || errors::invalid(py, field, value, ALLOWED);
    if let Ok(text) = value.cast::<PyString>() {
        let text = text.to_string_lossy();
        return Options::parse_duration(field, &text).map_err(|error| errors::raised(py, &error));
    }
    // bool is an int in Python; `timeout=True` is a mistake all the same.
    let number = (value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>())
        && !value.is_instance_of::<PyBool>();
    let duration = if number {
        let seconds: f64 = value.extract().map_err(|_| refused())?;
        Duration::try_from_secs_f64(seconds).map_err(|_| refused())?
    } else if value.is_instance_of::<PyDelta>() {
        value.extract().map_err(|_| refused())?
    } else {
        let kind = value.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "{field} must be a str such as '200ms', a number of seconds or a timedelta, not {kind}"
        )));
    };
    match u64::try_from(duration.as_nanos()) {
        Ok(_) => Ok(duration),
        Err(_) => Err(refused()),
    }
}

/// Reads a duration that may be left out.
pub fn extract_optional(field: &str, value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Duration>> {
    value.map(|value| extract(field, value)).transpose()
}
