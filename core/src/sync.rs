//! The atomics of store and entries: the standard library's, or loom's when they
//! are model-checked (`make model` sets `--cfg edgecmp_loom`).

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
