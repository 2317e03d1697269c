//! What several tests of forked children need.
#![allow(clippy::disallowed_methods, reason = "a test waits by the clock on the wall")]

use std::time::{Duration, Instant};

use edgecmp::Version;
use edgecmp::facts::clock;
use edgecmp::facts::entry::{ContentRef, Limits, Proved, SharedEntry};

const PATIENCE: Duration = Duration::from_secs(10);

/// An entry of a value and nothing beside it.
pub fn entry(key: &[u8], value: &[u8]) -> SharedEntry {
    let content = ContentRef {
        value: Some(value),
        version: Version::new(1),
        named: true,
        validator: None,
        last_modified_at: None,
        limits: Limits::default(),
    };
    let at = clock::Instant::from_nanos(1);
    SharedEntry::new(key, content, Proved::by_answer(at, at))
}

/// Whether a child ends well, in time; else it is killed.
pub fn ends(pid: libc::pid_t) -> bool {
    let (began, mut status) = (Instant::now(), 0);
    // SAFETY: a child of ours, and a place for its status.
    while unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) } == 0 {
        if began.elapsed() > PATIENCE {
            // SAFETY: as above.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            return false;
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    status == 0
}
