//! Arguments from JavaScript: keys, byte arrays, durations, versions.

use std::borrow::Cow;
use std::mem::MaybeUninit;
use std::ptr;
use std::time::Duration;

use edgecmp::{Code, Options, ReadOptions, TraceContext, Version, WriteOptions};
use napi::bindgen_prelude::Unknown;
use napi::{Env, JsValue, Status, check_status, sys};
use napi_derive::napi;

use crate::boundary::{Result, failure, thrown, unexpected, wrong_type};

const KEY_FORM: &str = "a string or a Uint8Array";

/// Keys up to about this length are read without an allocation.
const INLINE: usize = 512;

/// The longest UTF-8 form of a character: a string that was cut may be short
/// of the buffer's end by less than this.
const LONGEST_CHARACTER: usize = 4;

/// Calls `f` with the bytes of a key: a string's UTF-8 form, or a byte array.
#[inline(always)]
pub(crate) fn with_key<T>(env: &Env, key: &Unknown<'_>, f: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
    // Not zeroed: that would take as long as all the rest of this.
    let mut buffer = [MaybeUninit::uninit(); INLINE];
    match read_utf8(env, key, &mut buffer) {
        Some(text) if text.len() + LONGEST_CHARACTER < INLINE => f(well_formed(env, key, text)?),
        Some(_) => {
            let mut buffer = Vec::new();
            f(well_formed(env, key, long_utf8(env, key, &mut buffer)?)?)
        }
        None => with_bytes(env, key, "key", KEY_FORM, f),
    }
}

