//! The completion queue: how results reach a host with its own event loop.
//!
//! The runtime thread pushes; the host is woken once through a descriptor that
//! its loop polls, and drains in batches.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use crossbeam::queue::SegQueue;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::wake::Wake;
use crate::facts::clock::{BootClock, Clock};
use crate::facts::error::Result;
use crate::facts::fork;

/// An unbounded lock-free queue with a wake-up descriptor. What is in it is
/// bounded by the calls in progress.
#[derive(Debug)]
pub struct CompletionQueue<E> {
    events: SegQueue<E>,
    wake: Wake,
}

impl<E: Send> CompletionQueue<E> {
    /// An empty queue.
    pub fn new() -> Result<Arc<Self>> {
        // A host may make its queue before it opens the first cache.
        fork::watch();
        Ok(Arc::new(Self { events: SegQueue::new(), wake: Wake::new()? }))
    }

    /// Readable while events wait. For polling only: do not read, write or close it.
    pub fn fd(&self) -> RawFd {
        self.wake.as_raw_fd()
    }

    /// Adds an event and wakes the host. Never blocks.
    pub fn push(&self, event: E) {
        self.events.push(event);
        self.wake.give();
    }

    /// Moves at most `max` events to `out`, oldest first, and says how many.
    /// The descriptor stays readable if there may be more.
    pub fn drain(&self, max: usize, out: &mut Vec<E>) -> usize {
        // Taken back before looking: an event pushed later gives it again.
        self.wake.take();
        let before = out.len();
        out.extend(std::iter::from_fn(|| self.events.pop()).take(max));
        if !self.events.is_empty() {
            self.wake.give();
        }
        out.len() - before
    }

    /// Blocks until an event waits, at most `timeout`; whether one does. A
    /// signal ends the wait too: the host looks at it and comes back.
    pub fn wait(&self, timeout: Duration) -> bool {
        let deadline = BootClock.now().after(timeout);
        while self.events.is_empty() {
            let left = Timespec::try_from(deadline.since(BootClock.now())).ok();
            let mut fds = [PollFd::new(&self.wake, PollFlags::IN)];
            match poll(&mut fds, left.as_ref()) {
                // The wake-up of an event that was drained before it was seen:
                // taken back, it does not end the wait.
                Ok(1..) => self.wake.take(),
                _ => break,
            }
        }
        if self.events.is_empty() {
            return false;
        }
        // The descriptor shows it to those who poll it as well.
        self.wake.give();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_between_drain_and_push() {
        let queue = CompletionQueue::<u32>::new().unwrap();
        let pusher = {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || (0..100_000).for_each(|n| queue.push(n)))
        };
        let mut seen = Vec::new();
        while seen.len() < 100_000 {
            assert!(queue.wait(Duration::from_secs(10)), "woken for each batch");
            queue.drain(64, &mut seen);
        }
        pusher.join().unwrap();
        assert!(seen.iter().copied().eq(0..100_000));
        let (before, timeout) = (BootClock.now(), Duration::from_millis(20));
        assert!(
            !queue.wait(timeout) && BootClock.now().since(before) >= timeout,
            "whatever was woken before"
        );
    }
}
