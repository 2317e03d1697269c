//! What belongs to one JavaScript environment: the main thread's, or a
//! worker's. It ends with it; no call is left without an answer.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use edgecmp::origin::callback::{OriginCall, Responder};
use edgecmp::{Cache, Code, Value};
use napi::Env;
use napi::bindgen_prelude::{Function, Uint8Array};
use napi_derive::napi;

use crate::arena::{Arena, is_held, outcome};
use crate::boundary::{Result, failure, guard, unexpected, wrong_type};
use crate::loader;
use crate::mailbox::{Event, Mailbox};
use crate::registry::Lease;

/// The state of one environment. Everything here is used by its thread alone.
pub(crate) struct Environment {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) arena: RefCell<Arena>,
    /// Events taken from the mailbox and not yet delivered.
    pub(crate) events: RefCell<VecDeque<Event>>,
    /// Rows of the `getMany` that is being delivered.
    pub(crate) rows: RefCell<VecDeque<edgecmp::Result<Value>>>,
    /// The value that did not fit into the arena, until `copyValue`.
    pub(crate) held: RefCell<Option<Value>>,
    /// The error of the last event or row, until `takeError`.
    pub(crate) error: RefCell<Option<edgecmp::Error>>,
    /// The key of the write that just ended, until `takeIdempotencyKey`.
    pub(crate) idempotency_key: RefCell<Box<str>>,
    /// The loader call that is being handed over, until `takeLoad`.
    pub(crate) load: RefCell<Option<OriginCall>>,
    /// Loader calls that JavaScript has not answered yet.
    pub(crate) responders: RefCell<HashMap<u32, Responder>>,
    /// Open caches. Handles are never used again: a stale one is `CLOSED`.
    caches: RefCell<Vec<Option<Lease>>>,
    last_id: Cell<u32>,
}

thread_local! {
    /// Node gives each environment a thread of its own. There is more than one
    /// entry only when the package is loaded again (its module cache cleared).
    static ENVIRONMENTS: RefCell<Vec<Option<Rc<Environment>>>> = const { RefCell::new(Vec::new()) };
}

/// Attaches this environment. `wake` is called when events wait; answers are
/// handed over in `arena`. Returns the number that names the environment.
#[napi]
pub fn attach(env: Env, wake: Function<'_, (), ()>, arena: Uint8Array) -> Result<u32> {
    guard(|| {
        let arena = Arena::new(arena).ok_or_else(|| wrong_type("arena", "an array of at least 128 bytes"))?;
        let environment = Rc::new(Environment {
            mailbox: Mailbox::new(&wake)?,
            arena: RefCell::new(arena),
            events: RefCell::default(),
            rows: RefCell::default(),
            held: RefCell::default(),
            error: RefCell::default(),
            idempotency_key: RefCell::default(),
            load: RefCell::default(),
            responders: RefCell::default(),
            // Handle 0 is that of a closed cache.
            caches: RefCell::new(vec![None]),
            last_id: Cell::new(0),
        });
        let number = ENVIRONMENTS.with_borrow_mut(|all| {
            all.push(Some(environment));
            all.len() - 1
        });
        // Hooks run last to first: this one before that of the threadsafe function.
        env.add_env_cleanup_hook(number, detach).map_err(unexpected)?;
        u32::try_from(number).map_err(|_| failure(Code::Internal, "too many environments"))
    })
}

/// The environment ends: no JavaScript runs in it any more.
fn detach(number: usize) {
    let environment = ENVIRONMENTS.with_borrow_mut(|all| all.get_mut(number).and_then(Option::take));
    if let Some(environment) = environment {
        environment.end();
    }
}

impl Environment {
    /// The environment of this thread with this number.
    pub(crate) fn get(number: u32) -> Result<Rc<Self>> {
        ENVIRONMENTS
            .with_borrow(|all| all.get(number as usize).cloned().flatten())
            .ok_or_else(|| failure(Code::Closed, "the JavaScript environment is ending"))
    }

    fn end(&self) {
        let left = self.mailbox.close();
        for event in left.into_iter().chain(self.events.take()) {
            if let Event::Load { call, .. } = event {
                loader::environment_ended(call.responder);
            }
        }
        if let Some(call) = self.load.take() {
            loader::environment_ended(call.responder);
        }
        for (_, responder) in self.responders.take() {
            loader::environment_ended(responder);
        }
        // Last: a cache that ends here may have called the loaders above.
        for lease in self.caches.take().into_iter().flatten() {
            lease.give_up();
        }
    }

    /// A number for a call, not in use by another that is still pending: they
    /// wrap around after four billion calls.
    pub(crate) fn next_id(&self) -> u32 {
        let id = self.last_id.get().wrapping_add(1);
        self.last_id.set(id);
        id
    }

    /// Starts a call: its id, handed over, and where its completion goes.
    pub(crate) fn start_call(&self) -> (u32, Arc<Mailbox>) {
        let call = self.next_id();
        self.arena.borrow_mut().put_id(call);
        (call, Arc::clone(&self.mailbox))
    }

    /// Keeps a cache; returns its handle.
    pub(crate) fn keep(&self, lease: Lease) -> Result<u32> {
        let mut caches = self.caches.borrow_mut();
        caches.push(Some(lease));
        u32::try_from(caches.len() - 1).map_err(|_| failure(Code::Internal, "too many caches"))
    }

    /// Takes a cache out: its handle is closed from now on.
    pub(crate) fn take(&self, handle: u32) -> Option<Lease> {
        self.caches.borrow_mut().get_mut(handle as usize).and_then(Option::take)
    }

    /// Calls `f` with the cache of a handle.
    pub(crate) fn with_cache<T>(&self, handle: u32, f: impl FnOnce(&Cache) -> Result<T>) -> Result<T> {
        let caches = self.caches.borrow();
        match caches.get(handle as usize) {
            Some(Some(lease)) => f(lease.cache()),
            _ => Err(failure(Code::Closed, "the cache was closed")),
        }
    }

    /// Hands over an answer; see [`Arena::put_answer`].
    pub(crate) fn deliver(&self, value: Value) -> i64 {
        let mut arena = self.arena.borrow_mut();
        let length = arena.put_answer(value.bytes(), &value.receipt());
        if is_held(&arena, &value) {
            self.held.replace(Some(value));
        }
        length
    }

    /// Hands over an error, to be fetched by `takeError`.
    pub(crate) fn deliver_error(&self, error: edgecmp::Error) -> i64 {
        self.error.replace(Some(error));
        outcome::FAILED
    }
}
