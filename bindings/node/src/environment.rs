//! What belongs to one JavaScript environment: the main thread's, or a
//! worker's. It ends with it; no call is left without an answer.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use edgecmp::origin::callback::{OriginCall, Responder};
use edgecmp::{Cache, Code, Hit, Proof, ReadOptions, Reader, Source, Value};
use napi::Env;
use napi::bindgen_prelude::{Function, Uint8Array};
use napi_derive::napi;

use crate::arena::{ANSWERS, Arena};
use crate::boundary::{Result, failure, guard, unexpected, wrong_type};
use crate::loader;
use crate::mailbox::{Event, Mailbox};
use crate::page::{LARGEST, Page, micros, small_micros};
use crate::registry::Lease;
use crate::shown::Shown;

/// What a read returns; mirrored in `lib/pages.js`. Less than `ROW` and not
/// negative: the number of a row that JavaScript was shown before; the detail is
/// the staleness of this read.
pub(crate) mod outcome {
    /// Nothing cached within the bound (lookup only).
    pub(crate) const MISS: i64 = -1;
    /// The read waits; its call id is in the arena.
    pub(crate) const PENDING: i64 = -2;
    /// This row failed: take the error (rows of a `getMany` only).
    pub(crate) const FAILED: i64 = -3;
    /// The page has no room for the row, which waits for `takeRows`.
    pub(crate) const FULL: i64 = -4;
    /// Added to where in the page a new row begins.
    pub(crate) const ROW: i64 = 1 << 20;
    /// Added to it if the value is too large for a page, and waits for `copyValue`.
    pub(crate) const LARGE: i64 = 1 << 21;
    /// Added to it if it has a number from now on: the detail. Zero: all others
    /// are forgotten.
    pub(crate) const NUMBERED: i64 = 1 << 22;
}

/// What [`Environment::again`] answers in place of a staleness; mirrored in `lib/pages.js`.
mod again {
    /// The value would not be returned now.
    pub(super) const NO: i32 = -1;
    /// It is returned, the staleness is the first detail.
    pub(super) const LARGE: i32 = -2;
}

/// The state of one environment. Everything here is used by its thread alone.
pub(crate) struct Environment {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) arena: RefCell<Arena>,
    /// Where the next rows go.
    pub(crate) page: RefCell<Page>,
    /// Events taken from the mailbox and not yet delivered.
    pub(crate) events: RefCell<VecDeque<Event>>,
    /// The rows that JavaScript has.
    pub(crate) shown: RefCell<Shown>,
    /// By which they are read again.
    reader: RefCell<Reader>,
    /// Answers that are being delivered: by `takeRows`.
    pub(crate) rows: RefCell<Rows>,
    /// The value that is too large for a page, until `copyValue`.
    pub(crate) held: RefCell<Option<Value>>,
    /// The error of the last event or row, until `takeError`.
    pub(crate) error: RefCell<Option<edgecmp::Error>>,
    /// The key of the write that just ended, until `takeIdempotencyKey`.
    pub(crate) idempotency_key: RefCell<Box<str>>,
    /// The loader call that is being handed over, until `takeLoad`.
    pub(crate) load: RefCell<Option<OriginCall>>,
    /// Loader calls that JavaScript has not answered yet.
    pub(crate) responders: RefCell<HashMap<u32, Responder>>,
    /// The options of a read that asks for nothing special.
    pub(crate) plain: ReadOptions,
    /// Open caches. Handles are never used again: a stale one is `CLOSED`.
    caches: RefCell<Vec<Option<Lease>>>,
    last_id: Cell<u32>,
}

/// The handle of the cache, of a read that asked for nothing special.
pub(crate) type Plain = Option<u32>;

