//! Statistics: by name, all at once, or as Prometheus text.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;
use std::sync::LazyLock;

use edgecmp_core::{Code, Error, Kind, STATISTICS};

use crate::boundary::call;
use crate::cache::edgecmp_cache;
use crate::error::edgecmp_error;
use crate::pointers::{null, required, required_out, text};
use crate::sized::{self, SizedOut};
use crate::status::edgecmp_status::{self, EDGECMP_OK};
use crate::text::c_string;

/// How a statistic moves.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum edgecmp_stat_kind {
    /// Only grows.
    EDGECMP_STAT_COUNTER = 0,
    /// Goes up and down.
    EDGECMP_STAT_GAUGE = 1,
}

/// One row of the table of statistics. All texts are static and NUL-terminated.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct edgecmp_stat_info {
    /// Set it to `sizeof(edgecmp_stat_info)`.
    pub struct_size: usize,
    /// Name, snake_case, the same in every language.
    pub name: *const c_char,
    /// Unit (UCUM): `1` is a count, `By` bytes.
    pub unit: *const c_char,
    /// What it counts.
    pub doc: *const c_char,
    /// Counter or gauge.
    pub kind: edgecmp_stat_kind,
    /// 0. Keeps the struct without hidden padding.
    pub reserved: u32,
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl SizedOut for edgecmp_stat_info {
    const FIRST_SIZE: usize = 4 * size_of::<usize>() + 8;
}

static TABLE: LazyLock<Vec<[CString; 3]>> =
    LazyLock::new(|| STATISTICS.iter().map(|row| [row.name, row.unit, row.doc].map(c_string)).collect());

/// How many statistics there are.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_stats_count() -> usize {
    STATISTICS.len()
}

/// The row of the table at an index below `edgecmp_stats_count`. Indices hold
/// for one run of the program; names for ever.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_stats_at(
    index: usize,
    info: *mut edgecmp_stat_info,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let row = STATISTICS
            .get(index)
            .ok_or_else(|| Error::invalid("index", index, "below edgecmp_stats_count()"))?;
        let [name, unit, doc] = TABLE[index].each_ref().map(|text| text.as_ptr());
        let kind = match row.kind {
            Kind::Counter => edgecmp_stat_kind::EDGECMP_STAT_COUNTER,
            Kind::Gauge => edgecmp_stat_kind::EDGECMP_STAT_GAUGE,
        };
        let row = edgecmp_stat_info { struct_size: 0, name, unit, doc, kind, reserved: 0 };
        // SAFETY: by contract NULL or a struct whose `struct_size` is set.
        unsafe { sized::write(info, row, "info") }?;
        Ok(EDGECMP_OK)
    })
}

/// All statistics, in the order of the table: `values` has room for
/// `capacity`, at least `edgecmp_stats_count`. Works on a closed cache too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_stats(
    cache: Option<&edgecmp_cache>,
    values: *mut u64,
    capacity: usize,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let cache = required(cache, "cache")?;
        if values.is_null() {
            return Err(null("values"));
        }
        if capacity < STATISTICS.len() {
            return Err(Error::invalid("capacity", capacity, "at least edgecmp_stats_count()"));
        }
        let now = cache.cache.statistics()?.values();
        // SAFETY: `values` has room for `capacity` numbers, and that is enough (checked).
        unsafe { now.as_ptr().copy_to_nonoverlapping(values, now.len()) };
        Ok(EDGECMP_OK)
    })
}

/// One statistic by name; `EDGECMP_UNKNOWN_OPTION` if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_stats_get(
    cache: Option<&edgecmp_cache>,
    name: *const c_char,
    value: Option<&mut MaybeUninit<u64>>,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let out = required(value, "value")?.write(0);
        let cache = required(cache, "cache")?;
        // SAFETY: by contract NULL or NUL-terminated.
        let name = unsafe { text(name, "name") }?;
        let index = STATISTICS.iter().position(|row| row.name == name).ok_or_else(|| {
            Error::new(Code::UnknownOption, format!("no statistic {name:?}; edgecmp_stats_at lists them"))
        })?;
        *out = cache.cache.statistics()?.values()[index];
        Ok(EDGECMP_OK)
    })
}

/// All statistics in the Prometheus text exposition format 0.0.4. Free it with
/// `edgecmp_string_free`.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_metrics_text(
    cache: Option<&edgecmp_cache>,
    metrics: Option<&mut MaybeUninit<*mut c_char>>,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let out = required_out(metrics, "metrics")?;
        let cache = required(cache, "cache")?;
        *out = c_string(&cache.cache.statistics()?.metrics_text()).into_raw();
        Ok(EDGECMP_OK)
    })
}
