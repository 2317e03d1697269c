//! Reads: lookup, get, get many.

use std::ffi::{c_char, c_void};
use std::hint::cold_path;
use std::mem::MaybeUninit;
use std::ptr;

use edgecmp_core::{Error, ReadOptions, Result, TraceContext};

use crate::boundary::{Boxed, call, call_boxed};
use crate::cache::edgecmp_cache;
use crate::error::edgecmp_error;
use crate::pointers::{
    KeyRef, array, bytes, edgecmp_slice, null, optional_duration, optional_text, required, required_out,
};
use crate::receipt::edgecmp_receipt;
use crate::results::edgecmp_results;
use crate::sized::{self, SizedIn};
use crate::status::edgecmp_status::{self, EDGECMP_MISS, EDGECMP_OK};
use crate::value::edgecmp_value;
use crate::version::edgecmp_u128;

/// Stands for "as the cache's options say" in read and write options.
pub const EDGECMP_DEFAULT: u64 = u64::MAX;

/// Flag of a read: its `staleness_bound_ns` may be wider than the cache's.
/// Without it a wider bound has no effect: the tightest wins.
pub const EDGECMP_READ_WIDEN: u64 = 1;

/// How to read. Begin with `EDGECMP_READ_OPTIONS_INIT`, which changes nothing;
/// a bound or a timeout of 0 is an error, not a default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct edgecmp_read_options {
    /// `sizeof(edgecmp_read_options)`.
    pub struct_size: usize,
    /// The hard bound of this read, in nanoseconds; at least 1 ms.
    pub staleness_bound_ns: u64,
    /// How old a degraded answer may be while the origin is away, in
    /// nanoseconds; 0: never.
    pub outage_bound_ns: u64,
    /// Longest wait, in nanoseconds.
    pub timeout_ns: u64,
    /// Return no version lower than this; `{0, 0}`: any.
    pub min_version: edgecmp_u128,
    /// W3C `traceparent` header to hand on to the origin, or NULL.
    pub traceparent: *const c_char,
    /// `EDGECMP_READ_WIDEN` or 0.
    pub flags: u64,
}

// SAFETY: `repr(C)`, `struct_size` first, no padding, integers and a raw pointer only.
unsafe impl SizedIn for edgecmp_read_options {
    const FIRST_SIZE: usize = 64;
    const DEFAULTS: Self = Self {
        struct_size: 0,
        staleness_bound_ns: EDGECMP_DEFAULT,
        outage_bound_ns: EDGECMP_DEFAULT,
        timeout_ns: EDGECMP_DEFAULT,
        min_version: edgecmp_u128::NONE,
        traceparent: ptr::null(),
        flags: 0,
    };
}

const _: () = assert!(size_of::<edgecmp_read_options>() == 64);

static DEFAULT: ReadOptions = ReadOptions::DEFAULT;

/// The options of a read: those of the caller, of which `given` keeps the
/// translation, or, for NULL, the defaults, which are always there.
///
/// # Safety
/// As the contract of the header says of `read`.
#[inline(always)]
pub(crate) unsafe fn read_options(
    read: *const edgecmp_read_options,
    given: &mut Option<ReadOptions>,
) -> Result<&ReadOptions> {
    if read.is_null() {
        return Ok(&DEFAULT);
    }
    // SAFETY: the caller's promise, and not NULL.
    Ok(given.insert(unsafe { translated(read) }?))
}

/// # Safety
/// As for [`read_options`], and not NULL.
#[inline(never)]
unsafe fn translated(read: *const edgecmp_read_options) -> Result<ReadOptions> {
    // SAFETY: by contract a struct whose `struct_size` is set.
    let read = unsafe { sized::read(read, "read") }?;
    if read.flags & !EDGECMP_READ_WIDEN != 0 {
        return Err(Error::invalid("read.flags", read.flags, "EDGECMP_READ_WIDEN or 0"));
    }
    let mut options = ReadOptions::default();
    options.staleness_bound = optional_duration(read.staleness_bound_ns);
    options.widen = read.flags & EDGECMP_READ_WIDEN != 0;
    options.outage_bound = optional_duration(read.outage_bound_ns);
    options.min_version = read.min_version.to_version();
    options.timeout = optional_duration(read.timeout_ns);
    // SAFETY: by contract NULL or NUL-terminated.
    options.trace = trace(unsafe { optional_text(read.traceparent, "read.traceparent") }?)?;
    Ok(options)
}

