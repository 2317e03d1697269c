//! Keys, values and the keyword arguments that calls share.

use std::borrow::Cow;

use edgecmp::{ReadOptions, TraceContext, WriteOptions};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PyString};

use crate::{duration, errors, version};

/// Bytes borrowed from a Python object, or made from it where they must be.
pub type Borrowed<'a> = Cow<'a, [u8]>;

/// The bytes of a key: `str` as UTF-8, or `bytes`.
pub fn key<'a>(key: &'a Bound<'_, PyAny>) -> PyResult<Borrowed<'a>> {
    if let Ok(text) = key.cast::<PyString>() {
        return text_bytes("key", text);
    }
    match key.cast::<PyBytes>() {
        Ok(bytes) => Ok(Cow::Borrowed(bytes.as_bytes())),
        Err(_) => {
            let kind = key.get_type().name()?;
            Err(PyTypeError::new_err(format!("key must be str or bytes, not {kind}")))
        }
    }
}

/// The keys of an iterable.
pub fn keys<'py>(keys: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    // A str is an iterable of str: `get_many("ab")` would ask for "a" and "b".
    if keys.is_instance_of::<PyString>() || keys.is_instance_of::<PyBytes>() {
        return Err(PyTypeError::new_err("keys must be an iterable of str or bytes, not one key"));
    }
    keys.try_iter()?.collect()
}

/// The bytes of a value: `bytes`, `str` as UTF-8, or any object with a buffer.
pub fn value<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<Borrowed<'a>> {
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Cow::Borrowed(bytes.as_bytes()));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return text_bytes("value", text);
    }
    // The buffer API is not in the stable ABI of 3.10; `memoryview` is.
    let kind = value.get_type().name()?;
    let view = PyMemoryView::from(value).map_err(|_| {
        PyTypeError::new_err(format!("value must be bytes, str or a bytes-like object, not {kind}"))
    })?;
    let bytes = view.call_method0("tobytes")?;
    Ok(Cow::Owned(bytes.cast::<PyBytes>()?.as_bytes().to_vec()))
}

fn text_bytes<'a>(field: &str, text: &'a Bound<'_, PyString>) -> PyResult<Borrowed<'a>> {
    if let Ok(text) = text.to_str() {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    // Loaders get keys that are not UTF-8 with surrogate escapes, as file
    // names are (PEP 383); the way back has to work too.
    let encoded = text.call_method1("encode", ("utf-8", "surrogateescape")).map_err(|_| {
        errors::invalid(text.py(), field, "a str with lone surrogates", "text that UTF-8 can express")
    })?;
    Ok(Cow::Owned(encoded.cast::<PyBytes>()?.as_bytes().to_vec()))
}

/// Bytes of core as `str`: the inverse of what [`key`] does to a `str`.
pub fn text<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(PyString::new(py, text).into_any()),
        Err(_) => PyBytes::new(py, bytes).call_method1("decode", ("utf-8", "surrogateescape")),
    }
}

/// An argument that may be left out.
pub type Given<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

/// What a read may say: the keyword arguments of `get`, `get_many` and `lookup`.
pub fn read_options(
    staleness_bound: Given<'_, '_>,
    widen: bool,
    outage_bound: Given<'_, '_>,
    min_version: Given<'_, '_>,
    timeout: Given<'_, '_>,
    trace: Given<'_, '_>,
) -> PyResult<ReadOptions> {
    let mut read = ReadOptions::default();
    read.staleness_bound = duration::extract_optional("staleness_bound", staleness_bound)?;
    read.widen = widen;
    read.outage_bound = duration::extract_optional("outage_bound", outage_bound)?;
    read.min_version = version::extract_optional("min_version", min_version)?;
    read.timeout = duration::extract_optional("timeout", timeout)?;
    read.trace = traceparent(trace)?;
    Ok(read)
}

/// What a write may say: the keyword arguments of `set` and `delete`.
pub fn write_options(
    idempotency_key: Option<&str>,
    if_version: Given<'_, '_>,
    timeout: Given<'_, '_>,
    trace: Given<'_, '_>,
) -> PyResult<WriteOptions> {
    let mut write = WriteOptions::default();
    write.idempotency_key = idempotency_key.map(Into::into);
    write.if_version = version::extract_optional("if_version", if_version)?;
    write.timeout = duration::extract_optional("timeout", timeout)?;
    write.trace = traceparent(trace)?;
    Ok(write)
}

fn traceparent(value: Given<'_, '_>) -> PyResult<Option<TraceContext>> {
    let Some(value) = value else { return Ok(None) };
    let Ok(text) = value.cast::<PyString>() else {
        let kind = value.get_type().name()?;
        return Err(PyTypeError::new_err(format!("traceparent must be a str, not {kind}")));
    };
    let context = TraceContext::parse(&text.to_string_lossy());
    context.map(Some).ok_or_else(|| {
        errors::invalid(value.py(), "traceparent", value, "a W3C traceparent: 00-<32 hex>-<16 hex>-<2 hex>")
    })
}
