//! Responders: how the host's origin answers one request.

use std::ffi::{CString, c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr;

use bytes::Bytes;
use edgecmp_core::origin::callback::{Operation, OriginCall, Responder};
use edgecmp_core::{Code, Error, Key, Result, Version, fork_generation};

use crate::boundary::{call, infallible};
use crate::error::edgecmp_error;
use crate::pointers::{bytes, edgecmp_slice, nanos, optional_text, required};
use crate::status::edgecmp_status::{self, EDGECMP_OK};
use crate::text::c_string;
use crate::version::edgecmp_u128;

/// What an origin is asked to do.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum edgecmp_operation {
    /// Read the key. Answer with value, unchanged or absent.
    EDGECMP_OPERATION_FETCH = 0,
    /// Write the value. Answer with written, after the commit.
    EDGECMP_OPERATION_SET = 1,
    /// Delete the key. Answer with written, after the commit.
    EDGECMP_OPERATION_DELETE = 2,
}

/// One request to the origin. The library makes it, with `struct_size` set;
/// it and what it points to live as long as its responder.
#[repr(C)]
pub struct edgecmp_origin_request {
    /// Size of the struct in the library.
    pub struct_size: usize,
    /// What is asked.
    pub operation: edgecmp_operation,
    /// 0. Keeps the struct without hidden padding.
    pub reserved: u32,
    /// The key.
    pub key: edgecmp_slice,
    /// Fetch: the version that the cache holds; if it is still current, answer
    /// unchanged. `{0, 0}`: none.
    pub known_version: edgecmp_u128,
    /// Set: the value.
    pub value: edgecmp_slice,
    /// Set, delete: a request with a key that was already seen must not write
    /// again, and gets the first answer. NULL for a fetch.
    pub idempotency_key: *const c_char,
    /// Set, delete: write only if this version is current, else fail with
    /// `EDGECMP_CONFLICT`. `{0, 0}`: always.
    pub if_version: edgecmp_u128,
    /// How long the cache waits for the answer, in nanoseconds.
    pub timeout_ns: u64,
    /// W3C `traceparent` header, or NULL.
    pub traceparent: *const c_char,
}

/// The right to answer one request, once. Each `edgecmp_responder_*` call but
/// none other consumes it, whatever status it returns. Answers that come too
/// late are ignored. May be used on any thread, also after its cache is gone.
pub struct edgecmp_responder {
    /// Taken by the answer.
    responder: Option<Responder>,
    fork_generation: u32,
    request: edgecmp_origin_request,
    // What `request` points to.
    _key: Key,
    _value: Option<Bytes>,
    _idempotency_key: Option<CString>,
    _traceparent: Option<CString>,
}

/// Whether the call writes.
pub(crate) fn is_write(call: &OriginCall) -> bool {
    !matches!(call.operation, Operation::Fetch { .. })
}

impl edgecmp_responder {
    /// Hands a call to C, unless C has no word for it and it was failed. The
    /// request is a part of the responder.
    pub(crate) fn into_raw(call: OriginCall) -> Option<(*const edgecmp_origin_request, *mut Self)> {
        use edgecmp_operation::*;
        let none = Version::NONE;
        let (operation, key, known, value, idempotency_key, if_version) = match call.operation {
            Operation::Fetch { key, known_version } => {
                (EDGECMP_OPERATION_FETCH, key, known_version, None, None, None)
            }
            Operation::Set { key, value, idempotency_key, if_version } => {
                (EDGECMP_OPERATION_SET, key, None, Some(value), Some(idempotency_key), if_version)
            }
            Operation::Delete { key, idempotency_key, if_version } => {
                (EDGECMP_OPERATION_DELETE, key, None, None, Some(idempotency_key), if_version)
            }
            // A later core asks what this ABI has no word for.
            _ => {
                call.responder.fail(Code::Unsupported, "the C ABI does not know this operation");
                return None;
            }
        };
        let idempotency_key = idempotency_key.map(|text| c_string(&text));
        let traceparent = call.trace.map(|trace| c_string(trace.as_str()));
        let pointer = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        let mut this = Box::new(Self {
            responder: Some(call.responder),
            fork_generation: fork_generation(),
            request: edgecmp_origin_request {
                struct_size: size_of::<edgecmp_origin_request>(),
                operation,
                reserved: 0,
                key: edgecmp_slice::NONE,
                known_version: known.unwrap_or(none).into(),
                value: value.as_deref().map_or(edgecmp_slice::NONE, edgecmp_slice::of),
                idempotency_key: pointer(&idempotency_key),
                if_version: if_version.unwrap_or(none).into(),
                timeout_ns: nanos(call.timeout),
                traceparent: pointer(&traceparent),
            },
            _key: key,
            _value: value,
            _idempotency_key: idempotency_key,
            _traceparent: traceparent,
        });
        // Only now: a short key may lie within the responder itself.
        this.request.key = edgecmp_slice::of(this._key.as_bytes());
        let this = Box::into_raw(this);
        // SAFETY: just made; no reference to it exists.
        Some((unsafe { &raw const (*this).request }, this))
    }