/// A trace context, if one is given.
pub(crate) fn trace(traceparent: Option<&str>) -> Result<Option<TraceContext>> {
    traceparent
        .map(|text| {
            TraceContext::parse(text)
                .ok_or_else(|| Error::invalid("traceparent", format!("{text:?}"), "a W3C traceparent header"))
        })
        .transpose()
}

/// Reads a key; waits for the origin if the cache has no answer within the
/// bound, at most until the deadline. That the origin has no such key is an
/// answer (`edgecmp_value_found`), not an error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_get(
    cache: Option<&edgecmp_cache>,
    key: *const c_void,
    key_len: usize,
    read: *const edgecmp_read_options,
    value: Option<&mut MaybeUninit<*mut edgecmp_value>>,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, move || {
        let out = required_out(value, "value")?;
        let cache = required(cache, "cache")?;
        // SAFETY: by contract `key` points to `key_len` bytes.
        let key = unsafe { bytes(key, key_len, "key") }?;
        let mut given = None;
        // SAFETY: by contract.
        let read = unsafe { read_options(read, &mut given) }?;
        *out = edgecmp_value::into_raw(cache.cache.get(key, read)?);
        Ok(EDGECMP_OK)
    })
}

/// Reads a key from the cache alone, and never blocks: `EDGECMP_OK` with the
/// value, or `EDGECMP_MISS`. A miss asks nobody.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_lookup(
    cache: Option<&edgecmp_cache>,
    key: *const c_void,
    key_len: usize,
    read: *const edgecmp_read_options,
    value: Option<&mut MaybeUninit<*mut edgecmp_value>>,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, move || {
        let out = required_out(value, "value")?;
        let cache = required(cache, "cache")?;
        // SAFETY: by contract `key` points to `key_len` bytes.
        let key = unsafe { bytes(key, key_len, "key") }?;
        let mut given = None;
        // SAFETY: by contract.
        let read = unsafe { read_options(read, &mut given) }?;
        let Some(hit) = cache.cache.lookup(key, read)? else {
            return Ok(EDGECMP_MISS);
        };
        *out = edgecmp_value::into_raw(hit.into_value());
        Ok(EDGECMP_OK)
    })
}

/// `edgecmp_lookup` that copies the value into the caller's buffer: the
/// cheapest read, without an allocation or a counted reference. `*value_len`
/// is the length of the whole value; if it is greater than `buffer_len`,
/// nothing was copied: read again with more room. `receipt` may be NULL; its
/// `found` tells an absent key from an empty value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_lookup_into(
    cache: Option<&edgecmp_cache>,
    key: *const c_void,
    key_len: usize,
    read: *const edgecmp_read_options,
    buffer: *mut c_void,
    buffer_len: usize,
    value_len: Option<&mut MaybeUninit<usize>>,
    receipt: *mut edgecmp_receipt,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call_boxed(error, move || {
        let Some(cache) = cache else {
            _ = value_len.map(|value_len| value_len.write(0));
            return Err(null("cache").into());
        };
        let into = Into { buffer: buffer.cast(), buffer_len, value_len, receipt };
        if read.is_null() {
            // SAFETY: by contract.
            unsafe { into.lookup(cache, key, key_len, || Ok(&DEFAULT)) }
        } else {
            // SAFETY: by contract, and not NULL.
            unsafe { into.lookup_asked(cache, key, key_len, read) }
        }
    })
}

type Outcome<T> = std::result::Result<T, Boxed>;

