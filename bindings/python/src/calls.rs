//! A Python loader as the origin: core's runtime thread queues the calls,
//! Python's own threads or event loop pop and answer them.
//!
//! A slot is the queue of one process: a forked child has threads of its own,
//! so it takes a fresh one. The inherited one is left alone, for its calls
//! belong to the parent, and so does its wake-up descriptor.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use edgecmp::Error;
use edgecmp::origin::callback::{HostOrigin, OriginCall};
use edgecmp::queue::CompletionQueue;
use pyo3::prelude::*;

use crate::boundary;
use crate::call::Call;

/// How long a popping thread sleeps before it looks again whether it is to end.
const IDLE: Duration = Duration::from_secs(1);

/// The origin that core sees. Holds nothing of Python.
#[derive(Debug)]
pub struct PythonOrigin {
    shared: Arc<Shared>,
    writable: bool,
}

impl HostOrigin for PythonOrigin {
    fn call(&self, call: OriginCall) {
        // Without a queue the call is dropped, which answers it with an error.
        if let Ok(slot) = self.shared.current() {
            slot.queue.push(Some(call));
        }
    }

    fn is_writable(&self) -> bool {
        self.writable
    }

    fn reopened_after_fork(&self) -> Option<Arc<dyn HostOrigin>> {
        Some(Arc::new(Self { shared: Arc::clone(&self.shared), writable: self.writable }))
    }
}

#[derive(Debug)]
struct Shared {
    slot: ArcSwap<Slot>,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    /// `None` wakes a popper up without a call.
    queue: Arc<CompletionQueue<Option<OriginCall>>>,
    claimed: AtomicBool,
}

impl Slot {
    fn new() -> Result<Self, Error> {
        let generation = edgecmp::fork_generation();
        Ok(Self { generation, queue: CompletionQueue::new()?, claimed: AtomicBool::new(false) })
    }
}

impl Shared {
    /// The slot of this process.
    fn current(&self) -> Result<Arc<Slot>, Error> {
        let slot = self.slot.load_full();
        if slot.generation == edgecmp::fork_generation() {
            return Ok(slot);
        }
        let fresh = Arc::new(Slot::new()?);
        let before = self.slot.compare_and_swap(&slot, fresh);
        if Arc::ptr_eq(&before, &slot) {
            // Dropping the parent's calls would answer them: leaked on purpose.
            std::mem::forget(slot);
        }
        Ok(self.slot.load_full())
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        if let Ok(slot) = self.current() {
            slot.queue.push(None);
        }
    }
}

/// The calls that a loader has to answer. Thread-safe.
#[derive(Debug)]
#[pyclass(frozen, module = "edgecmp._edgecmp")]
pub struct Calls {
    shared: Arc<Shared>,
    threads: u64,
}

impl Calls {
    /// No calls yet; `threads` may pop them.
    pub fn new(threads: u64) -> Result<Self, Error> {
        let slot = ArcSwap::from_pointee(Slot::new()?);
        Ok(Self { shared: Arc::new(Shared { slot, closed: AtomicBool::new(false) }), threads })
    }

    /// The origin that fills this queue.
    pub fn origin(&self, writable: bool) -> Arc<dyn HostOrigin> {
        Arc::new(PythonOrigin { shared: Arc::clone(&self.shared), writable })
    }

    /// Poppers end after this.
    pub fn close(&self) {
        self.shared.close();
    }
}

#[pymethods]
impl Calls {
    /// True once in each process: who gets it starts the threads.
    fn claim(&self, py: Python<'_>) -> PyResult<bool> {
        let slot = boundary::attached(py, || self.shared.current())?;
        Ok(!slot.claimed.swap(true, Ordering::AcqRel))
    }

    /// The option loader_threads.
    #[getter]
    fn threads(&self) -> u64 {
        self.threads
    }

    /// Whether the cache was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    /// Readable while calls wait. Owned by this object.
    fn fileno(&self, py: Python<'_>) -> PyResult<RawFd> {
        boundary::attached(py, || Ok(self.shared.current()?.queue.fd()))
    }

    /// The next call, if one waits.
    fn try_pop(&self, py: Python<'_>) -> PyResult<Option<Call>> {
        let mut popped = Vec::with_capacity(1);
        boundary::attached(py, || Ok(self.shared.current()?.queue.drain(1, &mut popped)))?;
        Ok(popped.pop().flatten().and_then(Call::new))
    }

    /// Waits for the next call; None once the cache is closed. Other threads run meanwhile.
    fn pop(&self, py: Python<'_>) -> PyResult<Option<Call>> {
        loop {
            if self.closed() {
                // One wake-up is pushed for all poppers: pass it on.
                self.close();
                return Ok(None);
            }
            if let Some(call) = self.try_pop(py)? {
                return Ok(Some(call));
            }
            boundary::detached(py, || {
                self.shared.current()?.queue.wait(IDLE);
                Ok(())
            })?;
        }
    }
}