    /// The right to answer. In a forked child it is the parent's: its runtime,
    /// which waits for the answer, does not exist here.
    fn take(&mut self) -> Result<Responder> {
        let responder = self.responder.take();
        if self.fork_generation != fork_generation() {
            std::mem::forget(responder);
            let message = "responder: it belongs to the parent process, which has to answer";
            return Err(Error::new(Code::Forked, message));
        }
        required(responder, "responder")
    }

    /// The responder of a fetch, or of a write. An answer that does not fit
    /// fails the request: the origin would break the protocol.
    fn answering(mut self: Box<Self>, write: bool, answer: &str) -> Result<Responder> {
        let responder = self.take()?;
        let asked = self.request.operation;
        if (asked != edgecmp_operation::EDGECMP_OPERATION_FETCH) == write {
            return Ok(responder);
        }
        let message = format!("the origin answered {answer} to {asked:?}");
        responder.fail(Code::OriginProtocol, message.clone());
        let allowed = "value, unchanged or absent to a fetch; written to a write";
        Err(Error::invalid("responder", message, allowed))
    }
}

impl Drop for edgecmp_responder {
    fn drop(&mut self) {
        // Dropping the right to answer fails the request, where that is ours to do.
        drop(self.take());
    }
}

/// Answers a fetch with the value, which is copied. Version `{0, 0}`: the
/// origin has none, and values are compared byte by byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_responder_value(
    responder: Option<Box<edgecmp_responder>>,
    value: *const c_void,
    value_len: usize,
    version: edgecmp_u128,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let responder = required(responder, "responder")?;
        // SAFETY: by contract `value` points to `value_len` bytes.
        let value = unsafe { bytes(value, value_len, "value") }?;
        responder.answering(false, "a value")?.value(Bytes::copy_from_slice(value), version.to_version());
        Ok(EDGECMP_OK)
    })
}

/// Answers a fetch: `known_version` is still current.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_responder_unchanged(
    responder: Option<Box<edgecmp_responder>>,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        required(responder, "responder")?.answering(false, "unchanged")?.unchanged();
        Ok(EDGECMP_OK)
    })
}

/// Answers a fetch: the origin has no such key. The version is that of the
/// delete, `{0, 0}` if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_responder_absent(
    responder: Option<Box<edgecmp_responder>>,
    version: edgecmp_u128,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        required(responder, "responder")?.answering(false, "absent")?.absent(version.to_version());
        Ok(EDGECMP_OK)
    })
}

/// Answers a set or delete: committed, with this version; `{0, 0}`: it has
/// none.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_responder_written(
    responder: Option<Box<edgecmp_responder>>,
    version: edgecmp_u128,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        required(responder, "responder")?.answering(true, "written")?.written(version.to_version());
        Ok(EDGECMP_OK)
    })
}

/// Fails a request. `status` is `EDGECMP_ORIGIN_UNAVAILABLE` (retriable; a
/// write's outcome is unknown), `EDGECMP_ORIGIN_REJECTED`, `EDGECMP_CONFLICT`
/// or `EDGECMP_UNSUPPORTED` (a write surely did not happen); any other stands
/// for the first. `message` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_responder_fail(
    responder: Option<Box<edgecmp_responder>>,
    status: i32,
    message: *const c_char,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let mut responder = required(responder, "responder")?;
        // SAFETY: by contract NULL or NUL-terminated.
        let message = unsafe { optional_text(message, "message") }?.unwrap_or("the origin callback failed");
        let code = crate::status::code(status).unwrap_or(Code::OriginUnavailable);
        responder.take()?.fail(code, message);
        Ok(EDGECMP_OK)
    })
}

/// Gives a responder back without an answer: the request fails with
/// `EDGECMP_ORIGIN_UNAVAILABLE`. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_responder_free(responder: Option<Box<edgecmp_responder>>) {
    infallible((), || drop(responder));
}
