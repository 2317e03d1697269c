//! How many C callbacks of one cache are running: closing says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use edgecmp_core::fork_generation;

/// How often a closing cache looks whether its last callback has returned. A
/// condition variable would be no good in the child of a fork.
const TICK: Duration = Duration::from_millis(1);

/// Counts running callbacks.
pub(crate) struct Running {
    count: AtomicUsize,
    fork_generation: u32,
}

impl Running {
    /// None is running.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { count: AtomicUsize::new(0), fork_generation: fork_generation() })
    }

    /// One is, until the result is dropped.
    pub(crate) fn enter(&self) -> impl Drop + '_ {
        struct Leave<'a>(&'a AtomicUsize);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Release);
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        Leave(&self.count)
    }

    /// Waits until none is running, at most until `deadline`; whether so.
    pub(crate) fn wait_until(&self, deadline: Instant) -> bool {
        // The callbacks that ran at a fork do not run in the child.
        let inherited = self.fork_generation != fork_generation();
        while !inherited && self.count.load(Ordering::Acquire) > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            std::thread::sleep(TICK.min(left));
        }
        true
    }
}
