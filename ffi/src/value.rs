//! Values: counted references to an answer. They share the entry's memory and
//! outlive entry and cache.

use std::cell::UnsafeCell;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

use edgecmp_core::Value;

use crate::boundary::{call, infallible};
use crate::error::edgecmp_error;
use crate::pointers::{edgecmp_slice, required};
use crate::receipt::edgecmp_receipt;
use crate::results::edgecmp_results;
use crate::sized;
use crate::status::edgecmp_status::{self, EDGECMP_OK};

/// The answer to a read: the bytes, or that the origin has no such key, and a
/// receipt. Immutable, counted by reference, usable and releasable from any
/// thread, valid after its cache is gone. It holds its memory until released.
pub struct edgecmp_value {
    count: AtomicU32,
    /// The results that it is a row of, or [`ALONE`]. Never NULL, so that a row
    /// takes no more than a value.
    results: NonNull<edgecmp_results>,
    /// Alive as long as there are references. In a cell, for the last of them
    /// drops it in place.
    value: UnsafeCell<ManuallyDrop<Value>>,
}

/// Of no results: the value's memory is a box of its own.
const ALONE: NonNull<edgecmp_results> = NonNull::dangling();

impl edgecmp_value {
    /// A value with one reference.
    #[inline]
    pub(crate) fn new(value: Value, results: NonNull<edgecmp_results>) -> Self {
        Self { count: AtomicU32::new(1), results, value: UnsafeCell::new(ManuallyDrop::new(value)) }
    }

    /// A value of its own; the caller has the reference.
    #[inline]
    pub(crate) fn into_raw(value: Value) -> *mut Self {
        Box::into_raw(Box::new(Self::new(value, ALONE)))
    }

    #[inline]
    pub(crate) fn bytes(&self) -> edgecmp_slice {
        self.get().bytes().map_or(edgecmp_slice::NONE, edgecmp_slice::of)
    }

    #[inline]
    fn get(&self) -> &Value {
        // SAFETY: who has `&self` has a reference or borrows from who has; only
        // the last to go makes it mutable.
        unsafe { &*self.value.get() }
    }

    /// Gives a reference back. True: it was the last, and the value is dropped;
    /// only its memory is left.
    ///
    /// # Safety
    /// The caller has a reference, and does not use it any more.
    #[inline]
    pub(crate) unsafe fn give_back(&self) -> bool {
        // Who has the only reference needs no atomic subtraction: nobody else can retain it.
        let last = self.count.load(Ordering::Acquire) == 1
            // Release: what was read through this reference comes before the drop; Acquire: for who drops.
            || self.count.fetch_sub(1, Ordering::AcqRel) == 1;
        if last {
            // SAFETY: nobody else has a reference any more.
            let value = unsafe { &mut *self.value.get() };
            // SAFETY: there was a reference until now: it is dropped here, once.
            unsafe { ManuallyDrop::drop(value) };
        }
        last
    }
}

/// The bytes, valid until the value is released; `data` is NULL if the origin
/// has no such key (and for NULL), and not NULL for an empty value.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_value_bytes(value: Option<&edgecmp_value>) -> edgecmp_slice {
    infallible(edgecmp_slice::NONE, || value.map_or(edgecmp_slice::NONE, edgecmp_value::bytes))
}

/// Whether the origin has the key. False for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_value_found(value: Option<&edgecmp_value>) -> bool {
    infallible(false, || value.is_some_and(|value| value.get().is_found()))
}

/// The receipt of the read that returned the value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_value_receipt(
    value: Option<&edgecmp_value>,
    receipt: *mut edgecmp_receipt,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let value = required(value, "value")?.get();
        let row = edgecmp_receipt::new(&value.receipt(), value.is_found());
        // SAFETY: by contract NULL or a struct whose `struct_size` is set.
        unsafe { sized::write(receipt, row, "receipt") }?;
        Ok(EDGECMP_OK)
    })
}

/// Another reference to the same value, to be released on its own. NULL for
/// NULL.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_value_retain(value: Option<&edgecmp_value>) -> *mut edgecmp_value {
    infallible(ptr::null_mut(), || {
        let Some(value) = value else { return ptr::null_mut() };
        // Relaxed: who has a reference may count on; nothing is published by it.
        if value.count.fetch_add(1, Ordering::Relaxed) > u32::MAX / 2 {
            // Two thousand million references are a leak that would wrap around to a free.
            std::process::abort();
        }
        ptr::from_ref(value).cast_mut()
    })
}

/// Gives a reference back; the last one frees the value. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_value_release(value: *mut edgecmp_value) {
    infallible((), move || {
        // SAFETY: by contract NULL, or a reference that was not released.
        let Some(held) = (unsafe { value.as_ref() }) else { return };
        let results = held.results;
        // SAFETY: the caller's reference, which ends here.
        if !unsafe { held.give_back() } {
            return;
        }
        if results == ALONE {
            // SAFETY: made by `into_raw`, and nobody has a reference any more.
            drop(unsafe { Box::from_raw(value) });
        } else {
            // SAFETY: the results are there as long as one of their values is.
            unsafe { edgecmp_results::let_go(results, 1) };
        }
    });
}
