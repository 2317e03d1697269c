//! Fork generation.
//!
//! A forked child has none of the parent's threads, and whatever lock they held
//! stays held for ever. So the child never touches what the parent had open:
//! each cache notes the generation it was opened in and compares it first.
//! `getpid` would cost 150 ns a call; this costs a load.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);
static REGISTER: Once = Once::new();

/// The generation of this process: how many forks lie between it and the
/// process that loaded the library.
#[inline]
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Begins to count forks. Called when a cache is opened; once is enough for
/// the process and all its children.
pub fn watch() {
    extern "C" fn count() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    REGISTER.call_once(|| in_child(count));
}

/// Runs `handler` in every child from now on. It does no more than such a handler of a
/// threaded process may (async-signal-safe), and takes no lock.
pub(super) fn in_child(handler: extern "C" fn()) {
    // SAFETY: the handler is one of the few above, and lives as long as the library,
    // which is never unloaded.
    let status = unsafe { libc::pthread_atfork(None, None, Some(handler)) };
    if status != 0 {
        // Out of memory for one handler: a fork would go unseen.
        tracing::error!(status, "pthread_atfork failed: do not fork with a cache open");
    }
}