/// The string's UTF-8 form, in the buffer; `None` if it is no string. A longer
/// string is cut.
#[inline(always)]
fn read_utf8<'b>(env: &Env, value: &Unknown<'_>, buffer: &'b mut [MaybeUninit<u8>]) -> Option<&'b [u8]> {
    let mut length = 0;
    // SAFETY: the buffer's length is given; `value` belongs to `env`, which is
    // the environment of this call.
    let status = unsafe {
        sys::napi_get_value_string_utf8(
            env.raw(),
            value.raw(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            &mut length,
        )
    };
    if status != sys::Status::napi_ok {
        return None;
    }
    // SAFETY: Node-API has written so many bytes.
    Some(unsafe { std::slice::from_raw_parts(buffer[..length].as_ptr().cast(), length) })
}

#[cold]
fn long_utf8<'b>(env: &Env, value: &Unknown<'_>, buffer: &'b mut Vec<MaybeUninit<u8>>) -> Result<&'b [u8]> {
    let mut length = 0;
    // SAFETY: without a buffer only the length is written.
    unsafe { sys::napi_get_value_string_utf8(env.raw(), value.raw(), ptr::null_mut(), 0, &mut length) };
    // One more for the terminating zero that Node-API writes.
    buffer.resize(length + 1, MaybeUninit::uninit());
    read_utf8(env, value, buffer).ok_or_else(|| wrong_type("key", KEY_FORM))
}

/// A lone surrogate has no UTF-8 form: V8 writes U+FFFD in its place, under
/// which two different keys would be one. Only text with U+FFFD is looked at.
#[inline(always)]
fn well_formed<'b>(env: &Env, key: &Unknown<'_>, text: &'b [u8]) -> Result<&'b [u8]> {
    if text.is_ascii() { Ok(text) } else { well_formed_beyond_ascii(env, key, text) }
}

#[inline(never)]
fn well_formed_beyond_ascii<'b>(env: &Env, key: &Unknown<'_>, text: &'b [u8]) -> Result<&'b [u8]> {
    const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
    if !text.windows(REPLACEMENT.len()).any(|window| window == REPLACEMENT) {
        return Ok(text);
    }
    // As many 16-bit units as bytes are always enough, and one for the zero.
    let mut units = vec![0u16; text.len() + 1];
    let mut length = 0;
    // SAFETY: the buffer's length is given; `key` belongs to `env`.
    unsafe {
        sys::napi_get_value_string_utf16(env.raw(), key.raw(), units.as_mut_ptr(), units.len(), &mut length)
    };
    if char::decode_utf16(units[..length].iter().copied()).any(|unit| unit.is_err()) {
        let message =
            "key: got a string with a lone surrogate; allowed: text that has a UTF-8 form, or a Uint8Array";
        return Err(failure(Code::InvalidArgument, message));
    }
    Ok(text)
}

/// The keys of an array, their bytes behind one another.
pub(crate) struct Keys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Keys {
    /// Reads an array that `lib/` made.
    pub(crate) fn read(env: &Env, array: &Unknown<'_>) -> Result<Self> {
        let mut count = 0;
        // SAFETY: an argument of this call; what is no array gives an error status.
        let status = unsafe { sys::napi_get_array_length(env.raw(), array.raw(), &mut count) };
        check_status!(status).map_err(unexpected)?;
        let mut keys = Self { bytes: Vec::new(), ends: Vec::with_capacity(count as usize) };
        for index in 0..count {
            let mut key = ptr::null_mut();
            // SAFETY: as above.
            let status = unsafe { sys::napi_get_element(env.raw(), array.raw(), index, &mut key) };
            check_status!(status).map_err(unexpected)?;
            // SAFETY: a value of this environment, in the scope of this call.
            let key = unsafe { Unknown::from_raw_unchecked(env.raw(), key) };
            with_key(env, &key, |key| {
                keys.bytes.extend_from_slice(key);
                Ok(())
            })?;
            keys.ends.push(keys.bytes.len());
        }
        Ok(keys)
    }

    /// Each of them.
    pub(crate) fn slices(&self) -> Vec<&[u8]> {
        let mut start = 0;
        let slice = |&end: &usize| &self.bytes[std::mem::replace(&mut start, end)..end];
        self.ends.iter().map(slice).collect()
    }
}

/// Calls `f` with the memory of a `Uint8Array` (a `Buffer` is one).
pub(crate) fn with_bytes<T>(
    env: &Env,
    value: &Unknown<'_>,
    field: &str,
    form: &str,
    f: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<T> {
    let (mut kind, mut length, mut data) = (0, 0, ptr::null_mut());
    // SAFETY: all outputs are given or null as allowed; a value that is no
    // typed array gives an error status.
    let status = unsafe {
        sys::napi_get_typedarray_info(
            env.raw(),
            value.raw(),
            &mut kind,
            &mut length,
            &mut data,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    let is_bytes =
        [sys::TypedarrayType::uint8_array, sys::TypedarrayType::uint8_clamped_array].contains(&kind);
    if Status::from(status) != Status::Ok || !is_bytes {
        return Err(wrong_type(field, form));
    }
    if length == 0 || data.is_null() {
        return f(&[]);
    }
    // SAFETY: the array is an argument of this call, so it is alive, and no
    // JavaScript runs before `f` returns that could detach or change it.
    f(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) })
}

/// Options of a read, already checked for their JavaScript types.
#[napi(object, object_to_js = false)]
pub struct ReadArguments {
    pub staleness_bound: Option<String>,
    pub widen: Option<bool>,
    pub outage_bound: Option<String>,
    pub min_version: Option<String>,
    pub timeout: Option<String>,
    pub traceparent: Option<String>,
}

/// Options of a write, already checked for their JavaScript types.
#[napi(object, object_to_js = false)]
pub struct WriteArguments {
    pub idempotency_key: Option<String>,
    pub if_version: Option<String>,
    pub timeout: Option<String>,
    pub traceparent: Option<String>,
}

/// Calls `f` with the options of a read.
#[inline(always)]
pub(crate) fn with_read_options<T>(
    arguments: Option<ReadArguments>,
    plain: &ReadOptions,
    f: impl FnOnce(&ReadOptions) -> Result<T>,
) -> Result<T> {
    match arguments {
        None => f(plain),
        Some(given) => f(&read_options(given)?),
    }
}

#[cold]
fn read_options(given: ReadArguments) -> Result<ReadOptions> {
    let mut options = ReadOptions::default();
    options.staleness_bound = duration("stalenessBound", given.staleness_bound)?;
    options.widen = given.widen.unwrap_or(false);
    options.outage_bound = duration("outageBound", given.outage_bound)?;
    options.min_version = version("minVersion", given.min_version)?;
    options.timeout = duration("timeout", given.timeout)?;
    options.trace = trace(given.traceparent)?;
    Ok(options)
}

pub(crate) fn write_options(arguments: Option<WriteArguments>) -> Result<WriteOptions> {
    let mut options = WriteOptions::default();
    if let Some(given) = arguments {
        options.idempotency_key = given.idempotency_key.map(String::into_boxed_str);
        options.if_version = version("ifVersion", given.if_version)?;
        options.timeout = duration("timeout", given.timeout)?;
        options.trace = trace(given.traceparent)?;
    }
    Ok(options)
}

pub(crate) fn duration(field: &str, text: Option<String>) -> Result<Option<Duration>> {
    text.map(|text| Options::parse_duration(field, &text)).transpose().map_err(thrown)
}

pub(crate) fn version(field: &str, text: Option<String>) -> Result<Option<Version>> {
    let parse = |text: String| text.parse().map_err(|why| invalid(field, &text, &format!("{why}")));
    text.map(parse).transpose()
}

fn trace(text: Option<String>) -> Result<Option<TraceContext>> {
    let parse = |text: String| {
        let form = "a W3C traceparent: 00-<32 hex>-<16 hex>-<2 hex>, ids not all zero";
        TraceContext::parse(&text).ok_or_else(|| invalid("traceparent", &text, form))
    };
    text.map(parse).transpose()
}

fn invalid(field: &str, text: &str, allowed: &str) -> napi::Error<&'static str> {
    let shown: Cow<'_, str> = format!("{text:?}").into();
    thrown(edgecmp::Error::invalid(field, shown, allowed))
}
