//! The mailbox of an environment: where core's runtime thread, and other
//! environments, leave what its event loop has to do.
//!
//! Senders push and wake the loop once; the loop drains a batch. The lock is
//! held for a push or a swap, never during a call into core or JavaScript.
//!
//! End of life: when the environment ends, [`Mailbox::close`] refuses further
//! events under the same lock under which they are pushed and the loop is
//! woken, before Node frees the threadsafe function. So no thread ever wakes a
//! loop that is gone, and no event is left in a box that nobody will open.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use edgecmp::origin::callback::OriginCall;
use edgecmp::{Value, WriteReceipt};
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status, sys};

use crate::boundary::{Result, unexpected};

/// What an event loop has to hear of.
pub(crate) enum Event {
    /// A `get` ended.
    Read { call: u32, outcome: edgecmp::Result<Value> },
    /// A `getMany` ended.
    ReadMany { call: u32, outcome: edgecmp::Result<Vec<edgecmp::Result<Value>>> },
    /// A `set` or `delete` ended.
    Written { call: u32, outcome: edgecmp::Result<WriteReceipt> },
    /// A `close` ended.
    Closed { call: u32, outcome: edgecmp::Result<bool> },
    /// Core asks the loader with this id.
    Load { loader: u32, call: OriginCall },
}

/// Weak: an idle cache does not keep Node alive. `lib/environment.js` holds the
/// loop while a promise is pending.
type Wake = ThreadsafeFunction<(), (), (), Status, false, true>;

struct State {
    events: VecDeque<Event>,
    /// The loop has been woken and has not yet drained the box.
    woken: bool,
    closed: bool,
}

/// The sending and the receiving half.
pub(crate) struct Mailbox {
    state: Mutex<State>,
    wake: Wake,
}

impl Mailbox {
    /// `wake` is called on the loop, with no arguments, when events wait.
    pub(crate) fn new(wake: &Function<'_, (), ()>) -> Result<Arc<Self>> {
        let wake = wake
            .build_threadsafe_function::<()>()
            .weak::<true>()
            .callee_handled::<false>()
            .build()
            .map_err(unexpected)?;
        let state = State { events: VecDeque::new(), woken: false, closed: false };
        Ok(Arc::new(Self { state: Mutex::new(state), wake }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can leave the state torn.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From any thread. Gives the event back if the environment has ended.
    // The event is large, and so is what it is moved into either way.
    #[expect(clippy::result_large_err, reason = "the error is the event, handed back unchanged")]
    pub(crate) fn push(&self, event: Event) -> std::result::Result<(), Event> {
        let mut state = self.state();
        if state.closed {
            return Err(event);
        }
        state.events.push_back(event);
        if !state.woken {
            state.woken = true;
            // Non-blocking, and the queue has no limit: it fails only while the
            // environment ends, and then `close` takes the event.
            self.wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
        Ok(())
    }

    /// On the loop: takes all that waits. Once it finds nothing, the next push
    /// wakes the loop again.
    pub(crate) fn take(&self) -> VecDeque<Event> {
        let mut state = self.state();
        state.woken = !state.events.is_empty();
        std::mem::take(&mut state.events)
    }

    /// On the loop: refuses events from now on, and returns those not taken.
    pub(crate) fn close(&self) -> VecDeque<Event> {
        let mut state = self.state();
        state.closed = true;
        std::mem::take(&mut state.events)
    }

    /// On the loop: whether the mailbox keeps Node from exiting.
    pub(crate) fn hold(&self, env: &Env, held: bool) -> Result<()> {
        let change =
            if held { sys::napi_ref_threadsafe_function } else { sys::napi_unref_threadsafe_function };
        // SAFETY: called on the thread of `env`, which owns the function; it is
        // alive since the environment has not ended.
        let status = unsafe { change(env.raw(), self.wake.raw()) };
        match Status::from(status) {
            Status::Ok => Ok(()),
            status => Err(unexpected(napi::Error::from_status(status))),
        }
    }
}