/// Answers that wait for `takeRows`.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) answers: VecDeque<edgecmp::Result<Value>>,
    pub(crate) plain: Plain,
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
        let arena = Arena::new(arena).ok_or_else(|| wrong_type("arena", "a larger array"))?;
        let environment = Rc::new(Environment {
            mailbox: Mailbox::new(&wake)?,
            arena: RefCell::new(arena),
            page: RefCell::new(Page::NONE),
            shown: RefCell::new(Shown::new()),
            reader: RefCell::default(),
            events: RefCell::default(),
            rows: RefCell::default(),
            held: RefCell::default(),
            error: RefCell::default(),
            idempotency_key: RefCell::default(),
            load: RefCell::default(),
            responders: RefCell::default(),
            plain: ReadOptions::default(),
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
    /// Calls `f` with the environment of this thread with this number, if it has not ended.
    #[inline(always)]
    pub(crate) fn with(number: u32, f: impl FnOnce(&Self)) {
        ENVIRONMENTS.with_borrow(|all| {
            if let Some(Some(environment)) = all.get(number as usize) {
                f(environment);
            }
        });
    }

    /// The environment of this thread with this number.
    #[inline]
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
        // They hold values, perhaps of this one.
        self.shown.replace(Shown::new());
        self.caches.borrow_mut().get_mut(handle as usize).and_then(Option::take)
    }

    /// Calls `f` with the cache of a handle.
    #[inline(always)]
    pub(crate) fn with_cache<T>(&self, handle: u32, f: impl FnOnce(&Cache) -> Result<T>) -> Result<T> {
        let caches = self.caches.borrow();
        match caches.get(handle as usize) {
            Some(Some(lease)) => f(lease.cache()),
            _ => Err(failure(Code::Closed, "the cache was closed")),
        }
    }

    /// Hands over a hit of a read that asked for nothing special, as the first
    /// answer, if JavaScript has its row.
    #[inline(always)]
    pub(crate) fn deliver_again(&self, hit: &Hit<'_>) -> Option<i64> {
        let number = self.shown.borrow().find(hit.bytes()?)?;
        self.arena.borrow_mut().put_detail(0, micros(hit.receipt().staleness));
        Some(number.into())
    }

    /// Looks whether the entry of the row that is asked for would be returned again: the
    /// answer is its staleness, or one of [`again`].
    #[inline(always)]
    pub(crate) fn again(&self) {
        let mut arena = self.arena.borrow_mut();
        let caches = self.caches.borrow();
        let cache = |handle: u32| Some(caches.get(handle as usize)?.as_ref()?.cache());
        let mut shown = self.shown.borrow_mut();
        let staleness = shown.again(arena.asked(), &mut self.reader.borrow_mut(), cache);
        let Some(staleness) = staleness else { return arena.put_answered(again::NO) };
        let small = small_micros(staleness);
        if small.is_none() {
            arena.put_detail(0, micros(staleness));
        }
        arena.put_answered(small.unwrap_or(again::LARGE));
    }

    /// Hands over an answer, as one of several.
    pub(crate) fn deliver(&self, answer: usize, value: Value, plain: Plain) -> i64 {
        let receipt = value.receipt();
        let plain = plain.filter(|_| receipt.source == Source::Cache && receipt.proof == Proof::Pull);
        let shown =
            value.bytes().filter(|_| plain.is_some()).and_then(|value| self.shown.borrow().find(value));
        match shown {
            Some(number) => {
                self.arena.borrow_mut().put_detail(answer, micros(receipt.staleness));
                number.into()
            }
            None => self.deliver_new(answer, value, plain),
        }
    }

    /// Hands over an answer in a row of its own.
    #[inline(never)]
    pub(crate) fn deliver_new(&self, answer: usize, value: Value, plain: Plain) -> i64 {
        let Some(row) = self.page.borrow_mut().write(value.bytes(), &value.receipt()) else {
            let mut rows = self.rows.borrow_mut();
            rows.plain = plain;
            rows.answers.push_front(Ok(value));
            return outcome::FULL;
        };
        let page_bytes = self.page.borrow().size();
        self.shown.borrow_mut().written(Page::row_size(value.bytes()));
        match value.bytes().map(<[u8]>::len) {
            Some(length) if length > LARGEST => {
                self.held.replace(Some(value));
                outcome::ROW + outcome::LARGE + row
            }
            Some(_) => {
                let number = plain.and_then(|handle| self.shown.borrow_mut().add(value, handle, page_bytes));
                let Some(number) = number else { return outcome::ROW + row };
                self.arena.borrow_mut().put_detail(answer, number.into());
                outcome::ROW + outcome::NUMBERED + row
            }
            None => outcome::ROW + row,
        }
    }

    /// Hands over the next answers, up to one that needs another call. How many.
    pub(crate) fn deliver_rows(&self) -> usize {
        for answer in 0..ANSWERS {
            let (row, plain) = {
                let mut rows = self.rows.borrow_mut();
                (rows.answers.pop_front(), rows.plain)
            };
            let Some(row) = row else { return answer };
            let outcome = match row {
                Ok(value) => self.deliver(answer, value, plain),
                Err(error) => self.deliver_error(error),
            };
            self.arena.borrow_mut().put_answer(answer, outcome);
            if outcome < 0 || outcome & outcome::LARGE != 0 {
                return answer + 1;
            }
        }
        ANSWERS
    }

    /// Hands over an error, to be fetched by `takeError`.
    pub(crate) fn deliver_error(&self, error: edgecmp::Error) -> i64 {
        self.error.replace(Some(error));
        outcome::FAILED
    }
}

/// The page in which rows are written from now on.
#[napi]
pub fn turn_page(environment: u32, memory: Uint8Array) -> Result<()> {
    guard(|| {
        let page = Page::new(memory).ok_or_else(|| wrong_type("page", "an aligned array"))?;
        Environment::get(environment)?.page.replace(page);
        Ok(())
    })
}
