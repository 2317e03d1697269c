//! A forked child, while threads of the parent begin and end in the allocator: the
//! thread that forked ends in the child, and waits for no lock of theirs.

#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "a test waits by the clock on the wall")]

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use edgecmp::Version;
use edgecmp::facts::clock;
use edgecmp::facts::entry::{ContentRef, Limits, Proved, SharedEntry};

const FOR: Duration = Duration::from_secs(3);

fn take_memory() {
    let content = ContentRef {
        value: Some(b"value"),
        version: Version::new(1),
        named: true,
        validator: None,
        last_modified_at: None,
        limits: Limits::default(),
    };
    let at = clock::Instant::from_nanos(1);
    drop(SharedEntry::new(b"key", content, Proved::by_answer(at, at)));
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

fn ends(pid: libc::pid_t) -> bool {
    let (began, mut status) = (Instant::now(), 0);
    // SAFETY: a child of ours, and a place for its status.
    while unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) } == 0 {
        if began.elapsed() > Duration::from_secs(10) {
            // SAFETY: as above.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            return false;
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    status == 0
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
