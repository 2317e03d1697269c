//! A forked child, while threads of the parent begin and end in the allocator: the
//! thread that forked ends in the child, and waits for no lock of theirs.

#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "a test waits by the clock on the wall")]

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use support::{ends, entry};

mod support;

const FOR: Duration = Duration::from_secs(3);

fn take_memory() {
    drop(entry(b"key", b"value"));
}

/// Not a thread of the standard library: those take locks of their own as they end.
extern "C" fn forks(_: *mut c_void) -> *mut c_void {
    take_memory();
    // SAFETY: in the child nothing is called but the end of this thread, its last.
    let pid = unsafe { libc::fork() };
    ptr::without_provenance_mut(pid as usize)
}

extern "C" fn ends_soon(_: *mut c_void) -> *mut c_void {
    take_memory();
    ptr::null_mut()
}

fn on_a_thread(run: extern "C" fn(*mut c_void) -> *mut c_void) -> usize {
    let (mut thread, mut result) = (0, ptr::null_mut());
    // SAFETY: places for the results; the thread takes nothing.
    assert_eq!(unsafe { libc::pthread_create(&mut thread, ptr::null(), run, ptr::null_mut()) }, 0);
    // SAFETY: it was created just now, and is joined once.
    assert_eq!(unsafe { libc::pthread_join(thread, &mut result) }, 0);
    result.addr()
}

#[test]
fn the_thread_that_forked_ends_in_the_child() {
    let (began, over) = (Instant::now(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    on_a_thread(ends_soon);
                }
            });
        }
        let mut all_end = true;
        while all_end && began.elapsed() < FOR {
            all_end = ends(on_a_thread(forks) as libc::pid_t);
        }
        over.store(true, Ordering::Relaxed);
        assert!(all_end, "a child hangs");
    });
}
