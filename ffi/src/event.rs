//! Events: how an asynchronous call ends, and how an origin call arrives.

use std::ptr;

use edgecmp_core::origin::callback::OriginCall;
use edgecmp_core::{Error, Result, Value, WriteReceipt};

use crate::boundary::infallible;
use crate::error::edgecmp_error;
use crate::responder::{edgecmp_origin_request, edgecmp_responder};
use crate::results::edgecmp_results;
use crate::status::edgecmp_status;
use crate::value::edgecmp_value;
use crate::version::edgecmp_u128;

/// What an event is about.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum edgecmp_event_kind {
    /// A call has failed: `status` and `error`.
    EDGECMP_EVENT_FAILED = 0,
    /// `edgecmp_get_start` has ended: `value`.
    EDGECMP_EVENT_VALUE = 1,
    /// `edgecmp_get_many_start` has ended: `results`.
    EDGECMP_EVENT_RESULTS = 2,
    /// `edgecmp_set_start` or `edgecmp_delete_start` has ended: `version`.
    EDGECMP_EVENT_WRITTEN = 3,
    /// The cache asks the origin (`edgecmp_origin_queue`): `request`, to be
    /// answered through `responder`.
    EDGECMP_EVENT_ORIGIN_CALL = 4,
}

/// One event. Fields that its kind does not name are NULL or 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct edgecmp_event {
    /// The tag of the call; 0 for an origin call.
    pub tag: u64,
    /// What the event is about.
    pub kind: edgecmp_event_kind,
    /// `EDGECMP_OK`, or why the call failed.
    pub status: edgecmp_status,
    /// The value. Owned: release it.
    pub value: *mut edgecmp_value,
    /// The values. Owned: free them.
    pub results: *mut edgecmp_results,
    /// The version that the origin gave the write.
    pub version: edgecmp_u128,
    /// Why the call failed. Owned: free it.
    pub error: *mut edgecmp_error,
    /// What the origin is asked. Lives as long as `responder`.
    pub request: *const edgecmp_origin_request,
    /// Answer through it, once. Owned.
    pub responder: *mut edgecmp_responder,
}

/// What waits in a queue: made on the runtime thread, turned into an event by
/// the thread that polls.
pub(crate) enum Completion {
    /// A call has ended.
    Call {
        /// The caller's.
        tag: u64,
        /// How.
        outcome: Outcome,
    },
    /// The origin is asked.
    Origin(OriginCall),
}

/// How a call has ended.
pub(crate) enum Outcome {
    Value(Value),
    Results(Vec<Result<Value>>),
    Written(WriteReceipt),
    Failed(Error),
}

impl From<Result<Value>> for Outcome {
    fn from(ended: Result<Value>) -> Self {
        ended.map_or_else(Self::Failed, Self::Value)
    }
}

impl From<Result<Vec<Result<Value>>>> for Outcome {
    fn from(ended: Result<Vec<Result<Value>>>) -> Self {
        ended.map_or_else(Self::Failed, Self::Results)
    }
}

impl From<Result<WriteReceipt>> for Outcome {
    fn from(ended: Result<WriteReceipt>) -> Self {
        ended.map_or_else(Self::Failed, Self::Written)
    }
}

impl edgecmp_event {
    const EMPTY: Self = Self {
        tag: 0,
        kind: edgecmp_event_kind::EDGECMP_EVENT_FAILED,
        status: edgecmp_status::EDGECMP_OK,
        value: ptr::null_mut(),
        results: ptr::null_mut(),
        version: edgecmp_u128::NONE,
        error: ptr::null_mut(),
        request: ptr::null(),
        responder: ptr::null_mut(),
    };

    /// The event of a completion. `None`: an origin call that C has no word for.
    pub(crate) fn new(completion: Completion) -> Option<Self> {
        match completion {
            Completion::Call { tag, outcome } => Some(Self { tag, ..Self::ended(outcome) }),
            Completion::Origin(call) => {
                let kind = edgecmp_event_kind::EDGECMP_EVENT_ORIGIN_CALL;
                let (request, responder) = edgecmp_responder::into_raw(call)?;
                Some(Self { kind, request, responder, ..Self::EMPTY })
            }
        }
    }

    fn ended(outcome: Outcome) -> Self {
        use edgecmp_event_kind::*;
        let event = Self::EMPTY;
        match outcome {
            Outcome::Value(value) => {
                Self { kind: EDGECMP_EVENT_VALUE, value: edgecmp_value::into_raw(value), ..event }
            }
            Outcome::Results(rows) => {
                Self { kind: EDGECMP_EVENT_RESULTS, results: edgecmp_results::into_raw(rows), ..event }
            }
            Outcome::Written(written) => {
                Self { kind: EDGECMP_EVENT_WRITTEN, version: written.version.into(), ..event }
            }
            Outcome::Failed(error) => {
                Self { status: error.code().into(), error: edgecmp_error::into_raw(error), ..event }
            }
        }
    }
}

/// Frees what an event still holds, and sets its pointers to NULL; an origin
/// call that was not answered fails. NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_event_clear(event: Option<&mut edgecmp_event>) {
    infallible((), || {
        let Some(event) = event else { return };
        let held = std::mem::replace(event, edgecmp_event::EMPTY);
        (event.tag, event.kind, event.status, event.version) =
            (held.tag, held.kind, held.status, held.version);
        // SAFETY: by contract a reference that the caller owns, or NULL.
        unsafe { crate::value::edgecmp_value_release(held.value) };
        // SAFETY: as above.
        unsafe { crate::results::edgecmp_results_free(held.results) };
        // SAFETY: by contract owned, made by `Box::into_raw`, or NULL.
        drop(unsafe { boxed(held.error) });
        // SAFETY: as above.
        drop(unsafe { boxed(held.responder) });
    });
}

/// # Safety
/// `pointer` is NULL or came from `Box::into_raw` and is owned.
unsafe fn boxed<T>(pointer: *mut T) -> Option<Box<T>> {
    // SAFETY: the caller's promise.
    (!pointer.is_null()).then(|| unsafe { Box::from_raw(pointer) })
}
