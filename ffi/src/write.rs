//! Writes: set and delete. Success means that the origin has committed.

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr;

use edgecmp_core::{Result, WriteOptions, WriteReceipt};

use crate::boundary::call;
use crate::cache::edgecmp_cache;
use crate::error::edgecmp_error;
use crate::pointers::{bytes, optional_duration, optional_text, required};
use crate::read::{EDGECMP_DEFAULT, trace};
use crate::sized::{self, SizedIn};
use crate::status::edgecmp_status::{self, EDGECMP_OK};
use crate::version::edgecmp_u128;

/// How to write. Begin with `EDGECMP_WRITE_OPTIONS_INIT`, which changes
/// nothing; a timeout of 0 is an error, not a default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct edgecmp_write_options {
    /// `sizeof(edgecmp_write_options)`.
    pub struct_size: usize,
    /// The key that makes a retry safe: that of the error of the first try. NULL:
    /// the library makes one.
    pub idempotency_key: *const c_char,
    /// Write only if this version is current; `{0, 0}`: always.
    pub if_version: edgecmp_u128,
    /// Longest wait, in nanoseconds.
    pub timeout_ns: u64,
    /// W3C `traceparent` header to hand on to the origin, or NULL.
    pub traceparent: *const c_char,
    /// 0.
    pub flags: u64,
}

// SAFETY: `repr(C)`, `struct_size` first, no padding, integers and raw pointers only.
unsafe impl SizedIn for edgecmp_write_options {
    const FIRST_SIZE: usize = 56;
    const DEFAULTS: Self = Self {
        struct_size: 0,
        idempotency_key: ptr::null(),
        if_version: edgecmp_u128::NONE,
        timeout_ns: EDGECMP_DEFAULT,
        traceparent: ptr::null(),
        flags: 0,
    };
}

const _: () = assert!(size_of::<edgecmp_write_options>() == 56);

/// The options of a write; NULL for the defaults.
///
/// # Safety
/// As the contract of the header says of `write`.
pub(crate) unsafe fn write_options(write: *const edgecmp_write_options) -> Result<WriteOptions> {
    // SAFETY: by contract NULL or a struct whose `struct_size` is set.
    let write = unsafe { sized::read(write, "write") }?;
    if write.flags != 0 {
        return Err(edgecmp_core::Error::invalid("write.flags", write.flags, "0"));
    }
    let mut options = WriteOptions::default();
    // SAFETY: by contract NULL or NUL-terminated.
    options.idempotency_key =
        unsafe { optional_text(write.idempotency_key, "write.idempotency_key") }?.map(Into::into);
    options.if_version = write.if_version.to_version();
    options.timeout = optional_duration(write.timeout_ns);
    // SAFETY: by contract NULL or NUL-terminated.
    options.trace = trace(unsafe { optional_text(write.traceparent, "write.traceparent") }?)?;
    Ok(options)
}

/// Tells who wants to know it the version that was committed.
fn committed(version: Option<&mut edgecmp_u128>, written: &WriteReceipt) -> Result<edgecmp_status> {
    if let Some(version) = version {
        *version = written.version.into();
    }
    Ok(EDGECMP_OK)
}

/// Writes a value through to the origin and returns when the origin has
/// committed it; later reads of this cache return it or a newer one.
/// `version` may be NULL. After `EDGECMP_UNKNOWN_OUTCOME` retry with the
/// error's idempotency key.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_set(
    cache: Option<&edgecmp_cache>,
    key: *const c_void,
    key_len: usize,
    value: *const c_void,
    value_len: usize,
    write: *const edgecmp_write_options,
    version: Option<&mut MaybeUninit<edgecmp_u128>>,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let version = version.map(|out| out.write(edgecmp_u128::NONE));
        let cache = required(cache, "cache")?;
        // SAFETY: by contract `key` points to `key_len` bytes.
        let key = unsafe { bytes(key, key_len, "key") }?;
        // SAFETY: by contract `value` points to `value_len` bytes.
        let value = unsafe { bytes(value, value_len, "value") }?;
        // SAFETY: by contract.
        let write = unsafe { write_options(write) }?;
        committed(version, &cache.cache.set(key, value, &write)?)
    })
}

/// Deletes a key at the origin; otherwise as `edgecmp_set`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_delete(
    cache: Option<&edgecmp_cache>,
    key: *const c_void,
    key_len: usize,
    write: *const edgecmp_write_options,
    version: Option<&mut MaybeUninit<edgecmp_u128>>,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let version = version.map(|out| out.write(edgecmp_u128::NONE));
        let cache = required(cache, "cache")?;
        // SAFETY: by contract `key` points to `key_len` bytes.
        let key = unsafe { bytes(key, key_len, "key") }?;
        // SAFETY: by contract.
        let write = unsafe { write_options(write) }?;
        committed(version, &cache.cache.delete(key, &write)?)
    })
}
