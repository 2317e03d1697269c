//! A wake-up file descriptor: an eventfd that coalesces.
//!
//! Giving it takes no lock and no blocking call; while one wake-up is under
//! way, further ones are a load.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::facts::error::{Code, Error, Result};

/// A wake-up that one side gives and another waits for.
#[derive(Debug)]
pub struct Wake {
    fd: OwnedFd,
    given: AtomicBool,
}

impl Wake {
    /// A wake-up not yet given.
    pub fn new() -> Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| Error::new(Code::Internal, format!("no eventfd: {error}")))?;
        Ok(Self { fd, given: AtomicBool::new(false) })
    }

    /// Makes the descriptor readable.
    pub fn give(&self) {
        // What was published before `give` is seen by who clears the flag after.
        if !self.given.swap(true, Ordering::AcqRel) {
            // The counter can't overflow: it is one at the most.
            let _ = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
        }
    }

    /// Takes the wake-up back. What is looked at *after* this call may lack
    /// nothing that was published before a `give` that found the flag set.
    pub fn take(&self) {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.fd, &mut count);
        self.given.swap(false, Ordering::AcqRel);
    }

    /// Registers the descriptor with the tokio runtime that calls this.
    pub fn register(&self) -> Result<AsyncFd<BorrowedFd<'_>>> {
        // SAFETY: the descriptor is owned by `self`, which the result borrows:
        // it stays open, and the same, until the registration is dropped.
        unsafe { AsyncFd::register_with_interest(self.fd.as_fd(), Interest::READABLE) }
            .map_err(|error| Error::new(Code::Internal, format!("can't register a wake-up: {error}")))
    }
}

impl AsRawFd for Wake {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
