//! Structs that can grow: the first field is the size that the caller was
//! compiled with. An older caller passes less; the library never reads or
//! writes past what the caller has.

use std::ptr::NonNull;

use edgecmp_core::{Error, Result};

use crate::pointers::required;

/// A `#[repr(C)]` struct whose first field is `struct_size: usize`, and which
/// has no padding at its end (a field added there would not change the size).
///
/// # Safety
/// As above, and every bit pattern is a valid value.
pub(crate) unsafe trait SizedIn: Copy {
    /// Size in the first release that had the struct.
    const FIRST_SIZE: usize;
    /// What stands for the fields that an older caller does not know.
    const DEFAULTS: Self;
}

/// A `#[repr(C)]` struct whose first field is `struct_size: usize`, written by
/// the library.
///
/// # Safety
/// As above.
pub(crate) unsafe trait SizedOut: Copy {
    /// Size in the first release that had the struct.
    const FIRST_SIZE: usize;
}

#[inline(always)]
fn check(size: usize, first: usize, now: usize, parameter: &str) -> Result<()> {
    // Larger: the caller was compiled for a newer library, and its fields would be ignored silently.
    if (first..=now).contains(&size) { Ok(()) } else { Err(wrong(size, first, now, parameter)) }
}

#[cold]
#[inline(never)]
fn wrong(size: usize, first: usize, now: usize, parameter: &str) -> Error {
    Error::invalid(&format!("{parameter}.struct_size"), size, &format!("sizeof the struct: {first} to {now}"))
}

/// Copies a struct in; NULL stands for the defaults.
///
/// # Safety
/// `pointer` is NULL or points to as many readable bytes as its `struct_size` says.
pub(crate) unsafe fn read<T: SizedIn>(pointer: *const T, parameter: &str) -> Result<T> {
    let mut value = T::DEFAULTS;
    if pointer.is_null() {
        return Ok(value);
    }
    // SAFETY: `struct_size` is the first field, and the caller has at least that.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    check(size, T::FIRST_SIZE, size_of::<T>(), parameter)?;
    let target = (&raw mut value).cast::<u8>();
    // SAFETY: `size` bytes are readable (the caller's promise) and fit `T` (checked).
    unsafe { pointer.cast::<u8>().copy_to_nonoverlapping(target, size) };
    Ok(value)
}

/// An out struct whose size was checked: writing it can't fail.
pub(crate) struct Out<T> {
    pointer: NonNull<T>,
    size: usize,
}

/// Checks an out struct before the work begins, so that a bad one is an
/// argument error and not a lost result. `None`: it is NULL.
///
/// # Safety
/// `pointer` is NULL or points to as many writable bytes as its `struct_size`
/// says, for as long as what is returned is used.
#[inline(always)]
pub(crate) unsafe fn optional_out<T: SizedOut>(pointer: *mut T, parameter: &str) -> Result<Option<Out<T>>> {
    let Some(pointer) = NonNull::new(pointer) else { return Ok(None) };
    // SAFETY: `struct_size` is the first field, and the caller has set it.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    check(size, T::FIRST_SIZE, size_of::<T>(), parameter)?;
    Ok(Some(Out { pointer, size }))
}

impl<T: SizedOut> Out<T> {
    /// Copies a struct out, as much of it as the caller has; `struct_size` stays.
    pub(crate) fn write(self, value: T) {
        self.write_made(|| value);
    }

    /// The same, made where it is written to: not in memory first, and then copied.
    #[inline(always)]
    pub(crate) fn write_made(self, make: impl Fn() -> T) {
        // While the struct has not grown there is no other size, and none to keep till here.
        if T::FIRST_SIZE == size_of::<T>() || self.size == size_of::<T>() {
            // SAFETY: so many bytes are writable (the caller's promise).
            unsafe { self.pointer.write_unaligned(make()) };
            // SAFETY: the first field is a `usize`.
            unsafe { self.pointer.cast::<usize>().write_unaligned(size_of::<T>()) };
        } else {
            self.write_part(make());
        }
    }

    /// For an older caller.
    #[cold]
    #[inline(never)]
    fn write_part(self, value: T) {
        let bytes = (&raw const value).cast::<u8>();
        // SAFETY: `size` bytes are writable (the caller's promise) and are within `value` (checked).
        unsafe { bytes.copy_to_nonoverlapping(self.pointer.as_ptr().cast(), self.size) };
        // SAFETY: the first field is a `usize`.
        unsafe { self.pointer.cast::<usize>().write_unaligned(self.size) };
    }
}

/// Copies a struct out that must not be NULL.
///
/// # Safety
/// As for [`optional_out`].
#[inline(always)]
pub(crate) unsafe fn write<T: SizedOut>(pointer: *mut T, value: T, parameter: &str) -> Result<()> {
    // SAFETY: the caller's promise.
    required(unsafe { optional_out(pointer, parameter) }?, parameter)?.write(value);
    Ok(())
}
