//! Origins in the host's language: a callback, or events on a queue.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::Arc;

use edgecmp_core::origin::callback::{HostOrigin, OriginCall};
use edgecmp_core::{LoaderPool, Options, Result};

use crate::boundary::call;
use crate::error::edgecmp_error;
use crate::event::Completion;
use crate::options::edgecmp_options;
use crate::pointers::required;
use crate::queue::{Shared, edgecmp_queue};
use crate::responder::{edgecmp_origin_request, edgecmp_responder, is_write};
use crate::running::Running;
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
    /// The origin of one cache; it counts its callbacks in `running`.
    fn make(&self, options: &Options, running: &Arc<Running>) -> Result<Arc<dyn HostOrigin>>;
}

/// The C functions of an origin, with what they are called with. Counted by
/// the options and by every cache that was opened with them.
struct Callback {
    fetch: edgecmp_origin_fn,
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
        // Core sends no write to an origin that is not writable.
        let function = if is_write(&call) { self.write } else { self.fetch };
        let Some(function) = function else { return };
        let Some((request, responder)) = edgecmp_responder::into_raw(call) else { return };
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

impl OriginMaker for Arc<Callback> {
    fn make(&self, options: &Options, running: &Arc<Running>) -> Result<Arc<dyn HostOrigin>> {
        let (callback, running) = (self.clone(), running.clone());
        let threads = usize::try_from(options.loader_threads).unwrap_or(usize::MAX);
        let serve = move |call| {
            let _running = running.enter();
            callback.call(call);
        };
        Ok(Arc::new(LoaderPool::new(threads, self.write.is_some(), Arc::new(serve))))
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
        // First of all: from here on the user data is dropped whatever happens.
        let callback = Arc::new(Callback { fetch, write, user_data, drop_user_data });
        required(fetch, "fetch")?;
        required(options, "options")?.origin = Some(Arc::new(callback));
        Ok(EDGECMP_OK)
    })
}

/// Delivers origin calls as events, for hosts with a scheduler of their own.
#[derive(Clone)]
struct QueueOrigin {
    queue: Arc<Shared>,
    writable: bool,
}

impl HostOrigin for QueueOrigin {
    fn call(&self, call: OriginCall) {
        // If nobody polls any more the responder is dropped, which fails the call.
        self.queue.push(Completion::Origin(call));
    }

    fn is_writable(&self) -> bool {
        self.writable
    }
}

impl OriginMaker for QueueOrigin {
    fn make(&self, _: &Options, _: &Arc<Running>) -> Result<Arc<dyn HostOrigin>> {
        self.queue.check_fork()?;
        Ok(Arc::new(self.clone()))
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
        options.origin = Some(Arc::new(QueueOrigin { queue, writable }));
        Ok(EDGECMP_OK)
    })
}
