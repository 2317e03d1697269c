//! Values: counted references to an answer. They share the entry's memory and
//! outlive entry and cache.

use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;

use edgecmp_core::Value;

use crate::boundary::{call, infallible};
use crate::error::edgecmp_error;
use crate::pointers::{edgecmp_slice, required};
use crate::receipt::edgecmp_receipt;
use crate::sized;
use crate::status::edgecmp_status::{self, EDGECMP_OK};

/// The answer to a read: the bytes, or that the origin has no such key, and a
/// receipt. Immutable, counted by reference, usable and releasable from any
/// thread, valid after its cache is gone. It holds its memory until released.
pub struct edgecmp_value {
    value: Value,
}

impl edgecmp_value {
    /// A reference that the caller owns.
    pub(crate) fn into_raw(value: Value) -> *mut Self {
        Arc::into_raw(Self::shared(value)).cast_mut()
    }

    /// A counted value.
    pub(crate) fn shared(value: Value) -> Arc<Self> {
        Arc::new(Self { value })
    }
}

/// The bytes, valid until the value is released; `data` is NULL if the origin
/// has no such key (and for NULL), and not NULL for an empty value.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_value_bytes(value: Option<&edgecmp_value>) -> edgecmp_slice {
    infallible(edgecmp_slice::NONE, || {
        value.and_then(|value| value.value.bytes()).map_or(edgecmp_slice::NONE, edgecmp_slice::of)
    })
}

/// Whether the origin has the key. False for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_value_found(value: Option<&edgecmp_value>) -> bool {
    infallible(false, || value.is_some_and(|value| value.value.is_found()))
}

/// The receipt of the read that returned the value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_value_receipt(
    value: Option<&edgecmp_value>,
    receipt: *mut edgecmp_receipt,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let value = &required(value, "value")?.value;
        let row = edgecmp_receipt::new(&value.receipt(), value.is_found());
        // SAFETY: by contract NULL or a struct whose `struct_size` is set.
        unsafe { sized::write(receipt, row, "receipt") }?;
        Ok(EDGECMP_OK)
    })
}

/// Another reference to the same value, to be released on its own. NULL for
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_value_retain(value: *const edgecmp_value) -> *mut edgecmp_value {
    infallible(ptr::null_mut(), || {
        if !value.is_null() {
            // SAFETY: by contract a reference that was not released; all come from `Arc::into_raw`.
            unsafe { Arc::increment_strong_count(value) };
        }
        value.cast_mut()
    })
}

/// Gives a reference back; the last one frees the value. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_value_release(value: *mut edgecmp_value) {
    infallible((), || {
        if !value.is_null() {
            // SAFETY: by contract a reference that was not released; all come from `Arc::into_raw`.
            unsafe { Arc::decrement_strong_count(value.cast_const()) };
        }
    });
}
