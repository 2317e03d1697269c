//! Origins in the host's language: a callback, or events on a queue.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::Arc;

use edgecmp_core::origin::callback::{HostOrigin, LoaderPool, OriginCall};
use edgecmp_core::{Code, Options, Result};

use crate::boundary::call;
use crate::error::edgecmp_error;
use crate::event::Completion;
use crate::options::edgecmp_options;
use crate::pointers::required;
use crate::queue::{Shared, edgecmp_queue};
use crate::responder::{edgecmp_origin_request, edgecmp_responder, is_write};
use crate::status::edgecmp_status::{self, EDGECMP_OK};

/// Called for one request to the origin, on a thread of the library, several
/// at a time (option `loader_threads`). It may block, and it may answer later
/// and from another thread. It must answer once, through `responder`; if it
/// frees the responder instead, the request fails. It must not let a C++
/// exception out, nor `longjmp`. `request` lives as long as `responder`.
pub type edgecmp_origin_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        request: *const edgecmp_origin_request,
        responder: *mut edgecmp_responder,
    ),
>;

/// Called once, when the library no longer uses the user data; on any thread.
pub type edgecmp_drop_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// Makes the origin of each cache that is opened with the same options.
pub(crate) trait OriginMaker: Send + Sync {
    fn make(&self, options: &Options) -> Result<Arc<dyn HostOrigin>>;
}

/// The C functions of an origin, with what they are called with.
struct Callback {
    fetch: unsafe extern "C" fn(*mut c_void, *const edgecmp_origin_request, *mut edgecmp_responder),
    write: edgecmp_origin_fn,
    user_data: *mut c_void,
    drop_user_data: edgecmp_drop_fn,
}

// SAFETY: the contract of `edgecmp_origin_callback`: the functions may be
// called with the user data on any thread, several at a time.
unsafe impl Send for Callback {}
// SAFETY: as above.
unsafe impl Sync for Callback {}

impl Callback {
    fn call(&self, call: OriginCall) {
        let function = if is_write(&call) {
            self.write
        } else {
            Some(self.fetch)
        };
        let Some(function) = function else {
            let message = "the origin callback has no write function";
            return call.responder.fail(Code::Unsupported, message.to_owned());
        };
        let (request, responder) = edgecmp_responder::into_raw(call);
        // SAFETY: the caller of `edgecmp_origin_callback` promised that the function may be called so.
        unsafe { function(self.user_data, request, responder) };
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        if let Some(drop_user_data) = self.drop_user_data {
            // SAFETY: as for the calls; nothing uses the user data from here on.
            unsafe { drop_user_data(self.user_data) };
        }
    }
}

/// Counted by the options and by every cache that was opened with them.
struct CallbackMaker(Arc<Callback>);

impl OriginMaker for CallbackMaker {
    fn make(&self, options: &Options) -> Result<Arc<dyn HostOrigin>> {
        let callback = self.0.clone();
        let threads = usize::try_from(options.loader_threads).unwrap_or(usize::MAX);
        Ok(Arc::new(LoaderPool::new(
            threads,
            Arc::new(move |call| callback.call(call)),
        )))
    }
}

/// Makes two C functions the origin of the caches that will be opened with
/// these options. `write` NULL: a read-only origin. `drop_user_data` (may be
/// NULL) is called when the options are freed (or get another origin) and all
/// those caches are; also if this call fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_origin_callback(
    options: Option<&mut edgecmp_options>,
    fetch: edgecmp_origin_fn,
    write: edgecmp_origin_fn,
    user_data: *mut c_void,
    drop_user_data: edgecmp_drop_fn,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        extern "C" fn never(
            _: *mut c_void,
            _: *const edgecmp_origin_request,
            _: *mut edgecmp_responder,
        ) {
        }
        // First of all: from here on the user data is dropped whatever happens.
        let callback = Callback {
            fetch: fetch.unwrap_or(never),
            write,
            user_data,
            drop_user_data,
        };
        required(fetch, "fetch")?;
        required(options, "options")?.origin = Some(Arc::new(CallbackMaker(Arc::new(callback))));
        Ok(EDGECMP_OK)
    })
}

/// Delivers origin calls as events, for hosts with a scheduler of their own.
struct QueueOrigin {
    queue: Arc<Shared>,
    writable: bool,
}

impl HostOrigin for QueueOrigin {
    fn call(&self, call: OriginCall) {
        if !self.writable && is_write(&call) {
            return call
                .responder
                .fail(Code::Unsupported, "the origin is read-only".to_owned());
        }
        // If nobody polls any more the responder is dropped, which fails the call.
        self.queue.push(Completion::Origin(call));
    }

    fn writable(&self) -> bool {
        self.writable
    }
}

impl OriginMaker for Arc<QueueOrigin> {
    fn make(&self, _: &Options) -> Result<Arc<dyn HostOrigin>> {
        self.queue.check_fork()?;
        Ok(self.clone())
    }
}

/// Makes a queue the origin of the caches that will be opened with these
/// options: each request to the origin is an `EDGECMP_EVENT_ORIGIN_CALL`. The
/// queue must be polled while those caches are open; free it after them.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_origin_queue(
    options: Option<&mut edgecmp_options>,
    queue: Option<&edgecmp_queue>,
    writable: bool,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let options = required(options, "options")?;
        let queue = required(queue, "queue")?.shared.clone();
        queue.check_fork()?;
        options.origin = Some(Arc::new(Arc::new(QueueOrigin { queue, writable })));
        Ok(EDGECMP_OK)
    })
}
