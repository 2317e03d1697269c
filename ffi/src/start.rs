//! Asynchronous calls: started here, ended by an event on a queue.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use edgecmp_core::{Pending, Result, Started, WriteReceipt};

use crate::boundary::call;
use crate::cache::edgecmp_cache;
use crate::error::edgecmp_error;
use crate::event::{Completion, Outcome};
use crate::pointers::{bytes, edgecmp_slice, required, required_out};
use crate::queue::edgecmp_queue;
use crate::read::{edgecmp_read_options, key_list, read_options};
use crate::results::edgecmp_results;
use crate::status::edgecmp_status::{self, EDGECMP_OK, EDGECMP_PENDING};
use crate::value::edgecmp_value;
use crate::write::{edgecmp_write_options, write_options};

/// Has the event of `tag` pushed when the call ends.
fn enqueue<T>(pending: Pending<T>, queue: &edgecmp_queue, tag: u64)
where
    T: Send + 'static,
    Outcome: From<Result<T>>,
{
    let shared = queue.shared.clone();
    pending.on_complete(move |ended| shared.complete(tag, ended.into()));
}

/// Starts a read; `hands_out` what is there already.
fn start_read<T>(
    queue: &edgecmp_queue,
    tag: u64,
    start: impl FnOnce() -> Result<Started<T>>,
    hands_out: impl FnOnce(T),
) -> Result<edgecmp_status>
where
    T: Send + 'static,
    Outcome: From<Result<T>>,
{
    queue.shared.check_fork()?;
    match start()? {
        Started::Ready(answer) => {
            hands_out(answer);
            Ok(EDGECMP_OK)
        }
        Started::Pending(pending) => {
            queue.shared.calls.begin_read(tag)?;
            enqueue(pending, queue, tag);
            Ok(EDGECMP_PENDING)
        }
    }
}

/// Starts `edgecmp_get`. `EDGECMP_OK`: a hit, `*value` is the value, and no
/// event comes. `EDGECMP_PENDING`: one event with this tag will come, at the
/// deadline at the latest. The tag must differ from those of all calls in
/// progress on the queue. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_get_start(
    cache: Option<&edgecmp_cache>,
    key: *const c_void,
    key_len: usize,
    read: *const edgecmp_read_options,
    queue: Option<&edgecmp_queue>,
    tag: u64,
    value: Option<&mut MaybeUninit<*mut edgecmp_value>>,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let out = required_out(value, "value")?;
        let cache = required(cache, "cache")?;
        // SAFETY: by contract `key` points to `key_len` bytes.
        let key = unsafe { bytes(key, key_len, "key") }?;
        let mut given = None;
        // SAFETY: by contract.
        let read = unsafe { read_options(read, &mut given) }?;
        start_read(
            required(queue, "queue")?,
            tag,
            || cache.cache.start_get(key, read),
            |value| *out = edgecmp_value::into_raw(value),
        )
    })
}

/// Starts `edgecmp_get_many`; as `edgecmp_get_start`, with results.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_get_many_start(
    cache: Option<&edgecmp_cache>,
    keys: *const edgecmp_slice,
    keys_count: usize,
    read: *const edgecmp_read_options,
    queue: Option<&edgecmp_queue>,
    tag: u64,
    results: Option<&mut MaybeUninit<*mut edgecmp_results>>,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let out = required_out(results, "results")?;
        let cache = required(cache, "cache")?;
        // SAFETY: by contract.
        let keys = unsafe { key_list(keys, keys_count) }?;
        let mut given = None;
        // SAFETY: by contract.
        let read = unsafe { read_options(read, &mut given) }?;
        start_read(
            required(queue, "queue")?,
            tag,
            || cache.cache.start_get_many(keys, read),
            |rows| *out = edgecmp_results::into_raw(rows),
        )
    })
}

/// Starts `edgecmp_set`: `EDGECMP_PENDING`, and one event with this tag will
/// come. Key and value are copied. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_set_start(
    cache: Option<&edgecmp_cache>,
    key: *const c_void,
    key_len: usize,
    value: *const c_void,
    value_len: usize,
    write: *const edgecmp_write_options,
    queue: Option<&edgecmp_queue>,
    tag: u64,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let cache = required(cache, "cache")?;
        // SAFETY: by contract `key` points to `key_len` bytes.
        let key = unsafe { bytes(key, key_len, "key") }?;
        // SAFETY: by contract `value` points to `value_len` bytes.
        let value = unsafe { bytes(value, value_len, "value") }?;
        // SAFETY: by contract.
        let write = unsafe { write_options(write) }?;
        start_write(required(queue, "queue")?, tag, || cache.cache.start_set(key, value, &write))
    })
}

/// Starts `edgecmp_delete`; as `edgecmp_set_start`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_delete_start(
    cache: Option<&edgecmp_cache>,
    key: *const c_void,
    key_len: usize,
    write: *const edgecmp_write_options,
    queue: Option<&edgecmp_queue>,
    tag: u64,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let cache = required(cache, "cache")?;
        // SAFETY: by contract `key` points to `key_len` bytes.
        let key = unsafe { bytes(key, key_len, "key") }?;
        // SAFETY: by contract.
        let write = unsafe { write_options(write) }?;
        start_write(required(queue, "queue")?, tag, || cache.cache.start_delete(key, &write))
    })
}

fn start_write(
    queue: &edgecmp_queue,
    tag: u64,
    start: impl FnOnce() -> Result<Pending<WriteReceipt>>,
) -> Result<edgecmp_status> {
    let shared = &queue.shared;
    shared.check_fork()?;
    shared.calls.begin_write(tag)?;
    let pending = start().inspect_err(|_| shared.calls.abandon(tag))?;
    match shared.calls.write_started(tag, pending.idempotency_key()) {
        Some(outcome) => shared.push(Completion::Call { tag, outcome }),
        None => enqueue(pending, queue, tag),
    }
    Ok(EDGECMP_PENDING)
}
