//! The cache: open, close, free, invalidate.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

use edgecmp_core::Cache;

use crate::boundary::{call, infallible};
use crate::error::edgecmp_error;
use crate::options::edgecmp_options;
use crate::pointers::{bytes, deadline_after, required, required_out};
use crate::running::Running;
use crate::status::edgecmp_status::{self, EDGECMP_OK, EDGECMP_PENDING};

/// A cache. Every call on it may be made from any number of threads at once,
/// except `edgecmp_cache_free`.
pub struct edgecmp_cache {
    pub(crate) cache: Cache,
    running: Arc<Running>,
}

/// Opens a cache. The options stay the caller's. Does not ask the origin, and
/// does not block.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_open(
    options: Option<&edgecmp_options>,
    cache: Option<&mut MaybeUninit<*mut edgecmp_cache>>,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let out = required_out(cache, "cache")?;
        let edgecmp_options { options, origin } = required(options, "options")?;
        let running = Running::new();
        let cache = match origin {
            None => Cache::open(options.clone())?,
            Some(maker) => Cache::open_with_origin(options.clone(), maker.make(options, &running)?)?,
        };
        *out = Box::into_raw(Box::new(edgecmp_cache { cache, running }));
        Ok(EDGECMP_OK)
    })
}

/// Closes a cache: reads that wait end with `EDGECMP_CLOSED`, and so do all
/// later calls; writes under way are given `timeout_ns` to end, and say
/// `EDGECMP_UNKNOWN_OUTCOME` if they do not. The handle stays valid; values
/// stay valid. `EDGECMP_OK` when all that the cache does has ended,
/// `EDGECMP_PENDING` when something (an origin callback that has not returned)
/// still runs after `timeout_ns`. May be called again, to wait longer.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_close(
    cache: Option<&edgecmp_cache>,
    timeout_ns: u64,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let cache = required(cache, "cache")?;
        let deadline = deadline_after(timeout_ns);
        let ended = cache.cache.close(Duration::from_nanos(timeout_ns))? & cache.running.wait_until(deadline);
        Ok(if ended { EDGECMP_OK } else { EDGECMP_PENDING })
    })
}

/// Frees a cache, closing it first if need be, without waiting for what still
/// runs. No other call may use the handle during it or afterwards. NULL is
/// allowed.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_cache_free(cache: Option<Box<edgecmp_cache>>) {
    infallible((), || drop(cache));
}

/// What is cached of a key counts no longer: the next read asks the origin.
/// Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_invalidate(
    cache: Option<&edgecmp_cache>,
    key: *const c_void,
    key_len: usize,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let cache = required(cache, "cache")?;
        // SAFETY: by contract `key` points to `key_len` bytes.
        let key = unsafe { bytes(key, key_len, "key") }?;
        cache.cache.invalidate(key)?;
        Ok(EDGECMP_OK)
    })
}
