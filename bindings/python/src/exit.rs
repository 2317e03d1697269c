//! The end of the interpreter, as threads meet it that are still in a call.
//!
//! Up to CPython 3.13 a thread that asks for the GIL once the interpreter has
//! begun to end is unwound by `pthread_exit`, and the process aborts if there
//! are frames of Rust on its stack. So nobody asks then: [`begin_exit`] is the last
//! that this package does at exit, and a daemon thread that comes back from
//! core afterwards, or would call Python from here, stays away instead.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// How long a thread stays away. The process ends long before; this is for one
/// that another exit handler of the user still waits for.
const AWAY: Duration = Duration::from_secs(10);

/// How long [`begin_exit`] waits for the threads that ask for the GIL already.
const GRACE: Duration = Duration::from_millis(500);

static ENDING: AtomicBool = AtomicBool::new(false);

/// Threads between [`returning`] and [`returned`], and in [`calling`]: they ask
/// for the GIL with frames of ours on their stacks.
static COMING_BACK: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread is the one that ends the interpreter.
    static ENDS: Cell<bool> = const { Cell::new(false) };
}

/// Keeps other threads away from the interpreter from now on.
#[pyfunction]
pub fn begin_exit(py: Python<'_>) {
    ENDS.set(true);
    ENDING.store(true, Ordering::SeqCst);
    py.detach(|| {
        let started = Instant::now();
        while COMING_BACK.load(Ordering::SeqCst) > 0 && started.elapsed() < GRACE {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

/// In a forked child: it has one thread, and its own end is still to come.
#[pyfunction]
pub fn forget_exit() {
    ENDS.set(false);
    ENDING.store(false, Ordering::SeqCst);
    COMING_BACK.store(0, Ordering::SeqCst);
}

/// Said without the GIL, before it is asked for; [`returned`] has to follow.
pub fn returning() {
    COMING_BACK.fetch_add(1, Ordering::SeqCst);
    if must_stay_away() {
        COMING_BACK.fetch_sub(1, Ordering::SeqCst);
        std::thread::sleep(AWAY);
        COMING_BACK.fetch_add(1, Ordering::SeqCst);
    }
}

/// The GIL is held again.
pub fn returned() {
    COMING_BACK.fetch_sub(1, Ordering::SeqCst);
}

/// Runs code of Python with frames of ours below it: it gives the GIL away and
/// asks for it again whenever it likes.
pub fn calling<T>(py: Python<'_>, call: impl FnOnce() -> T) -> T {
    let _calling = Calling::new(py);
    call()
}

struct Calling;

impl Calling {
    fn new(py: Python<'_>) -> Self {
        COMING_BACK.fetch_add(1, Ordering::SeqCst);
        let calling = Self;
        if must_stay_away() {
            drop(calling);
            py.detach(|| std::thread::sleep(AWAY));
            COMING_BACK.fetch_add(1, Ordering::SeqCst);
            return Self;
        }
        calling
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        COMING_BACK.fetch_sub(1, Ordering::SeqCst);
    }
}

fn must_stay_away() -> bool {
    ENDING.load(Ordering::SeqCst) && !ENDS.get()
}
