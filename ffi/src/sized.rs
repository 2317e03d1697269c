//! Structs that can grow: the first field is the size that the caller was
//! compiled with. An older caller passes less; the library never reads or
//! writes past what the caller has.

use std::mem::MaybeUninit;

use edgecmp_core::{Error, Result};

use crate::pointers::null;

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

fn check(size: usize, first: usize, now: usize, parameter: &str) -> Result<()> {
    if (first..=now).contains(&size) {
        return Ok(());
    }
    // Larger: the caller was compiled for a newer library, and its fields would be ignored silently.
    Err(Error::invalid(
        &format!("{parameter}.struct_size"),
        size,
        &format!("sizeof the struct: {first} to {now}"),
    ))
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

/// Checks an out struct before the work begins, so that a bad one is an
/// argument error and not a lost result. NULL is for the caller to judge.
///
/// # Safety
/// `pointer` is NULL or points to as many writable bytes as its `struct_size` says.
pub(crate) unsafe fn check_out<T: SizedOut>(pointer: *mut T, parameter: &str) -> Result<()> {
    if pointer.is_null() {
        return Ok(());
    }
    // SAFETY: `struct_size` is the first field, and the caller has set it.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    check(size, T::FIRST_SIZE, size_of::<T>(), parameter)
}

/// Copies a struct out, as much of it as the caller has; `struct_size` stays.
///
/// # Safety
/// As for [`check_out`].
pub(crate) unsafe fn write<T: SizedOut>(pointer: *mut T, value: T, parameter: &str) -> Result<()> {
    if pointer.is_null() {
        return Err(null(parameter));
    }
    // SAFETY: the caller's promise.
    unsafe { check_out(pointer, parameter) }?;
    // SAFETY: `struct_size` is the first field, and the caller has set it.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    let mut value = MaybeUninit::new(value);
    // SAFETY: the first field of `T` is a `usize`.
    unsafe { value.as_mut_ptr().cast::<usize>().write(size) };
    // SAFETY: `size` bytes are writable (the caller's promise) and are within `value` (checked).
    unsafe { value.as_ptr().cast::<u8>().copy_to_nonoverlapping(pointer.cast(), size) };
    Ok(())
}
