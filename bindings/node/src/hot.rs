//! The two calls that hits take, registered with raw Node-API: napi-derive
//! keeps a borrow scope for each call, which costs more than the lookup.

use std::ffi::CStr;
use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, Object, Unknown};
use napi::{Env, JsError, JsValue, ValueType, check_status, sys};
use napi_derive::napi;

use crate::arguments::ReadArguments;
use crate::boundary::{Result, guard, unexpected};
use crate::reads;

/// The body of a read: environment, handle, key, options.
type Read = fn(&Env, u32, u32, &Unknown<'_>, Option<ReadArguments>) -> Result<i64>;

/// Adds `lookup` and `get` to the exports.
#[napi(module_exports)]
pub fn register(exports: Object<'_>, env: Env) -> napi::Result<()> {
    add(&env, &exports, c"lookup", lookup)?;
    add(&env, &exports, c"get", get)
}

fn add(
    env: &Env,
    exports: &Object<'_>,
    name: &CStr,
    callback: unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value,
) -> napi::Result<()> {
    let mut function = ptr::null_mut();
    // SAFETY: name and length are those of a C string; the callback is of the
    // type that Node-API calls, and needs no data.
    check_status!(unsafe {
        let length = name.count_bytes() as isize;
        sys::napi_create_function(
            env.raw(),
            name.as_ptr(),
            length,
            Some(callback),
            ptr::null_mut(),
            &mut function,
        )
    })?;
    // SAFETY: both values belong to this environment, in which this runs.
    check_status!(unsafe { sys::napi_set_named_property(env.raw(), exports.raw(), name.as_ptr(), function) })
}

unsafe extern "C" fn lookup(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: Node-API calls this with the environment and the info of the call.
    unsafe { call(env, info, reads::lookup) }
}

unsafe extern "C" fn get(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: as above.
    unsafe { call(env, info, reads::get) }
}

/// Runs a read; returns its number, or throws.
///
/// # Safety
/// `env` and `info` are those that Node-API called with.
unsafe fn call(env: sys::napi_env, info: sys::napi_callback_info, read: Read) -> sys::napi_value {
    let outcome = guard(|| {
        let [environment, handle, key, options] = arguments(env, info).map_err(unexpected)?;
        let (environment, handle) = (number(env, environment), number(env, handle));
        // SAFETY: the value is an argument of this call.
        let key = unsafe { Unknown::from_raw_unchecked(env, key) };
        read(
            &Env::from_raw(env),
            environment,
            handle,
            &key,
            read_arguments(env, options).map_err(unexpected)?,
        )
    });
    let mut result = ptr::null_mut();
    match outcome {
        // SAFETY: called on the thread of `env`; on failure the result stays
        // null, which is `undefined`.
        Ok(number) => _ = unsafe { sys::napi_create_int64(env, number, &mut result) },
        // SAFETY: called on the thread of `env`.
        Err(error) => unsafe { JsError::from(error).throw_into(env) },
    }
    result
}

/// The arguments; those not given are `undefined`.
fn arguments(env: sys::napi_env, info: sys::napi_callback_info) -> napi::Result<[sys::napi_value; 4]> {
    let mut values = [ptr::null_mut(); 4];
    let mut count = values.len();
    // SAFETY: `count` is the room in `values`; `this` and data are not asked for.
    check_status!(unsafe {
        sys::napi_get_cb_info(env, info, &mut count, values.as_mut_ptr(), ptr::null_mut(), ptr::null_mut())
    })?;
    Ok(values)
}

/// A number that `lib/` gave; anything else is 0, which is no handle.
fn number(env: sys::napi_env, value: sys::napi_value) -> u32 {
    let mut number = 0;
    // SAFETY: the value is an argument of this call; another type is a status.
    unsafe { sys::napi_get_value_uint32(env, value, &mut number) };
    number
}

fn read_arguments(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Option<ReadArguments>> {
    let mut kind = 0;
    // SAFETY: the value is an argument of this call.
    check_status!(unsafe { sys::napi_typeof(env, value, &mut kind) })?;
    if ValueType::from(kind) == ValueType::Undefined {
        return Ok(None);
    }
    // SAFETY: as above.
    unsafe { ReadArguments::from_napi_value(env, value) }.map(Some)
}
