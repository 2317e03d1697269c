//! Signals belong to the host: library threads are born with all of them masked.

use std::io;
use std::mem::MaybeUninit;
use std::thread::{Builder, JoinHandle};

/// Starts a named thread that no signal is delivered to.
pub fn spawn_masked(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let mask = MaskedSignals::new()?;
    let thread = Builder::new().name(name.to_owned()).spawn(run);
    drop(mask);
    thread
}

/// Masks all signals of the calling thread until it is dropped: a thread
/// inherits the mask it is started under, so that there is no unmasked moment.
struct MaskedSignals {
    before: libc::sigset_t,
}

impl MaskedSignals {
    fn new() -> io::Result<Self> {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `all` is writable memory for one set, which sigfillset initializes.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `all` was initialized above, `before` is writable memory for one set.
        let status = unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
        if status != 0 {
            return Err(io::Error::from_raw_os_error(status));
        }
        // SAFETY: pthread_sigmask succeeded, so it has written the former mask.
        Ok(Self { before: unsafe { before.assume_init() } })
    }
}

impl Drop for MaskedSignals {
    fn drop(&mut self) {
        // SAFETY: `before` is the mask this thread had; no old mask is asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
    }
}
