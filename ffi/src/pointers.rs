//! From raw arguments to Rust, and back. NULL becomes an error that names the
//! parameter; everything else that C can pass is believed.

use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::slice;
use std::time::{Duration, Instant};

use edgecmp_core::{Code, Error, Result};

/// Bytes that belong to somebody else: to the caller when passed in, to the
/// object that was asked when returned.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct edgecmp_slice {
    /// The first byte. NULL: there is no value (which is not an empty value).
    pub data: *const u8,
    /// Number of bytes.
    pub len: usize,
}

impl edgecmp_slice {
    /// No value.
    pub(crate) const NONE: Self = Self { data: std::ptr::null(), len: 0 };

    /// A view; it lives as long as what it looks at.
    #[inline]
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), len: bytes.len() }
    }
}

/// The error of a NULL where there must be something.
#[cold]
#[inline(never)]
pub(crate) fn null(parameter: &str) -> Error {
    Error::new(Code::InvalidArgument, format!("{parameter}: got NULL; allowed: a valid pointer"))
}

/// A parameter that must not be NULL.
#[inline(always)]
pub(crate) fn required<T>(argument: Option<T>, parameter: &str) -> Result<T> {
    match argument {
        Some(argument) => Ok(argument),
        None => Err(null(parameter)),
    }
}

/// An out parameter that must not be NULL; it holds NULL from here on, so that
/// a call that fails later leaves no garbage.
#[inline(always)]
pub(crate) fn required_out<'a, T>(
    out: Option<&'a mut MaybeUninit<*mut T>>,
    parameter: &str,
) -> Result<&'a mut *mut T> {
    Ok(required(out, parameter)?.write(std::ptr::null_mut()))
}

/// Bytes given as pointer and length. NULL is allowed with length 0.
///
/// # Safety
/// `data` is NULL or points to `len` bytes that nobody writes during `'a`.
#[inline(always)]
pub(crate) unsafe fn bytes<'a>(data: *const c_void, len: usize, parameter: &str) -> Result<&'a [u8]> {
    // Rust allows no object above isize::MAX bytes; a length like that is a negative number.
    if !data.is_null() && len.cast_signed() > 0 {
        // SAFETY: the caller's promise; the length was checked.
        return Ok(unsafe { slice::from_raw_parts(data.cast(), len) });
    }
    nothing(data, len, parameter)
}

/// The lengths that there are.
const LENGTHS: &str = "0 to 9223372036854775807 bytes";

/// What [`bytes`] gives where there are none.
#[cold]
#[inline(never)]
fn nothing<'a>(data: *const c_void, len: usize, parameter: &str) -> Result<&'a [u8]> {
    match len {
        0 => Ok(&[]),
        _ if data.is_null() => Err(null(parameter)),
        _ => Err(Error::invalid(&format!("{parameter}_len"), len, LENGTHS)),
    }
}

/// An array given as pointer and count. NULL is allowed with count 0.
///
/// # Safety
/// `first` is NULL or points to `count` elements that nobody writes during `'a`.
pub(crate) unsafe fn array<'a, T>(first: *const T, count: usize, parameter: &str) -> Result<&'a [T]> {
    match (first.is_null(), count) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(null(parameter)),
        (false, count) if count > isize::MAX as usize / size_of::<T>().max(1) => Err(Error::invalid(
            &format!("{parameter}_count"),
            count,
            "a number of elements that memory can hold",
        )),
        // SAFETY: the caller's promise; the count was checked above.
        (false, count) => Ok(unsafe { slice::from_raw_parts(first, count) }),
    }
}

/// One of the caller's keys in a checked array of them: looked at where it is,
/// so that a read of many makes no list of its own.
#[repr(transparent)]
pub(crate) struct KeyRef(edgecmp_slice);

impl KeyRef {
    /// The same array, each slice checked as [`bytes`] does.
    ///
    /// # Safety
    /// Each slice points to its bytes, which nobody writes as long as the array is used.
    pub(crate) unsafe fn all(keys: &[edgecmp_slice]) -> Result<&[Self]> {
        for (index, key) in keys.iter().enumerate() {
            // SAFETY: the caller's promise.
            if unsafe { bytes(key.data.cast(), key.len, "") }.is_err() {
                return Err(Self::refused(index, key));
            }
        }
        // SAFETY: a transparent wrapper has the layout of what it wraps.
        Ok(unsafe { slice::from_raw_parts(keys.as_ptr().cast(), keys.len()) })
    }

    #[cold]
    fn refused(index: usize, key: &edgecmp_slice) -> Error {
        match key.data.is_null() {
            true => null(&format!("keys[{index}].data")),
            false => Error::invalid(&format!("keys[{index}].len"), key.len, LENGTHS),
        }
    }
}

impl AsRef<[u8]> for KeyRef {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        if self.0.len == 0 {
            return &[];
        }
        // SAFETY: checked by `all`, which alone makes these.
        unsafe { slice::from_raw_parts(self.0.data, self.0.len) }
    }
}

/// NUL-terminated UTF-8 text that may be NULL.
///
/// # Safety
/// `text` is NULL or NUL-terminated, and nobody writes it during `'a`.
pub(crate) unsafe fn optional_text<'a>(text: *const c_char, parameter: &str) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    match text.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(Error::invalid(parameter, "bytes that are not UTF-8", "UTF-8 text")),
    }
}

/// NUL-terminated UTF-8 text.
///
/// # Safety
/// As for [`optional_text`].
pub(crate) unsafe fn text<'a>(text: *const c_char, parameter: &str) -> Result<&'a str> {
    // SAFETY: the caller's promise.
    required(unsafe { optional_text(text, parameter) }?, parameter)
}

/// A duration in nanoseconds, for which `EDGECMP_DEFAULT` stands for none.
pub(crate) fn optional_duration(nanos: u64) -> Option<Duration> {
    (nanos != crate::read::EDGECMP_DEFAULT).then(|| Duration::from_nanos(nanos))
}

/// When a wait of so many nanoseconds ends: one of centuries after a year, at
/// which the clock can still count.
pub(crate) fn deadline_after(nanos: u64) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 86_400);
    Instant::now() + Duration::from_nanos(nanos).min(YEAR)
}

/// Nanoseconds of a duration; more than 584 years are 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
