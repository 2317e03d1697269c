//! Core's tables, for the tests that hold the Python surface to them.

use edgecmp::{Code, OPTIONS, STATISTICS};
use pyo3::prelude::*;

/// Options: (name, kind, default, least, greatest, doc).
#[pyfunction]
pub fn option_table()
-> Vec<(&'static str, &'static str, &'static str, &'static str, &'static str, &'static str)> {
    OPTIONS.iter().map(|o| (o.name, o.kind, o.default, o.range.0, o.range.1, o.doc)).collect()
}

/// Error codes: (name, number, retriable, doc).
#[pyfunction]
pub fn error_table() -> Vec<(&'static str, i32, bool, &'static str)> {
    Code::ALL.iter().map(|c| (c.name(), *c as i32, c.is_retriable(), c.doc())).collect()
}

/// Statistics: (name, unit, doc).
#[pyfunction]
pub fn statistics_table() -> Vec<(&'static str, &'static str, &'static str)> {
    STATISTICS.iter().map(|s| (s.name, s.unit, s.doc)).collect()
}

/// How often this process was forked since edgecmp was loaded.
#[pyfunction]
pub fn fork_generation() -> u32 {
    edgecmp::fork_generation()
}
