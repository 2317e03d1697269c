//! The atomics of store and entries: the standard library's, or loom's when they
//! are model-checked (`make model` sets `--cfg edgecmp_loom`).

#[cfg(not(edgecmp_loom))]
pub(crate) use parking_lot::{Mutex, MutexGuard};
#[cfg(not(edgecmp_loom))]
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

#[cfg(edgecmp_loom)]
pub(crate) use loom::cell::UnsafeCell;
#[cfg(edgecmp_loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};

/// Takes a lock. Not the standard library's: that one spins so long before it
/// sleeps that a hypervisor takes the processor away (pause-loop exits, 11 us).
#[cfg(not(edgecmp_loom))]
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

#[cfg(edgecmp_loom)]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
