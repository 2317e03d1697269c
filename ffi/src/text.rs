//! NUL-terminated text: owned by the caller, or static.

use std::ffi::{CString, c_char};

use crate::boundary::infallible;

/// Text for C. A NUL inside would cut it short; it is shown instead.
pub(crate) fn c_string(text: &str) -> CString {
    CString::new(text)
        .unwrap_or_else(|_| CString::new(text.replace('\0', "\\0")).expect("every NUL was just replaced"))
}

/// Frees text that the library allocated. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_string_free(text: *mut c_char) {
    infallible((), || {
        if !text.is_null() {
            // SAFETY: by contract it came from a call of this library, thus from `CString::into_raw`.
            drop(unsafe { CString::from_raw(text) });
        }
    });
}

/// Version of the library, such as `0.1.0`. Static.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
