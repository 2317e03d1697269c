//! Versions: 128 bits, which C99 has no integer for.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use edgecmp_core::{Error, Result, Version};

use crate::boundary::call;
use crate::error::edgecmp_error;
use crate::pointers::{null, required, text};
use crate::status::edgecmp_status::{self, EDGECMP_OK};

/// A version of a key, or none (`{0, 0}`), which is lower than every version.
/// Greater `high`, then greater `low`, is newer.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct edgecmp_u128 {
    /// Upper 64 bits.
    pub high: u64,
    /// Lower 64 bits.
    pub low: u64,
}

impl edgecmp_u128 {
    pub(crate) const NONE: Self = Self { high: 0, low: 0 };

    /// The version, unless it is "none".
    pub(crate) fn to_version(self) -> Option<Version> {
        let version = Version::from_halves(self.high, self.low);
        (version != Version::NONE).then_some(version)
    }
}

impl From<Version> for edgecmp_u128 {
    fn from(version: Version) -> Self {
        let (high, low) = version.halves();
        Self { high, low }
    }
}

/// Room for the text of any version, its NUL included.
pub const EDGECMP_VERSION_TEXT_SIZE: usize = 40;

/// Prints a version: decimal below 2^64, else as a UUID. `buffer` has `size`
/// bytes, at least `EDGECMP_VERSION_TEXT_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_version_format(
    version: edgecmp_u128,
    buffer: *mut c_char,
    size: usize,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        if buffer.is_null() {
            return Err(null("buffer"));
        }
        if size < EDGECMP_VERSION_TEXT_SIZE {
            return Err(Error::invalid("size", size, "at least EDGECMP_VERSION_TEXT_SIZE"));
        }
        let mut shown = Version::from_halves(version.high, version.low).to_string();
        shown.push('\0');
        // SAFETY: the text is at most 36 bytes and a NUL, and `buffer` has room for 40.
        unsafe { shown.as_ptr().copy_to_nonoverlapping(buffer.cast(), shown.len()) };
        Ok(EDGECMP_OK)
    })
}

/// Reads a version as `edgecmp_version_format` prints it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_version_parse(
    version_text: *const c_char,
    version: Option<&mut MaybeUninit<edgecmp_u128>>,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let out = required(version, "version")?.write(edgecmp_u128::NONE);
        // SAFETY: by contract NULL or NUL-terminated.
        let shown = unsafe { text(version_text, "version_text") }?;
        *out = parse(shown)?.into();
        Ok(EDGECMP_OK)
    })
}

fn parse(shown: &str) -> Result<Version> {
    shown.parse().map_err(|_| {
        Error::invalid("version_text", format!("{shown:?}"), "an unsigned decimal below 2^128, or a UUID")
    })
}
