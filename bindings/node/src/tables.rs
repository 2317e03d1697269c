//! The tables of core, from which `lib/` and the TypeScript types derive.

use edgecmp::facts::statistics::Kind;
use edgecmp::{Code, OPTIONS, STATISTICS};
use napi_derive::napi;

/// A row of the table of options.
#[napi(object, object_from_js = false)]
pub struct OptionRow {
    pub name: &'static str,
    pub kind: &'static str,
    pub default: &'static str,
    pub min: &'static str,
    pub max: &'static str,
    pub doc: &'static str,
}

/// The table of options.
#[napi]
pub fn option_table() -> Vec<OptionRow> {
    OPTIONS
        .iter()
        .map(|option| OptionRow {
            name: option.name,
            kind: option.kind,
            default: option.default,
            min: option.range.0,
            max: option.range.1,
            doc: option.doc,
        })
        .collect()
}

/// A row of the table of error codes.
#[napi(object, object_from_js = false)]
pub struct CodeRow {
    pub name: &'static str,
    pub retriable: bool,
    pub doc: &'static str,
}

/// The table of error codes.
#[napi]
pub fn code_table() -> Vec<CodeRow> {
    Code::ALL
        .iter()
        .map(|code| CodeRow { name: code.name(), retriable: code.is_retriable(), doc: code.doc().trim() })
        .collect()
}

/// A row of the table of statistics.
#[napi(object, object_from_js = false)]
pub struct StatisticRow {
    pub name: &'static str,
    pub kind: &'static str,
    pub unit: &'static str,
    pub doc: &'static str,
}

/// The table of statistics.
#[napi]
pub fn statistic_table() -> Vec<StatisticRow> {
    STATISTICS
        .iter()
        .map(|statistic| StatisticRow {
            name: statistic.name,
            kind: if statistic.kind == Kind::Counter { "counter" } else { "gauge" },
            unit: statistic.unit,
            doc: statistic.doc,
        })
        .collect()
}
