//! Tests of faults are timed, so they take turns: three members, two nodes and what is
//! done to them are enough for a machine of two cores.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// As long as the result lives, no other test of this process has its turn.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    // One that failed has had its turn.
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