/// Where `edgecmp_lookup_into` puts what it finds, as its caller says.
struct Into<'a> {
    buffer: *mut u8,
    buffer_len: usize,
    value_len: Option<&'a mut MaybeUninit<usize>>,
    receipt: *mut edgecmp_receipt,
}

impl Into<'_> {
    /// # Safety
    /// As the contract of the header says of the pointers.
    #[inline(always)]
    unsafe fn lookup<'k>(
        self,
        cache: &edgecmp_cache,
        key: *const c_void,
        key_len: usize,
        read: impl FnOnce() -> Outcome<&'k ReadOptions>,
    ) -> Outcome<edgecmp_status> {
        let (mut value_len, mut receipt) = (None, None);
        let hit = cache.cache.lookup_with(|| {
            value_len = Some(required(self.value_len, "value_len")?.write(0));
            // SAFETY: by contract NULL or a struct whose `struct_size` is set.
            receipt = unsafe { sized::optional_out(self.receipt, "receipt") }?;
            // SAFETY: by contract `key` points to `key_len` bytes.
            let key = unsafe { bytes(key, key_len, "key") }?;
            if self.buffer.is_null() {
                cold_path();
                if self.buffer_len > 0 {
                    return Err(Boxed::from(null("buffer")));
                }
            }
            Ok((key, read()?))
        })?;
        let (Some(hit), Some(value_len)) = (hit, value_len) else {
            return Ok(EDGECMP_MISS);
        };
        let found = hit.bytes();
        if let Some(value) = found {
            *value_len = value.len();
            if value.len() <= self.buffer_len {
                // SAFETY: the buffer has the room (NULL has room for no byte), and cannot overlap
                // the entry.
                unsafe { value.as_ptr().copy_to_nonoverlapping(self.buffer, value.len()) };
            }
        }
        if let Some(receipt) = receipt {
            receipt.write_made(|| edgecmp_receipt::new(&hit.receipt(), found.is_some()));
        }
        Ok(EDGECMP_OK)
    }

    /// The same apart: what options take is not in the way of a read without.
    ///
    /// # Safety
    /// As for [`Into::lookup`], and `read` is not NULL.
    #[inline(never)]
    unsafe fn lookup_asked(
        self,
        cache: &edgecmp_cache,
        key: *const c_void,
        key_len: usize,
        read: *const edgecmp_read_options,
    ) -> Outcome<edgecmp_status> {
        // SAFETY: the caller's promise.
        let read = unsafe { translated(read) };
        let mut given = None;
        // SAFETY: the caller's promise.
        unsafe { self.lookup(cache, key, key_len, || Ok(given.insert(read?))) }
    }
}

/// Reads many keys, with at most one batch of requests for all that the cache
/// cannot answer. A key that fails is a row with an error; the call itself
/// fails only for bad arguments and a closed cache.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_get_many(
    cache: Option<&edgecmp_cache>,
    keys: *const edgecmp_slice,
    keys_count: usize,
    read: *const edgecmp_read_options,
    results: Option<&mut MaybeUninit<*mut edgecmp_results>>,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, move || {
        let out = required_out(results, "results")?;
        let cache = required(cache, "cache")?;
        // SAFETY: by contract.
        let keys = unsafe { key_list(keys, keys_count) }?;
        let mut given = None;
        // SAFETY: by contract.
        let read = unsafe { read_options(read, &mut given) }?;
        *out = edgecmp_results::read(&cache.cache, keys, read)?;
        Ok(EDGECMP_OK)
    })
}

/// The keys of a read of many, where the caller has them.
///
/// # Safety
/// As the contract of the header says of `keys`.
pub(crate) unsafe fn key_list<'a>(keys: *const edgecmp_slice, count: usize) -> Result<&'a [KeyRef]> {
    // SAFETY: by contract `keys` points to `count` slices.
    let keys = unsafe { array(keys, count, "keys") }?;
    // SAFETY: by contract each slice points to its bytes.
    unsafe { KeyRef::all(keys) }
}
