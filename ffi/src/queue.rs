//! Queues: where asynchronous calls end, with a descriptor to poll.

use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::Instant;

use edgecmp_core::queue::CompletionQueue;
use edgecmp_core::{Code, Error, Result, fork_generation};

use crate::boundary::{call, infallible};
use crate::calls::Calls;
use crate::error::edgecmp_error;
use crate::event::{Completion, Outcome, edgecmp_event};
use crate::pointers::{deadline_after, null, required, required_out};
use crate::status::edgecmp_status::{self, EDGECMP_OK, EDGECMP_PENDING};

/// A queue of events. Calls may be started on it from any number of threads;
/// one thread at a time polls it.
pub struct edgecmp_queue {
    pub(crate) shared: Arc<Shared>,
}

/// What a queue's handle shares with the calls in progress.
pub(crate) struct Shared {
    completions: Arc<CompletionQueue<Completion>>,
    pub(crate) calls: Calls,
    /// The handle was freed: nobody will poll any more.
    closed: AtomicBool,
    fork_generation: u32,
}

impl Shared {
    /// The child of a fork shares the descriptor with its parent, and would
    /// take the parent's wake-ups.
    pub(crate) fn check_fork(&self) -> Result<()> {
        if self.fork_generation == fork_generation() {
            return Ok(());
        }
        Err(Error::new(Code::Forked, "queue: it belongs to the parent process; make a new one in the child"))
    }

    /// Pushes the one event of a call, unless it was cancelled before.
    pub(crate) fn complete(&self, tag: u64, outcome: Outcome) {
        if let Some(outcome) = self.calls.end(tag, outcome) {
            self.push(Completion::Call { tag, outcome });
        }
    }

    /// Pushes an event; drops it if nobody will poll any more.
    pub(crate) fn push(&self, completion: Completion) {
        self.completions.push(completion);
        // Either this thread sees `closed`, or the one that set it sees the event.
        fence(Ordering::SeqCst);
        if self.closed.load(Ordering::Relaxed) {
            self.drop_all();
        }
    }

    /// Blocks until an event waits; whether one does.
    fn wait_until(&self, deadline: Instant) -> bool {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.completions.wait(left) {
                return true;
            }
            if left.is_zero() {
                return false;
            }
            // Woken by a signal, or by the wake-up of an event that was already
            // drained: taking none out takes that wake-up back.
            self.completions.drain(0, &mut Vec::new());
        }
    }

    fn drop_all(&self) {
        let mut dropped = Vec::new();
        while self.completions.drain(64, &mut dropped) > 0 {
            dropped.clear();
        }
    }
}

impl Drop for edgecmp_queue {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.shared.check_fork().is_ok() {
            self.shared.drop_all();
        } else {
            // What waits in it may refer to the parent's runtime, whose locks
            // nobody will ever release here: leaked, not dropped.
            std::mem::forget(self.shared.clone());
        }
    }
}

/// Makes a queue.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_queue_new(
    queue: Option<&mut MaybeUninit<*mut edgecmp_queue>>,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let out = required_out(queue, "queue")?;
        // A fork must be seen even if no cache was opened before it.
        edgecmp_core::facts::fork::watch();
        let shared = Shared {
            completions: CompletionQueue::new()?,
            calls: Calls::default(),
            closed: AtomicBool::new(false),
            fork_generation: fork_generation(),
        };
        *out = Box::into_raw(Box::new(edgecmp_queue { shared: Arc::new(shared) }));
        Ok(EDGECMP_OK)
    })
}

/// A descriptor that is readable while events wait; for poll, epoll and the
/// like. Never read, write or close it. -1 for NULL and in a forked child.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_queue_fd(queue: Option<&edgecmp_queue>) -> i32 {
    infallible(-1, || match queue {
        Some(queue) if queue.shared.check_fork().is_ok() => queue.shared.completions.fd(),
        _ => -1,
    })
}

/// Takes at most `capacity` events out, without blocking; `*count` says how
/// many. `event_size` is `sizeof(edgecmp_event)`. What the events hold is the
/// caller's: free it with `edgecmp_event_clear`, or take it out and set the
/// field to NULL. Poll until fewer than `capacity` come before waiting again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn edgecmp_queue_poll(
    queue: Option<&edgecmp_queue>,
    events: *mut edgecmp_event,
    event_size: usize,
    capacity: usize,
    count: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let count = required(count, "count")?.write(0);
        let shared = &required(queue, "queue")?.shared;
        if events.is_null() {
            return Err(null("events"));
        }
        if event_size != size_of::<edgecmp_event>() {
            let allowed = format!("sizeof(edgecmp_event) = {}", size_of::<edgecmp_event>());
            return Err(Error::invalid("event_size", event_size, &allowed));
        }
        shared.check_fork()?;
        let mut completions = Vec::with_capacity(capacity.min(1024));
        shared.completions.drain(capacity, &mut completions);
        for event in completions.into_iter().filter_map(edgecmp_event::new) {
            // SAFETY: at most `capacity` events were drained, and `events` has room for as many.
            let slot = unsafe { events.add(*count) };
            // SAFETY: as above.
            unsafe { slot.write(event) };
            *count += 1;
        }
        Ok(EDGECMP_OK)
    })
}

/// Blocks until events wait or `timeout_ns` has passed: `EDGECMP_OK` when
/// events wait, `EDGECMP_PENDING` when none came.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_queue_wait(
    queue: Option<&edgecmp_queue>,
    timeout_ns: u64,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let shared = &required(queue, "queue")?.shared;
        shared.check_fork()?;
        Ok(if shared.wait_until(deadline_after(timeout_ns)) { EDGECMP_OK } else { EDGECMP_PENDING })
    })
}

/// Gives up the call in progress with this tag: its event comes now, with
/// `EDGECMP_CANCELLED` for a read and `EDGECMP_UNKNOWN_OUTCOME` for a write,
/// which may still happen. A call has one event in any case; if it is already
/// waiting in the queue, this does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_cancel(
    queue: Option<&edgecmp_queue>,
    tag: u64,
    error: Option<&mut MaybeUninit<*mut edgecmp_error>>,
) -> edgecmp_status {
    call(error, || {
        let shared = &required(queue, "queue")?.shared;
        shared.check_fork()?;
        if let Some(outcome) = shared.calls.cancel(tag) {
            shared.push(Completion::Call { tag, outcome });
        }
        Ok(EDGECMP_OK)
    })
}

/// Frees a queue and the events in it. Calls in progress end unseen; origin
/// calls that would be delivered to it fail. No other call may use the handle
/// during it or afterwards. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn edgecmp_queue_free(queue: Option<Box<edgecmp_queue>>) {
    infallible((), || drop(queue));
}
