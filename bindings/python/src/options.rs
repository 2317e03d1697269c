//! Options from keyword arguments, by core's table.

use edgecmp::{OPTIONS, OptionSpec, Options};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyString};

use crate::{duration, errors};

/// The options that the keyword arguments set; the others keep their defaults.
pub fn extract(arguments: &Bound<'_, PyDict>) -> PyResult<Options> {
    let py = arguments.py();
    let mut options = Options::default();
    for (name, value) in arguments {
        let name = name.cast::<PyString>()?.to_string_lossy().into_owned();
        // An unknown name goes to core as well: core knows the nearest one.
        let text = match OPTIONS.iter().find(|spec| spec.name == name) {
            Some(spec) => as_text(spec, &value)?,
            None => String::new(),
        };
        options.set(&name, &text).map_err(|error| errors::raised(py, &error))?;
    }
    Ok(options)
}

/// The value as core's own text form, so that core parses and checks all of them.
fn as_text(spec: &OptionSpec, value: &Bound<'_, PyAny>) -> PyResult<String> {
    let wrong_type = |expected: &str| {
        let kind = value.get_type().name()?;
        Err(PyTypeError::new_err(format!("{} must be {expected}, not {kind}", spec.name)))
    };
    let text = match value.cast::<PyString>() {
        // Not replaced: a password would be another one.
        Ok(text) => Some(text.to_str().map(str::to_owned).map_err(|_| {
            errors::invalid(value.py(), spec.name, "text with a lone surrogate", "text that UTF-8 can hold")
        })?),
        Err(_) => None,
    };
    let integer = value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>();
    match spec.kind {
        "duration" => match text {
            Some(text) => Ok(text),
            None => duration::extract(spec.name, value).map(|d| format!("{}ns", d.as_nanos())),
        },
        "size" => match text {
            Some(text) => Ok(text),
            None if integer => Ok(value.str()?.to_string_lossy().into_owned()),
            None => wrong_type("a number of bytes or a str such as '64MiB'"),
        },
        "integer" if integer => Ok(value.str()?.to_string_lossy().into_owned()),
        "integer" => wrong_type("an int"),
        "prefix bounds" => match (text, value.cast::<PyDict>()) {
            (Some(text), _) => Ok(text),
            (None, Ok(bounds)) => prefix_bounds(spec.name, bounds),
            (None, Err(_)) => wrong_type("a dict of prefix to duration, or a str"),
        },
        // Paths are text too (`origin_ca_file`), and some text may be a number.
        _ => match text {
            Some(text) => Ok(text),
            None if integer && spec.name == "lease_slots" => Ok(value.str()?.to_string_lossy().into_owned()),
            None => match value.call_method0("__fspath__") {
                Ok(path) => path.extract(),
                Err(_) => wrong_type("a str"),
            },
        },
    }
}

fn prefix_bounds(field: &str, bounds: &Bound<'_, PyDict>) -> PyResult<String> {
    let mut pairs = Vec::with_capacity(bounds.len());
    for (prefix, bound) in bounds {
        let prefix: String = prefix.extract()?;
        if prefix.contains(',') {
            return Err(errors::invalid(bounds.py(), field, prefix, "prefixes without a comma"));
        }
        let bound = duration::extract(field, &bound)?;
        pairs.push(format!("{prefix}={}ns", bound.as_nanos()));
    }
    Ok(pairs.join(","))
}
