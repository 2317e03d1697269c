//! Arguments from JavaScript: keys, byte arrays, durations, versions.

use std::borrow::Cow;
use std::ptr;
use std::time::Duration;

use edgecmp::{Code, Options, ReadOptions, TraceContext, Version, WriteOptions};
use napi::bindgen_prelude::Unknown;
use napi::{Env, JsValue, Status, sys};
use napi_derive::napi;

use crate::boundary::{Result, failure, thrown, wrong_type};

const KEY_FORM: &str = "a string or a Uint8Array";

/// Keys up to about this length are read without an allocation.
const INLINE: usize = 512;

/// The longest UTF-8 form of a character: a string that was cut may be short
/// of the buffer's end by less than this.
const LONGEST_CHARACTER: usize = 4;

/// Calls `f` with the bytes of a key: a string's UTF-8 form, or a byte array.
pub(crate) fn with_key<T>(env: &Env, key: &Unknown<'_>, f: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
    let mut buffer = [0u8; INLINE];
    match read_utf8(env, key, &mut buffer) {
        Some(length) if length + LONGEST_CHARACTER < INLINE => f(well_formed(env, key, &buffer[..length])?),
        Some(_) => {
            let text = long_utf8(env, key)?;
            f(well_formed(env, key, &text)?)
        }
        None => with_bytes(env, key, "key", KEY_FORM, f),
    }
}

/// Writes the string's UTF-8 form into the buffer; `None` if it is no string.
/// A longer string is cut.
fn read_utf8(env: &Env, value: &Unknown<'_>, buffer: &mut [u8]) -> Option<usize> {
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
    (status == sys::Status::napi_ok).then_some(length)
}

fn long_utf8(env: &Env, value: &Unknown<'_>) -> Result<Vec<u8>> {
    let mut length = 0;
    // SAFETY: without a buffer only the length is written.
    unsafe { sys::napi_get_value_string_utf8(env.raw(), value.raw(), ptr::null_mut(), 0, &mut length) };
    // One more for the terminating zero that Node-API writes.
    let mut text = vec![0; length + 1];
    let length = read_utf8(env, value, &mut text).ok_or_else(|| wrong_type("key", KEY_FORM))?;
    text.truncate(length);
    Ok(text)
}

/// A lone surrogate has no UTF-8 form: V8 writes U+FFFD in its place, under
/// which two different keys would be one. Only text with U+FFFD is looked at.
fn well_formed<'b>(env: &Env, key: &Unknown<'_>, text: &'b [u8]) -> Result<&'b [u8]> {
    const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
    if !text.contains(&REPLACEMENT[0]) || !text.windows(REPLACEMENT.len()).any(|window| window == REPLACEMENT)
    {
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

pub(crate) fn read_options(arguments: Option<ReadArguments>) -> Result<ReadOptions> {
    let mut options = ReadOptions::default();
    if let Some(given) = arguments {
        options.staleness_bound = duration("stalenessBound", given.staleness_bound)?;
        options.widen = given.widen.unwrap_or(false);
        options.outage_bound = duration("outageBound", given.outage_bound)?;
        options.min_version = version("minVersion", given.min_version)?;
        options.timeout = duration("timeout", given.timeout)?;
        options.trace = trace(given.traceparent)?;
    }
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
