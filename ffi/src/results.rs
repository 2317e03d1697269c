//! The answers to a read of many keys: one row per key, in the order asked.

use std::ptr;
use std::sync::Arc;

use edgecmp_core::{Result, Value};

use crate::boundary::infallible;
use crate::error::edgecmp_error;
use crate::value::edgecmp_value;

/// The answers of `edgecmp_get_many`, in the order of the keys. Each row is a
/// value or an error. Immutable; may be read from any thread.
pub struct edgecmp_results {
    rows: Vec<std::result::Result<Arc<edgecmp_value>, edgecmp_error>>,
}

impl edgecmp_results {
    /// Results that the caller owns.
    pub(crate) fn into_raw(rows: Vec<Result<Value>>) -> *mut Self {
        let row = |row: Result<Value>| row.map(edgecmp_value::shared).map_err(edgecmp_error::new);
        Box::into_raw(Box::new(Self { rows: rows.into_iter().map(row).collect() }))
    }
}

/// Number of rows: that of the keys asked. 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_results_count(results: Option<&edgecmp_results>) -> usize {
    infallible(0, || results.map_or(0, |results| results.rows.len()))
}

/// The value of a row, or NULL if the row is an error. It lives as long as the
/// results; `edgecmp_value_retain` keeps it longer.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_results_value(
    results: Option<&edgecmp_results>,
    index: usize,
) -> *const edgecmp_value {
    infallible(ptr::null(), || match results.and_then(|results| results.rows.get(index)) {
        Some(Ok(value)) => Arc::as_ptr(value),
        _ => ptr::null(),
    })
}

/// The error of a row, or NULL if the row is a value. It lives as long as the
/// results, and is not freed on its own.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_results_error(
    results: Option<&edgecmp_results>,
    index: usize,
) -> *const edgecmp_error {
    infallible(ptr::null(), || match results.and_then(|results| results.rows.get(index)) {
        Some(Err(error)) => ptr::from_ref(error),
        _ => ptr::null(),
    })
}

/// Frees results and their references. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_results_free(results: Option<Box<edgecmp_results>>) {
    infallible((), || drop(results));
}
