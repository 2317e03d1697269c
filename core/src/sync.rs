//! The atomics of the store: the standard library's, or loom's when the store
//! is model-checked (`make model` sets `--cfg edgecmp_loom`).

#[cfg(not(edgecmp_loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};

#[cfg(edgecmp_loom)]
pub(crate) use loom::cell::UnsafeCell;
#[cfg(edgecmp_loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};
