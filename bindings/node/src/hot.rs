//! The calls that hits take, registered with raw Node-API: napi-derive
//! keeps a borrow scope for each call, which costs more than the lookup.

use std::ffi::{CStr, c_void};
use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, Object, Unknown};
use napi::{Env, JsError, JsValue, check_status, sys};
use napi_derive::napi;

use crate::arguments::ReadArguments;
use crate::boundary::{Result, guard, unexpected};
use crate::environment::Environment;
use crate::reads;

/// Adds them to the exports.
#[napi(module_exports)]
pub fn register(exports: Object<'_>, env: Env) -> napi::Result<()> {
    add(&env, &exports, c"lookup", lookup)?;
    add(&env, &exports, c"get", get)?;
    add(&env, &exports, c"getMany", get_many)
}

type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

fn add(env: &Env, exports: &Object<'_>, name: &CStr, callback: Callback) -> napi::Result<()> {
    let function = function(env, name, callback, ptr::null_mut())?;
    // SAFETY: both values belong to this environment, in which this runs.
    check_status!(unsafe { sys::napi_set_named_property(env.raw(), exports.raw(), name.as_ptr(), function) })
}

/// A function with data of its own.
fn function(env: &Env, name: &CStr, callback: Callback, data: *mut c_void) -> napi::Result<sys::napi_value> {
    let mut function = ptr::null_mut();
    let length = name.count_bytes() as isize;
    // SAFETY: name and length are those of a C string; the callback is of the
    // type that Node-API calls, and none takes its data for an address.
    check_status!(unsafe {
        sys::napi_create_function(env.raw(), name.as_ptr(), length, Some(callback), data, &mut function)
    })?;
    Ok(function)
}

unsafe extern "C" fn lookup(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    answer(env, || {
        let call = Call::new(env, info)?;
        reads::lookup(&call.env, call.environment(), call.handle(), &call.subject(), call.read_arguments()?)
    })
}

unsafe extern "C" fn get(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    answer(env, || {
        let call = Call::new(env, info)?;
        reads::get(&call.env, call.environment(), call.handle(), &call.subject(), call.read_arguments()?)
    })
}

unsafe extern "C" fn get_many(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    answer(env, || {
        let call = Call::new(env, info)?;
        reads::get_many(&call.env, call.environment(), call.handle(), &call.subject(), call.read_arguments()?)
    })
}

/// `againOf(environment)`: its function `again()`, see [`Environment::again`]. Arguments
/// and results each cost several nanoseconds: the function has the environment in
/// itself, question and answer are in the arena.
#[napi]
pub fn again_of(env: Env, environment: u32) -> Result<Unknown<'static>> {
    guard(|| {
        let data = ptr::without_provenance_mut(environment as usize);
        let function = function(&env, c"again", again, data).map_err(unexpected)?;
        // SAFETY: a value of this environment, which this call returns.
        Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), function) })
    })
}

unsafe extern "C" fn again(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let outcome = guard(|| {
        let mut data = ptr::null_mut();
        // SAFETY: `data` is a place for what the function was made with; the rest is not asked for.
        let status = unsafe {
            let none = ptr::null_mut();
            sys::napi_get_cb_info(env, info, ptr::null_mut(), none, none, &mut data)
        };
        check_status!(status).map_err(unexpected)?;
        Environment::with(data.addr() as u32, Environment::again);
        Ok(())
    });
    if let Err(error) = outcome {
        // SAFETY: called on the thread of `env`.
        unsafe { JsError::from(error).throw_into(env) };
    }
    ptr::null_mut()
}

/// Runs a call; returns its number, or throws.
#[inline(always)]
fn answer(env: sys::napi_env, body: impl FnOnce() -> Result<i64>) -> sys::napi_value {
    let mut result = ptr::null_mut();
    match guard(body) {
        // SAFETY: called on the thread of `env`; on failure the result stays
        // null, which is `undefined`.
        Ok(number) => _ = unsafe { sys::napi_create_int64(env, number, &mut result) },
        // SAFETY: called on the thread of `env`.
        Err(error) => unsafe { JsError::from(error).throw_into(env) },
    }
    result
}

/// A call's arguments: environment, handle, what is read, and, if there are
/// any, options.
struct Call {
    env: Env,
    values: [sys::napi_value; 4],
    count: usize,
}

impl Call {
    #[inline(always)]
    fn new(env: sys::napi_env, info: sys::napi_callback_info) -> Result<Self> {
        let mut values = [ptr::null_mut(); 4];
        let mut count = values.len();
        // SAFETY: `count` is the room in `values`, which are all set; `this` and
        // data are not asked for.
        let status = unsafe {
            sys::napi_get_cb_info(
                env,
                info,
                &mut count,
                values.as_mut_ptr(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        check_status!(status).map_err(unexpected)?;
        Ok(Self { env: Env::from_raw(env), values, count })
    }

    #[inline(always)]
    fn environment(&self) -> u32 {
        self.number(0)
    }

    #[inline(always)]
    fn handle(&self) -> u32 {
        self.number(1)
    }

    #[inline(always)]
    fn subject(&self) -> Unknown<'_> {
        // SAFETY: an argument of this call.
        unsafe { Unknown::from_raw_unchecked(self.env.raw(), self.values[2]) }
    }

    /// A number that `lib/` gave; anything else is 0, which is no handle.
    #[inline(always)]
    fn number(&self, index: usize) -> u32 {
        let mut number = 0;
        // SAFETY: an argument of this call; another type is a status.
        unsafe { sys::napi_get_value_uint32(self.env.raw(), self.values[index], &mut number) };
        number
    }

    #[inline(always)]
    fn read_arguments(&self) -> Result<Option<ReadArguments>> {
        if self.count < self.values.len() { Ok(None) } else { self.given_read_arguments().map(Some) }
    }

    #[cold]
    fn given_read_arguments(&self) -> Result<ReadArguments> {
        // SAFETY: an argument of this call.
        unsafe { ReadArguments::from_napi_value(self.env.raw(), self.values[3]) }.map_err(unexpected)
    }
}
