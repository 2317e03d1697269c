//! Options: one string setter over core's table, which also lists itself.

use std::ffi::{CString, c_char};
use std::mem::MaybeUninit;
use std::sync::{Arc, LazyLock};

use edgecmp_core::{Error, OPTIONS, Options};

use crate::boundary::{call, infallible};
use crate::error::edgecmp_error;
use crate::origin::OriginMaker;
use crate::pointers::{required, required_out, text};
use crate::sized::{self, SizedOut};
use crate::status::edgecmp_status::{self, EDGECMP_OK};
use crate::text::c_string;

/// What a cache is opened with. Set by one thread at a time; opening copies
/// it, so it may be changed and used again afterwards.
#[derive(Default)]
pub struct edgecmp_options {
    pub(crate) options: Options,
    pub(crate) origin: Option<Arc<dyn OriginMaker>>,
}

/// Options with their defaults; NULL only after an internal error.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_options_new() -> *mut edgecmp_options {
    infallible(std::ptr::null_mut(), || Box::into_raw(Box::default()))
}

/// Sets an option by name. Durations and sizes carry their unit ("200ms",
/// "64MiB"). `EDGECMP_UNKNOWN_OPTION` names the nearest option;
/// `EDGECMP_INVALID_ARGUMENT` names the range.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_options_set(
    options: Option<&mut edgecmp_options>,
    name: *const c_char,
    value: *const c_char,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let options = required(options, "options")?;
        // SAFETY: by contract NULL or NUL-terminated.
        let name = unsafe { text(name, "name") }?;
        // SAFETY: by contract NULL or NUL-terminated.
        let value = unsafe { text(value, "value") }?;
        options.options.set(name, value)?;
        Ok(EDGECMP_OK)
    })
}

/// An option's value as text, secrets as `***`. Free it with
/// `edgecmp_string_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_options_get(
    options: Option<&edgecmp_options>,
    name: *const c_char,
    value: Option<&mut MaybeUninit<*mut c_char>>,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let out = required_out(value, "value")?;
        let options = required(options, "options")?;
        // SAFETY: by contract NULL or NUL-terminated.
        let name = unsafe { text(name, "name") }?;
        *out = c_string(&options.options.get(name)?).into_raw();
        Ok(EDGECMP_OK)
    })
}

/// Frees options. Caches opened with them are not touched. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_options_free(options: Option<Box<edgecmp_options>>) {
    infallible((), || drop(options));
}

/// One row of the table of options. All texts are static and NUL-terminated.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct edgecmp_option_info {
    /// Set it to `sizeof(edgecmp_option_info)`.
    pub struct_size: usize,
    /// Name, snake_case.
    pub name: *const c_char,
    /// Type: duration, size, integer, text, secret or prefix bounds.
    pub kind: *const c_char,
    /// Default, as text.
    pub default_value: *const c_char,
    /// Least value, as text; empty where any text goes.
    pub min: *const c_char,
    /// Greatest value, as text; empty where any text goes.
    pub max: *const c_char,
    /// What it does.
    pub doc: *const c_char,
}

// SAFETY: `repr(C)`, `struct_size` first.
unsafe impl SizedOut for edgecmp_option_info {
    const FIRST_SIZE: usize = 7 * size_of::<usize>();
}

static TABLE: LazyLock<Vec<[CString; 6]>> = LazyLock::new(|| {
    let row =
        |o: &edgecmp_core::OptionSpec| [o.name, o.kind, o.default, o.range.0, o.range.1, o.doc].map(c_string);
    OPTIONS.iter().map(row).collect()
});

/// How many options there are.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_options_count() -> usize {
    OPTIONS.len()
}

/// The row of the table at an index below `edgecmp_options_count`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_options_at(
    index: usize,
    info: *mut edgecmp_option_info,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let row = TABLE
            .get(index)
            .ok_or_else(|| Error::invalid("index", index, "below edgecmp_options_count()"))?;
        let [name, kind, default_value, min, max, doc] = row.each_ref().map(|text| text.as_ptr());
        let row = edgecmp_option_info { struct_size: 0, name, kind, default_value, min, max, doc };
        // SAFETY: by contract NULL or a struct whose `struct_size` is set.
        unsafe { sized::write(info, row, "info") }?;
        Ok(EDGECMP_OK)
    })
}
