//! Delivery: the event loop takes what waits in its mailbox, one event at a
//! time, each through the arena or by one of the `take` functions.
//! What loaders are asked and answer is in `loads.rs`.

use edgecmp::{Code, Value};
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

use crate::boundary::{Result, failure, guard};
use crate::environment::{Environment, Rows};
use crate::mailbox::Event;

/// What `nextEvent` found; mirrored in `lib/environment.js`.
mod kind {
    pub(super) const NONE: u32 = 0;
    /// A `get` ended; `takeRow` gives the answer.
    pub(super) const READ: u32 = 1;
    /// A `getMany` ended; `rowCount` rows wait for `takeRow`.
    pub(super) const READ_MANY: u32 = 2;
    /// A write ended; `takeIdempotencyKey` gives its key, the version is in the arena.
    pub(super) const WRITTEN: u32 = 3;
    /// A `close` ended, and everything with it.
    pub(super) const CLOSED: u32 = 4;
    /// A `close` ended, something still runs.
    pub(super) const CLOSED_RUNNING: u32 = 5;
    /// A call ended in an error; `takeError` gives it.
    pub(super) const FAILED: u32 = 6;
    /// A loader is asked; `takeLoad` says what for.
    pub(super) const LOAD: u32 = 7;
}

/// The next event, its call id in the arena. `NONE`: from now on the next event
/// wakes the loop.
#[napi]
pub fn next_event(environment: u32) -> Result<u32> {
    guard(|| {
        let environment = Environment::get(environment)?;
        let event = loop {
            match environment.next_event() {
                // Nobody waits for the answer any more: spare the loader the call.
                Some(Event::Load { call, .. }) if call.responder.is_abandoned() => {}
                Some(event) => break event,
                None => return Ok(kind::NONE),
            }
        };
        Ok(environment.announce(event))
    })
}

impl Environment {
    fn next_event(&self) -> Option<Event> {
        let mut events = self.events.borrow_mut();
        if events.is_empty() {
            *events = self.mailbox.take();
        }
        events.pop_front()
    }

    fn announce(&self, event: Event) -> u32 {
        match event {
            Event::Read { call, outcome } => self.announce_outcome(call, outcome, |this, value| {
                this.rows.replace(Rows { answers: [Ok(value)].into(), plain: None });
                kind::READ
            }),
            Event::ReadMany { call, outcome } => self.announce_outcome(call, outcome, |this, rows| {
                this.rows.replace(Rows { answers: rows.into(), plain: None });
                kind::READ_MANY
            }),
            Event::Written { call, outcome } => self.announce_outcome(call, outcome, |this, receipt| {
                this.arena.borrow_mut().put_version(receipt.version);
                this.idempotency_key.replace(receipt.idempotency_key);
                kind::WRITTEN
            }),
            Event::Closed { call, outcome } => {
                self.announce_outcome(
                    call,
                    outcome,
                    |_, ended| if ended { kind::CLOSED } else { kind::CLOSED_RUNNING },
                )
            }
            Event::Load { loader, call } => {
                self.load.replace(Some(call));
                self.arena.borrow_mut().put_id(loader);
                kind::LOAD
            }
        }
    }

    fn announce_outcome<T>(
        &self,
        call: u32,
        outcome: edgecmp::Result<T>,
        f: impl FnOnce(&Self, T) -> u32,
    ) -> u32 {
        self.arena.borrow_mut().put_id(call);
        match outcome {
            Ok(done) => f(self, done),
            Err(error) => {
                self.deliver_error(error);
                kind::FAILED
            }
        }
    }
}

/// How many rows of a `getMany` wait.
#[napi]
pub fn row_count(environment: u32) -> Result<u32> {
    guard(|| Ok(Environment::get(environment)?.rows.borrow().answers.len() as u32))
}

/// The next answers, in the arena; returns how many. The last one may need
/// another call first: one that failed, is large, or found its page full.
#[napi]
pub fn take_rows(environment: u32) -> Result<u32> {
    guard(|| Ok(Environment::get(environment)?.deliver_rows() as u32))
}

/// Copies the value that is too large for a page; `target` has its length.
#[napi]
pub fn copy_value(environment: u32, mut target: Uint8Array) -> Result<()> {
    guard(|| {
        let held: Option<Value> = Environment::get(environment)?.held.take();
        let Some(bytes) = held.as_ref().and_then(Value::bytes).filter(|bytes| bytes.len() == target.len())
        else {
            return Err(failure(Code::Internal, "no value of this length waits"));
        };
        // SAFETY: JavaScript made the array for this call and runs nothing meanwhile.
        unsafe { target.as_mut() }.copy_from_slice(bytes);
        Ok(())
    })
}

/// The key under which the write that just ended was sent.
#[napi]
pub fn take_idempotency_key(environment: u32) -> Result<String> {
    guard(|| Ok(Environment::get(environment)?.idempotency_key.take().into()))
}

/// An error of the table, as it crosses the boundary.
#[napi(object, object_from_js = false)]
pub struct Failed {
    pub code: &'static str,
    pub message: String,
    pub idempotency_key: Option<String>,
}

/// The error of the last event or row.
#[napi]
pub fn take_error(environment: u32) -> Result<Failed> {
    guard(|| {
        let error = Environment::get(environment)?.error.take();
        let error = error.ok_or_else(|| failure(Code::Internal, "no error waits"))?;
        Ok(Failed {
            code: error.code().name(),
            message: error.message().to_owned(),
            idempotency_key: error.idempotency_key().map(str::to_owned),
        })
    })
}
